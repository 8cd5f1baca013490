//! What the status of an object should say, and which Events tell people that it changed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::object::Object;
use crate::Now;
use crate::decide::{Decision, Say, Why};
use crate::effect::Effect;
use crate::problem::sentence;
use crate::scaler::Metric;
use crate::status::{Condition, Notice, Report, Tone, Truth};
use crate::workload::ObjectKey;

/// Least time between two writes of one object's status: one write a second at most, whatever flaps.
pub(super) const SPACING: Duration = Duration::from_secs(1);

fn condition(kind: &'static str, status: Truth, reason: &str, message: &str) -> Condition {
    Condition { kind, status, reason: or(reason, "Unknown").into(), message: or(message, NO_WORDS).into() }
}

/// An Event for people.
pub(super) fn tell(key: &ObjectKey, tone: Tone, reason: &'static str, message: &str) -> Effect {
    Effect::Tell { key: key.clone(), notice: Notice { tone, reason, message: or(message, NO_WORDS).to_owned() } }
}

/// What stands where another party gave no words of its own: nothing is shown without a reason.
const NO_WORDS: &str = "no reason was given";

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.trim().is_empty() { otherwise } else { text }
}

impl Object {
    /// Whether there is anything to say in the status.
    pub(super) fn is_to_be_reported(&self) -> bool {
        self.resolved.is_some() || self.refusal.is_some()
    }

    /// Writes the status if it should change, and tells people what changed with it.
    pub(super) fn tell(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_to_be_reported() || !self.asks.report.may(now.steady) || self.report_at(now) > now.steady {
            return;
        }
        let report = self.report_now(now);
        if self.reported.as_ref() == Some(&report) {
            return;
        }
        let ready = report.conditions.first();
        if let Some(ready) = ready.filter(|ready| self.told.as_ref() != Some(ready)) {
            effects.extend(notice(&self.manifest.key, self.told.as_ref(), ready, self.fresh));
            self.told = Some(ready.clone());
        }
        self.asks.report.sent();
        self.reported = Some(report.clone());
        effects.push(Effect::Report { key: self.manifest.key.clone(), report: Box::new(report) });
    }

    /// What the status should be.
    pub(super) fn report_now(&self, now: Now) -> Report {
        let mut report = Report {
            conditions: vec![self.ready(), self.activity(now)],
            original_replicas: self.original,
            last_active: self.last_active,
            hpa_name: self.hpa.name.clone(),
            ..Report::default()
        };
        report.conditions.push(condition(
            "Fallback",
            Truth::False,
            "NoFallbackFound",
            "No fallbacks are active on this scaled object",
        ));
        report.conditions.push(if self.manifest.draft.pauses() {
            condition("Paused", Truth::True, "ScaledObjectPaused", "a pause is asked for: nothing is read or scaled")
        } else {
            condition("Paused", Truth::False, "ScaledObjectUnpaused", "pause annotation not set")
        });
        report.conditions.extend(self.hpa_active());
        let Some(workload) = &self.workload else { return report };
        report.target = Some(workload.target.clone());
        let types: BTreeSet<&str> = workload.triggers.iter().map(|trigger| &*trigger.kind).collect();
        report.trigger_types = types.into_iter().collect::<Vec<_>>().join(",");
        for (trigger, say) in self.triggers.iter().zip(self.says(now)) {
            let active = matches!(say, Say::Active { .. });
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
            if self.workload.is_some() {
                message.push_str("; the settings before this change stay in force");
            }
            return condition("Ready", Truth::False, "ScaledObjectCheckFailed", &message);
        }
        if let Some(failure) = &self.hpa.failure {
            return condition("Ready", Truth::False, "ScaledObjectCheckFailed", &failure.message);
        }
        let mut failures = String::new();
        let failing = self
            .triggers
            .iter()
            .filter_map(|trigger| trigger.failure.as_ref().map(|failure| (trigger.name(), failure)));
        let mut count = 0;
        for (name, (failure, since)) in failing {
            count += 1;
            _ = write!(failures, "{}{name}: {failure} (since {since:.0})", if count > 1 { "; " } else { "" });
        }
        match count {
            0 => condition(
                "Ready",
                Truth::True,
                "ScaledObjectReady",
                "ScaledObject is defined correctly and is ready for scaling",
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

/// The Event that goes with a change of Ready, if people should hear of it. `before`: what they heard last from this
/// process; `fresh`: no process served the object before.
fn notice(key: &ObjectKey, before: Option<&Condition>, ready: &Condition, fresh: bool) -> Option<Effect> {
    let known = before.map_or(!fresh, |before| before.status == Truth::True);
    match (ready.status, &*ready.reason) {
        (Truth::True, _) if known => None,
        (Truth::True, _) => Some(tell(key, Tone::Normal, "ScaledObjectReady", &ready.message)),
        (_, "ScaledObjectCheckFailed") => Some(tell(key, Tone::Warning, "ScaledObjectCheckFailed", &ready.message)),
        (..) => Some(tell(key, Tone::Warning, "KEDAScalerFailed", &ready.message)),
    }
}
