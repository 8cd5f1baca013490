//! Components that come late, come broken, or misbehave, beside others that must not notice.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellows_tests::paths;
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;

/// Puts a file into the folder of scalers as an installer would: whole or not at all.
fn place(stage: &Stage, name: &str, bytes: &[u8]) -> Result<()> {
    let unfinished = stage.scalers.join(format!("{name}.unfinished"));
    fs::write(&unfinished, bytes).with_context(|| format!("write {}", unfinished.display()))?;
    fs::rename(&unfinished, stage.scalers.join(name)).with_context(|| format!("place {name}"))
}

/// A trigger of a component that does wrong on request.
fn trigger(kind: &str, behaves: bool) -> Value {
    json!([{"type": kind, "metadata": {"behaves": behaves.to_string()}}])
}

pub(crate) fn come_and_fail(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "components")?;
    room.workload("late", 0, |spec| spec["triggers"] = trigger("nan", true))?;
    let unserved = "spec.triggers[0].type: no scaler is loaded that serves trigger type nan; loaded: cpu, \
         kubernetes-workload, memory, redis";
    room.until_ready_is("late", "False", unserved)?;
    let whole = fs::read(paths::target().join("guests/misbehaving.wasm")).context("read the guest")?;
    place(stage, "misbehaving.wasm", &whole)?;
    room.until_ready("late")?;
    room.until_replicas("late", 1)?;

    let half = whole.get(..whole.len() / 2).unwrap_or_default();
    place(stage, "misbehaving.wasm", half)?;
    room.until("the half is refused", || {
        let log = stage.log()?;
        let refused = log.lines().any(|line| line.contains("scaler refused") && line.contains("misbehaving.wasm"));
        Ok(refused.then_some(()))
    })?;
    room.workload("later", 0, |spec| spec["triggers"] = trigger("nan", true))?;
    room.until_replicas("later", 1)?;
    room.until_ready("later")?;
    culprits(&room)
}

/// All triggers of the component in a namespace travel in one call.
fn culprits(room: &Room<'_>) -> Result<()> {
    let kinds = [("trap", "trap"), ("loop", "deadline"), ("greed", "memory")];
    for (kind, _) in kinds {
        room.workload(kind, 1, |spec| {
            spec["triggers"] = trigger(kind, false);
            // A loop takes a core for as long as it may.
            spec["pollingInterval"] = json!(5);
        })?;
    }
    for (kind, code) in kinds {
        room.until_ready_is(kind, "False", &format!("{code}: "))?;
    }
    let before = [room.generation("late")?, room.generation("later")?];
    // At least one more call of each culprit, with the others in the same one.
    room.stays("the others are ready and keep their replicas", Duration::from_secs(8), || {
        let ready = room.condition("late", "Ready")?.0 == "True" && room.condition("later", "Ready")?.0 == "True";
        Ok(ready && [room.generation("late")?, room.generation("later")?] == before)
    })?;
    for (kind, _) in kinds {
        ensure!(room.replicas(kind)? == 1, "{kind} was scaled");
    }
    Ok(())
}
