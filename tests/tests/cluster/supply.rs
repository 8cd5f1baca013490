//! Scalers that come from a registry by a `Scaler` of the cluster: what they may do, what is said of them, and that a bad
//! one touches nobody.

use anyhow::{Context, Result, ensure};
use bellows_tests::paths;
use serde_json::{Value, json};

use crate::room::{Room, told};
use crate::stage::Stage;

/// A command of authors, with what it must be told of a registry without encryption on this machine.
fn run(stage: &Stage, command: &[&str]) -> Result<()> {
    let registry = stage.registry.address().to_string();
    let near = ["--plain-http", &registry, "--allow-egress", "127.0.0.0/8"];
    let arguments: Vec<&str> = ["scaler"].into_iter().chain(command.iter().copied()).chain(near).collect();
    let (code, out, complaint) = stage.run(&arguments)?;
    ensure!(code == Some(0), "{out}{complaint}");
    Ok(())
}

/// A component of ours under a name of the registry.
pub(crate) fn push(stage: &Stage, component: &str, repository: &str) -> Result<String> {
    let reference = format!("{}/{repository}", stage.registry.address());
    run(stage, &["push", component, &reference])?;
    Ok(reference)
}

pub(crate) fn example(name: &str) -> String {
    paths::examples().join(name).display().to_string()
}

pub(crate) fn scaler(stage: &Stage, name: &str, spec: &Value) -> Result<()> {
    let manifest =
        json!({"apiVersion": "bellows.dev/v1alpha1", "kind": "Scaler", "metadata": {"name": name}, "spec": spec});
    stage.api.apply("scalers", &manifest).map(drop)
}

/// Waits until a condition has this status and reason, and says its message.
pub(crate) fn until(room: &Room<'_>, name: &str, kind: &str, (status, reason): (&str, &str)) -> Result<String> {
    room.until(&format!("{kind} of Scaler {name} is {status} {reason}"), || {
        let told = told(&room.stage.api.get("scalers", "", name)?, kind)?;
        ensure!(told.0 == status && told.1 == reason, "it is {told:?}");
        Ok(Some(told.2))
    })
}

/// From a registry into service: what it imports is granted by a person, with the patch that the status prints.
pub(crate) fn granted(stage: &Stage) -> Result<()> {
    let _turn = crate::rollouts::turn();
    let room = Room::open(stage, "supply")?;
    let image = push(stage, &example("bullmq.wasm"), "team/bullmq:1")?;
    let trigger = json!([{"type": "bullmq", "metadata": {
        "address": stage.redis.address().to_string(), "queueName": "supply", "jobsPerReplica": "10",
    }}]);
    room.workload("mail", 0, |spec| spec["triggers"] = trigger)?;
    scaler(stage, "bullmq", &json!({"image": image, "allowedNamespaces": ["elsewhere"]}))?;

    let message = until(&room, "bullmq", "Granted", ("False", "GrantMissing"))?;
    let patch = message.split("--patch '").nth(1).and_then(|rest| rest.split('\'').next());
    let patch: Value = serde_json::from_str(patch.context("the message holds the patch")?)?;
    until(&room, "bullmq", "Ready", ("False", "GrantMissing"))?;
    stage.api.merge("scalers", "", "bullmq", &patch)?;
    until(&room, "bullmq", "Ready", ("True", "Serving"))?;

    let withheld = "spec.triggers[0].type: Scaler bullmq serves trigger type bullmq, but its spec.allowedNamespaces does \
                    not name supply";
    room.until_ready_is("mail", "False", withheld)?;
    stage.api.merge("scalers", "", "bullmq", &json!({"spec": {"allowedNamespaces": ["supply"]}}))?;
    room.until_ready("mail")?;
    stage.redis.push("bull:supply:wait", 25)?;
    room.until_replicas("mail", 3)?;

    let status = stage.api.get("scalers", "", "bullmq")?["status"].clone();
    ensure!(status["triggerTypes"] == "bullmq", "{status}");
    ensure!(status["digest"] == status["servingDigest"] && status["digest"].is_string(), "{status}");
    revoked(&room)
}

/// A grant that is taken away is taken away at once; the workload holds.
fn revoked(room: &Room<'_>) -> Result<()> {
    let none = json!({"spec": {"grants": {"capabilities": []}}});
    room.stage.api.merge("scalers", "", "bullmq", &none)?;
    until(room, "bullmq", "Ready", ("False", "GrantMissing"))?;
    room.until_ready_is("mail", "False", "spec.triggers[0].type: no scaler is loaded that serves trigger type bullmq")?;
    ensure!(room.replicas("mail")? == 3, "the workload was scaled for want of a scaler");
    room.stage.api.delete("scalers", "", "bullmq")
}

/// Each bad Scaler says what is wrong with it, and nobody else notices.
pub(crate) fn refused(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "supply-refused")?;
    let registry = stage.registry.address();
    let thief = push(stage, &paths::scalers().join("redis.wasm").display().to_string(), "team/thief:1")?;
    let nobody = format!("127.0.0.1:{}/team/queue:1", bellows_tests::services::free_port([127, 0, 0, 1].into())?);
    let all = json!({"capabilities": ["redis", "http"]});
    let cases = [
        ("absent", json!({"image": format!("{registry}/team/absent:1")}), "Resolved", "NotFound", "404"),
        ("nobody", json!({"image": nobody}), "Resolved", "Unreachable", "refused"),
        ("words", json!({"image": "No Reference"}), "Resolved", "InvalidImage", "spec.image"),
        ("thief", json!({"image": thief, "grants": all}), "Ready", "TriggerTypeTaken", "the host's own scaler"),
        ("secret", json!({"image": thief, "pullSecret": "none"}), "Resolved", "PullSecretMissing", "bellows/none"),
        (
            "grant",
            json!({"image": thief, "grants": {"capabilities": ["files"]}}),
            "Granted",
            "UnknownCapability",
            "files",
        ),
        (
            "never",
            json!({"image": format!("{registry}/team/other:1"), "pullPolicy": "Never"}),
            "Resolved",
            "NotInCache",
            "Never",
        ),
    ];
    for (name, spec, ..) in &cases {
        scaler(stage, name, spec)?;
    }
    for (name, _, kind, reason, words) in &cases {
        let message = until(&room, name, kind, ("False", reason))?;
        ensure!(message.contains(words), "{name}: {message}");
    }
    room.workload("healthy", 0, |_| {})?;
    room.until_ready("healthy")?;
    for (name, ..) in &cases {
        stage.api.delete("scalers", "", name)?;
    }
    Ok(())
}

/// Of two Scalers that claim a trigger type the older serves it, and the younger once that is gone.
pub(crate) fn rivals(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "supply-rivals")?;
    let image = push(stage, &example("celery.wasm"), "team/rivals:1")?;
    let spec = json!({"image": image, "grants": {"capabilities": ["redis"]}});
    scaler(stage, "first", &spec)?;
    until(&room, "first", "Ready", ("True", "Serving"))?;
    scaler(stage, "second", &spec)?;
    let taken = until(&room, "second", "Ready", ("False", "TriggerTypeTaken"))?;
    ensure!(taken.contains("the older Scaler first"), "{taken}");
    stage.api.delete("scalers", "", "first")?;
    until(&room, "second", "Ready", ("True", "Serving"))?;
    stage.api.delete("scalers", "", "second")
}

/// What a tag names is looked at again each interval: a component that serves gives way to the next, but
/// not to one that may not serve.
pub(crate) fn moved(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "supply-moved")?;
    let component = |name: &str| paths::scalers().join(name).display().to_string();
    let image = push(stage, &component("metrics-api.wasm"), "team/moved:1")?;
    let grants = json!({"capabilities": ["amqp", "http"], "secrets": ["protocol", "vhostName"]});
    scaler(stage, "moved", &json!({"image": image, "interval": 10, "grants": grants}))?;
    let serves = |kinds: &str| {
        room.until(&format!("Scaler moved serves {kinds}"), || {
            let status = stage.api.get("scalers", "", "moved")?["status"].clone();
            ensure!(status["triggerTypes"] == kinds, "{status}");
            Ok(Some(status["servingDigest"].clone()))
        })
    };
    let first = serves("metrics-api")?;
    push(stage, &component("rabbitmq.wasm"), "team/moved:1")?;
    let second = serves("rabbitmq")?;
    ensure!(first != second, "another component has another digest");
    push(stage, &component("kubernetes-workload.wasm"), "team/moved:1")?;
    let refused = until(&room, "moved", "Degraded", ("True", "GrantMissing"))?;
    ensure!(refused.contains("it imports workload"), "{refused}");
    let stays = until(&room, "moved", "Ready", ("True", "ServingOlder"))?;
    ensure!(second.as_str().is_some_and(|digest| stays.contains(digest)), "{stays}");
    serves("rabbitmq")?;
    stage.api.delete("scalers", "", "moved")
}

/// An artifact serves once somebody who is trusted signed it, and no longer when it is revoked or older than is wanted.
pub(crate) fn signed(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "supply-signed")?;
    let image = push(stage, &paths::scalers().join("cron.wasm").display().to_string(), "team/cron:1")?;
    let (key, public) = key_pair(stage)?;
    scaler(stage, "cron", &json!({"image": image, "interval": 10, "verification": {"keys": [public]}}))?;
    until(&room, "cron", "Verified", ("False", "Unsigned"))?;
    until(&room, "cron", "Pulled", ("Unknown", "NotReached"))?;
    run(stage, &["sign", &image, "--key", &key])?;
    until(&room, "cron", "Ready", ("True", "Serving"))?;
    until(&room, "cron", "Verified", ("True", "Verified"))?;
    // What was signed and is too old by now goes, whatever a tag says.
    let minimum = |version: &str| json!({"spec": {"verification": {"minimumVersion": version}}});
    stage.api.merge("scalers", "", "cron", &minimum("99.0.0"))?;
    let told = until(&room, "cron", "Verified", ("False", "VersionTooOld"))?;
    ensure!(told.contains("minimumVersion is 99.0.0"), "{told}");
    until(&room, "cron", "Ready", ("False", "VersionTooOld"))?;
    stage.api.merge("scalers", "", "cron", &minimum("0.0.1"))?;
    until(&room, "cron", "Ready", ("True", "Serving"))?;
    // Of the component, whatever artifact it is in.
    let component = paths::scalers().join("cron.wasm").display().to_string();
    let (_, digest, _) = stage.run(&["scaler", "digest", &component])?;
    let digest = digest.split_whitespace().find(|word| word.starts_with("sha256:")).context("a digest")?;
    stage.api.merge("scalers", "", "cron", &json!({"spec": {"verification": {"revoked": [digest]}}}))?;
    until(&room, "cron", "Ready", ("False", "Revoked"))?;
    stage.api.delete("scalers", "", "cron")
}

/// A private key in a file, and its public half in PEM.
fn key_pair(stage: &Stage) -> Result<(String, String)> {
    let (file, pair) = (stage.cluster.directory().join("signing.key"), rcgen::KeyPair::generate()?);
    std::fs::write(&file, pair.serialize_pem()).context("write the key")?;
    Ok((file.display().to_string(), pair.public_key_pem()))
}

/// A host that returns while the registry is away serves what it served, and says that it could not ask.
pub(crate) fn registry_away(stage: &mut Stage) -> Result<()> {
    let image = push(stage, &example("celery.wasm"), "team/celery:1")?;
    let room = Room::open(stage, "registry-away")?;
    let (key, public) = key_pair(stage)?;
    run(stage, &["sign", &image, "--key", &key])?;
    let (grants, verification) = (json!({"capabilities": ["redis"]}), json!({"keys": [public]}));
    let spec = json!({"image": image, "interval": 10, "grants": grants, "verification": verification});
    scaler(stage, "celery", &spec)?;
    let served = until(&room, "celery", "Ready", ("True", "Serving"))?;
    ensure!(!served.is_empty(), "a condition has a message");
    room.leave();
    stage.bellows.sigkill()?;
    stage.registry.process().kill()?;
    stage.start_again()?;
    let room = Room::open(stage, "registry-away")?;
    let why = until(&room, "celery", "Degraded", ("True", "Unreachable"))?;
    ensure!(why.contains("goes on serving"), "{why}");
    until(&room, "celery", "Ready", ("True", "Serving"))?;
    // What the policy let pass is known without the registry.
    until(&room, "celery", "Verified", ("True", "Verified"))?;
    room.leave();
    stage.registry.process().start_again()?;
    let room = Room::open(stage, "registry-away")?;
    until(&room, "celery", "Degraded", ("False", "AsWished"))?;
    room.stage.api.delete("scalers", "", "celery")
}
