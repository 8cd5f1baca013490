//! What is reported back in the status of our kinds, under the names that dashboards and scripts already read.
//!
//! Holds values only: which condition is true, and since when, is decided in core. Conditions carry no transition time,
//! as KEDA's do not.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// What a ScaledObject is doing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaledObjectStatus {
    /// Group, version and kind of the workload, as `apps/v1.Deployment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_target_kind: Option<String>,
    /// The same in parts, with the name of its resource.
    #[serde(rename = "scaleTargetGVKR", skip_serializing_if = "Option::is_none")]
    pub scale_target_gvkr: Option<GroupVersionKindResource>,
    /// Replicas of the workload when it was first seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_replica_count: Option<i32>,
    /// When a trigger was last active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::date_time")]
    pub last_active_time: Option<Time>,
    /// Names of the external metrics, in the order of the triggers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_metric_names: Vec<String>,
    /// Names of the resource metrics, in the order of the triggers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_metric_names: Vec<String>,
    /// Name of the metric that a formula makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite_scaler_name: Option<String>,
    /// What holds of this object, one entry for each type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Failures in a row by metric name, where a fallback counts them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub health: BTreeMap<String, HealthStatus>,
    /// Which metric keeps the workload active.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers_activity: BTreeMap<String, TriggerActivity>,
    /// Replicas that a pause holds the workload at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_replica_count: Option<i32>,
    /// Name of the HorizontalPodAutoscaler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hpa_name: Option<String>,
    /// The distinct types of the triggers, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggers_types: Option<String>,
    /// The distinct names of the authentications, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentications_types: Option<String>,
}

/// Names a kind and the resource that serves it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct GroupVersionKindResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version within the group.
    pub version: String,
    /// Kind, in the singular.
    pub kind: String,
    /// Resource, in the plural.
    pub resource: String,
}

/// One thing that holds of an object, or does not, with the reason.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Condition {
    /// What is said: Ready, Active, Fallback, Paused or HPAActive.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// True, False or Unknown.
    pub status: String,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How reading one metric is going.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthStatus {
    /// Failures in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_of_failures: Option<i32>,
    /// Happy or Failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// Whether one metric keeps the workload active.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TriggerActivity {
    /// Whether the last reading was active.
    pub is_active: bool,
}

/// Who uses an authentication.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct AuthenticationStatus {
    /// Names of the ScaledObjects, joined by commas.
    #[serde(rename = "scaledobjects", skip_serializing_if = "Option::is_none")]
    pub scaled_objects: Option<String>,
    /// Names of the ScaledJobs, joined by commas.
    #[serde(rename = "scaledjobs", skip_serializing_if = "Option::is_none")]
    pub scaled_jobs: Option<String>,
}
