//! What a Scaler grants its component: where it may be led, what may enter it, what it may use.

use anyhow::{Context, Result, ensure};
use bellows_tests::paths;
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;
use crate::supply::{example, push, scaler, until};

/// A host that is not granted is refused and named, with the patch; once it is granted, replicas move; once it is taken
/// away again, nothing is asked there any more, and the workload holds. Alone, because other trials bring the same component.
pub(crate) fn hosts(stage: &mut Stage) -> Result<()> {
    let stage = &*stage;
    let room = Room::open(stage, "rights-hosts")?;
    let image = push(stage, &example("bullmq.wasm"), "team/rights-hosts:1")?;
    let grants = json!({"capabilities": ["redis"], "hosts": ["*.shop.svc"]});
    scaler(stage, "rights-hosts", &json!({"image": image, "grants": grants, "allowedNamespaces": [room.namespace]}))?;
    until(&room, "rights-hosts", "Ready", ("True", "Serving"))?;
    let address = stage.redis.address();
    let trigger = json!([{"type": "bullmq", "metadata": {
        "address": address.to_string(), "queueName": "rights", "jobsPerReplica": "10",
    }}]);
    room.workload("mail", 0, |spec| spec["triggers"] = trigger)?;
    stage.redis.push("bull:rights:wait", 25)?;

    let refused =
        format!("spec.triggers[0].metadata.address: hosts of Scaler rights-hosts do not allow {address}: granted is");
    let (_, _, message) = room.until_ready_is("mail", "False", &refused)?;
    let way = "kubectl patch scaler rights-hosts --type json";
    ensure!(message.contains(way), "{message}");
    ensure!(room.replicas("mail")? == 0, "the workload was scaled by what it may not read");

    let granted = json!({"spec": {"grants": {"hosts": ["*.shop.svc", "127.0.0.0/8"], "ports": [address.port()]}}});
    stage.api.merge("scalers", "", "rights-hosts", &granted)?;
    room.until_ready("mail")?;
    room.until_replicas("mail", 3)?;
    let rights = format!("hosts *.shop.svc, 127.0.0.0/8; ports {}", address.port());
    room.until("the status tells the rights", || {
        let status = stage.api.get("scalers", "", "rights-hosts")?["status"].clone();
        ensure!(status["rights"].as_str().is_some_and(|told| told.contains(&rights)), "{status}");
        Ok(Some(()))
    })?;

    // For this namespace alone another port is granted, so this one is not.
    let some = json!([{"names": [room.namespace], "ports": [1]}]);
    stage.api.merge("scalers", "", "rights-hosts", &json!({"spec": {"grants": {"namespaces": some}}}))?;
    let (_, _, message) = room.until_ready_is("mail", "False", "ports of Scaler rights-hosts do not allow")?;
    ensure!(message.contains("/spec/grants/namespaces/0/ports/-"), "{message}");
    ensure!(room.replicas("mail")? == 3, "the workload was scaled for want of a right");
    stage.api.delete("scalers", "", "rights-hosts")
}

/// What an authentication gives and feeds no connection is granted by name, and limits stay below the host's ceiling.
pub(crate) fn secrets_and_limits(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "rights-secrets")?;
    let component = paths::scalers().join("rabbitmq.wasm").display().to_string();
    let image = push(stage, &component, "team/rights-secrets:1")?;
    let grants = json!({"capabilities": ["amqp", "http"]});
    // It never comes into service: another trial brings the same component, and this one is about what is said of it.
    let spec = json!({"image": image, "grants": grants});
    scaler(stage, "rights-secrets", &spec)?;
    let message = until(&room, "rights-secrets", "Granted", ("False", "GrantMissing"))?;
    ensure!(message.contains("protocol and vhostName would enter the component itself"), "{message}");
    let patch = message.split("--patch '").nth(1).and_then(|rest| rest.split('\'').next());
    let mut patch: Value = serde_json::from_str(patch.context("the message holds the patch")?)?;
    ensure!(patch["spec"]["grants"]["secrets"] == json!(["protocol", "vhostName"]), "{patch}");

    patch["spec"]["limits"] = json!({"memory": "65Mi", "processorTime": 100, "hostCalls": 10});
    let above = patch;
    stage.api.merge("scalers", "", "rights-secrets", &above)?;
    let message = until(&room, "rights-secrets", "Granted", ("False", "AboveCeiling"))?;
    let told = "spec.limits.memory: 65Mi is above the ceiling of this host, 64Mi";
    ensure!(message.contains(told) && message.contains("--scaler-memory-max"), "{message}");
    let walk = json!({"spec": {"limits": {"memory": "32Mi"}, "grants": {"redisCommands": ["KEYS"]}}});
    stage.api.merge("scalers", "", "rights-secrets", &walk)?;
    let message = room.until("KEYS is refused", || {
        let message = until(&room, "rights-secrets", "Granted", ("False", "AboveCeiling"))?;
        ensure!(message.starts_with("spec.grants.redisCommands[0]"), "{message}");
        Ok(Some(message))
    })?;
    ensure!(message.contains("\"KEYS\" cannot be granted"), "{message}");
    stage.api.delete("scalers", "", "rights-secrets")
}
