//! What the HPA and `bellows why` are told of an object, from memory: the last good values with their age, or why there
//! is none.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::Now;
use crate::decide::Entry;
use crate::failure::{Failure, FailureKind};
use crate::scaler::TargetType;
use crate::tally::Tally;
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
    /// `triggers[].name`, where given, for labels.
    pub trigger: Option<Arc<str>>,
    /// The place of the trigger among all of the object's.
    pub index: usize,
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
    /// What the fallback answers in its place.
    pub fallback: Option<Answered>,
    /// How often polls gave none.
    pub errors: Tally,
}

/// What a fallback answers for one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered {
    /// In the metric's unit.
    pub value: f64,
    /// The replicas that an HPA wants for it.
    pub replicas: u32,
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
    /// A pause is asked for.
    pub paused: bool,
    /// The types of its triggers, one for each.
    pub kinds: Vec<Arc<str>>,
    /// How often polls of any of them gave no value, or were not possible at all.
    pub errors: Tally,
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
    /// A metric of an object's only trigger, never read, with a target of 1.
    pub fn new(name: impl Into<Arc<str>>, kind: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            trigger: None,
            index: 0,
            target: 1.0,
            target_type: TargetType::AverageValue,
            last: None,
            active: false,
            stands_for: Duration::ZERO,
            failure: None,
            fallback: None,
            errors: Tally::default(),
        }
    }

    /// The last good value while it stands.
    pub fn value(&self, now: Now) -> Option<Taken> {
        self.last.filter(|taken| now.steady.saturating_sub(taken.at) <= self.stands_for)
    }

    /// What the HPA is told: the fallback's answer, or the last good value, or age and cause of there being none.
    pub fn answer(&self, now: Now) -> Result<Taken, NoValue> {
        let fallback = self.fallback.map(|answer| Taken { value: answer.value, at: now.steady, date: now.wall });
        fallback.or_else(|| self.value(now)).ok_or_else(|| {
            let mut text = format!("no value of {} to rely on: ", self.name);
            let absent = self.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Absent);
            match self.last {
                None if absent => text.push_str("what it measures does not exist"),
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
    /// An object of which nothing is known.
    pub fn new(key: ObjectKey) -> Self {
        Self {
            key,
            hpa: None,
            bounds: None,
            replicas: None,
            hpa_says: None,
            paused: false,
            kinds: Vec::new(),
            errors: Tally::default(),
            metrics: Vec::new(),
            decisions: VecDeque::new(),
        }
    }

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

/// Whether `text` is a Kubernetes quantity above 0: a decimal number with an SI suffix, a binary one or an exponent.
pub fn is_positive_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let end = unsigned.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end).unwrap_or((unsigned, ""));
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let is_number = digits > 0 && number.len() - digits <= 1;
    let above = number.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    const SUFFIXES: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let exponent = || suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| exponent.parse::<i16>().is_ok());
    is_number && above && (SUFFIXES.contains(&suffix) || exponent())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Blame;

    fn at(seconds: u64) -> Now {
        Now { steady: Duration::from_secs(seconds), wall: jiff::Timestamp::UNIX_EPOCH }
    }

    fn metric() -> MetricView {
        MetricView {
            target: 10.0,
            last: Some(Taken { value: 90.0, at: Duration::from_secs(100), date: jiff::Timestamp::UNIX_EPOCH }),
            active: true,
            stands_for: Duration::from_secs(45),
            ..MetricView::new("s0-redis-Q", "redis")
        }
    }

    #[test]
    fn a_quantity_is_a_number_with_at_most_one_suffix_that_kubernetes_knows() {
        for good in ["1", "500m", "1.5Gi", ".5", "5.", "+2k", "1e3", "2E-3", "100Ki", "3E"] {
            assert!(is_positive_quantity(good), "{good}");
        }
        for bad in ["", "0", "0.0Gi", "-1", "1 Gi", "1gi", "1.2.3", "Gi", "1mm", "1e", "1e+", "half", "٣"] {
            assert!(!is_positive_quantity(bad), "{bad}");
        }
    }

    #[test]
    fn a_fallback_answers_before_the_last_value_and_after_it() {
        let mut metric = metric();
        metric.fallback = Some(Answered { value: 30.0, replicas: 3 });
        for seconds in [101, 1000] {
            let taken = metric.answer(at(seconds)).unwrap();
            assert_eq!((taken.value, taken.at), (30.0, Duration::from_secs(seconds)));
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
