//! Why there is no reading, by what the host has to do about it.
//!
//! An outage has no number here: a scaler that could not read returns one of these, never a zero.

use thiserror::Error;

/// What every question and every measurement ends in.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A word for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct Detail {
    /// A word of an open vocabulary, in lower case with hyphens: `timeout`, `unauthorized`, `wrong-type`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// No answer, or no useful one: the last reading is kept, and the next poll asks again.
    #[error("no answer for now, {0}")]
    Transient(Detail),
    /// The source refused who asked: the credentials are read again, then it is asked again.
    #[error("denied, {0}")]
    Denied(Detail),
    /// The source says that the thing measured does not exist.
    #[error("absent, {0}")]
    Absent(Detail),
    /// The settings can never work: nobody asks again until they change.
    #[error("invalid settings, {0}")]
    Invalid(Detail),
}

impl Failure {
    /// No answer, or no useful one, this time.
    pub fn transient(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Transient(detail(code, message))
    }

    /// The source refused who asked.
    pub fn denied(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Denied(detail(code, message))
    }

    /// The source says that it does not exist.
    pub fn absent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Absent(detail(code, message))
    }

    /// The settings can never work.
    pub fn invalid(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(detail(code, message))
    }

    /// The word and the sentence, whichever case it is.
    pub fn detail(&self) -> &Detail {
        match self {
            Self::Transient(detail) | Self::Denied(detail) | Self::Absent(detail) | Self::Invalid(detail) => detail,
        }
    }
}

fn detail(code: impl Into<String>, message: impl Into<String>) -> Detail {
    Detail { code: code.into(), message: message.into() }
}
