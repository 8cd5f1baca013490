//! What a Scaler asks for, read: each field of its spec as the value that the steps work with, or the field that is wrong.

use std::sync::Arc;

use bellows_core::problem::Problem;
use bellows_core::supply::{Halt, Step};
use bellows_wasm::Scaler;
use bellows_wasm::oci::{Policy, Reference};

use crate::scalers::Terms;

use super::version::MinimumVersion;
use super::{Desk, PullPolicy, Source, Wish, verify};

/// What an attempt asks for.
pub(super) struct Asking {
    pub(super) policy: PullPolicy,
    pub(super) reference: Reference,
    /// Whose signature it must bear.
    pub(super) verification: Option<Policy>,
    /// How old it may be.
    minimum_version: Option<MinimumVersion>,
    /// Who may use it, and what it may do there.
    pub(super) terms: Arc<Terms>,
    /// Name and content of the Secret for the registry.
    secret: Option<(String, Vec<u8>)>,
}

impl Asking {
    pub(super) async fn of(wish: &Wish, terms: Arc<Terms>, source: &Source, desk: &dyn Desk) -> Result<Self, Halt> {
        let policy = wish.policy.clone().map_err(|written| {
            let message = format!("spec.pullPolicy {written:?} is none: give Always, IfNotPresent or Never");
            Halt::lasting(Step::Resolved, "InvalidPullPolicy", message)
        })?;
        wish.rollout.parse().map_err(|problems| {
            let problems: Vec<_> = problems.into_iter().map(|problem| problem.under("spec.rollout")).collect();
            Halt::lasting(Step::Resolved, "InvalidRollout", bellows_core::problem::sentence(&problems))
        })?;
        let reference = source.reference(&wish.image)?;
        let wrong = |problem: Problem| {
            let problem = problem.under("spec.verification");
            Halt::lasting(Step::Verified, "InvalidVerification", problem.to_string())
        };
        let verification = wish.verification.as_ref().map(verify::policy).transpose().map_err(wrong)?;
        let minimum_version = wish.verification.as_ref().map(MinimumVersion::of).transpose().map_err(wrong)?.flatten();
        let secret = match &wish.pull_secret {
            Some(name) if policy != PullPolicy::Never => Some((name.clone(), desk.pull_secret(name).await?)),
            _ => None,
        };
        Ok(Self { policy, reference, verification, minimum_version, terms, secret })
    }

    /// Whether a component is new enough.
    pub(super) fn judge_version(&self, scaler: &Scaler) -> Result<(), Halt> {
        self.minimum_version.as_ref().map_or(Ok(()), |minimum| minimum.judge(&scaler.description().version))
    }

    pub(super) fn login(&self) -> Option<(&str, &[u8])> {
        self.secret.as_ref().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }
}
