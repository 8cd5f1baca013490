//! Metrics that Kubernetes measures itself: what an HPA would not take, and what an object of nothing else cannot have.

use super::Draft;
use crate::metric::is_positive_quantity;
use crate::problem::Problem;
use crate::scaler::{Metric, TargetType};
use crate::workload::{Target, WorkloadTrigger};

/// Says everything that is wrong with the native metrics of `triggers`.
pub(super) fn check(draft: &Draft, target: &Target, triggers: &[WorkloadTrigger], problems: &mut Vec<Problem>) {
    for (index, trigger) in triggers.iter().enumerate() {
        let wrong = trigger.metrics.iter().filter_map(|metric| wrong_target(&metric.metric));
        let field = format!("spec.triggers[{index}].metadata.value");
        problems.extend(wrong.map(|message| Problem::new(field.as_str(), message)));
    }
    if triggers.is_empty() || !triggers.iter().all(is_native) {
        return;
    }
    if draft.fallback.is_some() {
        let message = "has no effect: no trigger is read, Kubernetes measures them all; leave it out";
        problems.push(Problem::new("spec.fallback", message));
    }
    // As KEDA's webhook has it. Targets of other kinds pass there, and are served with at least 1, as KEDA's operator does.
    let checked = target.group == "apps" && matches!(target.kind.as_str(), "Deployment" | "StatefulSet");
    if checked && draft.min_replicas.is_none_or(|min| min == 0) {
        let message = "must be 1 or more: only cpu and memory are watched, and nobody uses them in a stopped target, so it \
                       would never start again";
        problems.push(Problem::new("spec.minReplicaCount", message));
    }
}

/// Whether Kubernetes measures all of it. A trigger without metrics was not planned.
fn is_native(trigger: &WorkloadTrigger) -> bool {
    let native = |metric: &Metric| matches!(metric, Metric::Resource { .. });
    !trigger.metrics.is_empty() && trigger.metrics.iter().all(|metric| native(&metric.metric))
}

fn wrong_target(metric: &Metric) -> Option<String> {
    let Metric::Resource { target, target_type, .. } = metric else { return None };
    let accepted = match target_type {
        TargetType::Utilization => target.parse::<i32>().is_ok_and(|percent| percent > 0),
        TargetType::AverageValue | TargetType::Value => is_positive_quantity(target),
    };
    let example = match target_type {
        TargetType::Utilization => "a whole number of percent, as 80",
        TargetType::AverageValue | TargetType::Value => "a Kubernetes quantity above 0, as 500m or 1.5Gi",
    };
    (!accepted).then(|| format!("{target:?} is not {example} ({})", target_type.label()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::draft::{TargetDraft, TriggerDraft};
    use crate::fallback::FallbackDraft;
    use crate::scaler::Trigger;
    use crate::workload::{ObjectKey, Planned, Workload};

    fn native(name: &str, container: Option<&str>, target: &str, target_type: TargetType) -> Metric {
        Metric::Resource {
            name: name.into(),
            container: container.map(str::to_owned),
            target: target.into(),
            target_type,
        }
    }

    fn list() -> Metric {
        Metric::External { name: "cpu".into(), target: 5.0, target_type: TargetType::AverageValue }
    }

    fn parse(metrics: Vec<Metric>, change: impl FnOnce(&mut Draft, &mut Target)) -> Result<Workload, Vec<String>> {
        let mut target = Target {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            resource: "deployments".into(),
            name: "worker".into(),
        };
        let trigger = TriggerDraft { kind: "any".into(), ..TriggerDraft::default() };
        let mut draft = Draft {
            target: TargetDraft { name: "worker".into(), ..TargetDraft::default() },
            triggers: vec![trigger; metrics.len()],
            min_replicas: Some(1),
            ..Draft::default()
        };
        change(&mut draft, &mut target);
        let planned = metrics.into_iter().map(|metric| Planned {
            scaler: "sha256:1".into(),
            trigger: Trigger {
                id: "shop/web/0".into(),
                trigger_type: "any".into(),
                metric_type: None,
                settings: Vec::new(),
            },
            connections: BTreeMap::new(),
            metrics: vec![metric],
            warnings: vec![Problem::new("metadata.type", "write metricType instead")],
        });
        let parsed = draft.parse(&ObjectKey::new("shop", "web"), target, planned.collect());
        parsed.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn percent(container: Option<&str>) -> Metric {
        native("cpu", container, "80", TargetType::Utilization)
    }

    #[test]
    fn one_resource_may_be_watched_of_the_pod_and_of_each_container_and_beside_a_list_of_its_name() {
        let metrics = vec![percent(None), percent(Some("a")), percent(Some("b")), list()];
        let names: Vec<String> = parse(metrics, |_, _| ())
            .unwrap()
            .triggers
            .iter()
            .map(|trigger| trigger.metrics[0].name.to_string())
            .collect();
        assert_eq!(names, ["cpu", "cpu", "cpu", "s3-cpu"]);
    }

    #[test]
    fn the_same_resource_of_the_same_container_twice_is_a_problem() {
        let told = ["spec.triggers[1]: two metrics of this object are cpu of container a"];
        assert_eq!(parse(vec![percent(Some("a")), percent(Some("a"))], |_, _| ()).unwrap_err(), told);
    }

    #[test]
    fn a_target_that_an_hpa_would_not_take_is_a_problem_of_its_field() {
        for (target, target_type) in [
            ("half", TargetType::Utilization),
            ("0", TargetType::Utilization),
            ("80%", TargetType::Utilization),
            ("1 Gi", TargetType::AverageValue),
            ("0", TargetType::AverageValue),
            ("", TargetType::Value),
        ] {
            let wrong = parse(vec![native("memory", None, target, target_type)], |_, _| ()).unwrap_err();
            assert!(
                wrong[0].starts_with(&format!("spec.triggers[0].metadata.value: {target:?} is not a")),
                "{wrong:?}"
            );
        }
        assert!(parse(vec![native("memory", None, "1.5Gi", TargetType::AverageValue)], |_, _| ()).is_ok());
    }

    #[test]
    fn an_object_of_only_native_metrics_needs_a_minimum_where_keda_asks_for_one() {
        for min in [None, Some(0)] {
            let wrong = parse(vec![percent(None)], |draft, _| draft.min_replicas = min).unwrap_err();
            assert!(wrong[0].starts_with("spec.minReplicaCount: must be 1 or more"), "{wrong:?}");
            assert!(parse(vec![percent(None), list()], |draft, _| draft.min_replicas = min).is_ok());
            let rollout = parse(vec![percent(None)], |draft, target| {
                (draft.min_replicas, target.group, target.kind) = (min, "argoproj.io".into(), "Rollout".into());
            });
            assert_eq!(rollout.unwrap().bounds.running_min(), 1);
        }
    }

    #[test]
    fn a_fallback_needs_a_trigger_that_is_read() {
        let fallback = FallbackDraft { failure_threshold: 3, replicas: 6, behavior: None };
        let wrong = parse(vec![percent(None)], |draft, _| draft.fallback = Some(fallback.clone())).unwrap_err();
        assert!(wrong[0].starts_with("spec.fallback: has no effect"), "{wrong:?}");
        assert!(parse(vec![percent(None), list()], |draft, _| draft.fallback = Some(fallback)).is_ok());
    }

    #[test]
    fn a_warning_names_its_trigger() {
        let workload = parse(vec![percent(None)], |_, _| ()).unwrap();
        assert_eq!(workload.warnings, [Problem::new("spec.triggers[0].metadata.type", "write metricType instead")]);
    }
}
