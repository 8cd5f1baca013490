//! What is known of fallbacks, and the law about them. Failures of a trigger whose endpoint is down are counted at its own
//! turns, in which nobody is asked: of those the books know that they may have been, and not how many.

use std::time::Duration;

use bellows_core::Now;
use bellows_core::failure::FailureKind;
use bellows_core::fallback::{Behavior, Fallback};
use bellows_core::scaler::{Metric, TargetType};
use bellows_core::workload::ObjectKey;

use super::books::{Heard, Record, Trigger};
use super::{Judgement, Oracle, broken};

const LAW: &str = "answered_by_the_fallback";

impl Trigger {
    /// Failures since the last outcome that was none, and when that was, or since when there can have been any.
    fn failed(&self) -> (u32, Option<Duration>) {
        let mut count = 0;
        for (at, heard, _) in self.outcomes.iter().rev() {
            if !matches!(heard, Heard::Failed(_)) {
                return (count, Some(*at));
            }
            count += 1;
        }
        (count, self.unburdened.then_some(self.since))
    }
}

impl Record {
    fn fallback(&self) -> Option<Fallback> {
        self.workload.as_ref().and_then(|workload| workload.fallback)
    }

    /// Takes note of a fallback that may answer 0.
    pub(super) fn notes_rest(&mut self) {
        self.may_rest |= self.fallback().is_some_and(|fallback| {
            fallback.replicas == 0 || matches!(fallback.behavior, Behavior::Current | Behavior::CurrentIfLower)
        });
    }

    /// The replicas that the fallback may answer, with the count that each rests on.
    fn answers(&self, fallback: Fallback) -> Vec<(u32, Option<u32>)> {
        let counts = self.counts.into_iter().flatten().map(Some).chain([None]);
        counts.filter_map(|count| fallback.replicas(count).map(|replicas| (replicas, count))).collect()
    }

    /// How long a trigger was idle at most. Where a fallback might answer 0, that is since it was last active.
    pub(crate) fn idle_for(&self, trigger: &Trigger, now: Now) -> Duration {
        if !self.may_rest {
            return trigger.idle_for();
        }
        let active = trigger.outcomes.iter().rev().find(|(_, heard, _)| *heard == Heard::Active);
        now.steady - active.map_or(trigger.since, |(at, ..)| *at)
    }
}

impl Oracle {
    /// How many failures were counted of a trigger: at least, and at most where that is known.
    fn failures(&self, trigger: &Trigger) -> (u32, Option<u32>) {
        let (count, since) = trigger.failed();
        let up = self.polls.up_since(&trigger.spec.batch);
        let known = since.zip(up).is_some_and(|(since, up)| up <= since);
        (count, known.then_some(count))
    }

    /// Whether the fallback may answer for the trigger with replicas that `suit`.
    pub(super) fn may_answer(&self, record: &Record, trigger: &Trigger, suit: impl Fn(u32) -> bool) -> bool {
        let Some(fallback) = record.fallback() else { return false };
        let (_, most) = self.failures(trigger);
        let invalid = trigger.is_invalid();
        let due = invalid || most.is_none_or(|most| fallback.is_due(most));
        due && record.answers(fallback).into_iter().any(|(replicas, _)| suit(replicas))
    }

    /// Takes note of a fallback that may keep the object active.
    pub(super) fn notes_fallback(&mut self, key: &ObjectKey) {
        let Some(record) = self.records.get(key) else { return };
        if record.triggers.iter().any(|trigger| self.may_answer(record, trigger, |replicas| replicas > 0))
            && let Some(record) = self.records.get_mut(key)
        {
            record.may_have_been_active = true;
        }
    }

    /// Where enough polls failed, and only there, the fallback answers, and as the manifest says.
    pub(super) fn answered_by_the_fallback(&self, record: &Record) -> Judgement {
        let Some(view) = &record.view else { return Ok(()) };
        for trigger in &record.triggers {
            let (least, _) = self.failures(trigger);
            let last = trigger.outcomes.last();
            let invalid = matches!(last, Some((_, Heard::Failed(FailureKind::Invalid), _)));
            for metric in &trigger.spec.metrics {
                let Metric::External { target, target_type, .. } = &metric.metric else { continue };
                let answer = view.metrics.iter().find(|shown| shown.name == metric.name).and_then(|it| it.fallback);
                let due = record.fallback().filter(|fallback| invalid || fallback.is_due(least));
                match (answer, record.fallback()) {
                    (Some(_), None) => return broken(LAW, format!("{} is answered without one", metric.name)),
                    (Some(answer), Some(fallback)) => {
                        if !self.may_answer(record, trigger, |_| true) {
                            return broken(LAW, format!("{} falls back after {:?}", metric.name, trigger.failed()));
                        }
                        let near = |(replicas, count): &(u32, Option<u32>)| {
                            *replicas == answer.replicas
                                && suits(answer.value, *target, *target_type, *replicas, record, *count)
                        };
                        if !record.answers(fallback).iter().any(near) {
                            let known = (record.counts, record.ready);
                            return broken(
                                LAW,
                                format!("{} is {answer:?} by {fallback:?} with {known:?}", metric.name),
                            );
                        }
                    }
                    // A value that is divided by ready pods needs one, and what is weighed against a count needs that.
                    (None, Some(fallback)) => {
                        let whole = *target_type == TargetType::AverageValue && fallback.behavior == Behavior::Static;
                        if due.is_some() && whole {
                            return broken(LAW, format!("{} has no answer after {least} failures", metric.name));
                        }
                    }
                    (None, None) => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether an HPA that is told `value` wants `replicas`: by itself, or of the pods that may be ready.
fn suits(value: f64, target: f64, target_type: TargetType, replicas: u32, record: &Record, count: Option<u32>) -> bool {
    let wants = |ready: f64| (value / target * ready - f64::from(replicas)).abs() < 0.01 * ready;
    match target_type {
        TargetType::AverageValue => wants(1.0),
        _ => {
            let ready = record.counts.into_iter().chain([record.ready, count]).flatten();
            ready.filter(|ready| *ready > 0).any(|ready| wants(f64::from(ready)))
        }
    }
}
