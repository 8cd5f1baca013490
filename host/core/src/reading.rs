//! What a trigger measured, when, and how long it may be relied upon.

use std::time::Duration;

use crate::failure::Failure;

/// One value of one metric, as the scaler reported it; finite and not negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Name of the metric, as planned.
    pub metric: String,
    /// The value in the metric's own unit (messages, percent…). KEDA's rule holds: what is negative, NaN or infinite is 0.
    pub value: f64,
    /// Whether a workload at 0 should be started for it.
    pub active: bool,
}

impl Reading {
    /// A reading whose value obeys the rule above.
    pub fn new(metric: impl Into<String>, value: f64, active: bool) -> Self {
        let value = if value.is_finite() && value > 0.0 { value } else { 0.0 };
        Self { metric: metric.into(), value, active }
    }
}

/// What one poll of one trigger gave.
pub type Outcome = Result<Vec<Reading>, Failure>;

/// How many polls may be missed before a reading no longer stands.
pub const MISSED_POLLS_MAX: u32 = 3;

/// How long a reading stands: three missed polls, and one batch window with the time of a call on top.
pub fn stands_for(interval: Duration) -> Duration {
    interval * MISSED_POLLS_MAX + Duration::from_secs(5)
}
