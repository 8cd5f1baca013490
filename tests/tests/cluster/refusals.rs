//! Objects that are not served, and why: fields of KEDA that this release does not have, and documents that are no
//! ScaledObjects.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;

const DEFINITIONS: &str = "customresourcedefinitions";
const DEFINITION: &str = "scaledobjects.keda.sh";

pub(crate) fn unsupported(stage: &Stage) -> Result<()> {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, &str); 2] = [
        (
            "formula",
            |object| {
                object["spec"]["triggers"][0]["name"] = json!("jobs");
                object["spec"]["advanced"] = json!({"scalingModifiers": {"formula": "jobs + 1", "target": "5"}});
            },
            "spec.advanced.scalingModifiers",
        ),
        (
            "paused",
            |object| object["metadata"]["annotations"] = json!({"autoscaling.keda.sh/paused": "true"}),
            "metadata.annotations[autoscaling.keda.sh/paused]",
        ),
    ];
    let room = Room::open(stage, "unsupported")?;
    for (name, edit, _) in cases {
        room.push(name, 20)?;
        room.deployment(name, 0, &json!([]))?;
        let mut manifest = room.manifest(name, |_| ());
        edit(&mut manifest);
        stage.api.apply("scaledobjects", &manifest)?;
    }
    for (name, _, field) in cases {
        let told = format!("{field}: not supported by this release of Bellows");
        let (_, reason, _) = room.until_ready_is(name, "False", &told)?;
        ensure!(reason == "ScaledObjectCheckFailed", "{name}: the reason is {reason}");
        ensure!(room.replicas(name)? == 0, "{name} was started");
        let hpa = stage.api.find("horizontalpodautoscalers", "unsupported", &format!("keda-hpa-{name}"))?;
        ensure!(hpa.is_none(), "{name} has an HPA");
    }
    Ok(())
}

/// Such objects are older than the definition's rules, or were stored while another product's definition was there.
pub(crate) fn unreadable(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "unreadable")?;
    room.workload("good", 0, |_| ())?;
    room.until_ready("good")?;
    let strict = stage.api.get(DEFINITIONS, "", DEFINITION)?["spec"]["versions"].clone();
    let mut lax = strict.clone();
    let schema = lax.pointer_mut("/0/schema/openAPIV3Schema/properties").context("the definition has a schema")?;
    schema["spec"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let allow = |versions: &Value| {
        stage.api.merge(DEFINITIONS, "", DEFINITION, &json!({"spec": {"versions": versions}})).map(drop)
    };
    allow(&lax)?;
    let outcome = beside(&room);
    allow(&strict)?;
    outcome?;
    // The definition was changed twice, and with each change the watches began anew.
    room.push("good", 20)?;
    room.until_replicas("good", 3)?;
    room.until_ready("good")
}

fn beside(room: &Room<'_>) -> Result<()> {
    room.deployment("bad", 1, &json!([]))?;
    room.until("the lax definition is in force", || {
        room.scaled("bad", |spec| spec["triggers"] = json!("none")).map(Some)
    })?;
    let (_, reason, message) = room.until_ready_is("bad", "False", "spec.triggers: ")?;
    ensure!(reason == "ScaledObjectCheckFailed", "the reason is {reason}: {message}");
    room.push("good", 10)?;
    room.until_replicas("good", 1)?;
    room.until_ready("good")?;
    // Corrected, it is served; the definition does not matter for that.
    room.push("bad", 20)?;
    room.scaled("bad", |_| ())?;
    room.until_ready("bad")?;
    room.until_replicas("bad", 2)?;
    // And what becomes unreadable while it is served goes like any other.
    room.scaled("bad", |spec| spec["triggers"] = json!("none"))?;
    room.until_ready_is("bad", "False", "spec.triggers: ")?;
    room.stage.api.delete("scaledobjects", &room.namespace, "bad")?;
    room.until("it is gone", || {
        Ok(room.stage.api.find("scaledobjects", &room.namespace, "bad")?.is_none().then_some(()))
    })
}
