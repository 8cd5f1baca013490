//! Which triggers are asked now, and what their answers change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::object::{Object, Trigger};
use crate::Now;
use crate::batch::{BATCH_MAX, BatchKey};
use crate::effect::{Effect, Poll};
use crate::event::{Endpoint, PollId, Resolution};
use crate::failure::{Blame, Failure, FailureKind};
use crate::reading::{Outcome, Reading};
use crate::scaler::Metric;
use crate::schedule::{FIRST, RUNNING_MAX, Seen, Turn, WINDOW, slot_after};
use crate::workload::ObjectKey;

/// Polls under way at once: at 10 s each if everything is dark, 25 a second still come back; and 256 instances of at most
/// 64 MiB are what the pooling allocator reserves addresses for.
const IN_FLIGHT_MAX: usize = 256;
/// Of those, polls of endpoints that are not known to be up: half, so that dark ones never keep healthy ones waiting.
const UNPROVEN_MAX: usize = 128;
/// After a failure that new credentials could mend, they are read again at most this often: a Denied one at once, at the
/// pace of polls but not faster than this,
const DENIED_REREAD: Duration = Duration::from_secs(5);
/// and any other once a minute.
const FAILED_REREAD: Duration = Duration::from_secs(60);

/// A poll under way.
#[derive(Debug)]
pub(super) struct InFlight {
    batch: Arc<BatchKey>,
    proven: bool,
    triggers: Vec<(ObjectKey, usize)>,
}

impl Machine {
    /// A resolution replaces an object's triggers: those that are new or changed begin to be asked.
    pub(super) fn exchange(&mut self, key: &ObjectKey, resolution: Resolution, now: Now) {
        self.unqueue(key);
        let Some(object) = self.objects.get_mut(key) else { return };
        let (removed, fresh) = object.resolved(resolution, now);
        for (index, trigger) in object.triggers.iter().enumerate() {
            self.due.extend(trigger.due.map(|due| (due, key.clone(), index)));
        }
        for index in fresh {
            let Some(trigger) = self.objects.get(key).and_then(|object| object.triggers.get(index)) else { continue };
            if !trigger.is_native() {
                self.endpoints.join(&trigger.spec.batch);
                self.plan(key, index, Some(now.steady + FIRST));
            }
        }
        self.retire(&removed);
    }

    /// Takes an object's triggers out of the queue.
    pub(super) fn unqueue(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get(key) else { return };
        for (index, trigger) in object.triggers.iter().enumerate() {
            if let Some(due) = trigger.due {
                self.due.remove(&(due, key.clone(), index));
            }
        }
    }

    /// Triggers that are no longer asked leave their endpoints.
    pub(super) fn retire(&mut self, triggers: &[Trigger]) {
        for trigger in triggers.iter().filter(|trigger| !trigger.is_native()) {
            if self.endpoints.leave(&trigger.spec.batch) {
                self.waiting.remove(&trigger.spec.batch);
            }
        }
    }

    /// Plans when a trigger is asked next.
    fn plan(&mut self, key: &ObjectKey, index: usize, due: Option<Duration>) {
        let Some(trigger) = self.objects.get_mut(key).and_then(|object| object.triggers.get_mut(index)) else { return };
        if let Some(before) = std::mem::replace(&mut trigger.due, due) {
            self.due.remove(&(before, key.clone(), index));
        }
        self.due.extend(due.map(|due| (due, key.clone(), index)));
    }

    /// Plans a trigger at its next slot.
    fn plan_slot(&mut self, key: &ObjectKey, index: usize, now: Now) {
        let Some(object) = self.objects.get(key) else { return };
        let Some(trigger) = object.triggers.get(index) else { return };
        let stopped = trigger.failure.as_ref().is_some_and(|(failure, _)| failure.kind == FailureKind::Invalid);
        let slot = slot_after(now.steady, object.pace(now), trigger.spec.batch.hash());
        self.plan(key, index, (!stopped).then_some(slot));
    }

    /// Replicas changed, so polls may have to come sooner.
    pub(super) fn hasten(&mut self, key: &ObjectKey, now: Now) {
        let Some(object) = self.objects.get(key) else { return };
        let soonest = now.steady + object.pace(now);
        let late: Vec<usize> = (0..object.triggers.len())
            .filter(|index| {
                object.triggers.get(*index).and_then(|trigger| trigger.due).is_some_and(|due| due > soonest)
            })
            .collect();
        for index in late {
            self.plan_slot(key, index, now);
        }
    }

    /// Sends out what is due.
    pub(super) fn collect(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut batches: BTreeMap<Arc<BatchKey>, Vec<(ObjectKey, usize)>> = BTreeMap::new();
        while let Some((due, key, index)) = self.due.first().cloned() {
            if due > now.steady + WINDOW {
                break;
            }
            self.plan(&key, index, None);
            let Some(trigger) = self.objects.get(&key).and_then(|object| object.triggers.get(index)) else { continue };
            let batch = trigger.spec.batch.clone();
            match self.endpoints.turn(&batch, now.steady) {
                Turn::Ask => batches.entry(batch).or_default().push((key, index)),
                Turn::Wait => self.wait(&batch, key, index),
                Turn::Down(failure) => self.missed(&key, index, failure, now, effects),
            }
        }
        for (batch, triggers) in batches {
            for chunk in triggers.chunks(BATCH_MAX) {
                self.send(&batch, chunk, now, effects);
            }
        }
    }

    fn send(&mut self, batch: &Arc<BatchKey>, chunk: &[(ObjectKey, usize)], now: Now, effects: &mut Vec<Effect>) {
        let proven = self.endpoints.is_up(batch);
        let unproven = || self.polls.values().filter(|poll| !poll.proven).count();
        // A second chunk for an endpoint that is not proven waits for the answer to the first.
        let wait = self.endpoints.turn(batch, now.steady) != Turn::Ask;
        let crowded = self.polls.len() >= IN_FLIGHT_MAX || (!proven && unproven() >= UNPROVEN_MAX);
        if wait || crowded {
            if crowded && !self.crowd.contains(batch) {
                self.crowd.push_back(batch.clone());
            }
            return self.waiting.entry(batch.clone()).or_default().extend(chunk.iter().cloned());
        }
        self.polls_begun += 1;
        let id = self.polls_begun;
        let mut triggers = Vec::with_capacity(chunk.len());
        for (key, index) in chunk {
            if let Some(trigger) = self.objects.get_mut(key).and_then(|object| object.triggers.get_mut(*index)) {
                trigger.in_flight = Some(id);
                triggers.push(trigger.spec.trigger.clone());
            }
        }
        self.endpoints.asked(batch);
        self.polls.insert(id, InFlight { batch: batch.clone(), proven, triggers: chunk.to_vec() });
        effects.push(Effect::Poll(Poll { id, batch: batch.clone(), triggers }));
    }

    fn wait(&mut self, batch: &Arc<BatchKey>, key: ObjectKey, index: usize) {
        self.waiting.entry(batch.clone()).or_default().insert((key, index));
    }

    /// A trigger whose endpoint is down: what the probe said holds for it too. When the endpoint is up again, it is asked
    /// at once.
    fn missed(&mut self, key: &ObjectKey, index: usize, failure: Failure, now: Now, effects: &mut Vec<Effect>) {
        let Some(object) = self.objects.get_mut(key) else { return };
        object.take(index, Err(failure), now);
        let batch = object.triggers.get(index).map(|trigger| trigger.spec.batch.clone());
        self.plan_slot(key, index, now);
        if let Some(batch) = batch {
            self.wait(&batch, key.clone(), index);
        }
        self.settle(key, now, effects);
    }

    /// A poll came back.
    pub(super) fn polled(
        &mut self,
        id: PollId,
        endpoint: &Endpoint,
        outcomes: Vec<Outcome>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(poll) = self.polls.remove(&id) else { return };
        let mut outcomes = outcomes.into_iter();
        // A probe no later than the HPA's own period, even if nobody who was asked will ask again.
        let mut next = now.steady + RUNNING_MAX;
        for (key, index) in &poll.triggers {
            let outcome = outcomes.next().unwrap_or_else(|| Err(unanswered()));
            let Some(object) = self.objects.get_mut(key) else { continue };
            let Some(trigger) = object.triggers.get_mut(*index).filter(|trigger| trigger.in_flight == Some(id)) else {
                continue;
            };
            trigger.in_flight = None;
            object.take(*index, outcome, now);
            self.plan_slot(key, *index, now);
            let due =
                self.objects.get(key).and_then(|object| object.triggers.get(*index)).and_then(|trigger| trigger.due);
            next = due.unwrap_or(next).min(next);
            self.settle(key, now, effects);
        }
        let seen = match endpoint {
            Endpoint::Unused => Seen::Nothing,
            Endpoint::Answered => Seen::Up,
            Endpoint::Failed(failure) => Seen::Down(failure.clone(), next),
        };
        self.endpoints.answered(&poll.batch, seen);
        match endpoint {
            Endpoint::Failed(failure) => self.share(&poll.batch, failure, now, effects),
            Endpoint::Unused | Endpoint::Answered => self.release(&poll.batch, now),
        }
        if let Some(batch) = self.crowd.pop_front() {
            self.release(&batch, now);
        }
    }

    /// Whoever waited for an endpoint is asked at once.
    fn release(&mut self, batch: &Arc<BatchKey>, now: Now) {
        for (key, index) in self.waiting.remove(batch).unwrap_or_default() {
            let trigger = self.objects.get(&key).and_then(|object| object.triggers.get(index));
            if trigger.is_some_and(|trigger| trigger.in_flight.is_none() && trigger.spec.batch == *batch) {
                self.plan(&key, index, Some(now.steady));
            }
        }
    }

    /// Whoever waited for an endpoint that turned out to be down hears why, and has its own turn.
    fn share(&mut self, batch: &Arc<BatchKey>, failure: &Failure, now: Now, effects: &mut Vec<Effect>) {
        for (key, index) in self.waiting.get(batch).cloned().unwrap_or_default() {
            let trigger = self.objects.get(&key).and_then(|object| object.triggers.get(index));
            if trigger.is_some_and(|trigger| {
                trigger.in_flight.is_none() && trigger.due.is_none() && trigger.spec.batch == *batch
            }) {
                self.missed(&key, index, failure.clone(), now, effects);
            }
        }
    }
}

impl Object {
    /// Takes the outcome of one poll of one trigger in.
    fn take(&mut self, index: usize, outcome: Outcome, now: Now) {
        let interval = self.pace(now);
        let Some(trigger) = self.triggers.get_mut(index) else { return };
        match outcome.and_then(|readings| complete(trigger, readings)) {
            Ok(readings) => {
                if readings.iter().any(|reading| reading.active) {
                    trigger.idle.active();
                } else {
                    trigger.idle.inactive(now.steady, interval);
                }
                trigger.last = Some((readings, now.steady, now.wall));
                trigger.failure = None;
            }
            Err(failure) => {
                trigger.idle.missed();
                // What went wrong may change its words at each poll; since when it does, does not.
                let since = trigger.failure.take().map_or(now.wall, |(_, since)| since);
                let reread = match failure.kind {
                    FailureKind::Denied => Some(DENIED_REREAD),
                    FailureKind::Transient if failure.blame != Blame::Scaler => Some(FAILED_REREAD),
                    _ => None,
                };
                trigger.failure = Some((failure, since));
                self.reread(reread, now);
            }
        }
    }

    /// Has Secrets and environment read again, not sooner than `after` the last time.
    fn reread(&mut self, after: Option<Duration>, now: Now) {
        let Some(after) = after else { return };
        if !self.resolve.in_flight() {
            let at = (self.resolved_last + after).max(now.steady);
            self.resolve.by(at);
        }
    }
}

/// The readings, if each external metric has exactly its own and nothing else is there.
fn complete(trigger: &Trigger, readings: Vec<Reading>) -> Outcome {
    let scaler = |code: &str, message: String| Failure::new(FailureKind::Transient, Blame::Scaler, code, message);
    let planned: Vec<&String> = trigger
        .spec
        .metrics
        .iter()
        .filter_map(|metric| match &metric.metric {
            Metric::External { name, .. } => Some(name),
            Metric::Resource { .. } => None,
        })
        .collect();
    if let Some(stranger) = readings.iter().find(|reading| !planned.contains(&&reading.metric)) {
        return Err(scaler(
            "undeclared-metric",
            format!("the scaler reported {:?}, which it did not plan", stranger.metric),
        ));
    }
    match planned.iter().find(|name| !readings.iter().any(|reading| reading.metric == ***name)) {
        Some(name) => Err(scaler("missing-reading", format!("the scaler reported no value of {name:?}"))),
        None => Ok(readings),
    }
}

fn unanswered() -> Failure {
    Failure::new(FailureKind::Transient, Blame::Host, "unanswered", "the poll came back without this trigger")
}
