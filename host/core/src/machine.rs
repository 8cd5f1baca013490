//! The machine: the only mutable state of the autoscaler, and its step function.
//!
//! `step` takes what happened and the time, and gives what is to be done. It never waits, never fails, and the same
//! inputs give the same effects. `settle` is the heart: after any event it brings one object to where it should be.

mod answer;
mod ask;
mod authentication;
mod crowd;
mod fallback;
mod lifecycle;
mod object;
mod poll;
mod polled;
mod report;
mod settle;
mod tell;
mod trigger;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::Now;
use crate::batch::BatchKey;
use crate::effect::Effect;
use crate::event::{Event, PollId};
use crate::member::Membership;
use crate::schedule::Endpoints;
use crate::workload::ObjectKey;
use ask::{Ask, Asks};
use authentication::Authentications;
use crowd::Crowd;
use object::Object;
use poll::InFlight;

/// The autoscaler.
#[derive(Debug, Default)]
pub struct Machine {
    objects: BTreeMap<ObjectKey, Object>,
    /// Requests under way for objects that were forgotten. Each leaves with its answer.
    orphans: BTreeMap<ObjectKey, Asks>,
    membership: Membership,
    endpoints: Endpoints,
    polls: BTreeMap<PollId, InFlight>,
    polls_begun: PollId,
    /// Triggers by when they are asked next.
    due: BTreeSet<(Duration, ObjectKey, usize)>,
    /// Triggers that wait for a poll of their endpoint to come back.
    waiting: BTreeMap<Arc<BatchKey>, BTreeSet<(ObjectKey, usize)>>,
    /// Endpoints that are up and yet wait, because too many polls are under way.
    crowd: Crowd,
    /// Endpoints not known to be up that wait, because too many such are asked.
    crowd_unproven: Crowd,
    /// Who uses which authentication.
    authentications: Authentications,
    /// Objects by when they want to be settled although nothing happens.
    timers: BTreeSet<(Duration, ObjectKey)>,
}

impl Machine {
    /// Takes in what happened and says what to do about it.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Applied(manifest) => self.applied(*manifest, now, &mut effects),
            Event::Unreadable { key, message } => self.unreadable(&key, message, now, &mut effects),
            Event::Gone(key) => {
                self.forget(&key, &mut effects);
                self.refer(&key, now, &mut effects);
            }
            Event::Resolved { key, attempt, result } => self.resolved(&key, attempt, result, now, &mut effects),
            Event::HpaObserved { key, hpa } => {
                self.with(&key, now, &mut effects, |object| object.hpa_observed(hpa, now));
            }
            Event::HpaApplied { key, result } => {
                self.answer(&key, |asks| &mut asks.hpa, now, &mut effects, |object| object.hpa_applied(result, now));
            }
            Event::ScaleRead { key, replicas } => {
                self.answer(&key, |asks| &mut asks.scale, now, &mut effects, |object| object.scale_read(replicas, now));
            }
            Event::Scaled { key, to, result } => {
                self.answer(&key, |asks| &mut asks.scale, now, &mut effects, |object| object.scaled(to, result, now));
            }
            Event::Adopted { key, result } => {
                self.answer(&key, |asks| &mut asks.adopt, now, &mut effects, |object| object.adopted(result, now));
            }
            Event::Reported { key, result } => {
                self.answer(&key, |asks| &mut asks.report, now, &mut effects, |object| object.reported(result, now));
            }
            Event::Released { key, result } => {
                self.answer(&key, |asks| &mut asks.release, now, &mut effects, |object| object.released(result, now));
            }
            Event::Polled { id, endpoint, outcomes } => self.polled(id, &endpoint, outcomes, now, &mut effects),
            Event::AuthenticationObserved { key, view } => self.authentication_observed(key, view, now, &mut effects),
            Event::AuthenticationReported { key, result } => {
                self.authentication_reported(&key, &result, now, &mut effects);
            }
            Event::AuthenticationReleased { key, result } => {
                self.authentication_released(&key, &result, now, &mut effects);
            }
            Event::ScalersChanged => self.resolve_anew(None, now, &mut effects),
            Event::NamespaceRelabelled(namespace) => self.resolve_anew(Some(&namespace), now, &mut effects),
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
        due.into_iter().chain(timer).chain(self.authentications.next_wake()).min()
    }

    /// Polls under way.
    pub fn in_flight(&self) -> usize {
        self.polls.len()
    }

    /// Objects that this process acts for.
    pub fn owned(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.iter().filter(|(_, object)| object.owned).map(|(key, _)| key)
    }

    /// Changes an object, if it is known, and settles it.
    fn with(&mut self, key: &ObjectKey, now: Now, effects: &mut Vec<Effect>, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.objects.get_mut(key) {
            change(object);
            self.settle(key, now, effects);
        }
    }

    /// Hears an answer, if the object still stands behind the question, and settles it.
    fn answer<Told: IntoIterator<Item = Effect>>(
        &mut self,
        key: &ObjectKey,
        kind: impl Fn(&mut Asks) -> &mut Ask,
        now: Now,
        effects: &mut Vec<Effect>,
        hear: impl FnOnce(&mut Object) -> Told,
    ) {
        if let Some(object) = self.answered(key, kind) {
            effects.extend(hear(object));
        }
        self.settle(key, now, effects);
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
        self.ring_authentications(now, effects);
    }
}

#[cfg(test)]
mod tests;
