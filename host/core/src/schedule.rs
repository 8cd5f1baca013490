//! When a trigger is asked next: its interval, spread by a hash, faster while replicas run; and the health of endpoints,
//! so that an outage lowers the call rate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::BatchKey;
use crate::failure::Failure;

/// Triggers that fall due within this of each other travel together.
pub const WINDOW: Duration = Duration::from_millis(50);
/// The first poll of a trigger waits this long for company, so that the first round after a start is batched.
pub const FIRST: Duration = Duration::from_millis(20);
/// While replicas run, nobody waits longer than this for the next reading: it is the HPA's own period.
pub const RUNNING_MAX: Duration = Duration::from_secs(15);
/// The shortest wait between two polls of a trigger that nobody asked to be polled faster.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// How long to wait at most from one poll to the next. `cooling`: what is still to be proven idle, if anything runs.
pub fn pace(interval: Duration, cooling: Option<Duration>) -> Duration {
    match cooling {
        None => interval,
        Some(rest) => interval.min(RUNNING_MAX).min(rest.max(WAIT_MIN).max(WAIT_MIN.min(interval))),
    }
}

/// The first slot after `now` of a trigger polled each `interval`: slots lie at `phase + n × interval`, where the phase
/// follows from `hash`, so equal hashes are asked together and different ones apart.
pub fn slot_after(now: Duration, interval: Duration, hash: u64) -> Duration {
    let period = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    let phase = hash % period;
    let elapsed = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let into = (elapsed % period + period - phase) % period;
    now + Duration::from_nanos(period - into)
}

/// What is known of an endpoint.
#[derive(Debug, Clone, PartialEq)]
enum Health {
    /// Nobody asked it yet, or a component was not able to.
    Unproven,
    /// The last poll was answered.
    Up,
    /// The last poll failed at the connection.
    Down { failure: Failure, probe_at: Duration },
}

/// An endpoint and its state.
#[derive(Debug, Clone)]
struct Entry {
    health: Health,
    in_flight: u32,
    triggers: u32,
}

/// Whether a trigger may be asked now.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// Ask.
    Ask,
    /// The endpoint is being asked for the first time or probed: its answer decides.
    Wait,
    /// The endpoint is down and was probed already: this is what it said.
    Down(Failure),
}

/// The endpoints that any trigger uses.
#[derive(Debug, Default)]
pub struct Endpoints {
    entries: BTreeMap<Arc<BatchKey>, Entry>,
}

impl Endpoints {
    /// A trigger begins to use an endpoint. Where there is no connection, there is nothing to be proven.
    pub fn join(&mut self, key: &Arc<BatchKey>) {
        let health = if key.connections.is_empty() { Health::Up } else { Health::Unproven };
        self.entries.entry(key.clone()).or_insert(Entry { health, in_flight: 0, triggers: 0 }).triggers += 1;
    }

    /// A trigger no longer uses it; what nobody uses and no poll is under way for is forgotten.
    pub fn leave(&mut self, key: &Arc<BatchKey>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.triggers = entry.triggers.saturating_sub(1);
        self.forget_unused(key);
    }

    fn forget_unused(&mut self, key: &BatchKey) {
        if self.entries.get(key).is_some_and(|entry| entry.triggers == 0 && entry.in_flight == 0) {
            self.entries.remove(key);
        }
    }

    /// Whether the last poll was answered.
    pub fn is_up(&self, key: &BatchKey) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.health == Health::Up)
    }

    /// Whether a poll of this endpoint may go out now.
    pub fn turn(&self, key: &BatchKey, now: Duration) -> Turn {
        let Some(entry) = self.entries.get(key) else { return Turn::Ask };
        match &entry.health {
            Health::Up => Turn::Ask,
            Health::Unproven if entry.in_flight == 0 => Turn::Ask,
            Health::Unproven => Turn::Wait,
            Health::Down { probe_at, .. } if entry.in_flight == 0 && *probe_at <= now + WINDOW => Turn::Ask,
            Health::Down { failure, .. } => Turn::Down(failure.clone()),
        }
    }

    /// A poll goes out.
    pub fn asked(&mut self, key: &BatchKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.in_flight += 1;
        }
    }

    /// It came back.
    pub fn answered(&mut self, key: &BatchKey, seen: Seen) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        match seen {
            Seen::Up => entry.health = Health::Up,
            Seen::Down(failure, probe_at) => entry.health = Health::Down { failure, probe_at },
            Seen::Nothing => {}
        }
        self.forget_unused(key);
    }
}

/// What a poll showed of its endpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// It answered.
    Up,
    /// It did not; the next poll may try from the given time on.
    Down(Failure, Duration),
    /// Nobody dialled.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_slot_is_never_further_than_the_interval_and_never_now() {
        for hash in [0, 1, 29_999_999_999, u64::MAX] {
            for now in [0, 1, 30, 31, 1_000_000] {
                let slot = slot_after(seconds(now), seconds(30), hash);
                assert!(slot > seconds(now) && slot <= seconds(now + 30), "{now} {hash} {slot:?}");
                assert_eq!(slot_after(slot, seconds(30), hash), slot + seconds(30));
            }
        }
    }

    #[test]
    fn while_replicas_run_the_next_reading_is_at_most_15_seconds_away() {
        assert_eq!(pace(seconds(30), None), seconds(30));
        assert_eq!(pace(seconds(30), Some(seconds(300))), seconds(15));
        assert_eq!(pace(seconds(5), Some(seconds(300))), seconds(5));
    }

    #[test]
    fn the_end_of_a_cooldown_is_not_missed_by_an_interval() {
        assert_eq!(pace(seconds(30), Some(seconds(4))), seconds(4));
        assert_eq!(pace(seconds(30), Some(seconds(0))), seconds(1));
    }
}
