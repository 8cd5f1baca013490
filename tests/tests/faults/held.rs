//! One row of the matrix: replicas run by a fresh reading, the source breaks for longer than the cooldown and than a
//! reading stands, and is mended.
//!
//! Owns what is asserted of every fault alike. Refuses to call a moment an outage.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::place::Place;
use crate::rows::Row;
use crate::stage::Stage;

/// Items at first, and the replicas for them.
const WORK: usize = 30;
const WORKERS: u64 = 3;
/// Items that come once all is mended, and the replicas for all.
const MORE: usize = 20;
const ALL: u64 = 5;
/// How long nothing may happen: the cooldown is 2 s, a reading stands for 8, and an HPA looks each second.
const OUTAGE: Duration = Duration::from_secs(15);

pub(crate) fn held(stage: &Stage, row: &Row) -> Result<()> {
    let place = Place::make(stage, row.name, row.source, row.tls)?;
    place.fill(WORK)?;
    stage.workload(row.name, &place.env(), &[place.trigger()], |_| ())?;
    stage.until_replicas(row.name, WORKERS)?;
    let before = settled(stage, row.name)?;

    stage.seen.anew(row.name);
    place.break_by(&row.fault)?;
    stage.broken.fetch_add(1, Ordering::Relaxed);
    let during = outage(stage, row, before);
    stage.broken.fetch_sub(1, Ordering::Relaxed);
    let (failure, range) = during?;
    place.mend(&row.fault, WORK)?;
    place.fill(MORE)?;
    let after = stage.until_replicas(row.name, ALL).context("scaling does not resume")?;
    stage.until_ready(row.name)?;

    let text = |field: &str| failure[field].as_str().unwrap_or_default().to_owned();
    let line = format!(
        "{:<18} {:<18} {:<10} {:<9} {WORKERS:>6} {:>8} {:>6}",
        row.name,
        text("code"),
        text("kind"),
        text("blame"),
        format!("{}..{}", range.0, range.1),
        after.replicas
    );
    stage.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    Ok(())
}

/// Waits until its HPA has stopped changing it, and gives its generation.
fn settled(stage: &Stage, name: &str) -> Result<u64> {
    let mut last = (0, Instant::now());
    stage.until("nothing changes any more", || {
        let workload = stage.seen.of(name)?;
        ensure!(workload.replicas == WORKERS, "it has {}", workload.replicas);
        ensure!(workload.ready.0 == "True", "it is {:?}", workload.ready);
        if workload.generation != last.0 {
            last = (workload.generation, Instant::now());
        }
        Ok((last.1.elapsed() > Duration::from_secs(2)).then_some(last.0))
    })
}

/// What was told of the outage, and the range of replicas meanwhile.
fn outage(stage: &Stage, row: &Row, before: u64) -> Result<(Value, (u64, u64))> {
    let failure = stage.until_told(&format!("the fault is told as {}", row.code), row.name, |why| {
        let failure = why["metrics"][0]["failure"].clone();
        ensure!(failure["code"] == row.code, "it is told as {failure}");
        Ok(Some(failure))
    })?;
    ensure!(failure["blame"] == row.blame, "it is put down to {failure}");
    let end = Instant::now() + OUTAGE;
    let last = stage.until("the outage is over", || {
        let workload = stage.seen.of(row.name)?;
        let changed = workload.generation != before;
        Ok((changed || Instant::now() >= end).then_some(workload))
    })?;
    let range = last.range.unwrap_or_default();
    ensure!(last.generation == before && range == (WORKERS, WORKERS), "it had {range:?} replicas: {last:?}");
    // What does not exist is no error by default, and is told all the same.
    let status = if failure["kind"] == "absent" { "True" } else { "False" };
    let (ready, _, message) = &last.ready;
    ensure!(ready == status && message.contains(row.code), "its condition Ready is {:?}", last.ready);
    let why = stage.why(row.name)?;
    let metric = &why["metrics"][0];
    ensure!(metric["stands"] == false, "a reading stands still: {metric}");
    ensure!(metric["failure"]["code"] == row.code, "at the end it is told as {}", metric["failure"]);
    Ok((failure, range))
}
