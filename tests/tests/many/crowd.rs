//! The objects of a crowd: a Deployment and a ScaledObject each, in some namespaces.
//!
//! Owns their manifests and how they are made, many at a time. Refuses to make one twice.

use std::fmt;

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};

/// Namespaces that a crowd is spread over.
pub(crate) const NAMESPACES: usize = 5;
/// Requests at once. An API server of one core answers some hundreds a second.
const TOGETHER: usize = 16;

/// An object by namespace and name; its Deployment and its ScaledObject are called the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// One of a crowd.
    pub(crate) fn numbered(crowd: &str, number: usize) -> Self {
        Self::new(&namespace(number), &format!("{crowd}-{number}"))
    }

    /// The Redis list that it is scaled on; no other object has the same.
    pub(crate) fn list(&self) -> String {
        self.name.clone()
    }

    /// Where the API server answers its metric.
    pub(crate) fn metric(&self) -> String {
        let Self { namespace, name } = self;
        format!(
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/s0-redis-{name}\
             ?labelSelector=scaledobject.keda.sh%2Fname%3D{name}"
        )
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

fn namespace(number: usize) -> String {
    format!("crowd-{}", number % NAMESPACES)
}

/// The kinds that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Namespace,
    Deployment,
    ScaledObject,
    Autoscaler,
}

impl Kind {
    pub(crate) fn resource(self) -> ApiResource {
        let (group, version, kind) = match self {
            Self::Namespace => ("", "v1", "Namespace"),
            Self::Deployment => ("apps", "v1", "Deployment"),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "ScaledObject"),
            Self::Autoscaler => ("autoscaling", "v2", "HorizontalPodAutoscaler"),
        };
        ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
    }

    /// The name of the ScaledObject that something of this kind belongs to.
    pub(crate) fn owner(self, name: &str) -> String {
        match self {
            Self::Autoscaler => name.strip_prefix("keda-hpa-").unwrap_or(name).to_owned(),
            Self::Namespace | Self::Deployment | Self::ScaledObject => name.to_owned(),
        }
    }
}

/// How the objects of a crowd are.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Of Redis.
    pub(crate) address: String,
    /// Replicas that run without any work; also what the Deployment begins with.
    pub(crate) replicas_min: usize,
    /// Seconds between two polls.
    pub(crate) interval: usize,
}

pub(crate) fn deployment(key: &Key, replicas: usize) -> Value {
    let labels = json!({"app": key.name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "worker", "image": "worker"}]},
            },
        },
    })
}

pub(crate) fn scaled_object(key: &Key, shape: &Shape) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {
            "scaleTargetRef": {"name": key.name},
            "pollingInterval": shape.interval,
            "minReplicaCount": shape.replicas_min,
            "maxReplicaCount": 10,
            "triggers": [{
                "type": "redis",
                "metadata": {"address": shape.address, "listName": key.list(), "listLength": "10"},
            }],
        },
    })
}

/// Makes something.
pub(crate) async fn create(client: &Client, kind: Kind, manifest: Value) -> Result<()> {
    let name = manifest.pointer("/metadata/name").cloned().unwrap_or_default();
    let object: DynamicObject = serde_json::from_value(manifest).context("a manifest has a kind and a name")?;
    let resource = kind.resource();
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.create(&PostParams::default(), &object).await.with_context(|| format!("create {kind:?} {name}"))?;
    Ok(())
}

/// Makes the namespaces.
pub(crate) async fn spread(client: &Client) -> Result<()> {
    for number in 0..NAMESPACES {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(number)}});
        create(client, Kind::Namespace, manifest).await?;
    }
    Ok(())
}

/// Makes something for each of a crowd.
pub(crate) async fn create_each(
    client: &Client,
    kind: Kind,
    keys: &[Key],
    manifest: impl Fn(&Key) -> Value,
) -> Result<()> {
    let made = keys.iter().map(|key| create(client, kind, manifest(key)));
    stream::iter(made).buffer_unordered(TOGETHER).try_collect::<Vec<()>>().await.map(drop)
}
