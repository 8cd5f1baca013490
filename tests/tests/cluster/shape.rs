//! What other programs and people see of a served object: the HPA, the status, columns, Events. KEDA's shape, so that
//! dashboards and habits carry over.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::room::{Room, SOON};
use crate::stage::Stage;
use bellows_tests::wait::{self, Stop};

fn same(what: &str, found: &Value, wanted: &Value) -> Result<()> {
    ensure!(found == wanted, "{what} is {found:#}\nnot {wanted:#}");
    Ok(())
}

pub(crate) fn golden(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "golden")?;
    room.push("web", 35)?;
    room.deployment("web", 2, &json!([]))?;
    let mut manifest = room.manifest("web", |spec| spec["minReplicaCount"] = json!(1));
    manifest["metadata"]["labels"] = json!({"team": "checkout"});
    stage.api.apply("scaledobjects", &manifest)?;
    room.until_ready("web")?;
    room.until_replicas("web", 4)?;

    let (hpa, object) = (room.hpa("web")?, room.object("web")?);
    let labels = json!({
        "app.kubernetes.io/managed-by": "keda-operator",
        "app.kubernetes.io/name": "keda-hpa-web",
        "app.kubernetes.io/part-of": "web",
        "app.kubernetes.io/version": "2.21.0",
        "scaledobject.keda.sh/name": "web",
        "team": "checkout",
    });
    same("labels of the HPA", &hpa["metadata"]["labels"], &labels)?;
    let owner = json!([{
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": object["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    }]);
    same("the owner of the HPA", &hpa["metadata"]["ownerReferences"], &owner)?;
    let spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1, "maxReplicas": 10,
        "metrics": [{"type": "External", "external": {
            "metric": {
                "name": "s0-redis-golden-web",
                "selector": {"matchLabels": {"scaledobject.keda.sh/name": "web"}},
            },
            "target": {"type": "AverageValue", "averageValue": "10"},
        }}],
    });
    same("the spec of the HPA", &hpa["spec"], &spec)?;
    status(&room)
}

fn status(room: &Room<'_>) -> Result<()> {
    let status = room.until("the HPA calls itself active", || {
        let (status, ..) = room.condition("web", "HPAActive")?;
        Ok(if status == "True" { Some(room.object("web")?["status"].clone()) } else { None })
    })?;
    let conditions = status["conditions"].as_array().context("there are conditions")?;
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|condition| json!([condition["type"], condition["status"], condition["reason"]]))
        .collect();
    let wanted = json!([
        ["Ready", "True", "ScaledObjectReady"],
        ["Active", "True", "ScalerActive"],
        ["Fallback", "False", "NoFallbackFound"],
        ["Paused", "False", "ScaledObjectUnpaused"],
        ["HPAActive", "True", "HPAActive"],
    ]);
    same("the conditions", &conditions.into(), &wanted)?;
    ensure!(status["lastActiveTime"].is_string(), "it was never active: {status}");
    let mut rest = status;
    if let Some(fields) = rest.as_object_mut() {
        fields.retain(|name, _| !["conditions", "lastActiveTime"].contains(&name.as_str()));
    }
    let wanted = json!({
        "scaleTargetKind": "apps/v1.Deployment",
        "scaleTargetGVKR": {"group": "apps", "version": "v1", "kind": "Deployment", "resource": "deployments"},
        "originalReplicaCount": 2,
        "externalMetricNames": ["s0-redis-golden-web"],
        "hpaName": "keda-hpa-web",
        "triggersActivity": {"s0-redis-golden-web": {"isActive": true}},
        "triggersTypes": "redis",
    });
    same("the rest of the status", &rest, &wanted)
}

pub(crate) fn for_people(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "people")?;
    room.push("web", 27)?;
    room.workload("web", 0, |_| ())?;
    room.until_replicas("web", 3)?;
    wait::until(&Stop::default(), "kubectl prints the average", SOON, || {
        let printed = stage.cluster.kubectl(&["get", "hpa", "--namespace=people", "--no-headers"])?;
        let words: Vec<&str> = printed.split_whitespace().collect();
        ensure!(words.starts_with(&["keda-hpa-web", "Deployment/web", "9/10", "(avg)", "1", "10", "3"]), "{printed}");
        Ok(Some(()))
    })?;
    room.until_ready("web")?;
    room.until("it is active", || Ok((room.condition("web", "Active")?.0 == "True").then_some(())))?;
    let printed = stage.cluster.kubectl(&["get", "so", "--namespace=people"])?;
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let [header, row] = lines.as_slice() else { anyhow::bail!("two lines, not {printed}") };
    let columns =
        "NAME SCALETARGETKIND SCALETARGETNAME MIN MAX READY ACTIVE FALLBACK PAUSED TRIGGERS AUTHENTICATIONS AGE";
    ensure!(header.join(" ") == columns, "the columns are {header:?}");
    // An empty cell has no word: the lower bound and the authentications.
    ensure!(row.join(" ").starts_with("web apps/v1.Deployment web 10 True True False False redis"), "it reads {row:?}");

    room.empty("web")?;
    room.until_replicas("web", 0)?;
    let reasons = room.until("the Events are there", || {
        let reasons: Vec<String> = room.events("web")?.into_iter().map(|(reason, _)| reason).collect();
        Ok(reasons.contains(&"KEDAScaleTargetDeactivated".to_owned()).then_some(reasons))
    })?;
    for reason in ["ScaledObjectReady", "KEDAScaleTargetActivated", "KEDAScaleTargetDeactivated"] {
        let count = reasons.iter().filter(|told| *told == reason).count();
        ensure!(count == 1, "{reason} was told {count} times: {reasons:?}");
    }
    long_message(&room)
}

/// A message longer than the 128 characters of an Event's action, and than most buffers.
fn long_message(room: &Room<'_>) -> Result<()> {
    let unknown = "an-unknown-type-".repeat(20);
    room.workload("long", 0, |spec| spec["triggers"][0]["type"] = json!(unknown))?;
    // It ends with the types that are served, which another trial may just change.
    room.until("the Event says what the condition does", || {
        let (_, _, message) = room.until_ready_is("long", "False", &unknown)?;
        let events = room.events("long")?;
        let mut notes = events.iter().filter(|(reason, _)| reason == "ScaledObjectCheckFailed").map(|(_, note)| note);
        ensure!(notes.any(|note| *note == message), "the Events are {events:?}, the condition {message:?}");
        Ok(Some(()))
    })
}
