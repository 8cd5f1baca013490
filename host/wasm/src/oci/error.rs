//! Why an artifact is not here: each answer of a registry is told apart, with what to do next.

use std::path::PathBuf;
use std::time::Duration;

use bellows_core::failure::{Failure, FailureKind};

use super::digest::Digest;

/// What went wrong with an artifact or its registry.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// Nobody is let in without a login, or the login was refused.
    #[error("401 from the registry for {subject}: {advice}")]
    Unauthorized {
        /// What was asked for.
        subject: String,
        /// Which login to mend.
        advice: String,
    },
    /// The login is good, and does not suffice.
    #[error("403 from the registry for {subject}: {advice}{said}")]
    Forbidden {
        /// What was asked for.
        subject: String,
        /// Which login lacks what.
        advice: String,
        /// What the registry said, after a comma; or nothing.
        said: String,
    },
    /// There is no such thing, or it is hidden from this login.
    #[error("404 from the registry: it has no {subject}, or shows it to others only: compare the reference{said}")]
    NotFound {
        /// What was asked for.
        subject: String,
        /// What the registry said.
        said: String,
    },
    /// It was asked too often.
    #[error("429 from the registry for {subject}: it was asked too often{}; a login often allows more", wait(*.retry_after))]
    TooManyRequests {
        /// What was asked for.
        subject: String,
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// The registry's own fault.
    #[error("{status} from the registry for {subject}: it cannot answer now{said}")]
    RegistryFailed {
        /// From 500 on.
        status: u16,
        /// What was asked for.
        subject: String,
        /// What the registry said.
        said: String,
    },
    /// Another answer that is no success.
    #[error("{status} from the registry for {subject}{said}")]
    Refused {
        /// The answer.
        status: u16,
        /// What was asked for.
        subject: String,
        /// What the registry said.
        said: String,
    },
    /// It could not be reached, or may not.
    #[error("{}", .0.message)]
    Unreachable(Failure),
    /// It did not answer in time.
    #[error("the registry took longer than {after:?} for {subject}")]
    TimedOut {
        /// What was asked for.
        subject: String,
        /// How long it was waited.
        after: Duration,
    },
    /// What answers is no registry, or one that does not keep to the rules.
    #[error("what answers for {subject} is no registry as we know them: {why}")]
    NoRegistry {
        /// What was asked for.
        subject: String,
        /// What it did.
        why: String,
    },
    /// It sends on to where nobody should go.
    #[error("the registry sends on for {subject}: {why}")]
    Redirect {
        /// What was asked for.
        subject: String,
        /// Why that was not followed.
        why: String,
    },
    /// Larger than is allowed.
    #[error("{subject} is larger than the {bytes_max} bytes that are allowed")]
    TooLarge {
        /// What is too large.
        subject: String,
        /// What is allowed.
        bytes_max: u64,
    },
    /// The content is not what its digest says.
    #[error(
        "{subject} has the digest {found}, where {expected} was asked for: it was changed on the way or in the registry"
    )]
    DigestMismatch {
        /// What was fetched.
        subject: String,
        /// By which it was asked for.
        expected: Digest,
        /// That of what came.
        found: Digest,
    },
    /// An artifact of another kind.
    #[error("{subject} is no component that is read here: {why}")]
    Unsupported {
        /// What was fetched.
        subject: String,
        /// What it is.
        why: String,
    },
    /// A login that cannot be read.
    #[error("cannot use the login of {origin}: {why}")]
    Credentials {
        /// Where it is written.
        origin: String,
        /// What is wrong with it, without any credential.
        why: String,
    },
    /// A file of ours.
    #[error("cannot read or write {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl OciError {
    /// Whether asking again changes nothing until a person changed the reference, the login, the artifact or the grant.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::DigestMismatch { .. }
            | Self::Unsupported { .. }
            | Self::Credentials { .. } => true,
            Self::Unreachable(failure) => failure.kind != FailureKind::Transient,
            Self::TooManyRequests { .. }
            | Self::RegistryFailed { .. }
            | Self::TimedOut { .. }
            | Self::NoRegistry { .. }
            | Self::File { .. } => false,
        }
    }

    /// The reason of a condition: one word of a closed vocabulary.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "Unauthorized",
            Self::Forbidden { .. } => "Forbidden",
            Self::NotFound { .. } => "NotFound",
            Self::TooManyRequests { .. } => "TooManyRequests",
            Self::RegistryFailed { .. } => "RegistryFailed",
            Self::Refused { .. } => "Refused",
            Self::Unreachable(failure) if failure.code == "egress" => "AddressRefused",
            Self::Unreachable(_) => "Unreachable",
            Self::TimedOut { .. } => "TimedOut",
            Self::NoRegistry { .. } => "NoRegistry",
            Self::Redirect { .. } => "RedirectRefused",
            Self::TooLarge { .. } => "TooLarge",
            Self::DigestMismatch { .. } => "DigestMismatch",
            Self::Unsupported { .. } => "Unsupported",
            Self::Credentials { .. } => "CredentialsInvalid",
            Self::File { .. } => "StorageFailed",
        }
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|time| format!(", and wants to be left alone for {} s", time.as_secs())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::failure::Blame;

    #[test]
    fn whose_turn_it_is_depends_on_why() {
        let failure = |kind, code: &str| OciError::Unreachable(Failure::new(kind, Blame::Source, code, "m"));
        let subject = || "x".to_owned();
        for (error, reason, permanent) in [
            (OciError::Unauthorized { subject: subject(), advice: "a".into() }, "Unauthorized", true),
            (OciError::TooManyRequests { subject: subject(), retry_after: None }, "TooManyRequests", false),
            (failure(FailureKind::Denied, "egress"), "AddressRefused", true),
            (failure(FailureKind::Transient, "refused"), "Unreachable", false),
        ] {
            assert_eq!((error.reason(), error.is_permanent()), (reason, permanent));
        }
    }

    #[test]
    fn how_long_to_wait_is_told() {
        let error = OciError::TooManyRequests { subject: "x".into(), retry_after: Some(Duration::from_secs(9)) };
        let told = "429 from the registry for x: it was asked too often, and wants to be left alone for 9 s; a login \
                    often allows more";
        assert_eq!(error.to_string(), told);
    }
}
