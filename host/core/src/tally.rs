//! How often something went wrong: counted one by one, and by time while nobody even tries.

use std::time::Duration;

/// A count of failures that never falls. While it is blocked, because nobody can ask, each interval counts as one more:
/// what is counted by time costs no step of the machine, and whoever watches the rate sees that it is still wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    counted: u64,
    /// Since when it is blocked, and the interval.
    blocked: Option<(Duration, Duration)>,
}

impl Tally {
    /// One more.
    pub fn failed(&mut self) {
        self.counted = self.counted.saturating_add(1);
    }

    /// It is blocked from now on, or no longer. The interval is that of the moment at which it began.
    pub fn block(&mut self, blocked: bool, interval: Duration, now: Duration) {
        match (blocked, self.blocked) {
            (true, None) => self.blocked = Some((now, interval)),
            (false, Some(_)) => *self = Self { counted: self.at(now), blocked: None },
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// The count at `now`.
    pub fn at(&self, now: Duration) -> u64 {
        let Some((since, interval)) = self.blocked else { return self.counted };
        let missed = now.saturating_sub(since).as_nanos() / interval.max(Duration::from_secs(1)).as_nanos();
        self.counted.saturating_add(u64::try_from(missed).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn while_it_is_blocked_each_interval_counts_and_nothing_is_lost_when_it_ends() {
        let mut tally = Tally::default();
        tally.failed();
        tally.block(true, seconds(30), seconds(100));
        tally.block(true, seconds(1), seconds(120));
        let counts: Vec<u64> = [100, 129, 130, 400].map(|at| tally.at(seconds(at))).into();
        assert_eq!(counts, [1, 1, 2, 11]);
        tally.block(false, seconds(30), seconds(200));
        assert_eq!((tally.at(seconds(200)), tally.at(seconds(9999))), (4, 4));
        tally.failed();
        assert_eq!(tally.at(seconds(9999)), 5);
    }

    #[test]
    fn an_interval_of_nothing_counts_by_the_second() {
        let mut tally = Tally::default();
        tally.block(true, Duration::ZERO, seconds(5));
        assert_eq!(tally.at(seconds(8)), 3);
    }
}
