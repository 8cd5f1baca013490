//! What an object costs the API server: counted by Bellows' own count of its requests, with nothing else going on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::room::{Room, told};
use crate::stage::Stage;

/// KEDA makes 15 requests for a new object.
const WRITES_MAX: u64 = 4;
/// At a poll each second this is ten chances to write what was written before.
const WHILE: Duration = Duration::from_secs(10);
/// An Event follows what it tells of by less than this.
const QUIET: Duration = Duration::from_secs(2);

/// Requests for objects that change something. Reviews of access and our registration are not about objects.
fn writes(stage: &Stage) -> Result<u64> {
    let mut count = 0;
    for verb in ["create", "update", "patch", "delete"] {
        let verb = format!("verb=\"{verb}\"");
        for resource in
            ["scaledobjects", "scaledobjects/status", "horizontalpodautoscalers", "deployments/scale", "events"]
        {
            count += stage.counted("bellows_api_requests_total", &[&verb, &format!("resource=\"{resource}\"")])?;
        }
    }
    Ok(count)
}

/// What was written when nothing is written any more: what other trials left is gone, and its last Events are told.
fn settled(room: &Room<'_>) -> Result<u64> {
    for kind in ["scaledobjects", "triggerauthentications"] {
        room.until("no other object is left", || {
            let left = room.stage.api.list(kind, "")?;
            ensure!(left.is_empty(), "{} {kind} are left", left.len());
            Ok(Some(()))
        })?;
    }
    let (mut count, mut since) = (writes(room.stage)?, Instant::now());
    room.until("nothing is written", || {
        let now = writes(room.stage)?;
        if now != count {
            (count, since) = (now, Instant::now());
        }
        Ok((since.elapsed() >= QUIET).then_some(count))
    })
}

pub(crate) fn counted(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "counted")?;
    let before = settled(&room)?;
    room.workload("web", 0, |_| ())?;
    room.until_ready("web")?;
    room.until("the HPA had a look at it", || told(&room.hpa("web")?, "ScalingActive").map(Some))?;
    let mut first = 0;
    room.stays("it costs no more than four writes", WHILE, || {
        first = writes(stage)? - before;
        Ok(first <= WRITES_MAX)
    })
    .with_context(|| format!("it cost {first}"))?;
    room.stays("nothing is written that changes nothing", WHILE, || Ok(writes(stage)? - before == first))?;

    // The trial of a start needs the stage whole, and its namespace is still wanted after it.
    room.leave();
    stage.bellows.terminate()?;
    stage.start_again()?;
    let room = Room::open(stage, "counted")?;
    room.until("it is polled again", || {
        let read = stage.counted("bellows_polls_total", &["outcome=\"read\""])?;
        Ok((read > 0).then_some(()))
    })?;
    room.stays("a restart writes nothing", WHILE, || Ok(writes(stage)? == 0))?;
    let ready = room.condition("web", "Ready")?;
    ensure!(ready.0 == "True", "it is {ready:?}");
    room.workload("another", 0, |spec| spec["cooldownPeriod"] = json!(30))?;
    room.until_ready("another")
}
