//! `bellows.dev/v1alpha1` Scaler as people write it: a component in a registry, and what it may do here.
//!
//! Owns the shape only. Which grant is missing, and what is said of it, is decided in core.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::Condition;

/// A scaler that comes from a registry, and what it may do here.
#[expect(clippy::duplicated_attributes, reason = "columns of one type repeat it")]
#[derive(CustomResource, Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "bellows.dev",
    version = "v1alpha1",
    kind = "Scaler",
    status = "ScalerStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A scaler that comes from a registry, and what it may do here.",
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image"),
    printcolumn(name = "Triggers", type_ = "string", json_path = ".status.triggerTypes"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(
        name = "Degraded",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Degraded")].status"#
    ),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.digest", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ScalerSpec {
    /// Where the component is: `registry.example/team/queue:1.2`, or with a digest, `…@sha256:…`.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// When the registry is asked what the tag names: Always, every interval; IfNotPresent, until it is known; Never, so
    /// that only what is in the cache is used. Always when absent. A digest needs no asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<String>,
    /// Seconds between two questions what the tag names; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 604_800))]
    pub interval: Option<i32>,
    /// Name of a Secret of type kubernetes.io/dockerconfigjson in the namespace of the host, for the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_secret: Option<String>,
    /// What it may do. A scaler that imports more is not let in.
    #[serde(default)]
    pub grants: Grants,
    /// Whose signature it must bear. Nobody's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The namespaces whose ScaledObjects may use it; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub allowed_namespaces: Vec<String>,
}

/// Whose signature a scaler must bear, as cosign makes them with a key. An artifact that cannot be judged is not used.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Public keys in PEM, ECDSA P-256 or Ed25519.
    #[schemars(length(min = 1, max = 16))]
    pub keys: Vec<String>,
    /// How many of the keys must have signed: Any or All; Any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// Digests that are wanted no more, of artifacts or of the components in them, whoever signed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub revoked: Vec<String>,
}

/// What a scaler may do beyond computing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grants {
    /// What it may be lent: redis, amqp, http, workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub capabilities: Vec<String>,
}

/// How far a scaler came on its way into service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalerStatus {
    /// The generation of the spec that this tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The digest that the image names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The digest that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving_digest: Option<String>,
    /// Its trigger types, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_types: Option<String>,
    /// What it imports, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imports: Option<String>,
    /// What holds of it, one entry for each type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
