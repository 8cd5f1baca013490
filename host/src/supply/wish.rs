//! What a Scaler of the cluster asks for, and what people are told of it: the two ends of a supply.

use std::str::FromStr;
use std::time::Duration;

use bellows_core::rights::{AudienceDraft, GrantsDraft};
use bellows_core::rollout::RolloutDraft;
use bellows_core::supply::{Halt, Progress};
use futures::future::BoxFuture;

use crate::crd::Verification;
use crate::scalers::Rank;

/// When the registry is asked what a tag names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Every interval.
    Always,
    /// Until it is known.
    IfNotPresent,
    /// Not at all: only what is in the cache is used.
    Never,
}

impl FromStr for PullPolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "Always" => Ok(Self::Always),
            "IfNotPresent" => Ok(Self::IfNotPresent),
            "Never" => Ok(Self::Never),
            _ => Err(()),
        }
    }
}

/// What a Scaler of the cluster asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its age and name.
    pub rank: Rank,
    /// Tells a re-created Scaler from an edited one.
    pub uid: String,
    /// Counts changes of the spec.
    pub generation: Option<i64>,
    /// Where the component is.
    pub image: String,
    /// When the registry is asked; what was written where that is no policy.
    pub policy: Result<PullPolicy, String>,
    /// Between two questions.
    pub interval: Option<Duration>,
    /// Name of the Secret for the registry.
    pub pull_secret: Option<String>,
    /// Whose signature it must bear.
    pub verification: Option<Verification>,
    /// What it may be lent.
    pub granted: Vec<String>,
    /// What else it may do, and use.
    pub grants: GrantsDraft,
    /// Who may use it.
    pub allowed: AudienceDraft,
    /// Whether it serves those objects alone that pin it.
    pub pinned_only: bool,
    /// How the next digest takes over.
    pub rollout: RolloutDraft,
}

/// What became of the Scalers of the cluster.
#[derive(Debug, Clone)]
pub enum News {
    /// One is there, or was changed.
    Wanted(Box<Wish>),
    /// One is gone.
    Gone(String),
}

/// What people are told of a Scaler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// How far it came.
    pub progress: Progress,
    /// Its trigger types.
    pub trigger_types: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it may do at last.
    pub rights: Option<String>,
}

/// The cluster, as far as a supply needs it.
pub trait Desk: Send + Sync {
    /// The registry's credentials in a Secret of the host's namespace.
    fn pull_secret<'call>(&'call self, name: &'call str) -> BoxFuture<'call, Result<Vec<u8>, Halt>>;

    /// Writes the status; what went wrong is logged, because the next attempt writes again.
    fn report<'call>(&'call self, wish: &'call Wish, told: &'call Told) -> BoxFuture<'call, bool>;
}
