//! Sources that are away, silent, empty for a moment, or dark: nothing is lowered, nobody else is slowed, and everybody
//! is told.
//!
//! Objects here keep Kubernetes' own 300 s before an HPA scales down, which the trials' cluster has set to nothing: what
//! is proven is what Bellows does.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bellows_tests::services::{BlackHole, Redis, RedisOptions};
use serde_json::{Value, json};

use crate::room::{Room, told};
use crate::stage::Stage;

/// Patience of an HPA as Kubernetes has it by default.
pub(crate) fn patient(spec: &mut Value) {
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 300}});
    spec["advanced"] = json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
}

/// A workload on a Redis of its own, with 30 items and so 3 replicas.
fn three_workers(room: &Room<'_>, redis: &Redis, interval: u32) -> Result<()> {
    redis.push("jobs", 30)?;
    room.workload("web", 0, |spec| {
        patient(spec);
        (spec["pollingInterval"], spec["cooldownPeriod"]) = (json!(interval), json!(10));
        spec["triggers"] = json!([room.trigger(&redis.address().to_string(), "jobs")]);
    })?;
    room.until_remembered("web", 3)
}

pub(crate) fn killed(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "killed")?;
    let mut redis = Redis::start(RedisOptions::default())?;
    three_workers(&room, &redis, 5)?;
    let generation = room.generation("web")?;
    redis.kill()?;
    let killed = Instant::now();
    let (_, reason, message) = room.until_ready_is("web", "False", "nothing is scaled down")?;
    ensure!(reason == "TriggerError" && message.contains(&redis.address().to_string()), "{reason} {message}");

    // Six times the cooldown, and twice the 20 s for which a reading stands at this interval.
    let minute = Duration::from_secs(60).saturating_sub(killed.elapsed());
    room.stays("three workers run while Redis is away", minute, || Ok(room.generation("web")? == generation))?;
    room.until("the HPA heard why", || {
        let (status, _, heard) = told(&room.hpa("web")?, "ScalingActive")?;
        let words = ["no value of s0-redis-jobs to rely on: the last, 30, is ", "s old; refused: "];
        ensure!(status == "False" && words.iter().all(|word| heard.contains(word)), "the HPA heard {heard:?}");
        Ok(Some(()))
    })?;

    redis.start_again()?;
    redis.push("jobs", 30)?;
    let back = Instant::now();
    room.until_ready("web")?;
    // One poll of 5 s, a write of the status each second at most, and a busy machine.
    ensure!(back.elapsed() < Duration::from_secs(10), "ready only after {:?}", back.elapsed());
    ensure!(room.generation("web")? == generation, "the workers were changed");
    Ok(())
}

pub(crate) fn stopped(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "stopped")?;
    let redis = Redis::start(RedisOptions::default())?;
    three_workers(&room, &redis, 1)?;
    let generation = room.generation("web")?;
    redis.pause()?;
    room.until_ready_is("web", "False", "did not answer in time")?;
    // Longer than the cooldown, and than the 8 s for which a reading stands at this interval.
    let time = Duration::from_secs(15);
    room.stays("three workers run while Redis is silent", time, || Ok(room.generation("web")? == generation))?;
    redis.resume()?;
    room.until_ready("web")?;
    ensure!(room.generation("web")? == generation, "the workers were changed");
    Ok(())
}

pub(crate) fn empty_for_a_moment(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "empty")?;
    let mut redis = Redis::start(RedisOptions::default())?;
    three_workers(&room, &redis, 1)?;
    let generation = room.generation("web")?;
    redis.kill()?;
    room.until_ready_is("web", "False", "nothing is scaled down")?;
    redis.start_again()?;
    room.until("it is seen that the list is empty", || {
        let (_, reason, _) = room.condition("web", "Active")?;
        Ok((reason == "ScalerCooldown").then_some(()))
    })?;
    redis.push("jobs", 30)?;
    room.until("it is seen that the list is full", || {
        let (status, ..) = room.condition("web", "Active")?;
        Ok((status == "True").then_some(()))
    })?;
    // The cooldown that began with the empty list would end within this time.
    let time = Duration::from_secs(12);
    room.stays("three workers run", time, || Ok(room.generation("web")? == generation))
}

pub(crate) fn one_of_two(stage: &Stage) -> Result<()> {
    // A call waits 7 s for a dark host: whoever waits along is later than this.
    const AT_ONCE: Duration = Duration::from_secs(5);
    let room = Room::open(stage, "dark")?;
    let hole = BlackHole::make()?;
    for number in 0..3 {
        let name = format!("dark{number}");
        room.workload(&name, 1, |spec| {
            spec["triggers"] = json!([room.trigger(&format!("{}:{}", hole.address(), 6379 + number), "jobs")]);
        })?;
    }
    room.until_ready_is("dark0", "False", "did not accept a connection in time")?;

    room.push("healthy", 20)?;
    room.deployment("healthy", 0, &json!([]))?;
    let timed = |what: &str, act: &dyn Fn() -> Result<()>| -> Result<()> {
        let began = Instant::now();
        act()?;
        ensure!(began.elapsed() < AT_ONCE, "{what} took {:?}", began.elapsed());
        Ok(())
    };
    timed("from a new object to its first replicas", &|| {
        room.scaled("healthy", |_| ())?;
        room.until_ready("healthy")?;
        room.until_replicas("healthy", 2)
    })?;
    timed("from a change to the HPA", &|| {
        room.scaled("healthy", |spec| spec["maxReplicaCount"] = json!(5))?;
        room.until("the HPA is changed", || Ok((room.hpa("healthy")?["spec"]["maxReplicas"] == 5).then_some(())))
    })?;
    timed("to delete", &|| {
        stage.api.delete("scaledobjects", &room.namespace, "healthy")?;
        room.until("it is gone", || {
            Ok(stage.api.find("scaledobjects", &room.namespace, "healthy")?.is_none().then_some(()))
        })
    })?;
    for number in 0..3 {
        ensure!(room.replicas(&format!("dark{number}"))? == 1, "a dark workload was scaled");
    }
    Ok(())
}
