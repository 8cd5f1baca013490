//! All that can happen to the machine. Each variant is produced by exactly one file of the shell.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::authentication::{AuthenticationKey, AuthenticationView};
use crate::draft::Draft;
use crate::failure::Failure;
use crate::problem::Problem;
use crate::reading::Outcome;
use crate::workload::{ObjectKey, Workload};

/// Names a poll in flight; never used twice in a process.
pub type PollId = u64;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A ScaledObject as the cluster has it, new or changed or told again.
    Applied(Box<Manifest>),
    /// A ScaledObject whose fields cannot be read as one; the rest of the cluster is not concerned.
    Unreadable {
        /// Whose it is.
        key: ObjectKey,
        /// What is wrong, in the parser's words.
        message: String,
    },
    /// A ScaledObject is no longer there.
    Gone(ObjectKey),
    /// An answer to [`crate::effect::Effect::Resolve`].
    Resolved {
        /// Whose it is.
        key: ObjectKey,
        /// The number of the question; an answer to an older one is not heard.
        attempt: u64,
        /// What came of it.
        result: Result<Box<Resolution>, Refusal>,
    },
    /// An HPA that belongs to a ScaledObject, new or changed or told again; `None` when it is gone.
    HpaObserved {
        /// Whose it is.
        key: ObjectKey,
        /// What it says.
        hpa: Option<HpaView>,
    },
    /// An answer to [`crate::effect::Effect::ApplyHpa`]: a fingerprint of what the cluster now has.
    HpaApplied {
        /// Whose it is.
        key: ObjectKey,
        /// What came of it.
        result: Result<u64, ApiFailure>,
    },
    /// An answer to [`crate::effect::Effect::Scale`] that did nothing: the target's spec asks for other replicas by now.
    ScaleRead {
        /// Whose it is.
        key: ObjectKey,
        /// The replicas asked for.
        replicas: u32,
    },
    /// An answer to [`crate::effect::Effect::Scale`] that did or failed.
    Scaled {
        /// Whose it is.
        key: ObjectKey,
        /// The replicas set.
        to: u32,
        /// What came of it.
        result: Result<(), ApiFailure>,
    },
    /// An answer to [`crate::effect::Effect::Report`].
    Reported {
        /// Whose it is.
        key: ObjectKey,
        /// What came of it.
        result: Result<(), ApiFailure>,
    },
    /// An answer to [`crate::effect::Effect::Adopt`].
    Adopted {
        /// Whose it is.
        key: ObjectKey,
        /// What came of it.
        result: Result<(), ApiFailure>,
    },
    /// An answer to [`crate::effect::Effect::Release`].
    Released {
        /// Whose it is.
        key: ObjectKey,
        /// What came of it.
        result: Result<(), ApiFailure>,
    },
    /// An answer to [`crate::effect::Effect::Poll`].
    Polled {
        /// The poll.
        id: PollId,
        /// What the host itself saw of the connections.
        endpoint: Endpoint,
        /// One outcome for each trigger, in the order asked.
        outcomes: Vec<Outcome>,
    },
    /// An authentication, new or changed or told again; `None` when it is gone.
    AuthenticationObserved {
        /// Which.
        key: AuthenticationKey,
        /// What the cluster has of it.
        view: Option<AuthenticationView>,
    },
    /// An answer to [`crate::effect::Effect::ReportAuthentication`].
    AuthenticationReported {
        /// Which.
        key: AuthenticationKey,
        /// What came of it.
        result: Result<(), ApiFailure>,
    },
    /// An answer to [`crate::effect::Effect::ReleaseAuthentication`].
    AuthenticationReleased {
        /// Which.
        key: AuthenticationKey,
        /// What came of it.
        result: Result<(), ApiFailure>,
    },
    /// Scalers were loaded, replaced or lost: what was refused for the lack of one is resolved again.
    ScalersChanged,
    /// The labels of a namespace are others than before, or nobody knows them any more: its objects are resolved again.
    NamespaceRelabelled(Arc<str>),
    /// Who shares the work; one of them is this process.
    Membership {
        /// This process.
        own: Arc<str>,
        /// All, this one included.
        members: Vec<Arc<str>>,
    },
    /// The time that [`crate::machine::Machine::next_wake`] named has come.
    Tick,
}

/// A ScaledObject as the cluster has it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Whose it is.
    pub key: ObjectKey,
    /// Tells a re-created object from an edited one.
    pub uid: Arc<str>,
    /// Equal for equal specs, labels and annotations; the rest (status, managed fields) does not count.
    pub fingerprint: u64,
    /// `metadata.creationTimestamp`.
    pub created: jiff::Timestamp,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub adopted: bool,
    /// What was asked for.
    pub draft: Arc<Draft>,
    /// What an earlier process left in the status.
    pub remembered: Remembered,
}

/// What the status holds from before this process. Read once, when an object is first seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Remembered {
    /// `status.lastActiveTime`.
    pub last_active: Option<jiff::Timestamp>,
    /// `status.originalReplicaCount`.
    pub original_replicas: Option<u32>,
    /// `status.hpaName`: set once the object was served.
    pub hpa_name: Option<String>,
    /// `status.health`: failed polls in a row by metric, where there were any.
    pub failures: BTreeMap<String, u32>,
}

/// Everything that reading the cluster and asking the scalers for a plan gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// What can be served.
    pub workload: Workload,
    /// Replicas that the target's spec asks for.
    pub replicas: u32,
    /// How many of its pods are ready, where the target says so.
    pub ready: Option<u32>,
    /// The authentications that were read, each with the fingerprint of what it said.
    pub authentications: BTreeMap<AuthenticationKey, u64>,
}

/// Why there is no workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
    /// Whether it may become right without the manifest changing: a Secret, a target or a scaler is missing.
    pub retry: bool,
}

/// An HPA as the cluster has it.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaView {
    /// Its name.
    pub name: Arc<str>,
    /// Equal for equal specs and owned labels, annotations; computed as in [`Event::HpaApplied`].
    pub fingerprint: u64,
    /// `status.currentReplicas`; `None` before the controller's first round.
    pub replicas: Option<u32>,
    /// `status.desiredReplicas`.
    pub desired: Option<u32>,
    /// Condition ScalingActive: whether it holds, reason, message.
    pub scaling: Option<(bool, Arc<str>, Arc<str>)>,
}

/// What the host itself saw of a connection during a poll. A guest cannot claim it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The component opened none, or was not run.
    Unused,
    /// It answered.
    Answered,
    /// It did not.
    Failed(Failure),
}

/// The API server did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiFailure {
    /// What was tried and what it answered.
    pub message: String,
    /// Whether the same request may succeed later without anyone changing anything.
    pub retry: bool,
}
