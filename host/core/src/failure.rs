//! Why there is no answer: what the host must do about it, whose it is, and how far it reaches.
//!
//! An outage is never a number: a [`Failure`] travels from the guest to the HPA as itself.

use std::fmt;

/// What must be done about a missing answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// The source did not answer: the last reading stands, the next poll asks again.
    Transient,
    /// The source refused who asked: credentials are read again before the next poll.
    Denied,
    /// The source answered that the thing measured does not exist.
    Absent,
    /// The settings can never work: nobody asks again until they change.
    Invalid,
}

/// Whose a failure is. A guest's fault is never the host's error rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blame {
    /// The event source: down, slow, or answering nonsense.
    Source,
    /// Who wrote the manifest, the credentials or the grant.
    Operator,
    /// The component: it trapped, looped, or answered against the contract.
    Scaler,
    /// Us.
    Host,
}

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// This trigger alone.
    Trigger,
    /// Everything that uses the same connection: the host itself saw the connection fail, a guest cannot claim it.
    Endpoint,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    /// What must be done about it.
    pub kind: FailureKind,
    /// Whose it is.
    pub blame: Blame,
    /// How far it reaches.
    pub scope: Scope,
    /// A word of an open vocabulary: `timeout`, `refused`, `unauthorized`, `deadline`, `trap`…
    pub code: String,
    /// A sentence for people, without credentials.
    pub message: String,
}

impl Failure {
    /// A failure of one trigger.
    pub fn new(kind: FailureKind, blame: Blame, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, blame, scope: Scope::Trigger, code: code.into(), message: message.into() }
    }

    /// The same failure, known to concern the whole connection.
    #[must_use]
    pub fn of_endpoint(mut self) -> Self {
        self.scope = Scope::Endpoint;
        self
    }
}

impl FailureKind {
    /// A stable word for labels and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Denied => "denied",
            Self::Absent => "absent",
            Self::Invalid => "invalid",
        }
    }
}

impl Blame {
    /// A stable word for labels and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Operator => "operator",
            Self::Scaler => "scaler",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}
