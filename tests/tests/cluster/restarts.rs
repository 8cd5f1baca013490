//! Bellows or the API server ends in the middle of everything and comes back: nothing is lowered for it, and nothing
//! that happened meanwhile is missed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bellows_tests::services::{Redis, RedisOptions};
use serde_json::json;

use crate::outages::patient;
use crate::room::Room;
use crate::stage::Stage;

pub(crate) fn killed(stage: &mut Stage) -> Result<()> {
    const COOLDOWN: Duration = Duration::from_secs(10);
    let room = Room::open(stage, "host-killed")?;
    room.push("web", 20)?;
    room.workload("web", 0, |spec| {
        patient(spec);
        spec["cooldownPeriod"] = json!(COOLDOWN.as_secs());
    })?;
    room.until_remembered("web", 2)?;
    room.until_ready("web")?;
    let generation = room.generation("web")?;
    room.leave();
    stage.bellows.sigkill()?;
    let room = Room::open(stage, "host-killed")?;
    room.empty("web")?;
    // Without anybody to ask, an HPA holds; a few of its rounds.
    room.stays("two workers run without a host", Duration::from_secs(4), || Ok(room.generation("web")? == generation))?;
    room.leave();
    let started = Instant::now();
    stage.start_again()?;
    let room = Room::open(stage, "host-killed")?;
    room.until_replicas("web", 0)?;
    let after = started.elapsed();
    ensure!(after >= COOLDOWN, "stopped {after:?} after a start that knew nothing yet");
    ensure!(room.generation("web")? == generation + 1, "there was a step in between");
    Ok(())
}

pub(crate) fn in_the_dark(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "host-in-the-dark")?;
    let mut redis = Redis::start(RedisOptions::default())?;
    redis.push("jobs", 20)?;
    room.workload("web", 0, |spec| {
        patient(spec);
        spec["triggers"] = json!([room.trigger(&redis.address().to_string(), "jobs")]);
    })?;
    room.until_remembered("web", 2)?;
    room.until_ready("web")?;
    let generation = room.generation("web")?;
    room.leave();
    stage.bellows.sigkill()?;
    redis.kill()?;
    stage.start_again()?;
    let room = Room::open(stage, "host-in-the-dark")?;
    room.until_ready_is("web", "False", "nothing is scaled down")?;
    // Three times the cooldown.
    room.stays("two workers run", Duration::from_secs(9), || Ok(room.generation("web")? == generation))?;
    redis.start_again()?;
    redis.push("jobs", 20)?;
    room.until_ready("web")?;
    ensure!(room.generation("web")? == generation, "the workers were changed");
    Ok(())
}

pub(crate) fn deleted_meanwhile(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "deleted-meanwhile")?;
    room.push("web", 40)?;
    room.workload("web", 2, |spec| spec["advanced"] = json!({"restoreToOriginalReplicaCount": true}))?;
    room.until_replicas("web", 4)?;
    room.until_ready("web")?;
    room.leave();
    stage.bellows.sigkill()?;
    let room = Room::open(stage, "deleted-meanwhile")?;
    stage.api.delete("scaledobjects", &room.namespace, "web")?;
    let object = room.object("web")?;
    ensure!(object["metadata"]["deletionTimestamp"].is_string(), "nothing holds it: {object:#}");
    room.leave();
    stage.start_again()?;
    let room = Room::open(stage, "deleted-meanwhile")?;
    room.until("it is gone", || Ok(stage.api.find("scaledobjects", &room.namespace, "web")?.is_none().then_some(())))?;
    room.until_replicas("web", 2)
}

pub(crate) fn api_server(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "api-server")?;
    room.workload("web", 0, |_| ())?;
    room.workload("running", 1, |spec| {
        patient(spec);
        spec["minReplicaCount"] = json!(1);
    })?;
    room.until_ready("web")?;
    room.until_ready("running")?;
    room.leave();
    let before = stage.bellows.process().id();
    stage.cluster.restart_api_server()?;
    let room = Room::open(stage, "api-server")?;
    room.push("web", 20)?;
    room.until_replicas("web", 2)?;
    room.scaled("running", |spec| {
        spec["minReplicaCount"] = json!(1);
        spec["maxReplicaCount"] = json!(7);
    })?;
    room.until("a change is seen", || Ok((room.hpa("running")?["spec"]["maxReplicas"] == 7).then_some(())))?;
    room.push("new", 30)?;
    room.workload("new", 0, |_| ())?;
    room.until_replicas("new", 3)?;
    room.until_ready("new")?;
    room.leave();
    stage.bellows.process().check()?;
    ensure!(stage.bellows.process().id() == before, "it is another process");
    Room::open(stage, "api-server").map(drop)
}
