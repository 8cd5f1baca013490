//! Draft, target and plans → [`Workload`], the only way to one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Draft, native};
use crate::batch::BatchKey;
use crate::problem::Problem;
use crate::scaler::Metric;
use crate::workload::{HpaShape, ObjectKey, Planned, Target, Workload, WorkloadMetric, WorkloadTrigger};

impl Draft {
    /// The workload, once the cluster said what the target is and scalers planned the triggers (`planned[i]` is
    /// `triggers[i]`), or everything that is wrong.
    pub fn parse(&self, key: &ObjectKey, target: Target, planned: Vec<Planned>) -> Result<Workload, Vec<Problem>> {
        let mut problems = self.problems(key);
        let warnings = warnings(&planned);
        let triggers = self.name_metrics(key, planned, &mut problems);
        native::check(self, &target, &triggers, &mut problems);
        let policies = (self.bounds(), self.first_step(), self.when_absent(), self.fallback());
        let (Ok(bounds), Ok(first_step), Ok(when_absent), Ok(fallback)) = policies else { return Err(problems) };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Workload {
            key: key.clone(),
            target,
            bounds,
            interval: self.interval(),
            cooldown: seconds(self.cooldown_period, 300),
            initial_cooldown: seconds(self.initial_cooldown_period, 0),
            first_step,
            scale_up: self.scale_up.clone(),
            restore_original: self.restore_original,
            fallback,
            when_absent,
            hpa: HpaShape {
                name: self.hpa_name(key),
                labels: self.hpa_labels(),
                annotations: self.annotations.clone(),
                behavior: self.behavior.clone(),
            },
            triggers,
            warnings,
        })
    }

    /// How often its triggers are to be asked, whatever else is wrong with it.
    pub fn interval(&self) -> Duration {
        seconds(self.polling_interval, 30)
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
                        // The API server lower-cases the name in a path, so names that differ in case only are one name.
                        // A native one has another kind of name: the resource, of the pod or of one container.
                        let (name, shown): (Arc<str>, String) = match &metric {
                            Metric::External { name, .. } => {
                                let name = format!("s{index}-{}", normalise(name));
                                (name.as_str().into(), name.to_lowercase())
                            }
                            Metric::Resource { name, container: None, .. } => (name.as_str().into(), name.clone()),
                            Metric::Resource { name, container: Some(container), .. } => {
                                (name.as_str().into(), format!("{name} of container {container}"))
                            }
                        };
                        let native = matches!(metric, Metric::Resource { .. });
                        if !names.insert((native, shown.clone())) {
                            let message = format!("two metrics of this object are {shown}");
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

/// What the planners warn of, each under its trigger.
fn warnings(planned: &[Planned]) -> Vec<Problem> {
    let under = |(index, planned): (usize, &Planned)| -> Vec<Problem> {
        let prefix = format!("spec.triggers[{index}]");
        planned.warnings.iter().map(|warning| warning.clone().under(&prefix)).collect()
    };
    planned.iter().enumerate().flat_map(under).collect()
}

fn seconds(value: Option<i64>, default: u64) -> Duration {
    Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default))
}

/// KEDA's rule for a metric's name: these six characters become a dash, and nothing else changes.
pub fn normalise(name: &str) -> String {
    name.replace(['/', '.', ':', '%', '(', ')'], "-")
}
