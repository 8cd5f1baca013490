//! Which Events tell people what changed, with KEDA's reasons and opening words. Each goes with the status that says the
//! same, so that a status which cannot be written tells nobody twice.

use super::object::Object;
use super::report::{NO_WORDS, or};
use crate::Now;
use crate::effect::Effect;
use crate::event::Refusal;
use crate::problem::Problem;
use crate::status::{Condition, Notice, Report, Tone, Truth};
use crate::workload::ObjectKey;

/// What people last heard of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Condition Ready.
    ready: Option<Condition>,
    /// Whether a fallback is in use; `None` before this process said anything.
    fallback: Option<bool>,
    /// What its manifest is warned of.
    warnings: Vec<Problem>,
    /// Trigger types that are watched.
    started: Vec<String>,
}

/// KEDA's words for a target that cannot be scaled.
pub(super) const TARGET_WRONG: &str = "ScaledObject doesn't have correct scaleTargetRef specification: ";

/// Whether a refusal is for the target.
pub(super) fn is_about_target(refusal: &Refusal) -> bool {
    refusal.problems.iter().any(|problem| problem.field.starts_with("spec.scaleTargetRef"))
}

/// An Event for people.
pub(super) fn tell(key: &ObjectKey, tone: Tone, reason: &'static str, message: &str) -> Effect {
    let message = or(message, NO_WORDS).to_owned();
    Effect::Tell { key: key.clone(), notice: Notice { tone, reason, message, detail: false } }
}

/// One that KEDA sends and that the budget of four writes for a new object has no room for.
fn detail(key: &ObjectKey, reason: &'static str, message: String) -> Effect {
    Effect::Tell { key: key.clone(), notice: Notice { tone: Tone::Normal, reason, message, detail: true } }
}

impl Object {
    /// Writes the status if it should change, and tells people what changed with it.
    pub(super) fn tell(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_to_be_reported() || !self.asks.report.may(now.steady) || self.report_at(now) > now.steady {
            return;
        }
        let report = self.report_now(now);
        if self.reported.as_ref() == Some(&report) {
            return;
        }
        self.tell_start(effects);
        self.tell_fallback(&report, effects);
        self.tell_ready(&report, effects);
        self.tell_warnings(effects);
        self.asks.report.sent();
        self.reported = Some(report.clone());
        effects.push(Effect::Report { key: self.manifest.key.clone(), report: Box::new(report) });
    }

    fn tell_start(&mut self, effects: &mut Vec<Effect>) {
        let Some(workload) = &self.workload else { return };
        let key = &self.manifest.key;
        let begins = self.told.started.is_empty();
        for kind in workload.trigger_types() {
            if !self.told.started.iter().any(|started| started == kind) {
                effects.push(detail(key, "KEDAScalersStarted", format!("Scaler {kind} is built")));
                self.told.started.push(kind.to_owned());
            }
        }
        if begins {
            effects.push(detail(key, "KEDAScalersStarted", "Started scalers watch".to_owned()));
        }
    }

    fn tell_fallback(&mut self, report: &Report, effects: &mut Vec<Effect>) {
        let condition = report.conditions.iter().find(|condition| condition.kind == "Fallback");
        let Some(condition) = condition.filter(|_| self.resolved.is_some()) else { return };
        let now = condition.status == Truth::True;
        let before = self.told.fallback.unwrap_or_else(|| {
            let counts = &self.manifest.remembered.failures;
            self.fallback().is_some_and(|fallback| counts.values().any(|count| fallback.is_due(*count)))
        });
        self.told.fallback = Some(now);
        let (reason, message) = match (before, now) {
            (false, true) => {
                ("ScaledObjectFallbackActivated", format!("ScaledObject fallback is active: {}", condition.message))
            }
            (true, false) => {
                ("ScaledObjectFallbackDeactivated", "ScaledObject fallback is no longer active".to_owned())
            }
            _ => return,
        };
        effects.push(tell(&self.manifest.key, Tone::Normal, reason, &message));
    }

    fn tell_ready(&mut self, report: &Report, effects: &mut Vec<Effect>) {
        let Some(ready) = report.conditions.first().filter(|ready| self.told.ready.as_ref() != Some(ready)) else {
            return;
        };
        let key = &self.manifest.key;
        // What people know: what they heard last from this process, or from one that served the object before.
        let known = self.told.ready.as_ref().map_or(!self.fresh, |before| before.status == Truth::True);
        match (ready.status, &*ready.reason) {
            // That a fallback took over is told already, and is no return to readiness.
            (Truth::True, _) if known || self.falls_back() => {}
            (Truth::True, _) => {
                effects.push(tell(key, Tone::Normal, "ScaledObjectReady", "ScaledObject is ready for scaling"));
            }
            (_, "ScaledObjectCheckFailed") => {
                let targets = self.refusal.iter().filter(|refusal| is_about_target(refusal));
                if let Some(problem) = targets.flat_map(|refusal| &refusal.problems).next() {
                    effects.push(tell(key, Tone::Warning, "ScaledObjectCheckFailed", &problem.message));
                }
                effects.push(tell(key, Tone::Warning, "ScaledObjectCheckFailed", &ready.message));
            }
            (..) => effects.push(tell(key, Tone::Warning, "KEDAScalerFailed", &ready.message)),
        }
        self.told.ready = Some(ready.clone());
    }

    /// Warnings of a manifest that an earlier process served were told by it.
    fn tell_warnings(&mut self, effects: &mut Vec<Effect>) {
        let Some(workload) = self.workload.as_ref().filter(|workload| workload.warnings != self.told.warnings) else {
            return;
        };
        let first = self.reported.is_none() && !self.fresh;
        let news = workload.warnings.iter().filter(|warning| !first && !self.told.warnings.contains(warning));
        let key = &self.manifest.key;
        effects.extend(news.map(|warning| tell(key, Tone::Warning, "KEDAScalerInfo", &warning.to_string())));
        self.told.warnings.clone_from(&workload.warnings);
    }
}
