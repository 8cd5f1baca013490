//! **Pure**: a workload → its HorizontalPodAutoscaler in KEDA's shape, and an HPA of the cluster → what the machine needs.
//!
//! Talks to nobody, and decides nothing that the workload does not say.

use std::collections::BTreeMap;
use std::num::ParseIntError;

use bellows_core::event::HpaView;
use bellows_core::metric::quantity;
use bellows_core::scaler::{Metric, TargetType};
use bellows_core::workload::{Workload, WorkloadMetric};
use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, CrossVersionObjectReference, ExternalMetricSource, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use kube::api::ObjectMeta;

mod compare;

pub use compare::{fingerprint, is_as_wanted, is_same_behavior};

/// Label of an HPA, and selector of its external metrics: the name of the ScaledObject.
pub const NAME_LABEL: &str = "scaledobject.keda.sh/name";
/// The version of KEDA whose shape this is. An own version would rewrite every HPA at each upgrade of ours.
const VERSION: &str = "2.21.0";
/// Longest value of a label.
const LABEL_BYTES_MAX: usize = 63;

/// The workload asks for an HPA that cannot be written down.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// `behavior` is not what an API server calls one.
    #[error("cannot read spec.advanced.horizontalPodAutoscalerConfig.behavior")]
    Behavior(#[source] serde_json::Error),
    /// A target in percent is not a whole number.
    #[error("cannot read the target {target:?} of metric {metric} as a whole number of percent")]
    Percent {
        /// The metric.
        metric: String,
        /// Its target.
        target: String,
        /// Why not.
        #[source]
        source: ParseIntError,
    },
}

/// The HPA of `workload`, whose ScaledObject has the uid `owner`.
pub fn build(workload: &Workload, owner: &str) -> Result<HorizontalPodAutoscaler, BuildError> {
    let behavior = workload.hpa.behavior.as_deref().map(serde_json::from_str::<HorizontalPodAutoscalerBehavior>);
    let mut metrics = Vec::new();
    for metric in workload.triggers.iter().flat_map(|trigger| &trigger.metrics) {
        metrics.push(metric_spec(metric, &workload.key.name)?);
    }
    // ContainerResource, External, Resource, as in KEDA; within a kind in the order of the triggers.
    metrics.sort_by(|one, other| one.type_.cmp(&other.type_));
    let spec = HorizontalPodAutoscalerSpec {
        scale_target_ref: CrossVersionObjectReference {
            api_version: Some(workload.target.api_version()),
            kind: workload.target.kind.clone(),
            name: workload.target.name.clone(),
        },
        min_replicas: Some(count(workload.bounds.running_min())),
        max_replicas: count(workload.bounds.max),
        metrics: Some(metrics),
        behavior: behavior.transpose().map_err(BuildError::Behavior)?,
    };
    Ok(HorizontalPodAutoscaler { metadata: metadata(workload, owner), spec, status: None })
}

/// Replicas as the API has them. Core bounds them by `i32::MAX`.
fn count(replicas: u32) -> i32 {
    i32::try_from(replicas).unwrap_or(i32::MAX)
}

fn metadata(workload: &Workload, owner: &str) -> ObjectMeta {
    let annotations = &workload.hpa.annotations;
    ObjectMeta {
        name: Some(workload.hpa.name.clone()),
        namespace: Some(workload.key.namespace.to_string()),
        labels: Some(labels(workload)),
        annotations: (!annotations.is_empty()).then(|| annotations.clone()),
        owner_references: Some(vec![OwnerReference {
            api_version: "keda.sh/v1alpha1".to_owned(),
            kind: "ScaledObject".to_owned(),
            name: workload.key.name.to_string(),
            uid: owner.to_owned(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}

fn labels(workload: &Workload) -> BTreeMap<String, String> {
    let name = workload.hpa.name.chars().scan(0, |bytes, letter| {
        *bytes += letter.len_utf8();
        (*bytes <= LABEL_BYTES_MAX).then_some(letter)
    });
    let own = [
        ("app.kubernetes.io/name", name.collect()),
        ("app.kubernetes.io/version", VERSION.to_owned()),
        ("app.kubernetes.io/part-of", workload.key.name.to_string()),
        ("app.kubernetes.io/managed-by", "keda-operator".to_owned()),
    ];
    let mut labels: BTreeMap<String, String> = own.map(|(name, value)| (name.to_owned(), value)).into();
    // The object's own win, as in KEDA (Helm puts `managed-by` on all that it installs), but for the one we watch by.
    labels.extend(workload.hpa.labels.clone());
    labels.insert(NAME_LABEL.to_owned(), workload.key.name.to_string());
    labels
}

fn metric_spec(metric: &WorkloadMetric, object: &str) -> Result<MetricSpec, BuildError> {
    match &metric.metric {
        Metric::External { target, target_type, .. } => {
            let selector = [(NAME_LABEL.to_owned(), object.to_owned())];
            let selector = LabelSelector { match_labels: Some(selector.into()), ..LabelSelector::default() };
            let identifier = MetricIdentifier { name: metric.name.to_string(), selector: Some(selector) };
            let source = ExternalMetricSource { metric: identifier, target: amount(*target_type, quantity(*target)) };
            Ok(MetricSpec { type_: "External".to_owned(), external: Some(source), ..MetricSpec::default() })
        }
        Metric::Resource { name, container, target, target_type } => {
            let target = match target_type {
                TargetType::Utilization => percent(name, target)?,
                TargetType::AverageValue | TargetType::Value => amount(*target_type, target.clone()),
            };
            Ok(resource(name.clone(), container.clone(), target))
        }
    }
}

fn resource(name: String, container: Option<String>, target: MetricTarget) -> MetricSpec {
    match container {
        None => MetricSpec {
            type_: "Resource".to_owned(),
            resource: Some(ResourceMetricSource { name, target }),
            ..MetricSpec::default()
        },
        Some(container) => MetricSpec {
            type_: "ContainerResource".to_owned(),
            container_resource: Some(ContainerResourceMetricSource { container, name, target }),
            ..MetricSpec::default()
        },
    }
}

fn amount(target_type: TargetType, amount: String) -> MetricTarget {
    let mut target = MetricTarget { type_: target_type.label().to_owned(), ..MetricTarget::default() };
    match target_type {
        TargetType::Value => target.value = Some(Quantity(amount)),
        TargetType::AverageValue | TargetType::Utilization => target.average_value = Some(Quantity(amount)),
    }
    target
}

fn percent(metric: &str, target: &str) -> Result<MetricTarget, BuildError> {
    let percent = target.parse().map_err(|source| BuildError::Percent {
        metric: metric.to_owned(),
        target: target.to_owned(),
        source,
    })?;
    let type_ = TargetType::Utilization.label().to_owned();
    Ok(MetricTarget { type_, average_utilization: Some(percent), ..MetricTarget::default() })
}

/// The ScaledObject that controls an HPA.
pub fn owner(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    controller(metadata).filter(|owner| owner.kind == "ScaledObject" && owner.api_version.starts_with("keda.sh/"))
}

/// Whatever controls an HPA.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// What the machine needs of an HPA of the cluster.
pub fn view(hpa: &HorizontalPodAutoscaler) -> HpaView {
    let status = hpa.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    // A count of 0 is left out of the document. Whether it is one is told by the controller having been there at all.
    let seen = status.filter(|_| !conditions.is_empty());
    let replicas = |count: Option<i32>| count.map_or(Some(0), |count| u32::try_from(count).ok());
    let scaling = conditions.iter().find(|condition| condition.type_ == "ScalingActive");
    HpaView {
        name: hpa.metadata.name.as_deref().unwrap_or_default().into(),
        fingerprint: fingerprint(hpa),
        replicas: seen.and_then(|status| replicas(status.current_replicas)),
        desired: seen.and_then(|status| replicas(Some(status.desired_replicas))),
        scaling: scaling.map(|condition| {
            let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
            (condition.status == "True", text(&condition.reason), text(&condition.message))
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use bellows_core::batch::BatchKey;
    use bellows_core::scaler::Trigger;
    use bellows_core::workload::{Bounds, FirstStep, HpaShape, ObjectKey, Target, WhenAbsent, WorkloadTrigger};
    use serde_json::{Value, json};

    fn trigger(metrics: Vec<WorkloadMetric>) -> WorkloadTrigger {
        WorkloadTrigger {
            kind: "redis".into(),
            name: None,
            batch: Arc::new(BatchKey { scaler: "d".into(), namespace: "shop".into(), connections: BTreeMap::new() }),
            trigger: Arc::new(Trigger {
                id: "shop/web/0".into(),
                trigger_type: "redis".into(),
                metric_type: None,
                settings: Vec::new(),
            }),
            metrics,
        }
    }

    fn external(name: &str, target: f64, target_type: TargetType) -> WorkloadMetric {
        WorkloadMetric { name: name.into(), metric: Metric::External { name: name.into(), target, target_type } }
    }

    fn cpu(container: Option<&str>, target: &str, target_type: TargetType) -> WorkloadMetric {
        let container = container.map(str::to_owned);
        let metric = Metric::Resource { name: "cpu".into(), container, target: target.into(), target_type };
        WorkloadMetric { name: "cpu".into(), metric }
    }

    /// A list of Redis, 10 for each replica.
    pub(in crate::kube) fn workload() -> Workload {
        let target = Target {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            resource: "deployments".into(),
            name: "worker".into(),
        };
        Workload {
            key: ObjectKey::new("shop", "web"),
            target,
            bounds: Bounds { min: 0, max: 9, idle: None },
            interval: Duration::from_secs(30),
            cooldown: Duration::from_secs(300),
            initial_cooldown: Duration::ZERO,
            first_step: FirstStep::Policy,
            scale_up: None,
            restore_original: false,
            fallback: None,
            when_absent: WhenAbsent::Hold,
            hpa: HpaShape {
                name: "keda-hpa-web".into(),
                labels: [("team".to_owned(), "checkout".to_owned())].into(),
                annotations: [("example.com/note".to_owned(), "kept".to_owned())].into(),
                behavior: None,
            },
            triggers: vec![trigger(vec![external("s0-redis-Q", 10.0, TargetType::AverageValue)])],
            warnings: Vec::new(),
        }
    }

    fn built(workload: &Workload) -> Value {
        serde_json::to_value(build(workload, "u1").unwrap()).unwrap()
    }

    #[test]
    fn the_hpa_of_a_redis_list_is_the_one_that_keda_makes() {
        let expected = json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {
                "name": "keda-hpa-web",
                "namespace": "shop",
                "labels": {
                    "app.kubernetes.io/managed-by": "keda-operator",
                    "app.kubernetes.io/name": "keda-hpa-web",
                    "app.kubernetes.io/part-of": "web",
                    "app.kubernetes.io/version": "2.21.0",
                    "scaledobject.keda.sh/name": "web",
                    "team": "checkout",
                },
                "annotations": { "example.com/note": "kept" },
                "ownerReferences": [{
                    "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": "u1",
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "worker" },
                "minReplicas": 1,
                "maxReplicas": 9,
                "metrics": [{
                    "type": "External",
                    "external": {
                        "metric": {
                            "name": "s0-redis-Q",
                            "selector": { "matchLabels": { "scaledobject.keda.sh/name": "web" } },
                        },
                        "target": { "type": "AverageValue", "averageValue": "10" },
                    },
                }],
            },
        });
        assert_eq!(built(&workload()), expected);
    }

    #[test]
    fn metrics_are_sorted_by_kind_and_keep_the_order_of_the_triggers_within_one() {
        let mut workload = workload();
        workload.triggers = vec![
            trigger(vec![cpu(None, "80", TargetType::Utilization)]),
            trigger(vec![external("s1-b", 1.5, TargetType::Value)]),
            trigger(vec![external("s2-a", 1.0, TargetType::AverageValue)]),
            trigger(vec![cpu(Some("main"), "500m", TargetType::AverageValue)]),
        ];
        let expected = json!([
            { "type": "ContainerResource", "containerResource": {
                "container": "main", "name": "cpu", "target": { "type": "AverageValue", "averageValue": "500m" } } },
            { "type": "External", "external": {
                "metric": { "name": "s1-b", "selector": { "matchLabels": { "scaledobject.keda.sh/name": "web" } } },
                "target": { "type": "Value", "value": "1500m" } } },
            { "type": "External", "external": {
                "metric": { "name": "s2-a", "selector": { "matchLabels": { "scaledobject.keda.sh/name": "web" } } },
                "target": { "type": "AverageValue", "averageValue": "1" } } },
            { "type": "Resource", "resource": {
                "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } },
        ]);
        assert_eq!(built(&workload)["spec"]["metrics"], expected);
    }

    #[test]
    fn the_objects_own_labels_win_but_for_the_one_that_is_watched() {
        let mut workload = workload();
        for (name, value) in [("app.kubernetes.io/managed-by", "Helm"), (NAME_LABEL, "other")] {
            workload.hpa.labels.insert(name.into(), value.into());
        }
        let hpa = built(&workload);
        assert_eq!(hpa["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
        assert_eq!(hpa["metadata"]["labels"][NAME_LABEL], "web");
    }

    #[test]
    fn a_behavior_is_copied_as_it_stands() {
        let behavior = json!({ "scaleUp": { "selectPolicy": "Disabled", "tolerance": "100m" } });
        let mut workload = workload();
        workload.hpa.behavior = Some(behavior.to_string().into());
        assert_eq!(built(&workload)["spec"]["behavior"], behavior);
    }

    #[test]
    fn a_target_that_is_no_percentage_is_named() {
        let mut workload = workload();
        workload.triggers = vec![trigger(vec![cpu(None, "half", TargetType::Utilization)])];
        let error = build(&workload, "u1").unwrap_err().to_string();
        assert_eq!(error, "cannot read the target \"half\" of metric cpu as a whole number of percent");
    }

    fn seen(status: Value) -> HpaView {
        let mut hpa = build(&workload(), "u1").unwrap();
        hpa.status = Some(serde_json::from_value(status).unwrap());
        view(&hpa)
    }

    #[test]
    fn a_count_that_is_left_out_is_zero_only_after_the_controllers_first_round() {
        let before = seen(json!({ "desiredReplicas": 0, "currentMetrics": null }));
        assert_eq!((before.replicas, before.desired, before.scaling), (None, None, None));
        let condition =
            json!({ "type": "ScalingActive", "status": "False", "reason": "ScalingDisabled", "message": "m" });
        let after = seen(json!({ "desiredReplicas": 0, "conditions": [condition] }));
        let scaling = Some((false, "ScalingDisabled".into(), "m".into()));
        assert_eq!((after.replicas, after.desired, after.scaling), (Some(0), Some(0), scaling));
    }
}
