//! Passwords, certificates and names: what is refused says so, and what is corrected is used without a restart.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bellows_tests::services::{Redis, RedisOptions};
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::{NAMED, PASSWORD, Stage};

/// A workload on a Redis with a password from key `password` of a Secret; `more` goes into the trigger's metadata.
fn login(room: &Room<'_>, name: &str, redis: &Redis, secret: &str, more: &Value) -> Result<()> {
    let from = json!({"secretKeyRef": {"name": secret, "key": "password"}});
    room.deployment(name, 0, &json!([{"name": "REDIS_PASSWORD", "valueFrom": from}]))?;
    room.scaled(name, |spec| {
        spec["triggers"] = json!([room.trigger(&redis.address().to_string(), "jobs")]);
        let metadata = &mut spec["triggers"][0]["metadata"];
        metadata["passwordFromEnv"] = json!("REDIS_PASSWORD");
        for (field, value) in more.as_object().into_iter().flatten() {
            metadata[field] = value.clone();
        }
    })
}

pub(crate) fn password(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "password")?;
    let options = RedisOptions { password: Some("right".to_owned()), ..RedisOptions::default() };
    let redis = Redis::start(options)?;
    redis.push("jobs", 20)?;
    room.secret("good", &json!({"password": "right"}))?;
    room.secret("bad", &json!({"password": "wrong"}))?;
    login(&room, "neighbour", &redis, "good", &json!({}))?;
    room.until_replicas("neighbour", 2)?;
    room.until_ready("neighbour")?;
    let generation = room.generation("neighbour")?;
    login(&room, "web", &redis, "bad", &json!({}))?;
    let (_, _, message) = room.until_ready_is("web", "False", "the credentials were refused")?;
    ensure!(!message.contains("wrong"), "a password is told: {message}");

    room.secret("bad", &json!({"password": "right"}))?;
    let corrected = Instant::now();
    room.until_ready("web")?;
    // Secrets are read again at most every 5 s after a refusal; then a poll, and a write of the status each second.
    ensure!(corrected.elapsed() < Duration::from_secs(10), "used only after {:?}", corrected.elapsed());
    room.until_replicas("web", 2)?;
    let (status, ..) = room.condition("neighbour", "Ready")?;
    ensure!(status == "True" && room.generation("neighbour")? == generation, "the neighbour was disturbed");
    let told = room.events("neighbour")?.into_iter().filter(|(reason, _)| reason == "KEDAScalerFailed").count();
    ensure!(told == 0, "the neighbour was told of {told} failures");
    Ok(())
}

pub(crate) fn tls(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "tls")?;
    let tls = RedisOptions { tls: true, password: Some(PASSWORD.to_owned()), ..RedisOptions::default() };
    // Its authority is its own, and nobody was told of it.
    let stranger = Redis::start(tls)?;
    room.secret("login", &json!({"password": PASSWORD}))?;
    for redis in [&stage.secured, &stranger] {
        redis.push("jobs", 20)?;
    }
    let secured = json!({"enableTLS": "true"});
    login(&room, "believed", &stage.secured, "login", &secured)?;
    login(&room, "stranger", &stranger, "login", &secured)?;
    login(&room, "unsafe", &stranger, "login", &json!({"enableTLS": "true", "unsafeSsl": "true"}))?;
    login(&room, "clear", &stage.secured, "login", &json!({}))?;
    for name in ["believed", "unsafe"] {
        room.until_replicas(name, 2)?;
        room.until_ready(name)?;
    }
    let (_, _, message) = room.until_ready_is("stranger", "False", "certificate")?;
    ensure!(message.contains(&stranger.address().to_string()), "the server is not named: {message}");
    room.until_ready_is("clear", "False", &stage.secured.address().to_string())?;
    for name in ["stranger", "clear"] {
        ensure!(room.replicas(name)? == 0, "{name} was started");
    }
    Ok(())
}

pub(crate) fn short_name(stage: &Stage) -> Result<()> {
    let redis = Redis::start(RedisOptions { address: NAMED.into(), port: Some(6379), ..RedisOptions::default() })?;
    redis.push("jobs", 20)?;
    let room = Room::open(stage, "short-names")?;
    let elsewhere = Room::open(stage, "other-names")?;
    for room in [&room, &elsewhere] {
        room.deployment("web", 0, &json!([{"name": "REDIS_HOST", "value": "redis:6379"}]))?;
        room.scaled("web", |spec| {
            let metadata = json!({"addressFromEnv": "REDIS_HOST", "listName": "jobs", "listLength": "10"});
            spec["triggers"] = json!([{"type": "redis", "metadata": metadata}]);
        })?;
    }
    room.until_replicas("web", 2)?;
    room.until_ready("web")?;
    elsewhere.until_ready_is("web", "False", "seen from namespace \"other-names\"")?;
    ensure!(elsewhere.replicas("web")? == 0, "the other was started");
    Ok(())
}
