//! One digest of a Scaler after the other: the next one takes over step by step, goes back by itself where it is worse, and
//! no answer is lost meanwhile. Two versions side by side, of which an object pins one.
//!
//! The next version is the same component with words of it changed: a command that reads another list, or none that may.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, ensure};
use bellows_tests::paths;
use bellows_tests::services::Wire;
use bellows_tests::wait::Stop;
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;
use crate::supply::{push, scaler, until};

/// Objects of a rollout under load, each on a queue of its own.
const CROWD: usize = 100;
/// Seconds between two polls of each of them.
const INTERVAL: u32 = 3;

/// A version of the BullMQ example as `repository`'s tag; words are replaced by others of the same length.
fn version(stage: &Stage, repository: &str, words: &[(&str, &str)]) -> Result<String> {
    let mut component = fs::read(paths::examples().join("bullmq.wasm")).context("read bullmq.wasm")?;
    for (word, other) in words {
        ensure!(word.len() == other.len(), "{word} and {other} differ in length");
        let places: Vec<usize> =
            (0..component.len() - word.len()).filter(|at| component[*at..].starts_with(word.as_bytes())).collect();
        ensure!(!places.is_empty(), "{word} is not in the component");
        for at in places {
            component[at..at + word.len()].copy_from_slice(other.as_bytes());
        }
    }
    // A custom section that nobody reads: the same component with another digest. Its name is its content.
    let name = format!("{words:?}{repository}");
    let length = u8::try_from(name.len()).ok().filter(|length| *length < 127).context("a short name")?;
    component.extend([0, length + 1, length]);
    component.extend(name.as_bytes());
    let file = stage.cluster.directory().join(format!("{}.wasm", repository.replace(['/', ':'], "-")));
    fs::write(&file, component).with_context(|| format!("write {}", file.display()))?;
    push(stage, &file.display().to_string(), repository)
}

/// Of one trigger type there is one Scaler at a time: trials that bring the same take turns.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static BULLMQ: Mutex<()> = Mutex::new(());
    BULLMQ.lock().unwrap_or_else(PoisonError::into_inner)
}

fn trigger(stage: &Stage, queue: &str) -> Value {
    let address = stage.redis.address().to_string();
    json!([{"type": "bullmq", "metadata": {"address": address, "queueName": queue, "jobsPerReplica": "10"}}])
}

fn spec(image: &str, rollout: &Value) -> Value {
    json!({"image": image, "interval": 10, "grants": {"capabilities": ["redis"]}, "rollout": rollout})
}

/// Objects on queues of their own with 25 jobs each, which are three replicas, polled in an interval of so many seconds.
fn objects(room: &Room<'_>, count: usize, interval: u32) -> Result<Vec<String>> {
    let names: Vec<String> = (0..count).map(|index| format!("worker-{index}")).collect();
    for name in &names {
        let queue = room.list(name);
        room.stage.redis.push(&format!("bull:{queue}:wait"), 25)?;
        room.workload(name, 0, |spec| {
            spec["pollingInterval"] = json!(interval);
            spec["triggers"] = trigger(room.stage, &queue);
        })?;
    }
    for name in &names {
        room.until_replicas(name, 3)?;
    }
    Ok(names)
}

/// That no answer was lost in a namespace and no replica moved.
fn unharmed(room: &Room<'_>, names: &[String]) -> Result<()> {
    let errors =
        room.stage.counted("keda_scaler_detail_errors_total", &[&format!("namespace=\"{}\"", room.namespace)])?;
    ensure!(errors == 0, "{errors} answers were lost");
    for name in names {
        ensure!(room.replicas(name)? == 3, "{name} was scaled");
    }
    Ok(())
}

fn serving(stage: &Stage, name: &str) -> Result<String> {
    let status = stage.api.get("scalers", "", name)?["status"].clone();
    Ok(status["servingDigest"].as_str().unwrap_or_default().to_owned())
}

/// Shadow, some, all, and the older one is let go: no object of a crowd misses a poll, and in the end each is asked for
/// once in an interval again.
pub(crate) fn promoted(stage: &Stage) -> Result<()> {
    let _turn = turn();
    let room = Room::open(stage, "rollout-promoted")?;
    let image = version(stage, "team/promoted:1", &[])?;
    let steps = json!({"steps": [{"percent": 0, "seconds": 9}, {"percent": 50, "seconds": 9}], "watch": 9});
    scaler(stage, "promoted", &spec(&image, &steps))?;
    until(&room, "promoted", "Ready", ("True", "Serving"))?;
    let (names, first) = (objects(&room, CROWD, INTERVAL)?, serving(stage, "promoted")?);
    let (monitor, stop) = (Wire::open(stage.redis.address())?.monitor()?, Stop::default());
    let (asked, told) = thread::scope(|scope| {
        let asked = scope.spawn(|| monitor.taken("LLEN", &stop));
        let told = promotes(&room, &first);
        stop.request();
        (asked.join().map_err(|_panic| anyhow!("the monitor ended")), told)
    });
    unbroken(&asked??, &names.iter().map(|name| room.list(name)).collect::<Vec<_>>(), told?)?;
    unharmed(&room, &names)?;
    stage.api.delete("scalers", "", "promoted")
}

/// Step by step, and some polls on. From when on nobody may ask the older component, in seconds since 1970.
fn promotes(room: &Room<'_>, first: &str) -> Result<f64> {
    let stage = room.stage;
    version(stage, "team/promoted:1", &[("bull", "bull")])?;
    for percent in [0, 50, 100] {
        room.until(&format!("{percent} of a hundred objects are served by the next digest"), || {
            let rollout = stage.api.get("scalers", "", "promoted")?["status"]["rollout"].clone();
            ensure!(rollout["percent"] == percent && rollout["asked"].as_u64() > Some(0), "{rollout}");
            ensure!(rollout["lost"] == 0 && rollout["different"] == 0, "{rollout}");
            Ok(Some(()))
        })?;
    }
    room.until("the next digest serves and nothing is on its way", || {
        let status = stage.api.get("scalers", "", "promoted")?["status"].clone();
        ensure!(status["rollout"].is_null() && status["servingDigest"] != first, "{status}");
        Ok(Some(()))
    })?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("it is later than 1970")?.as_secs_f64();
    let settled = Duration::from_secs(4 * u64::from(INTERVAL));
    room.stays("the next digest serves", settled, || Ok(serving(stage, "promoted")? != first))?;
    // What was under way at that moment may still end.
    Ok(now + f64::from(INTERVAL))
}

/// That between two questions about any queue no poll is missing, and that after `over` there was one in each interval.
fn unbroken(asked: &[(f64, String)], queues: &[String], over: f64) -> Result<()> {
    let (mut longest, mut end) = (0.0_f64, over);
    asked.iter().for_each(|(time, _)| end = end.max(*time));
    for queue in queues {
        let key = format!("bull:{queue}:wait");
        let mut times: Vec<f64> = asked.iter().filter(|(_, about)| *about == key).map(|(time, _)| *time).collect();
        let last = times.last().copied().with_context(|| format!("nobody asked for {queue}"))?;
        let twice = times.iter().filter(|time| **time > over).count();
        ensure!(last > over && twice <= 4, "{queue}: {twice} questions in {:.1} s", end - over);
        times.push(end);
        longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(longest, f64::max);
    }
    println!(
        "figure: longest gap between two polls of {} objects in a rollout = {longest:.2} s of {INTERVAL}",
        queues.len()
    );
    ensure!(longest < 2.0 * f64::from(INTERVAL), "a poll is missing: a gap of {longest:.1} s");
    Ok(())
}

/// The next digest fails where the older one answers, at once and for all objects: it goes back, and nobody notices.
pub(crate) fn failing(stage: &Stage) -> Result<()> {
    let _turn = turn();
    let room = Room::open(stage, "rollout-failing")?;
    let image = version(stage, "team/failing:1", &[])?;
    scaler(stage, "failing", &spec(&image, &json!({})))?;
    until(&room, "failing", "Ready", ("True", "Serving"))?;
    let (names, first) = (objects(&room, 6, 1)?, serving(stage, "failing")?);
    // It takes jobs where it should count them, which no scaler may.
    version(stage, "team/failing:1", &[("LLEN", "LPOP")])?;
    let why = until(&room, "failing", "Degraded", ("True", "AnswersLost"))?;
    ensure!(why.contains("LPOP") && why.contains("not tried again until this spec changes"), "{why}");
    until(&room, "failing", "Ready", ("True", "ServingOlder"))?;
    ensure!(serving(stage, "failing")? == first, "another digest serves");
    unharmed(&room, &names)?;
    // Nor does it come back with the next question to the registry.
    room.stays("the older digest serves", Duration::from_secs(12), || Ok(serving(stage, "failing")? == first))?;
    until(&room, "failing", "Degraded", ("True", "AnswersLost"))?;
    unharmed(&room, &names)?;
    stage.api.delete("scalers", "", "failing")
}

/// In the shadow: one that counts something else, then one that takes the settings of no object; neither serves anybody.
pub(crate) fn shadowed(stage: &Stage) -> Result<()> {
    let _turn = turn();
    let room = Room::open(stage, "rollout-shadowed")?;
    let image = version(stage, "team/shadowed:1", &[])?;
    let steps = json!({"steps": [{"percent": 0, "seconds": 600}]});
    scaler(stage, "shadowed", &spec(&image, &steps))?;
    until(&room, "shadowed", "Ready", ("True", "Serving"))?;
    let names = objects(&room, 3, 1)?;
    version(stage, "team/shadowed:1", &[("wait", "wail")])?;
    let why = until(&room, "shadowed", "Degraded", ("True", "AnswersDiffer"))?;
    ensure!(why.contains("where the older one says 25"), "{why}");
    version(stage, "team/shadowed:1", &[("queueName", "queueNome")])?;
    let why = until(&room, "shadowed", "Degraded", ("True", "SettingsRefused"))?;
    ensure!(why.contains("metadata.queueNome: required"), "{why}");
    unharmed(&room, &names)?;
    stage.api.delete("scalers", "", "shadowed")
}

/// Two versions side by side: the older Scaler serves all but who pins the other one.
pub(crate) fn pinned(stage: &Stage) -> Result<()> {
    let _turn = turn();
    let room = Room::open(stage, "rollout-pinned")?;
    let image = version(stage, "team/pinned:1", &[])?;
    let other = version(stage, "team/pinned:2", &[("wait", "wail")])?;
    scaler(stage, "pinned-1", &spec(&image, &json!({})))?;
    until(&room, "pinned-1", "Ready", ("True", "Serving"))?;
    let mut second = spec(&other, &json!({}));
    scaler(stage, "pinned-2", &second)?;
    let taken = until(&room, "pinned-2", "Ready", ("False", "TriggerTypeTaken"))?;
    ensure!(taken.contains("spec.pinnedOnly: true"), "{taken}");
    second["pinnedOnly"] = json!(true);
    scaler(stage, "pinned-2", &second)?;
    until(&room, "pinned-2", "Ready", ("True", "Serving"))?;

    objects(&room, 1, 1)?;
    let queue = room.list("pins");
    stage.redis.push(&format!("bull:{queue}:wail"), 45)?;
    room.workload("pins", 0, |spec| spec["triggers"] = trigger(stage, &queue))?;
    let pin = |name: &str| json!({"metadata": {"annotations": {"bellows.dev/scaler": name}}});
    room.until_ready("pins")?;
    stage.api.merge("scaledobjects", &room.namespace, "pins", &pin("pinned-2"))?;
    room.until_replicas("pins", 5)?;
    stage.api.merge("scaledobjects", &room.namespace, "pins", &pin("nobody"))?;
    let told =
        "metadata.annotations[bellows.dev/scaler]: no Scaler \"nobody\" is in service for namespace rollout-pinned";
    room.until_ready_is("pins", "False", told)?;
    ensure!(room.replicas("pins")? == 5, "a pin that leads nowhere scaled the workload");
    for name in ["pinned-1", "pinned-2"] {
        stage.api.delete("scalers", "", name)?;
    }
    Ok(())
}
