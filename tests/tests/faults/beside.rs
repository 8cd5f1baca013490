//! What a fault must leave alone: the other half of a cluster, healthy objects beside it, and those that have a fallback.
//!
//! Owns the trials that are no row of the matrix.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::place::Place;
use crate::rows::{Fault, Source};
use crate::stage::{SOON, Stage};
use bellows_tests::services::Way;

/// How long an outage lasts: the cooldown is 2 s, and a reading stands for 8.
const OUTAGE: Duration = Duration::from_secs(15);
/// Rounds of work for healthy objects. They last as long as what is broken beside them.
const ROUNDS: usize = 4;
/// From work to replicas: a poll each second, an HPA each second, and a machine that is busy with forty other trials.
const SCALED_MAX: Duration = Duration::from_secs(15);

pub(crate) fn half_a_redis(stage: &Stage) -> Result<()> {
    half(stage, "half-redis", Source::Redis)
}

pub(crate) fn half_an_amqp(stage: &Stage) -> Result<()> {
    half(stage, "half-amqp", Source::Amqp)
}

pub(crate) fn half_an_http(stage: &Stage) -> Result<()> {
    half(stage, "half-http", Source::Http)
}

/// An object with two brokers, one of which is away: it goes up by the other alone, and not down.
fn half(stage: &Stage, name: &str, source: Source) -> Result<()> {
    let [away, there] = ["away", "there"].map(|half| Place::make(stage, &format!("{name}-{half}"), source, false));
    let (away, there) = (away?, there?);
    away.fill(30)?;
    there.fill(20)?;
    let env: Vec<_> = away.env().into_iter().chain(there.env()).collect();
    stage.workload(name, &env, &[away.trigger(), there.trigger()], |_| ())?;
    stage.until_replicas(name, 3)?;

    let fault = Fault::Path(Way::Refuse);
    away.break_by(&fault)?;
    stage.broken.fetch_add(1, Ordering::Relaxed);
    there.empty()?;
    // As long as a reading stands, and longer: what is away had three replicas' worth of work.
    let (end, mut least) = (Instant::now() + OUTAGE, u64::MAX);
    let held = stage.until("half of it is away", || {
        let replicas = stage.seen.of(name)?.replicas;
        least = least.min(replicas);
        Ok((replicas != 3 || Instant::now() >= end).then_some(()))
    });
    held?;
    ensure!(least == 3, "it went to {least} while one of its brokers could not be read");
    let why = stage.why(name)?;
    ensure!(why["metrics"][0]["stands"] == false && why["metrics"][1]["stands"] == true, "{why}");

    there.fill(60)?;
    stage.until_replicas(name, 6)?;
    stage.broken.fetch_sub(1, Ordering::Relaxed);
    away.mend(&fault, 0)?;
    there.empty()?;
    // Now that all is read: 30 items, and none.
    stage.until_replicas(name, 3).map(drop)
}

/// Objects on the same brokers, by ways that nobody disturbs, go up and down while everything beside them is broken.
pub(crate) fn healthy(stage: &Stage) -> Result<()> {
    let sources = [("healthy-redis", Source::Redis), ("healthy-amqp", Source::Amqp), ("healthy-http", Source::Http)];
    let mut places = Vec::new();
    for (name, source) in sources {
        let place = Place::make(stage, name, source, false)?;
        place.fill(10)?;
        stage.workload(name, &place.env(), &[place.trigger()], |spec| spec["minReplicaCount"] = json!(1))?;
        places.push(place);
    }
    for place in &places {
        stage.until_replicas(&place.name, 1)?;
        stage.until_ready(&place.name)?;
    }
    // Where this trial is the only one, nothing is broken beside it, and little is proven.
    let (end, mut most) = (Instant::now() + SOON, 0);
    stage
        .until("something is broken", || Ok((broken(stage, &mut most) >= 20 || Instant::now() >= end).then_some(())))
        .unwrap_or_default();
    for round in 0..ROUNDS {
        for (work, replicas) in [(20, 3), (0, 1)] {
            let began = Instant::now();
            for place in &places {
                if work > 0 {
                    place.fill(work)?;
                } else {
                    place.empty()?;
                    place.fill(10)?;
                }
            }
            for place in &places {
                stage.until_replicas(&place.name, replicas)?;
                stage.until_ready(&place.name)?;
                let took = began.elapsed();
                ensure!(took < SCALED_MAX, "{} took {took:?} to {replicas} in round {round}", place.name);
            }
            broken(stage, &mut most);
        }
    }
    println!("healthy objects went up and down {ROUNDS} times beside up to {most} broken sources");
    Ok(())
}

fn broken(stage: &Stage, most: &mut usize) -> usize {
    let now = stage.broken.load(Ordering::Relaxed);
    *most = now.max(*most);
    now
}

/// keda#5525: a fallback for a source that is away when its object is made.
pub(crate) fn away_from_the_start(stage: &Stage) -> Result<()> {
    let sources = [("away-redis", Source::Redis), ("away-amqp", Source::Amqp), ("away-http", Source::Http)];
    let mut places = Vec::new();
    for (name, source) in sources {
        let place = Place::make(stage, name, source, false)?;
        place.break_by(&Fault::Path(Way::Refuse))?;
        stage.workload(name, &place.env(), &[place.trigger()], |spec| {
            spec["fallback"] = json!({"failureThreshold": 2, "replicas": 4});
        })?;
        places.push(place);
    }
    for place in &places {
        stage.until_replicas(&place.name, 4)?;
    }
    for place in &places {
        place.mend(&Fault::Path(Way::Refuse), 0)?;
        place.fill(20)?;
        stage.until_replicas(&place.name, 2)?;
    }
    Ok(())
}
