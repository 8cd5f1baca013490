//! A component that a Scaler of the cluster brings, with its rights for the objects of one namespace.
//!
//! Two Scalers may bring the same component and grant it different rights, so what its polls find it by names both.

use std::sync::Arc;

use bellows_core::rights::Rights;
use bellows_core::scaler::{Description, Metric, Trigger};
use bellows_wasm::{PlanError, Scaler};
use futures::future::BoxFuture;

use crate::plan::Planner;

/// Between the digest of a component and the name of the Scaler that brings it. No name of an object holds it.
const BY: char = '@';

/// What polls find a component by: `DIGEST@SCALER`.
pub(super) fn identity(scaler: &Scaler, by: &str) -> String {
    format!("{}{BY}{by}", scaler.digest())
}

/// The digest, and the name of the Scaler; none for a component of the host's own folder.
pub(super) fn parts(identity: &str) -> (&str, Option<&str>) {
    identity.split_once(BY).map_or((identity, None), |(digest, by)| (digest, Some(by)))
}

/// A component that may do no more than it was granted.
pub(super) struct Entitled {
    pub(super) identity: String,
    pub(super) scaler: Arc<Scaler>,
    pub(super) rights: Arc<Rights>,
}

impl Planner for Entitled {
    fn digest(&self) -> &str {
        &self.identity
    }

    fn rights(&self) -> Option<&Rights> {
        Some(&self.rights)
    }

    fn description(&self) -> &Description {
        self.scaler.description()
    }

    fn plan<'call>(&'call self, trigger: &'call Trigger) -> BoxFuture<'call, Result<Vec<Metric>, PlanError>> {
        Box::pin(self.scaler.plan_with(trigger, Some(&self.rights)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_polls_find_a_component_by_tells_who_brings_it() {
        assert_eq!(parts("abc"), ("abc", None));
        assert_eq!(parts("abc@my-queue"), ("abc", Some("my-queue")));
    }
}
