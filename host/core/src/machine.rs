//! The machine: the only mutable state of the autoscaler, and its step function.
//!
//! `step` takes what happened and the time, and gives what is to be done. It never waits, never fails, and the same
//! inputs give the same effects. `settle` is the heart: after any event it brings one object to where it should be.

mod ask;
mod lifecycle;
mod object;
mod poll;
mod report;
mod settle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::Now;
use crate::batch::BatchKey;
use crate::effect::Effect;
use crate::event::{ApiFailure, Event, HpaView, PollId};
use crate::member::Membership;
use crate::schedule::Endpoints;
use crate::status::{Notice, Tone};
use crate::workload::ObjectKey;
use object::Object;
use poll::InFlight;

/// The autoscaler.
#[derive(Debug, Default)]
pub struct Machine {
    objects: BTreeMap<ObjectKey, Object>,
    unreadable: BTreeMap<ObjectKey, String>,
    membership: Membership,
    endpoints: Endpoints,
    polls: BTreeMap<PollId, InFlight>,
    polls_begun: PollId,
    /// Triggers by when they are asked next.
    due: BTreeSet<(Duration, ObjectKey, usize)>,
    /// Triggers that wait for a poll of their endpoint to come back.
    waiting: BTreeMap<Arc<BatchKey>, BTreeSet<(ObjectKey, usize)>>,
    /// Endpoints that wait for any poll to come back, because too many are under way; the longest first.
    crowd: VecDeque<Arc<BatchKey>>,
    /// Objects by when they want to be settled although nothing happens.
    timers: BTreeSet<(Duration, ObjectKey)>,
}

impl Machine {
    /// Takes in what happened and says what to do about it.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Applied(manifest) => self.applied(*manifest, now, &mut effects),
            Event::Unreadable { key, message } => self.unreadable(key, message, &mut effects),
            Event::Gone(key) => self.forget(&key, &mut effects),
            Event::Resolved { key, attempt, result } => self.resolved(&key, attempt, result, now, &mut effects),
            Event::HpaObserved { key, hpa } => self.hpa_observed(&key, hpa, now, &mut effects),
            Event::HpaApplied { key, result } => {
                self.with(&key, now, &mut effects, |object| hpa_applied(object, result, now));
            }
            Event::ScaleRead { key, replicas } => self.with(&key, now, &mut effects, |object| {
                object.scale.succeeded(now.steady);
                object.replicas = Some(replicas);
            }),
            Event::Scaled { key, to, result } => self.scaled(&key, to, result, now, &mut effects),
            Event::Adopted { key, result } => self.with(&key, now, &mut effects, |object| match result {
                Ok(()) => {
                    object.adopt.succeeded(now.steady);
                    object.manifest.adopted = true;
                }
                Err(failure) => object.adopt.failed(now.steady, failure.retry),
            }),
            Event::Reported { key, result } => self.with(&key, now, &mut effects, |object| match result {
                Ok(()) => object.report.succeeded(now.steady + report::SPACING),
                Err(failure) => {
                    object.report.failed(now.steady, failure.retry);
                    object.reported = None;
                }
            }),
            Event::Released { key, result } => self.released(&key, result, now, &mut effects),
            Event::Polled { id, endpoint, outcomes } => self.polled(id, &endpoint, outcomes, now, &mut effects),
            Event::ScalersChanged => self.scalers_changed(now, &mut effects),
            Event::Membership { own, members } => self.members(Membership::new(own, members), now, &mut effects),
            Event::Tick => {}
        }
        self.ring(now, &mut effects);
        self.collect(now, &mut effects);
        effects
    }

    /// When the machine wants to be stepped with [`Event::Tick`] although nothing happens; `None` while it waits for answers.
    pub fn next_wake(&self) -> Option<Duration> {
        let due = self.due.first().map(|(at, ..)| *at);
        let timer = self.timers.first().map(|(at, _)| *at);
        due.into_iter().chain(timer).min()
    }

    /// Polls under way.
    pub fn in_flight(&self) -> usize {
        self.polls.len()
    }

    /// Objects that this process acts for.
    pub fn owned(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.iter().filter(|(_, object)| object.owned).map(|(key, _)| key)
    }

    fn hpa_observed(&mut self, key: &ObjectKey, hpa: Option<HpaView>, now: Now, effects: &mut Vec<Effect>) {
        self.with(key, now, effects, |object| {
            let before = object.hpa.seen.as_ref();
            let (old, old_wish) = (before.and_then(|hpa| hpa.replicas), before.and_then(|hpa| hpa.desired));
            match &hpa {
                None => {
                    object.hpa.applied = None;
                    object.hpa.ask.hurry();
                }
                Some(hpa) => {
                    // An HPA that repeats an old count must not overrule what we set or read since.
                    if hpa.replicas.is_some() && hpa.replicas != old {
                        object.replicas = hpa.replicas;
                    }
                    if let (Some(from), Some(to)) = (old_wish, hpa.desired)
                        && from != to
                    {
                        object.remember(format!("the HPA: {from} → {to}"), now);
                    }
                }
            }
            object.hpa.seen = hpa;
        });
    }

    fn scaled(
        &mut self,
        key: &ObjectKey,
        to: u32,
        result: Result<(), ApiFailure>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(object) = self.objects.get_mut(key) else { return };
        let up = object.replicas.is_none_or(|from| to > from);
        let target = object.workload.as_ref().map(|workload| {
            let target = &workload.target;
            format!("{}.{} {}/{}", target.api_version(), target.kind, key.namespace, target.name)
        });
        let why = object.decided.as_ref().map(ToString::to_string).unwrap_or_default();
        let (tone, reason, message) = match (&result, up) {
            (Ok(()), true) => {
                (Tone::Normal, "KEDAScaleTargetActivated", format!("Scaled {}: {why}", target.unwrap_or_default()))
            }
            (Ok(()), false) => {
                (Tone::Normal, "KEDAScaleTargetDeactivated", format!("Scaled {}: {why}", target.unwrap_or_default()))
            }
            (Err(failure), true) => (Tone::Warning, "KEDAScaleTargetActivationFailed", failure.message.clone()),
            (Err(failure), false) => (Tone::Warning, "KEDAScaleTargetDeactivationFailed", failure.message.clone()),
        };
        effects.push(Effect::Tell { key: key.clone(), notice: Notice { tone, reason, message } });
        match result {
            Ok(()) => {
                object.scale.succeeded(now.steady);
                object.replicas = Some(to);
            }
            Err(failure) => object.scale.failed(now.steady, failure.retry),
        }
        self.hasten(key, now);
        self.settle(key, now, effects);
    }

    /// Changes an object, if it is known, and settles it.
    fn with(&mut self, key: &ObjectKey, now: Now, effects: &mut Vec<Effect>, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.objects.get_mut(key) {
            change(object);
            self.settle(key, now, effects);
        }
    }

    /// Settles the objects whose time has come.
    fn ring(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now.steady {
                break;
            }
            self.timers.remove(&(at, key.clone()));
            if let Some(object) = self.objects.get_mut(&key) {
                object.timer = None;
            }
            self.settle(&key, now, effects);
        }
    }
}

fn hpa_applied(object: &mut Object, result: Result<u64, ApiFailure>, now: Now) {
    match result {
        Ok(fingerprint) => {
            object.hpa.ask.succeeded(now.steady);
            object.hpa.failure = None;
            object.hpa.applied = object.hpa.applying.take().map(|workload| (workload, fingerprint));
        }
        Err(failure) => {
            object.hpa.ask.failed(now.steady, failure.retry);
            object.hpa.failure = Some(failure);
        }
    }
}
