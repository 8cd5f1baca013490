//! How objects go: with their HPA, at once, and without holding anything up.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::room::Room;
use crate::stage::Stage;

pub(crate) fn deleted(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "deleted")?;
    for (name, restore) in [("stays", false), ("restored", true)] {
        room.push(name, 40)?;
        room.workload(name, 2, |spec| spec["advanced"] = json!({"restoreToOriginalReplicaCount": restore}))?;
    }
    for (name, replicas) in [("stays", 4), ("restored", 2)] {
        room.until_replicas(name, 4)?;
        room.until_ready(name)?;
        let began = Instant::now();
        stage.api.delete("scaledobjects", "deleted", name)?;
        room.until("it is gone", || Ok(stage.api.find("scaledobjects", "deleted", name)?.is_none().then_some(())))?;
        ensure!(began.elapsed() < Duration::from_secs(2), "{name} was gone after {:?}", began.elapsed());
        room.until("its HPA is gone", || {
            let hpa = stage.api.find("horizontalpodautoscalers", "deleted", &format!("keda-hpa-{name}"))?;
            Ok(hpa.is_none().then_some(()))
        })?;
        room.until_replicas(name, replicas)?;
    }
    Ok(())
}

pub(crate) fn namespace(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "whole-namespace")?;
    let names = ["one", "two", "three", "four", "five"];
    for name in names {
        room.push(name, 20)?;
        room.workload(name, 0, |_| ())?;
    }
    for name in names {
        room.until_ready(name)?;
    }
    stage.api.delete("namespaces", "", "whole-namespace")?;
    room.until("the namespace is gone", || {
        let Some(left) = stage.api.find("namespaces", "", "whole-namespace")? else { return Ok(Some(())) };
        anyhow::bail!("it holds on to {:#}", left["status"])
    })
}
