//! Which polls are under way, which endpoints answered last time, and the laws about how many may be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bellows_core::Now;
use bellows_core::batch::BatchKey;
use bellows_core::effect::Poll;
use bellows_core::event::{Endpoint, PollId};
use bellows_core::reading::Outcome;
use bellows_core::workload::ObjectKey;

use super::books::Watched;
use super::{Judgement, Oracle, broken};

/// Polls and endpoints.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    /// Each with whether its endpoint was known to be up.
    under_way: BTreeMap<PollId, (Arc<BatchKey>, bool, Vec<Watched>)>,
    asked: BTreeSet<Watched>,
    /// Endpoints that are not known to be up and are asked.
    probed: BTreeSet<Arc<BatchKey>>,
    /// Endpoints that answered last time, and since when.
    up: BTreeMap<Arc<BatchKey>, Duration>,
    used: BTreeSet<Arc<BatchKey>>,
}

impl Polls {
    /// Since when an endpoint is known to be up; where there is no connection, there is nothing to be known.
    pub(crate) fn up_since(&self, batch: &Arc<BatchKey>) -> Option<Duration> {
        if batch.connections.is_empty() { Some(Duration::ZERO) } else { self.up.get(batch).copied() }
    }

    /// Whether a poll of the trigger is under way.
    pub(crate) fn is_asked(&self, trigger: &Watched) -> bool {
        self.asked.contains(trigger)
    }

    /// What nobody uses, and nobody asks, is not known to be up any more.
    pub(crate) fn retain_used(&mut self, used: BTreeSet<Arc<BatchKey>>) {
        self.used = used;
        let polled: BTreeSet<_> = self.under_way.values().map(|(batch, ..)| batch).collect();
        self.up.retain(|batch, _| self.used.contains(batch) || polled.contains(batch));
    }

    fn sent(&mut self, poll: &Poll, triggers: Vec<Watched>) {
        let proven = self.up_since(&poll.batch).is_some();
        self.asked.extend(triggers.iter().cloned());
        if !proven {
            self.probed.insert(poll.batch.clone());
        }
        self.under_way.insert(poll.id, (poll.batch.clone(), proven, triggers));
    }

    fn answered(&mut self, id: PollId, endpoint: &Endpoint, now: Now) -> Vec<Watched> {
        let Some((batch, proven, triggers)) = self.under_way.remove(&id) else { return Vec::new() };
        triggers.iter().for_each(|trigger| _ = self.asked.remove(trigger));
        if !proven {
            self.probed.remove(&batch);
        }
        match endpoint {
            Endpoint::Answered => _ = self.up.entry(batch.clone()).or_insert(now.steady),
            Endpoint::Failed(_) => _ = self.up.remove(&batch),
            Endpoint::Unused => {}
        }
        let polled = || self.under_way.values().any(|(other, ..)| *other == batch);
        if !self.used.contains(&batch) && !polled() {
            self.up.remove(&batch);
        }
        triggers
    }
}

impl Oracle {
    /// A poll was answered.
    pub(super) fn polled(&mut self, id: PollId, endpoint: &Endpoint, outcomes: &[Outcome], now: Now) {
        for (place, (key, index, generation)) in self.polls.answered(id, endpoint, now).into_iter().enumerate() {
            let Some(record) = self.records.get_mut(&key) else { continue };
            let (interval, absent) = (record.interval(), record.when_absent());
            let live = record.triggers.get_mut(index).filter(|trigger| trigger.generation == generation);
            let Some(trigger) = live else { continue };
            trigger.hears(outcomes.get(place), absent, interval, now);
            record.notes_activity(now);
            self.touched.insert(key);
        }
    }

    /// Takes a poll into the books: each of its triggers is one in force.
    pub(super) fn asks(&mut self, poll: &Poll) -> Judgement {
        let mut triggers = Vec::new();
        for trigger in &poll.triggers {
            let (key, index) = place(&trigger.id);
            if !self.membership.owns(&key) {
                return broken("acted_by_owner", format!("{} is asked", trigger.id));
            }
            let live = self.records.get(&key).and_then(|record| record.triggers.get(index));
            match live.filter(|live| live.spec.trigger == *trigger && live.spec.batch == poll.batch) {
                Some(live) => triggers.push((key, index, live.generation)),
                None => return broken("gone_is_gone", format!("{} is asked, and not in force", trigger.id)),
            }
        }
        self.one_poll_each(&triggers)?;
        self.few_in_flight(poll)?;
        self.polls.sent(poll, triggers);
        Ok(())
    }

    /// A trigger that is asked is not asked again before it was answered.
    fn one_poll_each(&self, triggers: &[Watched]) -> Judgement {
        match triggers.iter().find(|trigger| self.polls.is_asked(trigger)) {
            Some((key, index, _)) => broken("one_poll_each", format!("{key}/{index} is asked already")),
            None => Ok(()),
        }
    }

    /// 256 polls are under way at most, and 128 of endpoints that are not known to be up, each by one.
    fn few_in_flight(&self, poll: &Poll) -> Judgement {
        let proven = self.polls.up_since(&poll.batch).is_some();
        let (all, unproven) = (self.polls.under_way.len(), self.polls.probed.len());
        if all >= 256 || (!proven && unproven >= 128) {
            return broken("few_in_flight", format!("{all} are under way, {unproven} of them unproven"));
        }
        if !proven && self.polls.probed.contains(&poll.batch) {
            return broken("few_in_flight", format!("{} is probed already", poll.batch.endpoints()));
        }
        Ok(())
    }
}

/// Object and index of a trigger, by its name.
fn place(id: &str) -> (ObjectKey, usize) {
    let mut parts = id.split('/');
    let key = ObjectKey::new(parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    (key, parts.next().and_then(|index| index.parse().ok()).unwrap_or_default())
}
