//! A thousand idle objects: how long until all are served, what it costs the API server, and what Bellows then weighs.
//!
//! These are figures to read and compare, not bounds; only that all are served is asserted. The build is not optimised.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellows_tests::services::Wire;

use crate::crowd::{Key, Shape};
use crate::figure;
use crate::stand::Stand;

const OBJECTS: usize = 1000;
/// Longest wait until every object has been polled: its interval of 30 s, and as long again.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// Ticks of the processor clock in a second, in `/proc/PID/stat`: the same on every Linux that we run on.
const TICKS: f64 = 100.0;

/// Makes them, and reads the figures.
pub(crate) fn counted(stand: &mut Stand) -> Result<()> {
    let keys: Vec<Key> = (0..OBJECTS).map(|number| Key::numbered("idle", number)).collect();
    // As most are: at zero, polled at KEDA's default interval.
    let shape = Shape { replicas_min: 0, interval: 30, ..stand.shape() };
    figure::print("resident memory before", format_args!("{:.0}", resident(stand)?), "MiB (not optimised)");
    let before = stand.writes()?;
    let processor_before = processor(stand)?;
    let took = stand.serve(&keys, &shape, true)?;
    figure::seconds("1000 new objects created, all ready with HPA", took);
    figure::print(
        "processor for that",
        format_args!("{:.1}", processor(stand)? - processor_before),
        "s (not optimised)",
    );
    let mut monitor = Wire::open(stand.redis.address())?.monitor()?;
    let lists = || -> BTreeSet<String> { keys.iter().map(Key::list).collect() };
    // A first round, so that the rush is over and every HPA has said how it is; then a whole one is weighed.
    let (_, never) = monitor.all_named(lists(), ROUND_MAX)?;
    ensure!(never.is_empty(), "never polled: {never:?}");
    let mut all = 0.0;
    for (name, count) in stand.writes()? {
        let more = count - before.get(&name).copied().unwrap_or_default();
        all += more;
        if more > 0.0 {
            figure::print(&format!("writes of 1000 new objects, {name}"), more, "requests");
        }
    }
    figure::print("API writes for each new object", all / 1000.0, "requests");
    let (processor_before, began) = (processor(stand)?, Instant::now());
    monitor.all_named(lists(), ROUND_MAX)?;
    let used = (processor(stand)? - processor_before) * 60.0 / began.elapsed().as_secs_f64();
    figure::print("processor at 1000 idle objects", format_args!("{used:.2}"), "s/min (not optimised)");
    figure::print("resident memory at 1000 objects", format_args!("{:.0}", resident(stand)?), "MiB (not optimised)");
    Ok(())
}

fn of_process(stand: &mut Stand, file: &str) -> Result<String> {
    let id = stand.bellows.process().id().context("Bellows runs")?;
    let path = format!("/proc/{id}/{file}");
    fs::read_to_string(&path).with_context(|| format!("read {path}"))
}

/// MiB.
fn resident(stand: &mut Stand) -> Result<f64> {
    let status = of_process(stand, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kib.context("a process has memory")? / 1024.0)
}

/// Seconds of processor time that the process has used.
fn processor(stand: &mut Stand) -> Result<f64> {
    let stat = of_process(stand, "stat")?;
    // Names may hold anything, so fields are counted after the name's end; user and system time are the 14th and 15th.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS)
}
