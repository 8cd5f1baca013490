//! The laws, one function each; those about polls are in `polls.rs`. `main.rs` says which planted bug each of them caught.

use std::time::Duration;

use bellows_core::Now;
use bellows_core::effect::Effect;
use bellows_core::metric::MetricView;
use bellows_core::scaler::Metric;
use bellows_core::status::{Report, Truth};
use bellows_core::workload::{ObjectKey, Target};

use super::books::{Record, Trigger, stands};
use super::requests::kind;
use super::{Judgement, Oracle, broken};

/// Polls may be sent this much later than a slot, because that is how they find company.
const WINDOW: Duration = Duration::from_millis(50);
/// A process does not wake to the microsecond.
const LATE: Duration = Duration::from_millis(30);

impl Oracle {
    fn record(&self, key: &ObjectKey, law: &'static str) -> Result<&Record, super::Violation> {
        self.records.get(key).ok_or_else(|| super::Violation { law, message: format!("{key} does not exist") })
    }

    /// Replicas that we set are those of rest, or lie between what an HPA may have.
    pub(super) fn within_bounds(&self, key: &ObjectKey, target: &Target, to: u32) -> Judgement {
        let record = self.record(key, "within_bounds")?;
        let Some(workload) = &record.workload else {
            return broken("within_bounds", "scaled without settings in force");
        };
        let (bounds, draft) = (workload.bounds, &record.manifest.draft);
        let rest = bounds.idle.or((bounds.min == 0).then_some(0));
        let inside = to >= bounds.min.max(1) && to <= bounds.max;
        if *target != workload.target || !(inside || rest == Some(to)) {
            return broken("within_bounds", format!("{target:?} to {to}, with {bounds:?} of {draft:?}"));
        }
        Ok(())
    }

    /// Nothing is lowered unless the last outcome of every trigger is inactive, good, and stands.
    pub(super) fn lowered_by_fresh_readings(&self, key: &ObjectKey, from: u32, to: u32, now: Now) -> Judgement {
        let record = self.record(key, "lowered_by_fresh_readings")?;
        let idle = |trigger: &Trigger| {
            trigger.is_native()
                || trigger.is_inactive(record.interval(), now)
                || self.may_answer(record, trigger, |it| it == 0)
        };
        if to < from && !record.triggers.iter().all(idle) {
            let last: Vec<_> = record.triggers.iter().map(|trigger| trigger.outcomes.last()).collect();
            return broken("lowered_by_fresh_readings", format!("{from} → {to} with {last:?}"));
        }
        if to < from && record.triggers.iter().all(Trigger::is_native) {
            return broken("lowered_by_fresh_readings", format!("{from} → {to} without any trigger of ours"));
        }
        Ok(())
    }

    /// Nothing is lowered before the cooldown was proven by readings; one never active and never served before waits for
    /// its initial cooldown.
    pub(super) fn lowered_after_cooldown(&self, key: &ObjectKey, from: u32, to: u32, now: Now) -> Judgement {
        let record = self.record(key, "lowered_after_cooldown")?;
        let Some(workload) = record.workload.as_ref().filter(|_| to < from) else { return Ok(()) };
        let externals = record.triggers.iter().filter(|trigger| !trigger.is_native());
        let idle = externals.map(|trigger| record.idle_for(trigger, now)).min().unwrap_or_default();
        let age = record.age.0 + now.steady.saturating_sub(record.age.1);
        let fresh = !record.was_active && !record.was_served;
        let (has, needs) = if fresh { (age, workload.initial_cooldown) } else { (idle, workload.cooldown) };
        let either = record.may_have_been_active && idle >= workload.cooldown;
        if has < needs && !either {
            return broken(
                "lowered_after_cooldown",
                format!("{from} → {to} after {has:?} of {needs:?} (fresh: {fresh})"),
            );
        }
        Ok(())
    }

    /// Nothing is raised unless something is active, the lower bound asks for it, or only Kubernetes measures.
    pub(super) fn raised_for_a_reason(&self, key: &ObjectKey, from: u32, to: u32, now: Now) -> Judgement {
        let record = self.record(key, "raised_for_a_reason")?;
        let Some(workload) = record.workload.as_ref().filter(|_| to >= from) else { return Ok(()) };
        let active = record.triggers.iter().any(|trigger| {
            trigger.is_active(workload.interval, now) || self.may_answer(record, trigger, |it| it > from)
        });
        let below = workload.bounds.idle.is_none() && from < workload.bounds.min && to == workload.bounds.min;
        let native = record.triggers.iter().all(Trigger::is_native);
        if to == from || !(active || below || native) {
            return broken("raised_for_a_reason", format!("{from} → {to} with {:?}", record.triggers));
        }
        Ok(())
    }

    /// Whatever the HPA asks for is answered with the last good value while it stands, and with nothing after that.
    pub(super) fn answered_from_what_stands(record: &Record, now: Now) -> Judgement {
        let Some(view) = &record.view else { return Ok(()) };
        let mut expected = Vec::new();
        for trigger in &record.triggers {
            for metric in &trigger.spec.metrics {
                if let Metric::External { name, .. } = &metric.metric {
                    let standing = trigger.good.as_ref().filter(|(at, _)| stands(*at, record.interval(), now));
                    let reading =
                        standing.and_then(|(_, readings)| readings.iter().find(|reading| reading.metric == *name));
                    let shown = view.metrics.iter().find(|shown| shown.name == metric.name);
                    // What the fallback answers is judged by itself.
                    let fallback = shown.and_then(|shown| shown.fallback).map(|answer| answer.value);
                    expected.push((&metric.name, fallback.or(reading.map(|reading| reading.value))));
                }
            }
        }
        let answer = |metric: &MetricView| metric.answer(now).ok().map(|taken| taken.value);
        let answers: Vec<_> = view.metrics.iter().map(|metric| (&metric.name, answer(metric))).collect();
        if answers != expected {
            return broken("answered_from_what_stands", format!("{answers:?} instead of {expected:?}"));
        }
        Ok(())
    }

    /// Nobody acts but the owner.
    pub(super) fn acted_by_owner(&self, key: &ObjectKey, effect: &Effect) -> Judgement {
        if self.membership.owns(key) || matches!(effect, Effect::Publish { view: None, .. }) {
            return Ok(());
        }
        broken("acted_by_owner", format!("{effect:?}"))
    }

    /// An object that asks for a pause is neither scaled nor asked for.
    pub(super) fn paused_untouched(&self, key: &ObjectKey, effect: &Effect) -> Judgement {
        let paused = self.records.get(key).is_some_and(|record| record.manifest.draft.pauses());
        match effect {
            Effect::Scale { .. } | Effect::ApplyHpa { .. } if paused => {
                broken("paused_untouched", format!("{effect:?}"))
            }
            _ => Ok(()),
        }
    }

    /// No value is answered for an object that asks for a pause, so that its HPA holds too.
    pub(super) fn paused_is_silent(record: &Record) -> Judgement {
        let shows = record.view.as_ref().is_some_and(|view| !view.metrics.is_empty());
        if shows && record.manifest.draft.pauses() {
            return broken("paused_is_silent", format!("{:?}", record.view));
        }
        Ok(())
    }

    /// What is gone, or going, or somebody else's, is not shown.
    pub(super) fn shown_is_there(&self, key: &ObjectKey) -> Judgement {
        let there = self.records.get(key).is_some_and(|record| !record.manifest.deleting);
        if self.shown.contains(key) && !(there && self.membership.owns(key)) {
            return broken("shown_is_there", format!("{key} is shown"));
        }
        Ok(())
    }

    /// Of an object that is gone nothing is said but that it is no longer shown; one that is going is only let go.
    pub(super) fn gone_is_gone(&self, key: &ObjectKey, effect: &Effect) -> Judgement {
        let unshown = matches!(effect, Effect::Publish { view: None, .. });
        match (self.records.get(key), effect) {
            (None, _) if !unshown => broken("gone_is_gone", format!("{effect:?}")),
            (
                Some(record),
                Effect::Adopt { .. }
                | Effect::ApplyHpa { .. }
                | Effect::Scale { .. }
                | Effect::Report { .. }
                | Effect::Publish { view: Some(_), .. },
            ) if record.manifest.deleting => broken("gone_is_gone", format!("{effect:?}")),
            (Some(record), Effect::Release { .. }) if !record.manifest.deleting => {
                broken("gone_is_gone", format!("let go, and not deleted: {effect:?}"))
            }
            _ => Ok(()),
        }
    }

    /// No trigger waits longer than its interval while its source answers.
    pub(super) fn asked_in_time(&self, key: &ObjectKey, record: &Record, now: Now) -> Judgement {
        for (index, trigger) in record.triggers.iter().enumerate() {
            let Some(up) = self.polls.up_since(&trigger.spec.batch) else { continue };
            let asked = self.polls.is_asked(&(key.clone(), index, trigger.generation));
            if trigger.is_native() || trigger.is_invalid() || asked {
                continue;
            }
            let free = trigger.free_since.max(up).max(record.in_force_since);
            let running =
                record.running_since.map(|since| since.max(free) + record.interval().min(Duration::from_secs(15)));
            let latest = (free + record.interval()).min(running.unwrap_or(Duration::MAX)) + WINDOW + LATE;
            if now.steady > latest {
                return broken(
                    "asked_in_time",
                    format!("{key}/{index}: free since {free:?}, to be asked by {latest:?}"),
                );
            }
        }
        Ok(())
    }

    /// Of each kind of request one is under way for an object.
    pub(super) fn one_request_each(&self, effect: &Effect) -> Judgement {
        match kind(effect) {
            Some((key, kind)) if self.requests.is_under_way(key, kind) => {
                broken("one_request_each", format!("{kind} of {key} is under way already"))
            }
            _ => Ok(()),
        }
    }

    /// Whatever is shown to people has a reason and words.
    pub(super) fn reasons_given(&self, effect: &Effect) -> Judgement {
        let blank = match effect {
            Effect::Tell { notice, .. } | Effect::TellAuthentication { notice, .. } => {
                notice.reason.is_empty() || notice.message.trim().is_empty()
            }
            Effect::Report { report, .. } => {
                let blank = |text: &str| text.trim().is_empty();
                report.conditions.iter().any(|condition| blank(&condition.reason) || blank(&condition.message))
            }
            Effect::Publish { view: Some(view), .. } => view.decisions.iter().any(|entry| entry.text.trim().is_empty()),
            _ => false,
        };
        if blank { broken("reasons_given", format!("{effect:?}")) } else { Ok(()) }
    }

    /// A refusal is said in the words of who refused.
    pub(super) fn refusals_are_said(&self, key: &ObjectKey, report: &Report) -> Judgement {
        let record = self.record(key, "refusals_are_said")?;
        let Some(refused) = &record.refused else { return Ok(()) };
        let said = report
            .conditions
            .first()
            .is_some_and(|ready| ready.status == Truth::False && ready.message.contains(refused.as_str()));
        if said {
            Ok(())
        } else {
            broken("refusals_are_said", format!("{refused:?} is not in {:?}", report.conditions))
        }
    }

    /// What the status says already is not written again.
    pub(super) fn no_report_repeated(&self, key: &ObjectKey, report: &Report) -> Judgement {
        if self.accepted.get(key) == Some(report) {
            return broken("no_report_repeated", format!("{report:?}"));
        }
        Ok(())
    }
}
