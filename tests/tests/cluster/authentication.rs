//! TriggerAuthentication and ClusterTriggerAuthentication: what they give, what they lack, and how a rotated Secret arrives.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bellows_tests::services::{Redis, RedisOptions};
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;

pub(crate) const KIND: &str = "triggerauthentications";
pub(crate) const CLUSTER_KIND: &str = "clustertriggerauthentications";

/// Applies one of this spec.
pub(crate) fn authentication(room: &Room<'_>, name: &str, spec: &Value) -> Result<()> {
    let manifest = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication",
        "metadata": {"name": name, "namespace": room.namespace}, "spec": spec,
    });
    room.stage.api.apply(KIND, &manifest).map(drop)
}

pub(crate) fn cluster_authentication(stage: &Stage, name: &str, spec: &Value) -> Result<()> {
    let manifest = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ClusterTriggerAuthentication",
        "metadata": {"name": name}, "spec": spec,
    });
    stage.api.apply(CLUSTER_KIND, &manifest).map(drop)
}

/// `parameter` from `key` of a Secret.
pub(crate) fn from_secret(parameter: &str, name: &str, key: &str) -> Value {
    json!({"secretTargetRef": [{"parameter": parameter, "name": name, "key": key}]})
}

/// A trigger on the list `jobs`, whose address and everything else that is not said here an authentication gives.
pub(crate) fn trigger(authentication: &Value, metadata: &Value) -> Value {
    let mut trigger = json!({
        "type": "redis", "metadata": {"listName": "jobs", "listLength": "10"}, "authenticationRef": authentication,
    });
    for (field, value) in metadata.as_object().into_iter().flatten() {
        trigger["metadata"][field] = value.clone();
    }
    trigger
}

pub(crate) fn locked(password: &str) -> Result<Redis> {
    Redis::start(RedisOptions { password: Some(password.to_owned()), ..RedisOptions::default() })
}

/// As a large user of KEDA has it: two brokers, a Secret with whole addresses, an authentication for each broker, and a
/// manifest that was written out of a cluster with KEDA's finalizer in it.
pub(crate) fn two_brokers(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "two-brokers")?;
    let brokers = [Redis::start(RedisOptions::default())?, Redis::start(RedisOptions::default())?];
    let addresses = brokers.each_ref().map(|broker| format!("  {}\n", broker.address()));
    room.secret("zapier-worker-celery", &json!({"broker-1": addresses[0], "broker-2": addresses[1]}))?;
    for broker in ["broker-1", "broker-2"] {
        let spec = from_secret("address", "zapier-worker-celery", broker);
        authentication(&room, &format!("worker-celery-{broker}"), &spec)?;
    }
    room.deployment("web", 3, &json!([]))?;
    let triggers =
        ["broker-1", "broker-2"].map(|broker| trigger(&json!({"name": format!("worker-celery-{broker}")}), &json!({})));
    let mut manifest = room.manifest("web", |spec| {
        (spec["minReplicaCount"], spec["triggers"]) = (json!(3), json!(triggers));
    });
    manifest["metadata"]["finalizers"] = json!(["finalizer.keda.sh"]);
    stage.api.apply("scaledobjects", &manifest)?;
    room.until_ready("web")?;
    brokers[1].push("jobs", 50)?;
    room.until_replicas("web", 5)?;
    brokers[0].push("jobs", 70)?;
    room.until_replicas("web", 7)?;
    let status = &room.object("web")?["status"];
    ensure!(status["authenticationsTypes"] == "worker-celery-broker-1,worker-celery-broker-2", "{status}");
    ensure!(status["externalMetricNames"] == json!(["s0-redis-jobs", "s1-redis-jobs"]), "{status}");
    let printed = stage.cluster.kubectl(&["get", "so", "--namespace=two-brokers", "--no-headers"])?;
    ensure!(printed.contains("worker-celery-broker-1,worker-celery-broker-2"), "the columns are {printed}");
    stage.api.delete("scaledobjects", "two-brokers", "web")?;
    room.until("it is gone", || Ok(stage.api.find("scaledobjects", "two-brokers", "web")?.is_none().then_some(())))
}

pub(crate) fn rotated(stage: &mut Stage) -> Result<()> {
    let room = Room::open(stage, "rotated")?;
    let mut redis = locked("old")?;
    redis.push("jobs", 20)?;
    room.secret("login", &json!({"password": "old"}))?;
    authentication(&room, "login", &from_secret("password", "login", "password"))?;
    room.deployment("web", 0, &json!([]))?;
    let at = json!({"address": redis.address().to_string()});
    room.scaled("web", |spec| {
        spec["pollingInterval"] = json!(5);
        let beside = spec["triggers"][0].clone();
        spec["triggers"] = json!([trigger(&json!({"name": "login"}), &at), beside]);
    })?;
    room.until_replicas("web", 2)?;
    room.until_ready("web")?;

    // The Secret is new before the server is, as a careful operator has it.
    room.secret("login", &json!({"password": "new"}))?;
    redis.rotate("new")?;
    redis.push("jobs", 10)?;
    let since = Instant::now();
    room.until_replicas("web", 3)?;
    // One poll each 5 s, then the HPA each second.
    ensure!(since.elapsed() < Duration::from_secs(9), "used only after {:?}", since.elapsed());
    room.until_ready("web")?;

    // The Secret is late: what was refused is asked again as soon as it is there, and nothing is scaled down meanwhile.
    redis.rotate("newer")?;
    let (_, reason, message) = room.until_ready_is("web", "Unknown", "the credentials were refused")?;
    ensure!(reason == "PartialTriggerError", "the reason is {reason}: the other trigger is disturbed");
    ensure!(!message.contains("newer") && !message.contains("new,"), "a password is told: {message}");
    room.secret("login", &json!({"password": "newer"}))?;
    let corrected = Instant::now();
    room.until_ready("web")?;
    ensure!(corrected.elapsed() < Duration::from_secs(9), "used only after {:?}", corrected.elapsed());
    ensure!(room.replicas("web")? == 3, "it was scaled to {}", room.replicas("web")?);
    for password in ["old", "new", "newer"] {
        let quoted = format!("\"{password}\"");
        ensure!(!stage.log()?.contains(&quoted), "the log tells {quoted}");
    }
    Ok(())
}

pub(crate) fn missing(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "lacking")?;
    let redis = locked("right")?;
    redis.push("jobs", 20)?;
    let worker = json!({"name": "worker", "image": "worker", "env": [{"name": "OTHER", "value": "x"}]});
    room.deployment_of("web", 0, &json!([worker]))?;
    let at = json!({"address": redis.address().to_string()});
    room.scaled("web", |spec| spec["triggers"] = json!([trigger(&json!({"name": "login"}), &at)]))?;
    let field = "spec.triggers[0].authenticationRef: ";
    let told = |part: &str| room.until_ready_is("web", "False", &format!("{field}{part}")).map(drop);
    told("there is no TriggerAuthentication login in namespace lacking")?;
    let login = "TriggerAuthentication lacking/login: ";
    // Each change of the authentication is noticed at once, and what it names is read anew.
    authentication(&room, "login", &from_secret("password", "login", "password"))?;
    told(&format!(
        "{login}spec.secretTargetRef[0]: there is no Secret login in namespace lacking; key password of it is needed"
    ))?;
    room.secret("login", &json!({"other": "x"}))?;
    told(&format!("{login}spec.secretTargetRef[0]: Secret login in namespace lacking has no key password"))?;
    let bytes = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bytes", "namespace": "lacking"},
        "data": {"password": "//79"},
    });
    stage.api.apply("secrets", &bytes)?;
    authentication(&room, "login", &from_secret("password", "bytes", "password"))?;
    told(&format!("{login}spec.secretTargetRef[0]: key password of Secret bytes in namespace lacking is no text"))?;
    let map = json!({"configMapTargetRef": [{"parameter": "password", "name": "map", "key": "password"}]});
    authentication(&room, "login", &map)?;
    told(&format!(
        "{login}spec.configMapTargetRef[0]: there is no ConfigMap map in namespace lacking; key password of it is needed"
    ))?;
    authentication(&room, "login", &json!({"env": [{"parameter": "password", "name": "PASSWORD"}]}))?;
    told(&format!("{login}spec.env[0]: container worker has no variable PASSWORD"))?;
    let of = json!({"env": [{"parameter": "password", "name": "PASSWORD", "containerName": "side"}]});
    authentication(&room, "login", &of)?;
    told(&format!("{login}spec.env[0]: the target has no container side: it has worker"))?;
    authentication(&room, "login", &json!({"podIdentity": {"provider": "azure-workload"}}))?;
    told(&format!("{login}spec.podIdentity.provider: azure-workload is not supported by this release of Bellows"))?;
    let vault = json!({"address": "https://vault", "authentication": "token", "secrets": [
        {"parameter": "password", "path": "a", "key": "b"},
    ]});
    authentication(&room, "login", &json!({"hashiCorpVault": vault}))?;
    told(&format!("{login}spec.hashiCorpVault: not supported by this release of Bellows"))?;
    ensure!(room.replicas("web")? == 0, "it was started");

    // Env, then the ConfigMap, then the Secret: the last one that gives a setting counts.
    let wrong = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map", "namespace": "lacking"},
        "data": {"password": "wrong"},
    });
    stage.api.apply("configmaps", &wrong)?;
    room.secret("login", &json!({"password": " right\n"}))?;
    let mut all = map;
    all["env"] = json!([{"parameter": "password", "name": "OTHER"}]);
    all["secretTargetRef"] = from_secret("password", "login", "password")["secretTargetRef"].clone();
    authentication(&room, "login", &all)?;
    let complete = Instant::now();
    room.until_ready("web")?;
    ensure!(complete.elapsed() < Duration::from_secs(5), "noticed only after {:?}", complete.elapsed());
    room.until_replicas("web", 2)
}
