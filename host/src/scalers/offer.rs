//! What a Scaler of the cluster brings: a component, perhaps a newer one beside it, and who may use them.

use std::sync::Arc;

use bellows_core::rights::Rights;
use bellows_core::workload::ObjectKey;
use bellows_wasm::Scaler;

use super::entitled::{Entitled, identity};
use super::shelf::serves;
use super::terms::Withheld;
use super::{Namespaces, Terms, Trial};
use crate::plan::{Beside, Choice, Planner, Witness as _};

/// A component that a Scaler of the cluster brings.
#[derive(Clone)]
pub struct Offer {
    /// The component.
    pub scaler: Arc<Scaler>,
    /// Which namespaces may use it, and what it may do in them.
    pub terms: Arc<Terms>,
    /// Whether it serves those objects alone that pin it.
    pub pinned_only: bool,
    /// The component that is to take its place, while that is on trial.
    pub trial: Option<Arc<Trial>>,
}

impl Offer {
    /// Who may serve: the component, and the newer one.
    pub(super) fn scalers(&self) -> impl Iterator<Item = &Arc<Scaler>> {
        [Some(&self.scaler), self.trial.as_ref().map(|trial| &trial.newer)].into_iter().flatten()
    }

    /// Whether one of them knows a trigger type.
    pub(super) fn serves(&self, trigger_type: &str) -> bool {
        self.scalers().any(|scaler| serves(scaler, trigger_type))
    }

    /// Who serves a trigger type of an object, with these rights, and who stands beside; brought by the Scaler `by`.
    pub(super) fn choose(
        &self,
        by: &str,
        rights: &Arc<Rights>,
        object: &ObjectKey,
        trigger_type: &str,
    ) -> Option<Choice> {
        let entitled = |scaler: &Arc<Scaler>| -> Arc<dyn Planner> {
            Arc::new(Entitled { identity: identity(scaler, by), scaler: scaler.clone(), rights: rights.clone() })
        };
        let alone = |scaler: &Arc<Scaler>| Choice { planner: entitled(scaler), beside: None };
        let Some(trial) = &self.trial else {
            return Some(&self.scaler).filter(|scaler| serves(scaler, trigger_type)).map(alone);
        };
        let (first, other) = trial.order(object);
        match (serves(first, trigger_type), serves(other, trigger_type)) {
            (true, true) => {
                let newer = Arc::ptr_eq(first, &trial.newer);
                let beside = Beside { planner: entitled(other), newer: !newer, witness: trial.clone() };
                Some(Choice { planner: entitled(first), beside: Some(beside) })
            }
            (true, false) => Some(alone(first)),
            // A type that only the newer one knows waits until that serves all.
            (false, true) if Arc::ptr_eq(other, &trial.older) => {
                trial.failed(format!("{object}: it serves trigger type {trigger_type} no longer"));
                Some(alone(other))
            }
            (false, _) => None,
        }
    }

    /// With the rights of a namespace, or why it has none.
    pub(super) fn usable(&self, namespace: &str, namespaces: &Namespaces) -> Result<(&Self, Arc<Rights>), Withheld> {
        self.terms.of(namespace, namespaces).map(|rights| (self, rights))
    }
}
