//! What a Scaler has in service: a component, and perhaps the next one on its way into its place.

use std::sync::Arc;

use bellows_core::supply::Rolling;
use bellows_wasm::Scaler;
use bellows_wasm::oci::{Digest, Kept, Policy, Reference};

use super::Asking;
use crate::scalers::{Terms, Trial};

/// What a Scaler has in service.
pub(super) struct Serving {
    pub(super) digest: Digest,
    pub(super) scaler: Arc<Scaler>,
    pub(super) terms: Arc<Terms>,
    pub(super) pinned_only: bool,
    pub(super) candidate: Option<Candidate>,
}

/// The component that is to take the place.
pub(super) struct Candidate {
    pub(super) digest: Digest,
    pub(super) kept: Kept,
    /// By which it was found.
    pub(super) reference: Reference,
    pub(super) trial: Arc<Trial>,
}

impl Serving {
    /// The digest that people are told serves, and its component.
    pub(super) fn front(&self) -> (Digest, &Arc<Scaler>) {
        match &self.candidate {
            Some(candidate) if candidate.trial.state().0 == 100 => (candidate.digest, &candidate.trial.newer),
            _ => (self.digest, &self.scaler),
        }
    }

    pub(super) fn is_rolling_to(&self, digest: Digest) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| candidate.digest == digest)
    }

    pub(super) fn rolling(&self) -> Option<Rolling> {
        let candidate = self.candidate.as_ref()?;
        let (percent, tally) = candidate.trial.state();
        Some(Rolling { digest: candidate.digest.to_string(), percent, tally })
    }

    /// Whether labels of namespaces decide who may use it, or what it may do there.
    pub(super) fn is_by_labels(&self) -> bool {
        self.terms.by_labels()
    }

    /// The digest of the component itself, of an artifact that is in service or on its way.
    pub(super) fn component_of(&self, digest: Digest) -> Option<Digest> {
        format!("sha256:{}", self.scaler_of(digest)?.digest()).parse().ok()
    }

    /// The component of an artifact that is in service or on its way.
    pub(super) fn scaler_of(&self, digest: Digest) -> Option<&Arc<Scaler>> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.digest == digest);
        let own = (self.digest == digest).then_some(&self.scaler);
        candidate.map(|candidate| &candidate.trial.newer).or(own)
    }

    /// Whether what serves is revoked, or too old by now.
    pub(super) fn is_unwanted(&self, asking: &Asking, policy: &Policy) -> bool {
        let digests = [Some(self.digest), self.component_of(self.digest)];
        let revoked = digests.into_iter().flatten().any(|digest| policy.admit(digest).is_err());
        revoked || asking.judge_version(&self.scaler).is_err()
    }
}
