//! What stands in for triggers that cannot be read, where the manifest asks for it.
//!
//! Failures are counted by polls, one for each that failed, and a good one ends the count. What the HPA asks in between
//! is answered from memory and counts nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::object::Object;
use super::trigger::Trigger;
use crate::decide::Say;
use crate::fallback::{Fallback, value};
use crate::metric::Answered;
use crate::scaler::{Metric, TargetType};
use crate::status::Health;
use crate::workload::WhenAbsent;

/// While a value is divided by the pods that are ready, they are counted this often: the HPA's own period.
pub(super) const READY_REREAD: Duration = Duration::from_secs(15);

/// The replicas that stand in for the trigger's reading. `current`: what the target is asked to have.
pub(super) fn stand_in(fallback: Option<Fallback>, trigger: &Trigger, current: Option<u32>) -> Option<u32> {
    fallback.filter(|fallback| trigger.falls_back(*fallback))?.replicas(current)
}

impl Trigger {
    /// Whether enough of its polls failed. One whose settings can never work is not asked again, so there is nothing more
    /// to be counted.
    fn falls_back(&self, fallback: Fallback) -> bool {
        self.failure.is_some() && (fallback.is_due(self.failures) || self.is_invalid())
    }

    /// Whether what stands in for its reading depends on how many pods are ready.
    pub(super) fn needs_ready(&self, fallback: Option<Fallback>) -> bool {
        let value = |metric: &Metric| matches!(metric, Metric::External { target_type: TargetType::Value, .. });
        fallback.is_some_and(|fallback| self.falls_back(fallback))
            && self.spec.metrics.iter().any(|metric| value(&metric.metric))
    }
}

impl Object {
    pub(super) fn fallback(&self) -> Option<Fallback> {
        self.workload.as_ref().and_then(|workload| workload.fallback)
    }

    pub(super) fn when_absent(&self) -> WhenAbsent {
        self.workload.as_ref().map_or(WhenAbsent::Hold, |workload| workload.when_absent)
    }

    /// The replicas that the target is asked to have, as far as it is known: an HPA shows what it found and, with it, what
    /// it asked for then. Someone else's change in between is heard of after the HPA's next round.
    pub(super) fn current(&self) -> Option<u32> {
        let seen = self.hpa.seen.as_ref();
        let (found, asked) = (seen.and_then(|hpa| hpa.replicas), seen.and_then(|hpa| hpa.desired));
        match asked.filter(|asked| *asked > 0) {
            Some(asked) if found == self.replicas => Some(asked),
            _ => self.replicas,
        }
    }

    /// Pods by which an HPA will multiply: those that were ready, but no more than there are.
    fn pods(&self) -> Option<u32> {
        self.ready.into_iter().chain(self.current()).min()
    }

    /// Whether a trigger of it is answered by the fallback.
    pub(super) fn is_substituted(&self, trigger: &Trigger) -> bool {
        stand_in(self.fallback(), trigger, self.current()).is_some()
    }

    /// What the fallback says in place of a trigger.
    pub(super) fn substitute(&self, trigger: &Trigger) -> Option<Say> {
        let fallback = self.fallback()?;
        let replicas = stand_in(Some(fallback), trigger, self.current())?;
        let evidence = format!(
            "{} cannot be read, and the fallback ({fallback}) answers {replicas} replica{}",
            trigger.name(),
            if replicas == 1 { "" } else { "s" }
        );
        Some(Say::Fallback { replicas, evidence: evidence.into() })
    }

    /// What the fallback answers for a metric of a trigger, by target.
    pub(super) fn answers(&self, trigger: &Trigger) -> impl Fn(f64, TargetType) -> Option<Answered> {
        let replicas = stand_in(self.fallback(), trigger, self.current());
        let ready = self.pods();
        move |target, target_type| {
            let replicas = replicas?;
            value(target, target_type, replicas, ready).map(|value| Answered { value, replicas })
        }
    }

    /// Whether the status says that a fallback is in use: by the count alone, so that a process that has just started
    /// says what the one before it said until it knows better.
    pub(super) fn falls_back(&self) -> bool {
        self.health().values().any(|health| health.failures > self.fallback().map_or(0, |fallback| fallback.threshold))
    }

    /// How reading each external metric is going, where a fallback counts it.
    pub(super) fn health(&self) -> BTreeMap<String, Health> {
        let Some(fallback) = self.fallback() else { return BTreeMap::new() };
        let health = |trigger: &Trigger| {
            let failures = if trigger.falls_back(fallback) { u32::MAX } else { trigger.failures };
            Health { failures: fallback.shown(failures), happy: failures == 0 }
        };
        let metrics = self.triggers.iter().flat_map(|trigger| {
            let external =
                trigger.spec.metrics.iter().filter(|metric| matches!(metric.metric, Metric::External { .. }));
            external.map(|metric| (metric.name.to_string(), health(trigger)))
        });
        metrics.collect()
    }

    /// What was counted of each metric, for whoever counts on.
    pub(super) fn failures(&self) -> BTreeMap<String, u32> {
        let counts =
            self.triggers.iter().filter(|trigger| trigger.failures > 0).flat_map(|trigger| {
                trigger.spec.metrics.iter().map(|metric| (metric.name.to_string(), trigger.failures))
            });
        counts.collect()
    }

    /// What an earlier process counted of a trigger.
    pub(super) fn remembered_failures(&self, trigger: &Trigger) -> u32 {
        let counts = &self.manifest.remembered.failures;
        trigger.spec.metrics.iter().filter_map(|metric| counts.get(&*metric.name)).copied().max().unwrap_or_default()
    }
}
