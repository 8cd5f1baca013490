//! Processor and memory: triggers that the HPA measures by itself, with a real metrics-server. Stand-in pods use what their
//! annotations say.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellows_tests::services::{MetricsServer, metrics_server};
use bellows_tests::wait::{self, Stop};
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;

/// metrics-server looks every ten seconds, and knows a pod after two looks; an HPA may need one more for new pods.
const MEASURED: Duration = Duration::from_secs(120);

/// A Deployment of one replica whose containers, each with a request, use what `usage` says.
fn deployment(room: &Room<'_>, name: &str, containers: &[&str], usage: &Value) -> Result<()> {
    let labels = json!({"app": name});
    let requests = json!({"cpu": "100m", "memory": "100Mi"});
    let container = |name: &&str| json!({"name": name, "image": name, "resources": {"requests": requests}});
    let containers: Vec<Value> = containers.iter().map(container).collect();
    let manifest = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": room.namespace},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": usage},
                "spec": {"containers": containers, "terminationGracePeriodSeconds": 0},
            },
        },
    });
    room.stage.api.apply("deployments", &manifest).map(drop)
}

fn trigger(kind: &str, metric: Option<&str>, metadata: &Value) -> Value {
    let mut trigger = json!({"type": kind, "metadata": metadata});
    if let (Some(metric), Some(fields)) = (metric, trigger.as_object_mut()) {
        fields.insert("metricType".to_owned(), json!(metric));
    }
    trigger
}

fn until_replicas(room: &Room<'_>, name: &str, count: u64) -> Result<()> {
    wait::until(&Stop::default(), &format!("{name} has {count} replicas"), MEASURED, || {
        let replicas = room.replicas(name)?;
        ensure!(replicas == count, "it has {replicas}");
        Ok(Some(()))
    })
}

/// What all pods of the room use from now on.
fn use_from_now_on(room: &Room<'_>, name: &str, cpu: &str, memory: &str) -> Result<()> {
    let (namespace, selector) = (room.namespace.as_str(), format!("app={name}"));
    let usage = [format!("usage.bellows.dev/cpu={cpu}"), format!("usage.bellows.dev/memory={memory}")];
    let mut line = vec!["annotate", "pods", "--overwrite", "--namespace", namespace, "--selector", &selector];
    line.extend(usage.iter().map(String::as_str));
    room.stage.cluster.kubectl(&line).map(drop)
}

/// The metrics of the HPA.
fn metrics(room: &Room<'_>, name: &str) -> Result<Value> {
    Ok(room.hpa(name)?["spec"]["metrics"].clone())
}

pub(crate) fn measured_by_the_hpa(stage: &Stage) -> Result<()> {
    let metrics_server = MetricsServer::start(&stage.cluster)?;
    let measured = measured(stage, &metrics_server);
    metrics_server.leave(&stage.cluster)?;
    measured
}

fn measured(stage: &Stage, metrics_server: &MetricsServer) -> Result<()> {
    let room = Room::open(stage, "resource")?;
    let busy = metrics_server::annotations("150m", "150Mi");
    // Name, containers, usage, triggers, and what the HPA is to hold.
    let worker_busy = json!({"usage.bellows.dev/cpu.worker": "150m"});
    let two: &[&str] = &["worker", "proxy"];
    let one: &[&str] = &["worker"];
    let utilization = json!({"type": "Resource", "resource":
        {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}});
    let average = json!({"type": "Resource", "resource":
        {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "100m"}}});
    let memory = json!({"type": "Resource", "resource":
        {"name": "memory", "target": {"type": "AverageValue", "averageValue": "100Mi"}}});
    let of = |container: &str| {
        json!({"type": "ContainerResource", "containerResource":
            {"name": "cpu", "container": container, "target": {"type": "Utilization", "averageUtilization": 50}}})
    };
    let cases = [
        ("utilization", one, &busy, trigger("cpu", Some("Utilization"), &json!({"value": "50"})), &utilization),
        // The older place of the word, which KEDA refuses since 2.18.
        ("older", one, &busy, trigger("cpu", None, &json!({"type": "Utilization", "value": "50"})), &utilization),
        ("average", one, &busy, trigger("cpu", Some("AverageValue"), &json!({"value": "100m"})), &average),
        ("memory", one, &busy, trigger("memory", Some("AverageValue"), &json!({"value": "100Mi"})), &memory),
        ("worker", two, &worker_busy, container_trigger("worker"), &of("worker")),
        ("proxy", two, &worker_busy, container_trigger("proxy"), &of("proxy")),
    ];
    for (name, containers, usage, trigger, _) in &cases {
        deployment(&room, name, containers, usage)?;
        room.scaled(name, |spec| {
            spec["minReplicaCount"] = json!(1);
            spec["maxReplicaCount"] = json!(4);
            spec["triggers"] = json!([trigger]);
        })?;
    }
    deployment(&room, "mixed", one, &metrics_server::annotations("5m", "5Mi"))?;
    room.scaled("mixed", |spec| {
        spec["minReplicaCount"] = json!(1);
        let cpu = trigger("cpu", Some("Utilization"), &json!({"value": "50"}));
        spec["triggers"].as_array_mut().into_iter().for_each(|triggers| triggers.insert(0, cpu.clone()));
    })?;
    for (name, _, _, _, wanted) in &cases {
        room.until_ready(name)?;
        let metrics = metrics(&room, name)?;
        ensure!(metrics == json!([wanted]), "the HPA of {name} has {metrics}");
    }
    metrics_server.wait_for_figures(&stage.cluster, &room.namespace, "app=utilization")?;
    // Every new pod is as busy, so it goes on to the end.
    for name in ["utilization", "older", "average", "memory", "worker"] {
        until_replicas(&room, name, 4)?;
    }
    mixed(&room)?;
    // Its neighbour in the same pods was busy all the time.
    let replicas = room.replicas("proxy")?;
    ensure!(replicas == 1, "an idle container has {replicas} replicas");
    for name in ["utilization", "average", "memory"] {
        use_from_now_on(&room, name, "5m", "5Mi")?;
        until_replicas(&room, name, 1)?;
    }
    Ok(())
}

fn container_trigger(container: &str) -> Value {
    trigger("cpu", Some("Utilization"), &json!({"value": "50", "containerName": container}))
}

/// The larger wish of two triggers counts, whichever it is; an outage of one leaves the other at work.
fn mixed(room: &Room<'_>) -> Result<()> {
    let kinds = metrics(room, "mixed")?;
    let kinds: Vec<&Value> =
        kinds.as_array().context("an HPA has metrics")?.iter().map(|metric| &metric["type"]).collect();
    // In the order of their kinds, as KEDA writes them.
    ensure!(kinds == ["External", "Resource"], "the HPA of both has {kinds:?}");
    room.push("mixed", 60)?;
    until_replicas(room, "mixed", 6)?;
    room.empty("mixed")?;
    until_replicas(room, "mixed", 1)?;
    // Those that go are not to be annotated.
    room.until("one pod is left", || {
        let left = room.pods("mixed")?.len();
        ensure!(left == 1, "there are {left}");
        Ok(Some(()))
    })?;
    use_from_now_on(room, "mixed", "140m", "5Mi")?;
    // The one pod uses 2.8 times its share, and the new ones next to nothing.
    until_replicas(room, "mixed", 3)
}
