//! What the HPA and `bellows why` are told of an object, from memory: the last good values with their age, or why there
//! is none.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::Now;
use crate::decide::Entry;
use crate::failure::Failure;
use crate::scaler::TargetType;
use crate::workload::{Bounds, ObjectKey};

/// A value and when it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// In the metric's unit.
    pub value: f64,
    /// On the steady clock.
    pub at: Duration,
    /// As a date, for people.
    pub date: jiff::Timestamp,
}

/// One external metric of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricView {
    /// `s<i>-…`, as the HPA asks for it.
    pub name: Arc<str>,
    /// `triggers[].type`, for labels.
    pub kind: Arc<str>,
    /// What the HPA compares the value with.
    pub target: f64,
    /// How it compares.
    pub target_type: TargetType,
    /// The last good value.
    pub last: Option<Taken>,
    /// Whether the trigger called itself active then.
    pub active: bool,
    /// How long a value stands.
    pub stands_for: Duration,
    /// Why the last poll gave none, if it did not.
    pub failure: Option<Failure>,
}

/// One object, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Whose it is.
    pub key: ObjectKey,
    /// Name of its HPA, once there is a workload.
    pub hpa: Option<Arc<str>>,
    /// Bounds, once there is a workload.
    pub bounds: Option<Bounds>,
    /// Replicas of the target as last heard.
    pub replicas: Option<u32>,
    /// What the HPA last said of itself, for people.
    pub hpa_says: Option<Arc<str>>,
    /// Its external metrics.
    pub metrics: Vec<MetricView>,
    /// The last decisions, oldest first.
    pub decisions: VecDeque<Entry>,
}

/// Why a metric is not answered with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoValue {
    /// The object is not served here.
    #[error("no ScaledObject {0} is served here")]
    UnknownObject(String),
    /// The object has no such metric.
    #[error("ScaledObject {object} has no metric {metric}: it has {known}")]
    UnknownMetric {
        /// The object.
        object: String,
        /// What was asked for.
        metric: String,
        /// What there is.
        known: String,
    },
    /// The metric exists, but nothing that stands is known of it.
    #[error("{0}")]
    Unread(String),
}

impl MetricView {
    /// The last good value while it stands.
    pub fn value(&self, now: Now) -> Option<Taken> {
        self.last.filter(|taken| now.steady.saturating_sub(taken.at) <= self.stands_for)
    }

    /// The value, or what to tell the HPA instead: age and cause.
    pub fn answer(&self, now: Now) -> Result<Taken, NoValue> {
        self.value(now).ok_or_else(|| {
            let mut text = format!("no value of {} to rely on: ", self.name);
            match self.last {
                None => text.push_str("it was never read"),
                Some(taken) => {
                    let age = now.steady.saturating_sub(taken.at).as_secs();
                    _ = write!(text, "the last, {}, is {age} s old", quantity(taken.value));
                }
            }
            if let Some(failure) = &self.failure {
                _ = write!(text, "; {failure}");
            }
            NoValue::Unread(text)
        })
    }
}

impl View {
    /// Looks a metric up. Names are compared without regard to case: the API server lower-cases the path.
    pub fn metric(&self, name: &str) -> Result<&MetricView, NoValue> {
        self.metrics.iter().find(|metric| metric.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            NoValue::UnknownMetric {
                object: self.key.to_string(),
                metric: name.to_owned(),
                known: self.metrics.iter().map(|metric| &*metric.name).collect::<Vec<_>>().join(", "),
            }
        })
    }
}

/// A value as a Kubernetes quantity, with KEDA's three decimals: `9`, `16667m`. Values beyond the range of a quantity
/// are the largest one.
pub fn quantity(value: f64) -> String {
    let milli = (value * 1000.0).round();
    if milli >= 9.0e18 {
        return "9223372036854775".to_owned();
    }
    if milli % 1000.0 == 0.0 { format!("{:.0}", milli / 1000.0) } else { format!("{milli:.0}m") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Blame, FailureKind};

    fn at(seconds: u64) -> Now {
        Now { steady: Duration::from_secs(seconds), wall: jiff::Timestamp::UNIX_EPOCH }
    }

    fn metric() -> MetricView {
        MetricView {
            name: "s0-redis-Q".into(),
            kind: "redis".into(),
            target: 10.0,
            target_type: TargetType::AverageValue,
            last: Some(Taken { value: 90.0, at: Duration::from_secs(100), date: jiff::Timestamp::UNIX_EPOCH }),
            active: true,
            stands_for: Duration::from_secs(45),
            failure: None,
        }
    }

    #[test]
    fn quantities_have_three_decimals_and_no_needless_ones() {
        for (value, text) in [(9.0, "9"), (16.667, "16667m"), (0.0, "0"), (0.0004, "0"), (1e30, "9223372036854775")] {
            assert_eq!(quantity(value), text);
        }
    }

    #[test]
    fn a_value_stands_for_three_missed_polls_and_then_the_hpa_hears_age_and_cause() {
        let mut metric = metric();
        assert_eq!(metric.answer(at(145)).map(|taken| taken.value), Ok(90.0));
        metric.failure = Some(Failure::new(FailureKind::Transient, Blame::Source, "refused", "redis:6379 refused"));
        let told = "no value of s0-redis-Q to rely on: the last, 90, is 46 s old; refused: redis:6379 refused";
        assert_eq!(metric.answer(at(146)), Err(NoValue::Unread(told.into())));
    }
}
