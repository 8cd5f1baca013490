//! A workload that follows the pods of another one, or the nodes that they run on; and a selector that nobody can read.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;

/// A Deployment at zero and an object that scales it on pods of the Deployment `servers`.
fn follower(room: &Room<'_>, name: &str, metadata: &Value) -> Result<()> {
    room.workload(name, 0, |spec| spec["triggers"] = json!([{"type": "kubernetes-workload", "metadata": metadata}]))
}

fn servers(room: &Room<'_>, count: u32) -> Result<()> {
    let patch = json!({"spec": {"replicas": count}});
    room.stage.api.merge("deployments", &room.namespace, "servers", &patch).map(drop)
}

pub(crate) fn followed(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "followed")?;
    room.deployment("servers", 0, &json!([]))?;
    follower(&room, "proxy", &json!({"podSelector": "app in (servers), !canary", "value": "1"}))?;
    follower(&room, "half", &json!({"podSelector": "app=servers", "value": "2", "activationValue": "2"}))?;
    follower(&room, "by-node", &json!({"podSelector": "app=servers", "value": "1", "groupByNode": "true"}))?;
    room.until_ready("proxy")?;
    servers(&room, 2)?;
    room.until_replicas("proxy", 2)?;
    // Two are no more than its activation.
    ensure!(room.replicas("half")? == 0, "half was started by two pods");
    servers(&room, 4)?;
    room.until_replicas("proxy", 4)?;
    room.until_replicas("half", 2)?;
    let pods = until_running(&room, 4)?;
    let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
    room.until_replicas("by-node", nodes.len() as u64)?;
    let hpa = room.hpa("proxy")?;
    ensure!(hpa["spec"]["metrics"][0]["external"]["metric"]["name"] == "s0-workload-followed", "{hpa}");

    failed_pods_are_no_pods(&room)?;
    servers(&room, 1)?;
    room.until_replicas("proxy", 1)?;
    servers(&room, 0)?;
    for name in ["proxy", "half", "by-node"] {
        room.until_replicas(name, 0)?;
    }
    Ok(())
}

/// Waits until so many servers run. Before that they have no node yet, and a phase that somebody else still writes.
fn until_running(room: &Room<'_>, count: usize) -> Result<Vec<Value>> {
    room.until(&format!("{count} servers run"), || {
        let mut pods = room.pods("servers")?;
        pods.retain(|pod| pod["status"]["phase"] == "Running");
        ensure!(pods.len() == count, "{} run", pods.len());
        Ok(Some(pods))
    })
}

/// A fifth server that failed. It has failed before it is a server, and neither a scheduler nor a ReplicaSet knows it, so
/// that at no moment there are more or fewer than the four that are followed.
fn failed_pods_are_no_pods(room: &Room<'_>) -> Result<()> {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "failed", "namespace": room.namespace},
        "spec": {"schedulerName": "nobody", "containers": [{"name": "worker", "image": "worker"}]},
    });
    room.stage.api.apply("pods", &manifest)?;
    let namespace = format!("--namespace={}", room.namespace);
    let failed = r#"--patch={"status":{"phase":"Failed"}}"#;
    room.stage.cluster.kubectl(&["patch", "pod", "failed", &namespace, "--subresource=status", failed])?;
    room.stage.api.merge("pods", &room.namespace, "failed", &json!({"metadata": {"labels": {"app": "servers"}}}))?;
    ensure!(room.pods("servers")?.len() == 5, "it is no server");
    // Three polls.
    room.stays("four pods are followed", Duration::from_secs(3), || Ok(room.replicas("proxy")? == 4))
}

pub(crate) fn unreadable_selector(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "unreadable-selector")?;
    follower(&room, "web", &json!({"podSelector": "app=web,tier in front", "value": "0"}))?;
    let wrong = "spec.triggers[0].metadata.podSelector: is no label selector: expected ( instead of \"front\"";
    let (_, reason, message) = room.until_ready_is("web", "False", wrong)?;
    ensure!(reason == "ScaledObjectCheckFailed", "the reason is {reason}");
    ensure!(message.contains("spec.triggers[0].metadata.value: accepted is a number above 0"), "{message}");
    ensure!(room.replicas("web")? == 0, "it was scaled");
    Ok(())
}
