//! `bellows.dev/v1alpha1` Scaler as people write it: a component in a registry, and what it may do here.
//!
//! Owns the shape only. Which grant is missing, and what is said of it, is decided in core.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use bellows_core::rights::{AudienceDraft, GrantsDraft, LimitsDraft, PartDraft, SomeNamespacesDraft};

use super::rollout::{Rollout, RolloutStatus};
use super::schema;
use super::selector::NamespaceSelector;
use super::status::Condition;
use super::verification::Verification;

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
    printcolumn(name = "Rollout", type_ = "integer", json_path = ".status.rollout.percent"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.digest", priority = 1),
    printcolumn(name = "Rights", type_ = "string", json_path = ".status.rights", priority = 1),
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
    /// What it may use of the host, below the host's own ceiling. What the host gives to each where absent.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Whose signature it must bear. Nobody's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The namespaces whose ScaledObjects may use it, by name. All may when neither this nor allowedNamespaceSelector is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub allowed_namespaces: Vec<String>,
    /// The namespaces whose ScaledObjects may use it, by their labels, besides those that allowedNamespaces names. While
    /// labels of namespaces are not known, those alone that are named may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_namespace_selector: Option<NamespaceSelector>,
    /// Whether it serves those ScaledObjects alone that name it in their annotation bellows.dev/scaler: for two versions
    /// side by side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned_only: bool,
    /// How the next digest takes the place of the one that serves. At once, and back by itself, when absent.
    #[serde(default, skip_serializing_if = "Rollout::is_default")]
    pub rollout: Rollout,
}

/// What a scaler may do beyond computing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grants {
    /// What it may be lent: redis, amqp, http, workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub capabilities: Vec<String>,
    /// Where its connections may lead, as the host is written in a trigger: names (redis.shop.svc), all names below one
    /// (*.shop.svc), addresses and blocks of them (10.0.0.0/8), or * for all. Everywhere when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub hosts: Option<Vec<String>>,
    /// The ports that they may lead to, 6379 or "8000-8999"; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ports")]
    pub ports: Option<Vec<NumberOrText>>,
    /// Commands of Redis beside those that read and cost little: others that read the keys which they name. Whatever writes,
    /// walks over keys that it does not name, runs code or waits cannot be granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub redis_commands: Option<Vec<String>>,
    /// Parameters whose value may enter the scaler itself when a TriggerAuthentication gives it. What feeds a connection
    /// needs no grant, because it stays in the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub secrets: Option<Vec<String>>,
    /// Other rights for the ScaledObjects of some namespaces. A field that is given here stands there in the place of the one
    /// above; one that is not is as above. Of several entries one counts: that which names the namespace, before any selector;
    /// else the first whose selector matches its labels. A namespace is named once. While labels of namespaces are not known,
    /// a namespace that no entry names has no rights at all, if there is any selector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub namespaces: Vec<SomeNamespaces>,
}

/// Rights for the ScaledObjects of some namespaces.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SomeNamespaces {
    /// The namespaces by name. Either this or a selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub names: Option<Vec<String>>,
    /// The namespaces by their labels. Either this or names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<NamespaceSelector>,
    /// Instead of the hosts above.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub hosts: Option<Vec<String>>,
    /// Instead of the ports above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ports")]
    pub ports: Option<Vec<NumberOrText>>,
    /// Instead of the commands above; none when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub redis_commands: Option<Vec<String>>,
    /// Instead of the secrets above; none when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub secrets: Option<Vec<String>>,
}

/// What a scaler may use.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Memory of one call: 32Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::number_or_text")]
    pub memory: Option<NumberOrText>,
    /// Time that it may compute in one call: 500ms, or a number of milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::number_or_text")]
    pub processor_time: Option<NumberOrText>,
    /// Calls of the host in one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub host_calls: Option<i32>,
}

impl Limits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A number, or a text that says more than one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum NumberOrText {
    /// `6379`.
    Number(i64),
    /// `8000-8999`.
    Text(String),
}

impl NumberOrText {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

fn part(
    hosts: Option<Vec<String>>,
    ports: Option<Vec<NumberOrText>>,
    redis_commands: Option<Vec<String>>,
    secrets: Option<Vec<String>>,
) -> PartDraft {
    let ports = ports.map(|ports| ports.into_iter().map(NumberOrText::text).collect());
    PartDraft { hosts, ports, redis_commands, secrets }
}

/// What was written, for core to judge; the capabilities apart.
#[must_use]
pub fn draft(grants: Grants, limits: Limits) -> GrantsDraft {
    let some = |some: SomeNamespaces| SomeNamespacesDraft {
        names: some.names.unwrap_or_default(),
        selector: some.selector.map(NamespaceSelector::draft),
        part: part(some.hosts, some.ports, some.redis_commands, some.secrets),
    };
    GrantsDraft {
        all: part(grants.hosts, grants.ports, grants.redis_commands, grants.secrets),
        namespaces: grants.namespaces.into_iter().map(some).collect(),
        limits: LimitsDraft {
            memory: limits.memory.map(NumberOrText::text),
            processor_time: limits.processor_time.map(NumberOrText::text),
            host_calls: limits.host_calls.map(i64::from),
        },
    }
}

/// Who may use it, for core to judge.
#[must_use]
pub fn audience(names: Vec<String>, selector: Option<NamespaceSelector>) -> AudienceDraft {
    AudienceDraft { names, selector: selector.map(NamespaceSelector::draft) }
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
    /// The digest that is on its way, and how far it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// Its trigger types, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_types: Option<String>,
    /// What it imports, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imports: Option<String>,
    /// What it may do at last: what it imports, as far as that is granted, below the host's ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
    /// What holds of it, one entry for each type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
