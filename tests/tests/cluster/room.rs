//! A trial's own namespace, with short ways to put workloads there and to look at what becomes of them.
//!
//! Owns the namespace until it is dropped. Refuses to wait without a limit.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellows_tests::wait::{self, Stop};
use serde_json::{Value, json};

use crate::stage::Stage;

/// Longest wait for what should take a moment, on a machine that runs other tests at the same time.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What a trial sees of a condition: status, reason, message.
pub(crate) type Told = (String, String, String);

pub(crate) struct Room<'stage> {
    pub(crate) stage: &'stage Stage,
    pub(crate) namespace: String,
    /// Somebody opens it again.
    left: bool,
}

impl<'stage> Room<'stage> {
    /// Makes the namespace, where it is not there yet.
    pub(crate) fn open(stage: &'stage Stage, namespace: &str) -> Result<Self> {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        stage.api.apply("namespaces", &manifest)?;
        Ok(Self { stage, namespace: namespace.to_owned(), left: false })
    }

    /// Leaves the namespace as it is, for whoever opens it again.
    pub(crate) fn leave(mut self) {
        self.left = true;
    }

    /// The list that a workload of this room reads by default: nobody else's.
    pub(crate) fn list(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace)
    }

    /// Puts items into the list of a workload.
    pub(crate) fn push(&self, name: &str, count: usize) -> Result<()> {
        self.stage.redis.push(&self.list(name), count)
    }

    /// Takes everything out of the list of a workload.
    pub(crate) fn empty(&self, name: &str) -> Result<()> {
        self.stage.redis.cli(&["DEL", &self.list(name)]).map(drop)
    }

    /// A Deployment whose only container has these variables.
    pub(crate) fn deployment(&self, name: &str, replicas: u32, env: &Value) -> Result<()> {
        self.deployment_of(name, replicas, &json!([{"name": "worker", "image": "worker", "env": env}]))
    }

    /// A Deployment with these containers. Applied once only: a second time would take the replicas back.
    pub(crate) fn deployment_of(&self, name: &str, replicas: u32, containers: &Value) -> Result<()> {
        let labels = json!({"app": name});
        let manifest = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": containers, "terminationGracePeriodSeconds": 0},
                },
            },
        });
        self.stage.api.apply("deployments", &manifest).map(drop)
    }

    /// A trigger on a list at an address.
    pub(crate) fn trigger(&self, address: &str, list: &str) -> Value {
        json!({"type": "redis", "metadata": {"address": address, "listName": list, "listLength": "10"}})
    }

    /// A ScaledObject of the Deployment of the same name: its list in the shared Redis, 10 items for each of at most 10
    /// replicas, polled each second, cooled down after 3. `change` edits its `spec`.
    pub(crate) fn manifest(&self, name: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut spec = json!({
            "scaleTargetRef": {"name": name},
            "pollingInterval": 1, "cooldownPeriod": 3, "maxReplicaCount": 10,
            "triggers": [self.trigger(&self.stage.redis.address().to_string(), &self.list(name))],
        });
        change(&mut spec);
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
        })
    }

    /// Applies it.
    pub(crate) fn scaled(&self, name: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.stage.api.apply("scaledobjects", &self.manifest(name, change)).map(drop)
    }

    /// A Deployment at `replicas` and its ScaledObject, as [`Room::manifest`] has it.
    pub(crate) fn workload(&self, name: &str, replicas: u32, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.deployment(name, replicas, &json!([]))?;
        self.scaled(name, change)
    }

    pub(crate) fn secret(&self, name: &str, entries: &Value) -> Result<()> {
        let metadata = json!({"name": name, "namespace": self.namespace});
        let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": entries});
        self.stage.api.apply("secrets", &manifest).map(drop)
    }

    pub(crate) fn object(&self, name: &str) -> Result<Value> {
        self.stage.api.get("scaledobjects", &self.namespace, name)
    }

    pub(crate) fn hpa(&self, name: &str) -> Result<Value> {
        self.stage.api.get("horizontalpodautoscalers", &self.namespace, &format!("keda-hpa-{name}"))
    }

    /// Replicas that the Deployment is asked to have.
    pub(crate) fn replicas(&self, name: &str) -> Result<u64> {
        let deployment = self.stage.api.get("deployments", &self.namespace, name)?;
        deployment["spec"]["replicas"].as_u64().context("a Deployment has replicas")
    }

    /// Pods of the Deployment, whatever became of them.
    pub(crate) fn pods(&self, name: &str) -> Result<Vec<Value>> {
        let mut pods = self.stage.api.list("pods", &self.namespace)?;
        pods.retain(|pod| pod["metadata"]["labels"]["app"] == name);
        Ok(pods)
    }

    /// How often the Deployment's spec was changed: a visit to another count shows here, too short to be seen or not.
    pub(crate) fn generation(&self, name: &str) -> Result<u64> {
        let deployment = self.stage.api.get("deployments", &self.namespace, name)?;
        deployment["metadata"]["generation"].as_u64().context("a Deployment has a generation")
    }

    pub(crate) fn condition(&self, name: &str, kind: &str) -> Result<Told> {
        told(&self.object(name)?, kind)
    }

    /// Waits until there is an answer.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        wait::until(&Stop::default(), what, SOON, look)
    }

    pub(crate) fn until_replicas(&self, name: &str, count: u64) -> Result<()> {
        self.until(&format!("{}/{name} has {count} replicas", self.namespace), || {
            let replicas = self.replicas(name)?;
            ensure!(replicas == count, "it has {replicas}");
            Ok(Some(()))
        })
    }

    /// Waits until there are so many replicas, and the HPA has wished for them: its patience is with its own wishes, and a
    /// first step that is ours is none.
    pub(crate) fn until_remembered(&self, name: &str, count: u64) -> Result<()> {
        self.until_replicas(name, count)?;
        self.until(&format!("the HPA of {}/{name} wishes for {count}", self.namespace), || {
            let wished = self.hpa(name)?["status"]["desiredReplicas"].as_u64();
            ensure!(wished == Some(count), "it wishes for {wished:?}");
            Ok(Some(()))
        })
    }

    /// Waits until condition Ready has a status and its message contains `part`.
    pub(crate) fn until_ready_is(&self, name: &str, status: &str, part: &str) -> Result<Told> {
        self.until(&format!("{}/{name} has Ready={status} with {part:?}", self.namespace), || {
            let told = self.condition(name, "Ready")?;
            ensure!(told.0 == status && told.2.contains(part), "it has {told:?}");
            Ok(Some(told))
        })
    }

    pub(crate) fn until_ready(&self, name: &str) -> Result<()> {
        self.until_ready_is(name, "True", "").map(drop)
    }

    /// Looks for `time` and fails as soon as something is not as it should be.
    pub(crate) fn stays(&self, what: &str, time: Duration, mut look: impl FnMut() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + time;
        let changed = wait::until(&Stop::default(), what, time + SOON, || {
            if !look()? {
                return Ok(Some(true));
            }
            Ok((Instant::now() >= end).then_some(false))
        })?;
        ensure!(!changed, "not any more: {what}");
        Ok(())
    }

    /// Reasons and notes of the Events on a ScaledObject.
    pub(crate) fn events(&self, name: &str) -> Result<Vec<(String, String)>> {
        let events = self.stage.api.list("events", &self.namespace)?;
        let of_it = events
            .iter()
            .filter(|event| event["regarding"]["kind"] == "ScaledObject" && event["regarding"]["name"] == name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(of_it.map(|event| (text(&event["reason"]), text(&event["note"]))).collect())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // Objects go by their finalizers while Bellows runs; whatever stays goes with the cluster.
        let _gone = self.stage.api.delete("namespaces", "", &self.namespace);
    }
}

/// A condition of a document.
pub(crate) fn told(document: &Value, kind: &str) -> Result<Told> {
    let conditions = document["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    let condition = found.with_context(|| format!("there is no condition {kind} yet"))?;
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    Ok((text("status"), text("reason"), text("message")))
}
