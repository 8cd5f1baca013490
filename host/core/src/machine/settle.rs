//! After any event: bring one object to where it should be, and say what that takes.

use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::object::Object;
use super::report::SPACING;
use crate::Now;
use crate::decide::{Cooldown, Say, decide};
use crate::effect::Effect;
use crate::status::{Notice, Tone};
use crate::workload::ObjectKey;

impl Machine {
    /// Brings one object to where it should be.
    pub(super) fn settle(&mut self, key: &ObjectKey, now: Now, effects: &mut Vec<Effect>) {
        let Some(object) = self.objects.get(key) else { return };
        if object.owned && object.manifest.deleting {
            self.finish(key, now, effects);
        } else if object.owned
            && let Some(object) = self.objects.get_mut(key)
        {
            object.adopt(now, effects);
            object.resolve(now, effects);
            object.apply_hpa(now, effects);
            object.act(now, effects);
            object.tell(now, effects);
            object.publish(effects);
        }
        self.set_timer(key, now);
    }

    /// The object is being deleted: whatever was asked for it ends, and the finalizer goes when its work is done.
    fn finish(&mut self, key: &ObjectKey, now: Now, effects: &mut Vec<Effect>) {
        let Some(object) = self.objects.get_mut(key) else { return };
        if !object.manifest.adopted || !object.release.may(now.steady) {
            return;
        }
        let original = object.original.filter(|_| object.manifest.draft.restore_original);
        if original.is_some() && object.workload.is_none() && object.refusal.is_none() {
            // The host was away when the object was last served: only the cluster knows what the target is.
            return object.resolve(now, effects);
        }
        let restore =
            original.and_then(|replicas| object.workload.as_ref().map(|workload| (workload.target.clone(), replicas)));
        object.release.sent();
        effects.push(Effect::Release { key: key.clone(), restore });
        let notice =
            Notice { tone: Tone::Warning, reason: "ScaledObjectDeleted", message: "ScaledObject was deleted".into() };
        effects.push(Effect::Tell { key: key.clone(), notice });
        self.stop(key, effects);
    }

    fn set_timer(&mut self, key: &ObjectKey, now: Now) {
        let Some(object) = self.objects.get_mut(key) else { return };
        let timer = object.wants(now).filter(|at| *at < Duration::MAX);
        if timer != object.timer {
            if let Some(at) = object.timer {
                self.timers.remove(&(at, key.clone()));
            }
            object.timer = timer;
            self.timers.extend(timer.map(|at| (at, key.clone())));
        }
    }
}

impl Object {
    fn adopt(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.manifest.adopted && self.adopt.may(now.steady) {
            self.adopt.sent();
            effects.push(Effect::Adopt { key: self.manifest.key.clone() });
        }
    }

    fn resolve(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.resolve.may(now.steady) {
            self.resolve.sent();
            self.attempt += 1;
            let (key, draft) = (self.manifest.key.clone(), self.manifest.draft.clone());
            effects.push(Effect::Resolve { key, attempt: self.attempt, draft });
        }
    }

    /// Whether the HPA is not known to be as the workload says.
    fn hpa_differs(&self) -> bool {
        let Some(workload) = &self.workload else { return false };
        let Some((applied, fingerprint)) = &self.hpa.applied else { return true };
        let drifted = self
            .hpa
            .seen
            .as_ref()
            .is_some_and(|seen| *seen.name == *workload.hpa.name && seen.fingerprint != *fingerprint);
        applied.hpa != workload.hpa || !same_for_hpa(applied, workload) || drifted
    }

    fn apply_hpa(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(workload) = self.workload.clone() else { return };
        if !self.hpa_differs() || !self.hpa.ask.may(now.steady) {
            return;
        }
        self.hpa.ask.sent();
        self.hpa.applying = Some(workload.clone());
        let named = self.hpa.applied.as_ref().map(|(applied, _)| applied.hpa.name.as_str());
        let before = named.or(self.manifest.remembered.hpa_name.as_deref());
        let replaces = before.filter(|name| *name != workload.hpa.name).map(Arc::from);
        effects.push(Effect::ApplyHpa { key: self.manifest.key.clone(), workload, replaces });
    }

    /// Decides about the replicas, remembers why, and acts.
    fn act(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(workload) = self.workload.clone() else { return };
        let says = self.says(now);
        let active =
            says.iter().any(|say| matches!(say, Say::Active { .. })) || says.iter().all(|say| *say == Say::Native);
        if active != self.active {
            self.last_active = Some(now.wall);
            self.active = active;
        }
        let decision = decide(&workload, self.replicas, &says, self.cooldown(now));
        self.remember(decision.to_string(), now);
        if let Some((from, to)) = decision.change()
            && self.scale.may(now.steady)
        {
            self.scale.sent();
            let (key, target) = (self.manifest.key.clone(), workload.target.clone());
            effects.push(Effect::Scale { key, target, from, to });
            self.decided = Some(decision);
        } else if !self.scale.in_flight() {
            self.decided = Some(decision);
        }
    }

    fn publish(&mut self, effects: &mut Vec<Effect>) {
        let view = self.show();
        if self.view.as_deref() != Some(&view) {
            let view = Arc::new(view);
            self.view = Some(view.clone());
            effects.push(Effect::Publish { key: self.manifest.key.clone(), view: Some(view) });
        }
    }

    /// The next time at which the object should be settled although nothing happened.
    fn wants(&self, now: Now) -> Option<Duration> {
        if !self.owned {
            return None;
        }
        let later = |at: Duration| at.max(now.steady + Duration::from_millis(1));
        if self.manifest.deleting {
            return self.release.at().filter(|_| self.manifest.adopted).map(later);
        }
        let asks = [
            self.adopt.at().filter(|_| !self.manifest.adopted),
            self.resolve.at(),
            self.hpa.ask.at().filter(|_| self.hpa_differs()),
            self.scale.at().filter(|_| self.decided.as_ref().is_some_and(|decision| decision.change().is_some())),
            self.report
                .at()
                .filter(|_| self.reported.as_ref() != Some(&self.report_now(now)))
                .map(|at| at.max(self.report_at(now))),
        ];
        let waits = [self.stale_at(now), self.initial_cooldown_at(now)];
        asks.into_iter().chain(waits).flatten().map(later).min()
    }

    /// When the first reading that stands of a trigger that fails ceases to.
    fn stale_at(&self, now: Now) -> Option<Duration> {
        let stands = crate::reading::stands_for(self.workload.as_ref()?.interval) + Duration::from_millis(1);
        let failing = self.triggers.iter().filter(|trigger| trigger.failure.is_some());
        failing
            .filter_map(|trigger| trigger.last.as_ref().map(|(_, at, _)| *at + stands))
            .filter(|at| *at > now.steady)
            .min()
    }

    fn initial_cooldown_at(&self, now: Now) -> Option<Duration> {
        match self.cooldown(now) {
            Cooldown::Left(left, _) if self.workload.is_some() && self.last_active.is_none() && self.fresh => {
                Some(now.steady + left)
            }
            _ => None,
        }
    }

    /// When the status may be written: a new object's waits for its first poll, so that it costs one write.
    pub(super) fn report_at(&self, now: Now) -> Duration {
        let polled = self
            .triggers
            .iter()
            .all(|trigger| trigger.is_native() || trigger.last.is_some() || trigger.failure.is_some());
        let applied = self.hpa.applied.is_some() || self.hpa.failure.is_some();
        match self.resolved {
            Some(resolved) if self.reported.is_none() && self.refusal.is_none() && !(polled && applied) => {
                resolved + SPACING
            }
            _ => now.steady,
        }
    }
}

/// Whether two workloads need the same HPA.
fn same_for_hpa(old: &crate::workload::Workload, new: &crate::workload::Workload) -> bool {
    let metrics = |workload: &crate::workload::Workload| -> Vec<crate::workload::WorkloadMetric> {
        workload.triggers.iter().flat_map(|trigger| trigger.metrics.iter().cloned()).collect()
    };
    old.target == new.target && old.bounds == new.bounds && metrics(old) == metrics(new)
}
