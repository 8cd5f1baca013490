//! A request to the cluster of which one is under way at most, asked again with growing patience.

use std::time::Duration;

/// First wait after a failure; doubled at each further one.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// Longest wait. What cannot succeed by itself waits this long at once: somebody may have removed the obstacle.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// The state of one kind of request for one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    in_flight: bool,
    not_before: Duration,
    failures: u32,
}

impl Ask {
    /// Whether it may be sent now.
    pub(super) fn may(&self, now: Duration) -> bool {
        !self.in_flight && self.not_before <= now
    }

    /// Whether it waits for an answer.
    pub(super) fn in_flight(&self) -> bool {
        self.in_flight
    }

    /// When it may be sent, if it is not under way.
    pub(super) fn at(&self) -> Option<Duration> {
        (!self.in_flight).then_some(self.not_before)
    }

    /// It is sent.
    pub(super) fn sent(&mut self) {
        self.in_flight = true;
    }

    /// It succeeded, and may be sent again from `not_before` on.
    pub(super) fn succeeded(&mut self, not_before: Duration) {
        *self = Self { in_flight: false, not_before, failures: 0 };
    }

    /// It failed. `retry`: whether time alone may mend it.
    pub(super) fn failed(&mut self, now: Duration, retry: bool) {
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failures.min(6)).min(BACKOFF_MAX);
        self.in_flight = false;
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + if retry { doubled } else { BACKOFF_MAX };
    }

    /// Something changed: it may be sent at once.
    pub(super) fn hurry(&mut self) {
        self.not_before = Duration::ZERO;
        self.failures = 0;
    }

    /// It may be sent from `at` on, if that is sooner than planned.
    pub(super) fn by(&mut self, at: Duration) {
        self.not_before = self.not_before.min(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_to_a_minute_and_ends_with_success() {
        let (mut ask, now) = (Ask::default(), Duration::from_secs(100));
        let waits: Vec<u64> = (0..8)
            .map(|_| {
                ask.failed(now, true);
                ask.not_before.as_secs() - 100
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        ask.succeeded(Duration::ZERO);
        ask.failed(now, true);
        assert_eq!(ask.not_before.as_secs(), 101);
    }

    #[test]
    fn one_is_under_way_at_most() {
        let mut ask = Ask::default();
        ask.sent();
        ask.hurry();
        assert!(!ask.may(Duration::from_secs(1000)));
    }
}
