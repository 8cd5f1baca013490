//! Lines of a guest, as log lines of the host: bounded in number and length, escaped, under the scaler's name.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Duration, Instant};

use crate::bindings::log::{Host, Level};
use crate::printable;
use crate::state::State;

/// Bytes of one line: a screenful.
const LINE_BYTES_MAX: usize = 4096;
/// Lines of one scaler in a minute, all calls together. 100 lines × 4 KiB bound it to 400 KiB a minute.
const LINES_PER_MINUTE_MAX: u32 = 100;

/// What one scaler has logged lately; shared by all its calls.
#[derive(Debug)]
pub(crate) struct LogBudget {
    scaler: String,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    start: Instant,
    lines: u32,
}

impl LogBudget {
    pub(crate) fn new(scaler: &str) -> Self {
        let window = Mutex::new(Window { start: Instant::now(), lines: 0 });
        Self { scaler: printable::line(scaler, 128), window }
    }

    /// Whether one more line may be written, and how many were dropped before it.
    fn admit(&self) -> Option<u32> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = 0;
        if window.start.elapsed() >= Duration::from_secs(60) {
            dropped = window.lines.saturating_sub(LINES_PER_MINUTE_MAX);
            *window = Window { start: Instant::now(), lines: 0 };
        }
        window.lines = window.lines.saturating_add(1);
        (window.lines <= LINES_PER_MINUTE_MAX).then_some(dropped)
    }

    fn write(&self, level: Level, message: &str) {
        let Some(dropped) = self.admit() else { return };
        let scaler = self.scaler.as_str();
        if dropped > 0 {
            tracing::warn!(target: "scaler", scaler, dropped, "lines over {LINES_PER_MINUTE_MAX} a minute were dropped");
        }
        let message = printable::line(message, LINE_BYTES_MAX);
        match level {
            Level::Trace => tracing::trace!(target: "scaler", scaler, "{message}"),
            Level::Debug => tracing::debug!(target: "scaler", scaler, "{message}"),
            Level::Info => tracing::info!(target: "scaler", scaler, "{message}"),
            Level::Warn => tracing::warn!(target: "scaler", scaler, "{message}"),
            Level::Error => tracing::error!(target: "scaler", scaler, "{message}"),
        }
    }
}

/// The log, as one call sees it.
pub(crate) struct LogView {
    pub(crate) budget: Arc<LogBudget>,
}

impl Host for State {
    async fn emit(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.budget.host_call()?;
        self.log.budget.write(level, &message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_cut_at_the_bound() {
        let budget = LogBudget::new("chatty");
        let written = (0..1_000).filter(|_| budget.admit().is_some()).count();
        assert_eq!(written, LINES_PER_MINUTE_MAX as usize);
    }
}
