//! `spec.fallback`: what the HPA hears, and what a stopped target is started with, in place of a source that cannot be
//! read.
//!
//! A configured answer and no reading: it is what a person wished for the case, so it may lower replicas too.

use std::fmt;

use crate::problem::Problem;
use crate::scaler::TargetType;

/// `spec.fallback` as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FallbackDraft {
    /// `failureThreshold`.
    pub failure_threshold: i64,
    /// `replicas`.
    pub replicas: i64,
    /// `behavior`; `static` where absent.
    pub behavior: Option<String>,
}

/// How the wished replicas are weighed against those that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// They alone count.
    Static,
    /// What the target has stays.
    Current,
    /// What the target has stays, if it is more.
    CurrentIfHigher,
    /// What the target has stays, if it is less.
    CurrentIfLower,
}

/// A fallback that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    /// So many failed polls in a row are borne; one more, and it is used.
    pub threshold: u32,
    /// The replicas wished for.
    pub replicas: u32,
    /// How they are weighed.
    pub behavior: Behavior,
}

impl Behavior {
    /// As written in a manifest.
    pub fn label(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Current => "currentReplicas",
            Self::CurrentIfHigher => "currentReplicasIfHigher",
            Self::CurrentIfLower => "currentReplicasIfLower",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = [Self::Static, Self::Current, Self::CurrentIfHigher, Self::CurrentIfLower];
        known.into_iter().find(|behavior| behavior.label() == text).ok_or_else(|| match text {
            "scalingModifiers" => "scalingModifiers is not supported by this release of Bellows".to_owned(),
            _ => format!("{text:?} is none of {}", known.map(Self::label).join(", ")),
        })
    }
}

impl Fallback {
    /// The fallback that was written, or everything that is wrong with it.
    pub fn parse(draft: &FallbackDraft) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut count = |field: &str, value: i64| {
            let count = u32::try_from(value).ok().filter(|_| value <= i64::from(i32::MAX));
            count.unwrap_or_else(|| {
                problems.push(Problem::new(format!("spec.fallback.{field}"), "must be 0 or more"));
                0
            })
        };
        let threshold = count("failureThreshold", draft.failure_threshold);
        let replicas = count("replicas", draft.replicas);
        let written = draft.behavior.as_deref().filter(|behavior| !behavior.is_empty()).unwrap_or("static");
        let behavior = Behavior::parse(written).unwrap_or_else(|message| {
            problems.push(Problem::new("spec.fallback.behavior", message));
            Behavior::Static
        });
        if problems.is_empty() { Ok(Self { threshold, replicas, behavior }) } else { Err(problems) }
    }

    /// Whether so many failed polls in a row are too many.
    pub fn is_due(&self, failures: u32) -> bool {
        failures > self.threshold
    }

    /// The replicas that stand in for a reading. `current`: what the target is asked to have; where that is unknown,
    /// only the behavior that does not ask has an answer.
    pub fn replicas(&self, current: Option<u32>) -> Option<u32> {
        match self.behavior {
            Behavior::Static => Some(self.replicas),
            Behavior::Current => current,
            Behavior::CurrentIfHigher => current.map(|current| current.max(self.replicas)),
            Behavior::CurrentIfLower => current.map(|current| current.min(self.replicas)),
        }
    }

    /// A number of failures that says the same to people: none, some, or too many. Each one shown would be a write of
    /// the status for each failed poll, and nobody acts on the numbers between.
    pub fn shown(&self, failures: u32) -> u32 {
        if self.is_due(failures) { self.threshold.saturating_add(1) } else { failures.min(1) }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.behavior {
            Behavior::Current => write!(out, "{}", self.behavior.label()),
            behavior => write!(out, "{} {}", behavior.label(), self.replicas),
        }
    }
}

/// The value of a metric for which an HPA wants `replicas`. It divides a `Value` by its target and multiplies by the pods
/// that are `ready`; without any it cannot be told a count. Counted in thousandths of the target as the HPA has it, and
/// cut like KEDA's, because an HPA rounds up.
pub fn value(target: f64, target_type: TargetType, replicas: u32, ready: Option<u32>) -> Option<f64> {
    let thousandths = (target * 1000.0).round() * f64::from(replicas);
    match target_type {
        TargetType::AverageValue => Some(thousandths / 1000.0),
        TargetType::Value => {
            let ready = ready.filter(|ready| *ready > 0)?;
            Some((thousandths / f64::from(ready)).floor() / 1000.0)
        }
        TargetType::Utilization => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(failure_threshold: i64, replicas: i64, behavior: Option<&str>) -> FallbackDraft {
        FallbackDraft { failure_threshold, replicas, behavior: behavior.map(str::to_owned) }
    }

    #[test]
    fn it_is_due_at_one_failure_more_than_are_borne_as_in_keda() {
        let fallback = Fallback::parse(&draft(3, 6, None)).unwrap();
        assert_eq!((fallback.is_due(3), fallback.is_due(4)), (false, true));
        assert!(Fallback::parse(&draft(0, 6, None)).unwrap().is_due(1));
    }

    #[test]
    fn each_wrong_field_is_named_with_what_would_be_accepted() {
        let told =
            |draft| -> Vec<String> { Fallback::parse(&draft).unwrap_err().iter().map(ToString::to_string).collect() };
        assert_eq!(
            told(draft(-1, -2, Some("often"))),
            [
                "spec.fallback.failureThreshold: must be 0 or more",
                "spec.fallback.replicas: must be 0 or more",
                "spec.fallback.behavior: \"often\" is none of static, currentReplicas, currentReplicasIfHigher, \
                 currentReplicasIfLower",
            ]
        );
        let modifiers = ["spec.fallback.behavior: scalingModifiers is not supported by this release of Bellows"];
        assert_eq!(told(draft(1, 1, Some("scalingModifiers"))), modifiers);
    }

    #[test]
    fn the_behavior_weighs_what_is_wished_against_what_there_is() {
        for (behavior, current, replicas) in [
            (None, Some(4), Some(3)),
            (Some(""), None, Some(3)),
            (Some("static"), None, Some(3)),
            (Some("currentReplicas"), Some(4), Some(4)),
            (Some("currentReplicas"), None, None),
            (Some("currentReplicasIfHigher"), Some(4), Some(4)),
            (Some("currentReplicasIfHigher"), Some(2), Some(3)),
            (Some("currentReplicasIfLower"), Some(4), Some(3)),
            (Some("currentReplicasIfLower"), Some(2), Some(2)),
        ] {
            let fallback = Fallback::parse(&draft(1, 3, behavior)).unwrap();
            assert_eq!(fallback.replicas(current), replicas, "{behavior:?} {current:?}");
        }
    }

    /// What an HPA wants, in its own words: the sum over the target, rounded up; or the ratio times the ready pods. But
    /// for the last digits of its arithmetic, which are not ours to mend.
    fn wanted(value: f64, target: f64, ready: Option<f64>) -> f64 {
        let thousandths = |number: f64| (number * 1000.0).round();
        (thousandths(value) / thousandths(target) * ready.unwrap_or(1.0) - 1e-9).ceil()
    }

    #[test]
    fn an_hpa_wants_as_many_replicas_as_it_is_told_whatever_the_target() {
        for target in [5.0, 0.7, 16.667, 3.333_333, 0.001, 1e6] {
            for replicas in 0..40 {
                let average = value(target, TargetType::AverageValue, replicas, None).unwrap();
                assert_eq!(wanted(average, target, None), f64::from(replicas), "{target} {replicas}");
                if target > 0.5 {
                    for ready in [1, 2, 3, 7] {
                        let told = value(target, TargetType::Value, replicas, Some(ready)).unwrap();
                        let wants = wanted(told, target, Some(f64::from(ready)));
                        assert_eq!(wants, f64::from(replicas), "{target} {replicas} {ready}");
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_ready_pod_there_is_no_value_of_which_an_hpa_would_take_its_part() {
        assert_eq!(value(5.0, TargetType::Value, 3, Some(0)), None);
        assert_eq!(value(5.0, TargetType::Value, 3, None), None);
        assert_eq!(value(5.0, TargetType::AverageValue, 3, Some(0)), Some(15.0));
    }

    #[test]
    fn what_is_shown_of_the_count_changes_twice_in_an_outage() {
        let fallback = Fallback::parse(&draft(3, 6, None)).unwrap();
        let shown: Vec<u32> = (0..8).map(|failures| fallback.shown(failures)).collect();
        assert_eq!(shown, [0, 1, 1, 1, 4, 4, 4, 4]);
    }
}
