//! What the triggers of many objects share: one connection to their Redis, and few round trips over it.
//!
//! Redis itself is asked what it saw. Refuses to count what this test asked.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellows_tests::services::Wire;

use crate::figure;
use crate::stand::{INTERVAL, Stand};

/// Objects on one Redis.
const OBJECTS: usize = 50;
/// Polls that round trips are counted over: three for each object.
const POLLS: u32 = 150;
/// Longest wait for them: three intervals of five seconds, and as long again.
const LIMIT: Duration = Duration::from_secs(30);

/// Fifty objects in five namespaces share one connection; nothing but TYPE and the size of a key is asked, in pipelines.
pub(crate) fn one_connection(stand: &mut Stand) -> Result<()> {
    stand.healthy(OBJECTS)?;
    let mut wire = Wire::open(stand.redis.address())?;
    let clients = wire.ask("CLIENT LIST")?;
    let strangers: Vec<&str> = clients.lines().filter(|line| !line.contains(" cmd=client|list ")).collect();
    figure::print("connections of 50 objects to one Redis", strangers.len(), "");
    ensure!(strangers.len() == 1, "Bellows holds {} connections:\n{}", strangers.len(), strangers.join("\n"));

    let mut monitor = Wire::open(stand.redis.address())?.monitor()?;
    let before = reads(&mut wire)?;
    let began = Instant::now();
    monitor.named(POLLS, LIMIT)?;
    // One of them was this question itself.
    let trips = f64::from(u32::try_from(reads(&mut wire)? - before - 1).context("a count fits")?);
    let intervals = began.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
    let (asked, trips) = (f64::from(POLLS) / intervals, trips / intervals);
    figure::print("triggers asked for in one interval", format_args!("{asked:.1}"), "");
    figure::print("round trips to Redis in one interval", format_args!("{trips:.1}"), "");
    // One by one it would be fifty, because the size of an empty list is not asked for; in pipelines it is one for each
    // of the five namespaces. Twice that leaves room for polls that fell just inside or outside of what was counted.
    ensure!(trips <= 10.5, "{trips:.1} round trips for {asked:.1} triggers");

    let calls = wire.calls()?;
    let told: Vec<String> = calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
    figure::print("commands that Redis saw", told.join(", "), "");
    ensure!(!calls.keys().any(|name| name.contains("eval")), "a script ran: {told:?}");
    Ok(())
}

/// How often the server read from any connection. A pipeline that fits a packet is one read.
fn reads(wire: &mut Wire) -> Result<u64> {
    wire.number("stats", "total_reads_processed")
}
