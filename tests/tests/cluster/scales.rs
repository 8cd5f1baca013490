//! From zero to what is wanted and back, on every type of key, and how far the first step goes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::room::Room;
use crate::stage::Stage;

/// The Events of one reason on an object, and nothing else of them than their notes.
fn notes(room: &Room<'_>, name: &str, reason: &str) -> Result<Vec<String>> {
    Ok(room.events(name)?.into_iter().filter(|(of, _)| of == reason).map(|(_, note)| note).collect())
}

pub(crate) fn list(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "list")?;
    room.push("web", 95)?;
    room.workload("web", 0, |_| ())?;
    room.until_replicas("web", 10)?;
    let emptied = Instant::now();
    room.empty("web")?;
    room.until_replicas("web", 0)?;
    // The last reading that was not empty was taken before the list was emptied, by one poll at most.
    let idle = emptied.elapsed();
    ensure!(idle >= Duration::from_secs(2), "at rest after {idle:?}, with a cooldown of 3 s and polls each second");
    room.until("it is told", || {
        let (status, reason, _) = room.condition("web", "Active")?;
        ensure!((status.as_str(), reason.as_str()) == ("False", "ScalerNotActive"), "Active is {status} {reason}");
        Ok(Some(()))
    })
}

pub(crate) fn other_types(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "other-types")?;
    let names: Vec<String> = (0..15).map(|number| format!("entry{number}")).collect();
    // Command, and what stands before each entry.
    let types = [("set", "SADD", None), ("zset", "ZADD", Some("1")), ("hash", "HSET", None)];
    for (name, command, score) in types {
        let key = room.list(name);
        let mut words = vec![command, key.as_str()];
        for entry in &names {
            words.extend(score);
            words.push(entry);
            words.extend((command == "HSET").then_some("value"));
        }
        stage.redis.cli(&words)?;
        room.workload(name, 0, |_| ())?;
    }
    for (name, ..) in types {
        room.until_replicas(name, 2)?;
        room.empty(name)?;
    }
    for (name, ..) in types {
        room.until_replicas(name, 0)?;
        // 15 entries at 10 each are 2 replicas, and no step went further.
        let notes = notes(&room, name, "KEDAScaleTargetActivated")?;
        ensure!(notes.len() == 1 && notes.iter().all(|note| note.contains("0 → 2")), "{name}: {notes:?}");
    }
    Ok(())
}

pub(crate) fn first_steps(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "first-steps")?;
    // Annotation, behavior, and the first step for 90 items: 9 wanted.
    let cases = [
        ("policy", None, None, "0 → 4"),
        ("wanted", Some("wanted"), None, "0 → 9"),
        ("one", Some("one"), None, "0 → 1"),
        ("behavior", None, Some(json!([{"type": "Pods", "value": 2, "periodSeconds": 15}])), "0 → 2"),
    ];
    for (name, annotation, policies, _) in &cases {
        room.push(name, 90)?;
        room.deployment(name, 0, &json!([]))?;
        let mut manifest = room.manifest(name, |spec| {
            if let Some(policies) = policies {
                let behavior = json!({"scaleUp": {"policies": policies}});
                spec["advanced"] = json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
            }
        });
        if let Some(annotation) = annotation {
            manifest["metadata"]["annotations"] = json!({"bellows.dev/first-step": annotation});
        }
        stage.api.apply("scaledobjects", &manifest)?;
    }
    for (name, _, _, step) in &cases {
        let note = room.until(&format!("{name} is started"), || {
            Ok(notes(&room, name, "KEDAScaleTargetActivated")?.into_iter().next())
        })?;
        ensure!(note.contains(step), "{name}: {note}");
    }
    // Whatever the first step was, the HPA goes on from there, as fast as it is allowed to.
    for name in ["policy", "wanted", "one"] {
        room.until_replicas(name, 9)?;
    }
    let behavior = room.hpa("behavior")?["spec"]["behavior"]["scaleUp"]["policies"].clone();
    let wanted = cases.iter().find_map(|(.., policies, _)| policies.as_ref()).context("a case has policies")?;
    ensure!(behavior == *wanted, "the HPA has {behavior}");
    Ok(())
}
