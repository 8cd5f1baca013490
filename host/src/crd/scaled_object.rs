//! `keda.sh/v1alpha1` ScaledObject as people write it: every field of KEDA 2.21, with its bounds and its names.
//!
//! Owns the shape only. What a value means, and whether two of them agree, is decided in core after `draft()`. A value
//! from a closed list stays a string here: an object that an older or newer release stored must still be read, so that
//! it can be refused by name instead of vanishing from the watch.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{schema, status::ScaledObjectStatus};

/// What to scale, between which bounds, and on what.
#[expect(clippy::duplicated_attributes, reason = "columns of one type repeat it")]
#[derive(CustomResource, Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "keda.sh",
    version = "v1alpha1",
    kind = "ScaledObject",
    shortname = "so",
    namespaced,
    status = "ScaledObjectStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A workload that is scaled by events.",
    printcolumn(name = "ScaleTargetKind", type_ = "string", json_path = ".status.scaleTargetKind"),
    printcolumn(name = "ScaleTargetName", type_ = "string", json_path = ".spec.scaleTargetRef.name"),
    printcolumn(name = "Min", type_ = "integer", json_path = ".spec.minReplicaCount"),
    printcolumn(name = "Max", type_ = "integer", json_path = ".spec.maxReplicaCount"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Active", type_ = "string", json_path = r#".status.conditions[?(@.type=="Active")].status"#),
    printcolumn(
        name = "Fallback",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Fallback")].status"#
    ),
    printcolumn(name = "Paused", type_ = "string", json_path = r#".status.conditions[?(@.type=="Paused")].status"#),
    printcolumn(name = "Triggers", type_ = "string", json_path = ".status.triggersTypes"),
    printcolumn(name = "Authentications", type_ = "string", json_path = ".status.authenticationsTypes"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "message": "minReplicaCount must be less than or equal to maxReplicaCount",
    "rule": "!has(self.minReplicaCount) || self.minReplicaCount <= (has(self.maxReplicaCount) ? self.maxReplicaCount : 100)"
}]))]
pub struct ScaledObjectSpec {
    /// The workload to scale, in the namespace of this object.
    pub scale_target_ref: ScaleTarget,
    /// Seconds between two polls of the triggers while the workload is at zero; 30 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub polling_interval: Option<i32>,
    /// Seconds after the creation of this object before the workload may first be scaled to zero; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub initial_cooldown_period: Option<i32>,
    /// Seconds without an active trigger before the workload is scaled to zero, or to idleReplicaCount; 300 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub cooldown_period: Option<i32>,
    /// Replicas while no trigger is active, below minReplicaCount.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub idle_replica_count: Option<i32>,
    /// The fewest replicas; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_replica_count: Option<i32>,
    /// The most replicas; 100 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_replica_count: Option<i32>,
    /// What few objects need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advanced: Option<Advanced>,
    /// What the workload is scaled on; it is active while any of them is.
    #[schemars(length(min = 1))]
    pub triggers: Vec<Trigger>,
    /// Replicas to go to when the triggers cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
}

/// The workload to scale: anything that has a scale subresource.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTarget {
    /// Name of the workload.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Group and version of the workload; apps/v1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the workload; Deployment when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The container whose environment the FromEnv settings are read from; the first one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_source_container_name: Option<String>,
}

/// What few objects need.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Advanced {
    /// How the HorizontalPodAutoscaler is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler_config: Option<HorizontalPodAutoscalerConfig>,
    /// Whether deleting this object restores the replicas that the workload had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_to_original_replica_count: Option<bool>,
    /// A formula over the triggers, whose result replaces their metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_modifiers: Option<ScalingModifiers>,
}

/// How the HorizontalPodAutoscaler is made.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HorizontalPodAutoscalerConfig {
    /// Copied into the HorizontalPodAutoscaler as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::behavior")]
    pub behavior: Option<HorizontalPodAutoscalerBehavior>,
    /// Name of the HorizontalPodAutoscaler; keda-hpa- and the name of this object when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A formula over the triggers, whose result replaces their metrics.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingModifiers {
    /// The expression, with the names of triggers as variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// The wanted result for each replica, a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The workload is active while the result is above this number; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_target: Option<String>,
    /// How the target is compared; AverageValue when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["AverageValue", "Value"]))]
    pub metric_type: Option<String>,
}

/// Replicas to go to when the triggers cannot be read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    /// Failed polls in a row before the fallback is used.
    #[schemars(range(min = 0))]
    pub failure_threshold: i32,
    /// The replicas to go to.
    #[schemars(range(min = 0))]
    pub replicas: i32,
    /// How `replicas` is weighed against those that run now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "default" = "static",
        "enum" = ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower", "scalingModifiers"]
    ))]
    pub behavior: Option<String>,
}

/// One source of events.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// The kind of source, which decides the scaler that reads it.
    #[serde(rename = "type")]
    #[schemars(length(min = 1))]
    pub trigger_type: String,
    /// Names the trigger in metrics and formulas; unique in this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Answer from the last poll instead of asking the source again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_cached_metrics: Option<bool>,
    /// The settings, whose names depend on the type.
    pub metadata: BTreeMap<String, String>,
    /// Where settings that are secret come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_ref: Option<AuthenticationRef>,
    /// How the metric is compared with its target: AverageValue, Value or Utilization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<String>,
}

/// Names the object that settings which are secret come from.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationRef {
    /// Name of the object.
    pub name: String,
    /// Kind of the object; TriggerAuthentication when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["TriggerAuthentication", "ClusterTriggerAuthentication"]))]
    pub kind: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(manifest: &str) -> ScaledObject {
        serde_yaml_ng::from_str(manifest).unwrap()
    }

    /// Every field, so that one that is lost on the way is missed.
    const WHOLE: &str = r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: orders, namespace: shop, labels: { team: checkout } }
spec:
  scaleTargetRef: { name: worker, apiVersion: apps/v1, kind: StatefulSet, envSourceContainerName: main }
  pollingInterval: 15
  initialCooldownPeriod: 60
  cooldownPeriod: 120
  idleReplicaCount: 0
  minReplicaCount: 2
  maxReplicaCount: 40
  advanced:
    horizontalPodAutoscalerConfig:
      name: orders-hpa
      behavior:
        scaleUp:
          policies: [{ type: Pods, value: 10, periodSeconds: 15 }]
          selectPolicy: Max
          stabilizationWindowSeconds: 0
    restoreToOriginalReplicaCount: true
    scalingModifiers: { formula: jobs * 2, target: "5", activationTarget: "1", metricType: Value }
  fallback: { failureThreshold: 3, replicas: 6, behavior: currentReplicasIfHigher }
  triggers:
  - type: redis
    name: jobs
    useCachedMetrics: true
    metricType: AverageValue
    metadata: { addressFromEnv: REDIS, listName: jobs, listLength: "10" }
    authenticationRef: { name: redis-login, kind: ClusterTriggerAuthentication }
"#;

    #[test]
    fn a_whole_manifest_survives_the_round_trip() {
        let written: serde_json::Value = serde_yaml_ng::from_str(WHOLE).unwrap();
        assert_eq!(serde_json::to_value(read(WHOLE)).unwrap(), written);
    }

    #[test]
    fn a_manifest_from_the_days_of_2_1_is_read() {
        // Fields and settings of then, a finalizer, and a field that no release ever had.
        let object = read(
            r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  finalizers: [finalizer.keda.sh]
  name: worker-celery
spec:
  cooldownPeriod: 300
  scaleTargetRef: { name: worker-celery, containerName: worker }
  autoscaling: none
  triggers:
  - type: cpu
    metadata: { type: Utilization, value: "82" }
  - type: rabbitmq
    authenticationRef: { name: login }
    metadata: { metricName: celery, mode: QueueLength, protocol: amqp, queueName: celery, value: "180" }
"#,
        );
        assert_eq!(object.spec.triggers[0].metadata["type"], "Utilization");
        assert_eq!(object.spec.triggers[1].metadata["metricName"], "celery");
        assert_eq!(object.status, None);
    }

    #[test]
    fn words_that_no_release_knows_do_not_hide_an_object() {
        let mut written: serde_json::Value = serde_yaml_ng::from_str(WHOLE).unwrap();
        written["spec"]["fallback"]["behavior"] = "later".into();
        written["spec"]["triggers"][0]["metricType"] = "Later".into();
        written["status"] = serde_json::json!({ "conditions": [{ "type": "Later", "status": "Perhaps" }], "later": 1 });
        let object: ScaledObject = serde_json::from_value(written).unwrap();
        assert_eq!(object.status.unwrap().conditions[0].condition_type, "Later");
    }

    #[test]
    fn an_empty_status_is_an_empty_document() {
        let status = serde_json::to_value(ScaledObjectStatus::default()).unwrap();
        assert_eq!(status, serde_json::json!({}));
    }
}
