//! What the status of an object should say. A count or an age that changes at each poll would be a write at each poll, so
//! none is in it.

use std::fmt::Write as _;
use std::time::Duration;

use super::object::Object;
use super::tell::{TARGET_WRONG, is_about_target};
use super::trigger::Trigger;
use crate::Now;
use crate::decide::{Decision, Say, Why};
use crate::failure::FailureKind;
use crate::problem::sentence;
use crate::scaler::Metric;
use crate::status::{Condition, Report, Truth};

/// Least time between two writes of one object's status: one write a second at most, whatever flaps.
pub(super) const SPACING: Duration = Duration::from_secs(1);

fn condition(kind: &'static str, status: Truth, reason: &str, message: &str) -> Condition {
    Condition { kind, status, reason: or(reason, "Unknown").into(), message: or(message, NO_WORDS).into() }
}

/// What stands where another party gave no words of its own: nothing is shown without a reason.
pub(super) const NO_WORDS: &str = "no reason was given";

pub(super) fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.trim().is_empty() { otherwise } else { text }
}

/// How many triggers there are, and why each cannot be read.
fn sentence_of<'a>(failing: impl Iterator<Item = &'a Trigger>) -> (usize, String) {
    let (mut count, mut text) = (0, String::new());
    for trigger in failing {
        let (Some(failure), Some((_, since))) = (&trigger.words, &trigger.failure) else { continue };
        let separator = if count > 0 { "; " } else { "" };
        _ = write!(text, "{separator}{}: {failure} (since {since:.0})", trigger.name());
        count += 1;
    }
    (count, text)
}

impl Object {
    /// Whether there is anything to say in the status.
    pub(super) fn is_to_be_reported(&self) -> bool {
        self.resolved.is_some() || self.refusal.is_some()
    }

    /// What the status should be.
    pub(super) fn report_now(&self, now: Now) -> Report {
        let mut report = Report {
            conditions: vec![self.ready(), self.activity(now)],
            original_replicas: self.original,
            last_active: self.last_active,
            hpa_name: self.hpa.name.clone(),
            authentications: self.manifest.draft.authentication_names().join(","),
            ..Report::default()
        };
        report.conditions.push(self.fallback_condition());
        report.conditions.push(if self.manifest.draft.pauses() {
            condition("Paused", Truth::True, "ScaledObjectPaused", "a pause is asked for: nothing is read or scaled")
        } else {
            condition("Paused", Truth::False, "ScaledObjectUnpaused", "pause annotation not set")
        });
        report.conditions.extend(self.hpa_active());
        let Some(workload) = &self.workload else { return report };
        report.target = Some(workload.target.clone());
        report.trigger_types = workload.trigger_types().join(",");
        report.health = self.health();
        for (trigger, say) in self.triggers.iter().zip(self.says(now)) {
            let active = say.is_active();
            for metric in &trigger.spec.metrics {
                match &metric.metric {
                    Metric::External { .. } => {
                        report.external_metrics.push(metric.name.to_string());
                        report.activity.insert(metric.name.to_string(), active);
                    }
                    Metric::Resource { container: None, .. } => report.resource_metrics.push(metric.name.to_string()),
                    Metric::Resource { .. } => {}
                }
            }
        }
        report
    }

    fn ready(&self) -> Condition {
        if let Some(refusal) = &self.refusal {
            let mut message = or(&sentence(&refusal.problems), NO_WORDS).to_owned();
            if is_about_target(refusal) {
                message.insert_str(0, TARGET_WRONG);
            }
            if self.workload.is_some() {
                message.push_str("; the settings before this change stay in force");
            }
            return condition("Ready", Truth::False, "ScaledObjectCheckFailed", &message);
        }
        if let Some(failure) = &self.hpa.failure {
            return condition("Ready", Truth::False, "ScaledObjectCheckFailed", &failure.message);
        }
        let failing = |trigger: &&Trigger| trigger.fails(self.when_absent()) && !self.is_substituted(trigger);
        let (count, failures) = sentence_of(self.triggers.iter().filter(failing));
        match count {
            0 => condition(
                "Ready",
                Truth::True,
                "ScaledObjectReady",
                &format!("ScaledObject is defined correctly and is ready for scaling{}", self.remarks()),
            ),
            count if count < self.triggers.len() => condition(
                "Ready",
                Truth::Unknown,
                "PartialTriggerError",
                &format!("Some triggers cannot be read: {failures}"),
            ),
            _ => condition(
                "Ready",
                Truth::False,
                "TriggerError",
                &format!("Triggers cannot be read, nothing is scaled down: {failures}"),
            ),
        }
    }

    /// What is to be known of an object that is ready all the same.
    fn remarks(&self) -> String {
        let mut remarks = String::new();
        for trigger in &self.triggers {
            let Some((failure, _)) = &trigger.failure else { continue };
            _ = match (self.fallback().filter(|_| self.is_substituted(trigger)), failure.kind) {
                (Some(fallback), _) => write!(remarks, "; {} falls back ({fallback})", trigger.name()),
                (None, FailureKind::Absent) => write!(remarks, "; {} has no value: {failure}", trigger.name()),
                (None, _) => Ok(()),
            };
        }
        let warnings = self.workload.iter().flat_map(|workload| &workload.warnings);
        warnings.for_each(|warning| _ = write!(remarks, "; {warning}"));
        remarks
    }

    fn fallback_condition(&self) -> Condition {
        if !self.falls_back() {
            let message = "No fallbacks are active on this scaled object";
            return condition("Fallback", Truth::False, "NoFallbackFound", message);
        }
        let (count, failures) = sentence_of(self.triggers.iter().filter(|trigger| self.is_substituted(trigger)));
        let mut message = "At least one trigger is falling back on this scaled object".to_owned();
        if let (1.., Some(fallback)) = (count, self.fallback()) {
            _ = write!(message, " ({fallback}): {failures}");
        }
        condition("Fallback", Truth::True, "FallbackExists", &message)
    }

    fn activity(&self, now: Now) -> Condition {
        let unknown = |message: &str| condition("Active", Truth::Unknown, "UnknownState", message);
        if self.workload.is_none() {
            return unknown("the ScaledObject is not served yet");
        }
        if self.active {
            return condition(
                "Active",
                Truth::True,
                "ScalerActive",
                "Scaling is performed because triggers are active",
            );
        }
        let unread =
            self.says(now).into_iter().find_map(|say| if let Say::Unread(cause) = say { Some(cause) } else { None });
        match (unread, &self.decided) {
            (Some(_), _) => unknown("triggers cannot be read"),
            (None, Some(Decision::Hold(Why::Cooling(_)))) => condition(
                "Active",
                Truth::False,
                "ScalerCooldown",
                "Scaler cooling down because triggers are not active",
            ),
            (None, _) => condition(
                "Active",
                Truth::False,
                "ScalerNotActive",
                "Scaling is not performed because triggers are not active",
            ),
        }
    }

    /// What the HPA says of itself; a stopped target counts as healthy. Its message is left out: it may carry an age,
    /// and a condition that changes at each round would be a write at each round.
    fn hpa_active(&self) -> Option<Condition> {
        let stopped = || condition("HPAActive", Truth::True, "ScalingDisabled", "the target is stopped");
        let Some((active, reason, _)) = self.hpa.seen.as_ref().and_then(|seen| seen.scaling.as_ref()) else {
            // What it will say in its first round is known; said now, it spares a new object a write of its status.
            return (self.hpa.applied.is_some() && self.replicas == Some(0)).then(stopped);
        };
        Some(match (active, &**reason) {
            (true, _) => condition("HPAActive", Truth::True, "HPAActive", "the HPA scales by its metrics"),
            (false, "ScalingDisabled") => stopped(),
            (false, reason) => condition("HPAActive", Truth::False, reason, "the HPA holds: see its own conditions"),
        })
    }
}
