//! Which triggers are asked now: by their time, by the health of their endpoint, and by how many polls are under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::trigger::Trigger;
use crate::Now;
use crate::batch::{BATCH_MAX, BatchKey};
use crate::effect::{Effect, Poll};
use crate::event::Resolution;
use crate::failure::Failure;
use crate::schedule::{FIRST, Turn, WINDOW, slot_after};
use crate::workload::ObjectKey;

/// Polls under way at once: at 10 s each if everything is dark, 25 a second still come back; and 256 instances of at most
/// 64 MiB are what the pooling allocator reserves addresses for.
const IN_FLIGHT_MAX: usize = 256;
/// Of those, polls of endpoints that are not known to be up: half, so that dark ones never keep healthy ones waiting.
const UNPROVEN_MAX: usize = 128;

/// A poll under way.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) batch: Arc<BatchKey>,
    proven: bool,
    pub(super) triggers: Vec<(ObjectKey, usize)>,
}

impl Machine {
    /// A resolution replaces an object's triggers: those that are new or changed begin to be asked.
    pub(super) fn exchange(&mut self, key: &ObjectKey, resolution: Resolution, now: Now) {
        let Some(object) = self.objects.get_mut(key) else { return };
        let (removed, fresh) = object.resolved(resolution, now);
        for index in fresh {
            let Some(trigger) = self.objects.get(key).and_then(|object| object.triggers.get(index)) else { continue };
            if !trigger.is_native() {
                self.endpoints.join(&trigger.spec.batch);
                self.plan(key, index, Some(now.steady + FIRST));
            }
        }
        self.retire(key, &removed);
    }

    /// Triggers that are no longer asked leave the queues and their endpoints.
    pub(super) fn retire(&mut self, key: &ObjectKey, triggers: &[(usize, Trigger)]) {
        for (index, trigger) in triggers.iter().filter(|(_, trigger)| !trigger.is_native()) {
            // Another trigger of that index may have been planned by now, but never for the same moment and endpoint.
            let replaced = self.objects.get(key).and_then(|object| object.triggers.get(*index));
            if let Some(due) = trigger.due
                && replaced.is_none_or(|replaced| replaced.due != Some(due))
            {
                self.due.remove(&(due, key.clone(), *index));
            }
            if let Some(waiting) = self.waiting.get_mut(&trigger.spec.batch) {
                waiting.remove(&(key.clone(), *index));
                if waiting.is_empty() {
                    self.waiting.remove(&trigger.spec.batch);
                }
            }
            self.endpoints.leave(&trigger.spec.batch);
        }
    }

    /// Plans when a trigger is asked next.
    pub(super) fn plan(&mut self, key: &ObjectKey, index: usize, due: Option<Duration>) {
        let Some(trigger) = self.objects.get_mut(key).and_then(|object| object.triggers.get_mut(index)) else { return };
        if let Some(before) = std::mem::replace(&mut trigger.due, due) {
            self.due.remove(&(before, key.clone(), index));
        }
        self.due.extend(due.map(|due| (due, key.clone(), index)));
    }

    /// Plans a trigger at its next slot. A slot within the batch window is the one that it was just asked for.
    pub(super) fn plan_slot(&mut self, key: &ObjectKey, index: usize, now: Now) {
        let Some(object) = self.objects.get(key) else { return };
        let Some(trigger) = object.triggers.get(index) else { return };
        let slot = slot_after(now.steady + WINDOW, object.pace(now), trigger.spec.batch.hash());
        self.plan(key, index, (!trigger.is_invalid()).then_some(slot));
    }

    /// The pace changed, so polls may have to come sooner.
    pub(super) fn hasten(&mut self, key: &ObjectKey, now: Now) {
        let Some(object) = self.objects.get(key) else { return };
        let latest = now.steady + WINDOW + object.pace(now);
        let late = |(_, trigger): &(usize, &Trigger)| trigger.due.is_some_and(|due| due > latest);
        let late: Vec<usize> = object.triggers.iter().enumerate().filter(late).map(|(index, _)| index).collect();
        for index in late {
            self.plan_slot(key, index, now);
        }
    }

    /// Sends out what is due, and with it what would be due a moment later.
    pub(super) fn collect(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.due.first().is_none_or(|(due, ..)| *due > now.steady) {
            return;
        }
        let mut batches: BTreeMap<Arc<BatchKey>, Vec<(ObjectKey, usize)>> = BTreeMap::new();
        while let Some((due, key, index)) = self.due.first().cloned() {
            if due > now.steady + WINDOW {
                break;
            }
            self.due.remove(&(due, key.clone(), index));
            let Some(object) = self.objects.get_mut(&key) else { continue };
            let Some(trigger) = object.triggers.get_mut(index) else { continue };
            trigger.due = None;
            trigger.expected = trigger.expected.or(Some(due));
            let batch = trigger.spec.batch.clone();
            match self.endpoints.turn(&batch, now.steady) {
                Turn::Ask => batches.entry(batch).or_default().push((key, index)),
                Turn::Wait => self.wait(&batch, key, index),
                Turn::Down(failure) => self.missed(&key, index, failure, now, effects),
            }
        }
        for (batch, triggers) in batches {
            let waits = if self.endpoints.is_up(&batch) { &self.crowd } else { &self.crowd_unproven };
            // Whoever waits already goes first.
            let admitted = waits.is_empty();
            for chunk in triggers.chunks(BATCH_MAX) {
                self.send(&batch, chunk, admitted, now, effects);
            }
        }
    }

    /// Sends one poll, or lets its triggers wait.
    fn send(
        &mut self,
        batch: &Arc<BatchKey>,
        chunk: &[(ObjectKey, usize)],
        admitted: bool,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let proven = self.endpoints.is_up(batch);
        // A second chunk for an endpoint that is not proven waits for the answer to the first.
        let wait = self.endpoints.turn(batch, now.steady) != Turn::Ask;
        if wait || !admitted || !self.has_room(proven) {
            if !wait {
                if proven { &mut self.crowd } else { &mut self.crowd_unproven }.push(batch);
            }
            return self.waiting.entry(batch.clone()).or_default().extend(chunk.iter().cloned());
        }
        self.polls_begun += 1;
        let id = self.polls_begun;
        let (mut triggers, mut late) = (Vec::with_capacity(chunk.len()), Duration::ZERO);
        for (key, index) in chunk {
            if let Some(trigger) = self.objects.get_mut(key).and_then(|object| object.triggers.get_mut(*index)) {
                trigger.in_flight = Some(id);
                late = late.max(trigger.expected.take().map_or(Duration::ZERO, |at| now.steady.saturating_sub(at)));
                triggers.push(trigger.spec.trigger.clone());
            }
        }
        self.endpoints.asked(batch);
        self.polls.insert(id, InFlight { batch: batch.clone(), proven, triggers: chunk.to_vec() });
        effects.push(Effect::Poll(Poll { id, batch: batch.clone(), triggers, late }));
    }

    fn has_room(&self, proven: bool) -> bool {
        let unproven = || self.polls.values().filter(|poll| !poll.proven).count();
        self.polls.len() < IN_FLIGHT_MAX && (proven || unproven() < UNPROVEN_MAX)
    }

    /// Gives the room that polls left to the endpoints that wait for it, the longest waiting first.
    pub(super) fn admit(&mut self, now: Now, effects: &mut Vec<Effect>) {
        loop {
            let next = if self.has_room(true) { self.crowd.pop() } else { None };
            let next = next.or_else(|| if self.has_room(false) { self.crowd_unproven.pop() } else { None });
            let Some(batch) = next else { return };
            let triggers = self.waiting_of(&batch);
            match self.endpoints.turn(&batch, now.steady) {
                Turn::Ask => {
                    if let Some(waiting) = self.waiting.get_mut(&batch) {
                        triggers.iter().for_each(|trigger| _ = waiting.remove(trigger));
                    }
                    for chunk in triggers.chunks(BATCH_MAX) {
                        self.send(&batch, chunk, true, now, effects);
                    }
                }
                // A poll of it is under way, and its answer decides.
                Turn::Wait => {}
                Turn::Down(failure) => self.share(&batch, &failure, now, effects),
            }
        }
    }

    /// The triggers that wait for an endpoint and have no turn of their own.
    fn waiting_of(&self, batch: &Arc<BatchKey>) -> Vec<(ObjectKey, usize)> {
        let waits = |(key, index): &&(ObjectKey, usize)| {
            let trigger = self.objects.get(key).and_then(|object| object.triggers.get(*index));
            trigger.is_some_and(|trigger| trigger.in_flight.is_none() && trigger.due.is_none())
        };
        self.waiting.get(batch).into_iter().flatten().filter(waits).cloned().collect()
    }

    pub(super) fn wait(&mut self, batch: &Arc<BatchKey>, key: ObjectKey, index: usize) {
        self.waiting.entry(batch.clone()).or_default().insert((key, index));
    }

    /// A trigger whose endpoint is down: what the probe said holds for it too. When the endpoint is up again, it is asked
    /// at once.
    fn missed(&mut self, key: &ObjectKey, index: usize, failure: Failure, now: Now, effects: &mut Vec<Effect>) {
        let Some(object) = self.objects.get_mut(key) else { return };
        object.take(index, Err(failure), now);
        let batch = object.triggers.get_mut(index).map(|trigger| {
            trigger.expected = None;
            trigger.spec.batch.clone()
        });
        self.plan_slot(key, index, now);
        if let Some(batch) = batch {
            self.wait(&batch, key.clone(), index);
        }
        self.settle(key, now, effects);
    }

    /// Whoever waited for an endpoint is asked at once.
    pub(super) fn release(&mut self, batch: &Arc<BatchKey>, now: Now) {
        for (key, index) in self.waiting.remove(batch).unwrap_or_default() {
            let trigger = self.objects.get(&key).and_then(|object| object.triggers.get(index));
            if trigger.is_some_and(|trigger| trigger.in_flight.is_none()) {
                self.plan(&key, index, Some(now.steady));
            }
        }
    }

    /// Whoever waited for an endpoint that turned out to be down hears why, and has its own turn.
    pub(super) fn share(&mut self, batch: &Arc<BatchKey>, failure: &Failure, now: Now, effects: &mut Vec<Effect>) {
        for (key, index) in self.waiting_of(batch) {
            self.missed(&key, index, failure.clone(), now, effects);
        }
    }
}
