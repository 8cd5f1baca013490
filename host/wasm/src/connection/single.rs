//! One connection that everybody shares, or the attempt to have it: one dial at a time, and who waited for a dial that
//! failed does not dial again at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellows_core::failure::{Blame, Failure, FailureKind};
use tokio::time::{Duration, Instant, timeout_at};

/// Time to connect and be let in: two addresses of 1.5 s, and a second for the handshakes.
pub(super) const DIAL_TIME_MAX: Duration = Duration::from_secs(4);

/// A connection that works, as far as anybody knows.
pub(super) trait Live {
    /// Whether it may be asked.
    fn is_open(&self) -> bool;
}

/// The place of a connection.
pub(super) struct Single<L> {
    attempt: tokio::sync::Mutex<Attempt<L>>,
    dials: AtomicU64,
}

struct Attempt<L> {
    live: Option<Arc<L>>,
    dials: u64,
    failure: Option<Failure>,
}

impl<L> Default for Single<L> {
    fn default() -> Self {
        let attempt = Attempt { live: None, dials: 0, failure: None };
        Self { attempt: tokio::sync::Mutex::new(attempt), dials: AtomicU64::new(0) }
    }
}

impl<L: Live> Single<L> {
    /// The connection; dials where there is none. Whoever comes meanwhile waits for the same dial.
    pub(super) async fn live<D: Future<Output = Result<L, Failure>>>(
        &self,
        endpoint: &str,
        until: Instant,
        dial: impl FnOnce(Instant) -> D,
    ) -> Result<Arc<L>, Failure> {
        let seen = self.dials.load(Ordering::Relaxed);
        let Ok(mut attempt) = timeout_at(until, self.attempt.lock()).await else {
            return Err(too_late(endpoint, "no connection could be had"));
        };
        if let Some(live) = attempt.live.as_ref().filter(|live| live.is_open()) {
            return Ok(Arc::clone(live));
        }
        if attempt.dials > seen
            && let Some(failure) = &attempt.failure
        {
            return Err(failure.clone());
        }
        attempt.live = None;
        attempt.failure = None;
        attempt.dials += 1;
        self.dials.store(attempt.dials, Ordering::Relaxed);
        let end = until.min(Instant::now() + DIAL_TIME_MAX);
        let dialled = match timeout_at(end, dial(end)).await {
            Ok(dialled) => dialled,
            Err(_elapsed) => Err(too_late(endpoint, "it accepted a connection and then said nothing")),
        };
        match dialled {
            Ok(live) => {
                let live = Arc::new(live);
                attempt.live = Some(Arc::clone(&live));
                Ok(live)
            }
            Err(failure) => {
                attempt.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }
}

pub(super) fn too_late(endpoint: &str, why: &str) -> Failure {
    let message = format!("{endpoint} did not answer in time: {why}");
    Failure::new(FailureKind::Transient, Blame::Source, "timeout", message).of_endpoint()
}
