//! Scalers that select namespaces by their labels: rights come and go with a label, and while nobody knows the labels nobody
//! is served by them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;
use crate::supply::{example, push, scaler, until};

/// Longer than any cooldown of a room.
const A_WHILE: Duration = Duration::from_secs(8);

/// A workload whose queue holds 25 jobs, which are three replicas.
fn workload(room: &Room<'_>) -> Result<()> {
    let address = room.stage.redis.address().to_string();
    let trigger = json!([{"type": "bullmq", "metadata": {
        "address": address, "queueName": room.namespace, "jobsPerReplica": "10",
    }}]);
    room.stage.redis.push(&queue(room), 25)?;
    room.workload("mail", 0, |spec| spec["triggers"] = trigger)
}

fn queue(room: &Room<'_>) -> String {
    format!("bull:{}:wait", room.namespace)
}

/// Gives the namespace a label, or takes it away.
fn label(room: &Room<'_>, key: &str, value: Option<&str>) -> Result<()> {
    let labels = json!({"metadata": {"labels": {key: value}}});
    room.stage.api.merge("namespaces", "", &room.namespace, &labels).map(drop)
}

/// A source that is empty by now lowers nothing, because nobody reads it any more.
fn holds(room: &Room<'_>) -> Result<()> {
    room.stage.redis.cli(&["DEL", &queue(room)])?;
    room.stays("three replicas", A_WHILE, || Ok(room.replicas("mail")? == 3))
}

/// A wider right comes with a label and goes with it; what is read no more holds, and is read again once it may be.
pub(crate) fn granted(stage: &Stage) -> Result<()> {
    let _turn = crate::rollouts::turn();
    let room = Room::open(stage, "labels-granted")?;
    let image = push(stage, &example("bullmq.wasm"), "team/labels-granted:1")?;
    let wide = json!([{"selector": {"matchLabels": {"reach": "wide"}}, "hosts": ["127.0.0.0/8"]}]);
    let grants = json!({"capabilities": ["redis"], "hosts": ["*.shop.svc"], "namespaces": wide});
    scaler(stage, "labels-granted", &json!({"image": image, "grants": grants}))?;
    until(&room, "labels-granted", "Ready", ("True", "Serving"))?;
    until(&room, "labels-granted", "Granted", ("True", "Granted"))?;
    workload(&room)?;
    let general = "hosts of Scaler labels-granted do not allow 127.0.0.1";
    let (_, _, message) = room.until_ready_is("mail", "False", general)?;
    ensure!(message.contains("granted is *.shop.svc"), "{message}");
    ensure!(room.replicas("mail")? == 0, "the workload was scaled by what it may not read");

    label(&room, "reach", Some("wide"))?;
    room.until_ready("mail")?;
    room.until_replicas("mail", 3)?;
    room.until("the status tells the rights", || {
        let status = stage.api.get("scalers", "", "labels-granted")?["status"].clone();
        let rights = status["rights"].as_str().unwrap_or_default();
        ensure!(rights.ends_with("; in namespaces with reach=wide: hosts 127.0.0.0/8"), "{status}");
        Ok(Some(()))
    })?;

    label(&room, "reach", None)?;
    room.until_ready_is("mail", "False", general)?;
    holds(&room)?;
    label(&room, "reach", Some("wide"))?;
    room.until_ready("mail")?;
    room.until_replicas("mail", 0)?;
    stage.api.delete("scalers", "", "labels-granted")
}

/// Who may use it at all is decided by a label, too.
pub(crate) fn allowed(stage: &Stage) -> Result<()> {
    let _turn = crate::rollouts::turn();
    let room = Room::open(stage, "labels-allowed")?;
    let image = push(stage, &example("bullmq.wasm"), "team/labels-allowed:1")?;
    let mut spec = json!({"image": image, "grants": {"capabilities": ["redis"]}, "allowedNamespaceSelector": {}});
    scaler(stage, "labels-allowed", &spec)?;
    let message = until(&room, "labels-allowed", "Granted", ("False", "InvalidGrants"))?;
    ensure!(message.starts_with("spec.allowedNamespaceSelector: selects all namespaces: leave it out"), "{message}");
    let selector = json!({"matchExpressions": [{"key": "team", "operator": "In", "values": ["shop", "post"]}]});
    spec["allowedNamespaceSelector"] = selector;
    scaler(stage, "labels-allowed", &spec)?;
    until(&room, "labels-allowed", "Ready", ("True", "Serving"))?;
    workload(&room)?;
    let withheld = "Scaler labels-allowed serves trigger type bullmq, but its spec.allowedNamespaceSelector, team in (shop, \
                    post), does not select labels-allowed";
    room.until_ready_is("mail", "False", withheld)?;

    label(&room, "team", Some("post"))?;
    room.until_ready("mail")?;
    room.until_replicas("mail", 3)?;
    label(&room, "team", Some("press"))?;
    room.until_ready_is("mail", "False", withheld)?;
    holds(&room)?;
    stage.api.delete("scalers", "", "labels-allowed")
}

/// A host that may not read labels serves whom a name decides of, says which rule it lacks, and takes the others up by
/// itself once it has it.
pub(crate) fn unread(stage: &mut Stage) -> Result<()> {
    let rules = stage.api.get("clusterroles", "", "bellows-cluster")?["rules"].clone();
    let mut less = rules.as_array().cloned().context("there are rules")?;
    less.retain(|rule| rule["resources"] != json!(["namespaces"]));
    ensure!(Some(less.len() + 1) == rules.as_array().map(Vec::len), "{rules}");
    stage.api.merge("clusterroles", "", "bellows-cluster", &json!({"rules": less}))?;
    stage.bellows.sigkill()?;
    stage.start_again()?;

    let stage = &*stage;
    let (named, room) = (Room::open(stage, "labels-named")?, Room::open(stage, "labels-unread")?);
    label(&room, "reach", Some("wide"))?;
    let image = push(stage, &example("bullmq.wasm"), "team/labels-unread:1")?;
    let some = json!([{"names": ["labels-named"]}, {"selector": {"matchLabels": {"reach": "wide"}}}]);
    let grants = json!({"capabilities": ["redis"], "namespaces": some});
    scaler(stage, "labels-unread", &json!({"image": image, "grants": grants}))?;
    let message = until(&room, "labels-unread", "Granted", ("False", "NamespacesUnread"))?;
    until(&room, "labels-unread", "Ready", ("True", "Serving"))?;
    workload(&named)?;
    named.until_replicas("mail", 3)?;
    workload(&room)?;
    let unknown = "what it may do for labels-unread is decided by labels, and labels of namespaces are not known yet: ";
    room.until_ready_is("mail", "False", unknown)?;
    ensure!(room.replicas("mail")? == 0, "the workload was scaled although nobody knows its rights");

    let patch = message.split("--patch '").nth(1).and_then(|rest| rest.split('\'').next());
    let patch: Value = serde_json::from_str(patch.context("the message holds the patch")?)?;
    ensure!(patch[0]["op"] == "add" && patch[0]["path"] == "/rules/-", "{patch}");
    less.push(patch[0]["value"].clone());
    stage.api.merge("clusterroles", "", "bellows-cluster", &json!({"rules": less}))?;
    until(&room, "labels-unread", "Granted", ("True", "Granted"))?;
    room.until_ready("mail")?;
    room.until_replicas("mail", 3)?;
    stage.api.delete("scalers", "", "labels-unread")?;
    // As the chart has it.
    stage.api.merge("clusterroles", "", "bellows-cluster", &json!({"rules": rules})).map(drop)
}
