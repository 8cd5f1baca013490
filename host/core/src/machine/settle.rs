//! After any event: bring one object to where it should be, and say what that takes.

use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::object::Object;
use super::report::SPACING;
use super::tell::tell;
use super::trigger::Trigger;
use crate::Now;
use crate::decide::{Cooldown, Say, decide};
use crate::effect::Effect;
use crate::status::Tone;
use crate::workload::{ObjectKey, Workload, WorkloadMetric};

/// How long the first status waits for the HPA: some thousand objects that come at once are applied by then, and a
/// request that is not answered at all has failed.
const HPA_WAIT_MAX: Duration = Duration::from_secs(15);

impl Machine {
    /// Brings one object to where it should be.
    pub(super) fn settle(&mut self, key: &ObjectKey, now: Now, effects: &mut Vec<Effect>) {
        let Some(object) = self.objects.get_mut(key) else { return };
        if object.owned && object.manifest.deleting {
            self.stop(key, effects);
            if let Some(object) = self.objects.get_mut(key) {
                object.part(now, effects);
            }
        } else if object.owned {
            object.adopt(now, effects);
            object.resolve(now, effects);
            object.apply_hpa(now, effects);
            object.act(now, effects);
            object.tell(now, effects);
            object.count_what_is_blocked(now);
            object.publish(effects);
            self.hasten(key, now);
        }
        self.set_timer(key, now);
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
    /// The object is being deleted: the finalizer goes when its work is done.
    fn part(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_to_be_released() {
            return;
        }
        if self.must_find_target() {
            return self.resolve(now, effects);
        }
        if !self.asks.release.may(now.steady) {
            return;
        }
        let original = self.original.filter(|_| self.manifest.draft.restore_original);
        let restore = self.target.clone().zip(original);
        self.asks.release.sent();
        effects.push(Effect::Release { key: self.manifest.key.clone(), restore });
        if !std::mem::replace(&mut self.parting, true) {
            effects.push(tell(&self.manifest.key, Tone::Warning, "ScaledObjectDeleted", "ScaledObject was deleted"));
        }
    }

    /// Whether the finalizer is still ours to take off, and nothing is awaited first. A scaling that is under way could
    /// undo what is restored; its answer brings us here again.
    fn is_to_be_released(&self) -> bool {
        let awaits = self.asks.scale.in_flight() || self.asks.release.in_flight();
        self.manifest.adopted && !self.released && !awaits
    }

    /// The host was away when the object was last served, and only the cluster knows what to restore.
    fn must_find_target(&self) -> bool {
        self.manifest.draft.restore_original
            && self.original.is_some()
            && self.target.is_none()
            && self.refusal.is_none()
    }

    fn adopt(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.manifest.adopted && self.asks.adopt.may(now.steady) {
            self.asks.adopt.sent();
            effects.push(Effect::Adopt { key: self.manifest.key.clone() });
        }
    }

    fn resolve(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.resolve_at().is_some_and(|at| at <= now.steady) {
            self.asks.resolve.sent();
            self.attempt += 1;
            let (key, draft) = (self.manifest.key.clone(), self.manifest.draft.clone());
            effects.push(Effect::Resolve { key, attempt: self.attempt, draft });
        }
    }

    /// Whether the HPA was not applied yet, or for a workload that needs another one.
    pub(super) fn hpa_is_outdated(&self) -> bool {
        let Some(workload) = &self.workload else { return false };
        self.hpa.applied.as_ref().is_none_or(|(applied, _)| !same_for_hpa(applied, workload))
    }

    /// Whether the HPA is not known to be as the workload says, or another one of ours is there.
    fn hpa_differs(&self) -> bool {
        let drifted = || {
            let (Some((applied, fingerprint)), Some(seen)) = (&self.hpa.applied, &self.hpa.seen) else { return false };
            *seen.name != *applied.hpa.name || seen.fingerprint != *fingerprint
        };
        self.workload.is_some() && (self.hpa_is_outdated() || drifted())
    }

    /// The name of an HPA of ours that is not the one that `workload` needs: remembered, or still there.
    fn superseded_hpa(&self, workload: &Workload) -> Option<Arc<str>> {
        let remembered = self.hpa.name.as_deref();
        let seen = self.hpa.seen.as_ref().map(|seen| &*seen.name);
        [remembered, seen].into_iter().flatten().find(|name| *name != workload.hpa.name).map(Arc::from)
    }

    fn apply_hpa(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(workload) = self.workload.clone() else { return };
        if !self.hpa_differs() {
            // What could not be written is no longer wanted.
            self.hpa.failure = None;
            return;
        }
        if !self.asks.hpa.may(now.steady) {
            return;
        }
        self.asks.hpa.sent();
        self.hpa.applying = Some(workload.clone());
        let replaces = self.superseded_hpa(&workload);
        effects.push(Effect::ApplyHpa { key: self.manifest.key.clone(), workload, replaces });
    }

    /// Decides about the replicas, remembers why, and acts.
    fn act(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.manifest.draft.pauses() {
            self.remember("hold: a pause is asked for".to_owned(), now);
        }
        let Some(workload) = self.workload.clone() else { return };
        let says = self.says(now);
        let active = says.iter().any(Say::is_active) || says.iter().all(|say| *say == Say::Native);
        if active != self.active {
            self.last_active = Some(now.wall);
            self.active = active;
        }
        let decision = decide(&workload, self.replicas, &says, self.cooldown(now));
        self.remember(decision.to_string(), now);
        if let Some((from, to)) = decision.change()
            && self.asks.scale.may(now.steady)
        {
            self.asks.scale.sent();
            let (key, target) = (self.manifest.key.clone(), workload.target.clone());
            self.scaling = Some((target.clone(), decision.clone()));
            effects.push(Effect::Scale { key, target, from, to });
        }
        self.decided = Some(decision);
    }

    /// While nothing can be asked because of what was written, each poll that would have been made is an error.
    fn count_what_is_blocked(&mut self, now: Now) {
        let blocked = self.refusal.is_some() || self.triggers.iter().any(Trigger::is_invalid);
        self.errors.block(blocked, self.manifest.draft.interval(), now.steady);
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
            let at = if self.must_find_target() { self.resolve_at() } else { self.asks.release.at() };
            return at.filter(|_| self.is_to_be_released()).map(later);
        }
        let changes = self.decided.as_ref().is_some_and(|decision| decision.change().is_some());
        let unreported = self.is_to_be_reported() && self.reported.as_ref() != Some(&self.report_now(now));
        let waits = [
            self.asks.adopt.at().filter(|_| !self.manifest.adopted),
            self.resolve_at(),
            self.asks.hpa.at().filter(|_| self.hpa_differs()),
            self.asks.scale.at().filter(|_| changes),
            self.asks.report.at().filter(|_| unreported).map(|at| at.max(self.report_at(now))),
            self.stale_at(now),
            self.initial_cooldown_at(now),
        ];
        waits.into_iter().flatten().map(later).min()
    }

    /// When the first of the readings that stand ceases to.
    fn stale_at(&self, now: Now) -> Option<Duration> {
        let interval = self.workload.as_ref()?.interval;
        self.triggers.iter().filter_map(|trigger| trigger.stale_at(interval)).filter(|at| *at > now.steady).min()
    }

    fn initial_cooldown_at(&self, now: Now) -> Option<Duration> {
        match self.cooldown(now) {
            Cooldown::Left(left, _) if self.workload.is_some() && self.last_active.is_none() && self.fresh => {
                Some(now.steady + left)
            }
            _ => None,
        }
    }

    /// When the status may be written: a new object's waits for its HPA and its first poll, so that it costs one write.
    /// A source that does not answer keeps it waiting for a moment only, a busy API server for as long as it is busy.
    pub(super) fn report_at(&self, now: Now) -> Duration {
        let polled = self
            .triggers
            .iter()
            .all(|trigger| trigger.is_native() || trigger.last.is_some() || trigger.failure.is_some());
        let applied = self.hpa.applied.is_some() || self.hpa.failure.is_some();
        let first = self.resolved.filter(|_| self.reported.is_none() && self.refusal.is_none());
        match first {
            Some(resolved) if !applied => resolved + HPA_WAIT_MAX,
            Some(resolved) if !polled => resolved + SPACING,
            _ => now.steady,
        }
    }
}

/// Whether two workloads need the same HPA.
fn same_for_hpa(old: &Workload, new: &Workload) -> bool {
    let metrics = |workload: &Workload| -> Vec<WorkloadMetric> {
        workload.triggers.iter().flat_map(|trigger| trigger.metrics.iter().cloned()).collect()
    };
    old.hpa == new.hpa && old.target == new.target && old.bounds == new.bounds && metrics(old) == metrics(new)
}
