//! A request to the cluster of which one is under way at most, asked again with growing patience.
//!
//! Every request is answered once, in the order of its kind; so an answer to a question that nobody stands behind any
//! more is known by its turn, even if the object was forgotten and came back meanwhile.

use std::time::Duration;

/// First wait after a failure; doubled at each further one.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// Longest wait. What cannot succeed by itself waits this long at once: somebody may have removed the obstacle.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// What became of the last request of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// It was answered, or there was none.
    #[default]
    Idle,
    /// It waits for its answer.
    UnderWay,
    /// It waits for its answer, which will not be heard.
    Disowned,
}

/// The state of one kind of request for one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    state: State,
    not_before: Duration,
    failures: u32,
}

impl Ask {
    /// Whether it may be sent now.
    pub(super) fn may(&self, now: Duration) -> bool {
        self.at().is_some_and(|at| at <= now)
    }

    /// Whether it waits for an answer.
    pub(super) fn in_flight(&self) -> bool {
        self.state != State::Idle
    }

    /// When it may be sent, if it is not under way.
    pub(super) fn at(&self) -> Option<Duration> {
        (!self.in_flight()).then_some(self.not_before)
    }

    /// It is sent.
    pub(super) fn sent(&mut self) {
        self.state = State::UnderWay;
    }

    /// An answer came: whether it is to be heard. One that is, is followed by `succeeded` or `failed`.
    pub(super) fn heard(&mut self) -> bool {
        match self.state {
            State::UnderWay => true,
            State::Idle => false,
            State::Disowned => {
                *self = Self::default();
                false
            }
        }
    }

    /// It succeeded, and may be sent again from `not_before` on.
    pub(super) fn succeeded(&mut self, not_before: Duration) {
        *self = Self { state: State::Idle, not_before, failures: 0 };
    }

    /// It failed. `retry`: whether time alone may mend it.
    pub(super) fn failed(&mut self, now: Duration, retry: bool) {
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failures.min(6)).min(BACKOFF_MAX);
        self.state = State::Idle;
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + if retry { doubled } else { BACKOFF_MAX };
    }

    /// Something changed: it may be sent at once.
    pub(super) fn hurry(&mut self) {
        self.not_before = Duration::ZERO;
        self.failures = 0;
    }

    /// What is under way is about something that is no more: its answer is not heard, and then it may be sent at once.
    pub(super) fn disown(&mut self) {
        self.hurry();
        if self.state == State::UnderWay {
            self.state = State::Disowned;
        }
    }

    /// It may be sent from `at` on, if that is sooner than planned.
    pub(super) fn by(&mut self, at: Duration) {
        self.not_before = self.not_before.min(at);
    }
}

/// All kinds of requests for one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Asks {
    pub(super) adopt: Ask,
    pub(super) resolve: Ask,
    pub(super) hpa: Ask,
    pub(super) scale: Ask,
    pub(super) release: Ask,
    pub(super) report: Ask,
}

impl Asks {
    /// What is left of them when the object is forgotten: those under way, whose answers are not heard.
    pub(super) fn disowned(mut self) -> Self {
        self.each().into_iter().for_each(Ask::disown);
        self
    }

    /// Whether any waits for an answer.
    pub(super) fn any_in_flight(&mut self) -> bool {
        self.each().iter().any(|ask| ask.in_flight())
    }

    fn each(&mut self) -> [&mut Ask; 6] {
        let Self { adopt, resolve, hpa, scale, release, report } = self;
        [adopt, resolve, hpa, scale, release, report]
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

    #[test]
    fn the_answer_to_a_disowned_request_is_not_heard_and_the_next_one_is() {
        let mut ask = Ask::default();
        ask.sent();
        ask.disown();
        assert!(!ask.may(Duration::from_secs(1000)));
        assert!(!ask.heard());
        ask.sent();
        assert!(ask.heard());
    }
}
