//! Draft, target and plans → [`Workload`], the only way to one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Draft;
use crate::batch::BatchKey;
use crate::problem::Problem;
use crate::scaler::Metric;
use crate::workload::{HpaShape, ObjectKey, Planned, Target, Workload, WorkloadMetric, WorkloadTrigger};

impl Draft {
    /// The workload, once the cluster said what the target is and scalers planned the triggers (`planned[i]` is
    /// `triggers[i]`), or everything that is wrong.
    pub fn parse(&self, key: &ObjectKey, target: Target, planned: Vec<Planned>) -> Result<Workload, Vec<Problem>> {
        let mut problems = self.problems(key);
        let triggers = self.name_metrics(key, planned, &mut problems);
        let (bounds, first_step) = match (self.bounds(), self.first_step()) {
            (Ok(bounds), Ok(first_step)) if problems.is_empty() => (bounds, first_step),
            _ => return Err(problems),
        };
        Ok(Workload {
            key: key.clone(),
            target,
            bounds,
            interval: seconds(self.polling_interval, 30),
            cooldown: seconds(self.cooldown_period, 300),
            initial_cooldown: seconds(self.initial_cooldown_period, 0),
            first_step,
            scale_up: self.scale_up.clone(),
            restore_original: self.restore_original,
            hpa: HpaShape {
                name: self.hpa_name(key),
                labels: self.hpa_labels(),
                annotations: self.annotations.clone(),
                behavior: self.behavior.clone(),
            },
            triggers,
        })
    }

    fn name_metrics(
        &self,
        key: &ObjectKey,
        planned: Vec<Planned>,
        problems: &mut Vec<Problem>,
    ) -> Vec<WorkloadTrigger> {
        let mut names = BTreeSet::new();
        self.triggers
            .iter()
            .zip(planned)
            .enumerate()
            .map(|(index, (draft, planned))| {
                let metrics: Vec<WorkloadMetric> = planned
                    .metrics
                    .into_iter()
                    .map(|metric| {
                        let name: Arc<str> = match &metric {
                            Metric::External { name, .. } => format!("s{index}-{}", normalise(name)).into(),
                            Metric::Resource { name, .. } => name.as_str().into(),
                        };
                        // The API server lower-cases the name in a path, so names that differ in case only are one name.
                        // Nobody asks us for those that Kubernetes measures: cpu of two containers is two metrics.
                        let external = matches!(metric, Metric::External { .. });
                        if external && !names.insert(name.to_lowercase()) {
                            let message = format!("two metrics of this object are named {name}");
                            problems.push(Problem::new(format!("spec.triggers[{index}]"), message));
                        }
                        WorkloadMetric { name, metric }
                    })
                    .collect();
                let batch = BatchKey {
                    scaler: planned.scaler,
                    namespace: key.namespace.clone(),
                    connections: planned.connections,
                };
                WorkloadTrigger {
                    kind: draft.kind.as_str().into(),
                    name: draft.name.as_deref().filter(|name| !name.is_empty()).map(Into::into),
                    batch: Arc::new(batch),
                    trigger: Arc::new(planned.trigger),
                    metrics,
                }
            })
            .collect()
    }

    fn hpa_labels(&self) -> BTreeMap<String, String> {
        let excluded =
            self.annotations.get("scaledobject.keda.sh/hpa-excluded-labels").map(String::as_str).unwrap_or_default();
        let excluded: BTreeSet<&str> = excluded.split(',').collect();
        self.labels
            .iter()
            .filter(|(name, _)| !excluded.contains(name.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }
}

fn seconds(value: Option<i64>, default: u64) -> Duration {
    Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default))
}

/// KEDA's rule for a metric's name: these six characters become a dash, and nothing else changes.
pub fn normalise(name: &str) -> String {
    name.replace(['/', '.', ':', '%', '(', ')'], "-")
}
