//! What the answer to a poll changes.

use std::collections::BTreeSet;

use super::Machine;
use crate::Now;
use crate::effect::Effect;
use crate::event::{Endpoint, PollId};
use crate::failure::{Blame, Failure, FailureKind};
use crate::reading::Outcome;
use crate::schedule::{RUNNING_MAX, Seen};
use crate::workload::ObjectKey;

impl Machine {
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
        let heard = self.take(id, &poll.triggers, outcomes, now);
        // An object hears of all its triggers before it decides.
        for key in heard.iter().map(|(key, _)| key).collect::<BTreeSet<_>>() {
            self.settle(key, now, effects);
        }
        for (key, index) in &heard {
            self.plan_slot(key, *index, now);
        }
        // A probe no later than the HPA's own period, even if nobody who was asked will ask again.
        let dues = heard.iter().filter_map(|(key, index)| self.objects.get(key)?.triggers.get(*index)?.due);
        let next = dues.min().unwrap_or(now.steady + RUNNING_MAX).min(now.steady + RUNNING_MAX);
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
        self.admit(now, effects);
    }

    /// Takes the outcomes in, and says which triggers they were heard for.
    fn take(
        &mut self,
        id: PollId,
        triggers: &[(ObjectKey, usize)],
        outcomes: Vec<Outcome>,
        now: Now,
    ) -> Vec<(ObjectKey, usize)> {
        let mut outcomes = outcomes.into_iter();
        let mut heard = Vec::with_capacity(triggers.len());
        for (key, index) in triggers {
            let outcome = outcomes.next().unwrap_or_else(|| Err(unanswered()));
            let Some(object) = self.objects.get_mut(key) else { continue };
            let Some(trigger) = object.triggers.get_mut(*index).filter(|trigger| trigger.in_flight == Some(id)) else {
                continue;
            };
            trigger.in_flight = None;
            object.take(*index, outcome, now);
            heard.push((key.clone(), *index));
        }
        heard
    }
}

fn unanswered() -> Failure {
    Failure::new(FailureKind::Transient, Blame::Host, "unanswered", "the poll came back without this trigger")
}
