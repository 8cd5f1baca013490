//! Waiting for a condition of the world, with a limit, a reason and a way to stop early.
//!
//! Owns the only pause between two looks. Refuses to wait without a limit, and to fail without saying what was seen last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The shortest pause between two looks. Ten looks a second see a change soon enough for any figure that we print in seconds, and
/// cost one `kubectl` at a time.
const PAUSE: Duration = Duration::from_millis(100);

/// A request to end early, shared by everything that may be waiting. Once asked for, it stays.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks everything that waits to give up.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The flag itself, for a signal handler.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// Looks until there is an answer, for at most `limit`. `Ok(None)` and `Err` both mean "not yet"; the last error becomes
/// part of the message when the time is up.
///
/// # Errors
/// The time is up, or `stop` was requested.
pub fn until<T>(stop: &Stop, what: &str, limit: Duration, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_each(stop, what, limit, Duration::ZERO, look)
}

/// The same with at least `period` from one look to the next.
///
/// # Errors
/// As [`until`].
pub fn until_each<T>(
    stop: &Stop,
    what: &str,
    limit: Duration,
    period: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let began = Instant::now();
    loop {
        if stop.requested() {
            bail!("interrupted while waiting until {what}");
        }
        let looked = Instant::now();
        let seen = match look() {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if began.elapsed() >= limit {
            let seconds = limit.as_secs_f64();
            match seen {
                Some(error) => return Err(error.context(format!("waited {seconds} s until {what}"))),
                None => bail!("waited {seconds} s until {what}, which did not happen"),
            }
        }
        std::thread::sleep(PAUSE.max(period.saturating_sub(looked.elapsed())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_told_when_the_time_is_up() {
        let failed = until(&Stop::default(), "it rains", Duration::ZERO, || -> Result<Option<()>> { bail!("sunny") });
        assert_eq!(format!("{:#}", failed.unwrap_err()), "waited 0 s until it rains: sunny");
    }

    #[test]
    fn a_requested_stop_ends_the_wait_at_once() {
        let stop = Stop::default();
        stop.request();
        let failed = until(&stop, "it rains", Duration::from_secs(60), || Ok(None::<()>));
        assert_eq!(failed.unwrap_err().to_string(), "interrupted while waiting until it rains");
    }
}
