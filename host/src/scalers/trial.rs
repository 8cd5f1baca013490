//! Two components of one Scaler while the newer takes the place of the older: whoever serves, the other can be asked too.
//!
//! Carries what is seen to [`bellows_core::rollout`], which judges it. No poll is lost to a bad component: where the newer
//! one fails, the older one's answer is used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellows_core::problem::{Problem, sentence};
use bellows_core::reading::{Outcome, Reading};
use bellows_core::rights::Rights;
use bellows_core::rollout::{self, Evidence, Plan, Rollout, Tally, Verdict};
use bellows_core::workload::ObjectKey;
use bellows_wasm::{Call, Endpoint, Measured, Scaler};
use tokio::sync::{Notify, Semaphore};

use crate::plan::Witness;

/// Calls of the newer component in the shadow at once: a small part of the 288 instances that there are for all. A poll that
/// finds no place is not compared, which costs the rollout an answer and nobody else anything.
const SHADOWS_MAX: usize = 16;

/// An older and a newer component of one Scaler.
pub struct Trial {
    /// The one that served until now.
    pub older: Arc<Scaler>,
    /// The one that is to serve.
    pub newer: Arc<Scaler>,
    rollout: Mutex<Rollout>,
    shadows: Arc<Semaphore>,
    decided: Notify,
}

impl Trial {
    /// Begins at an instant of the steady clock.
    pub fn new(older: Arc<Scaler>, newer: Arc<Scaler>, plan: Plan, now: Duration) -> Self {
        let rollout = Mutex::new(Rollout::new(plan, now));
        Self { older, newer, rollout, shadows: Arc::new(Semaphore::new(SHADOWS_MAX)), decided: Notify::new() }
    }

    /// By other steps from now on.
    pub fn follow(&self, plan: &Plan, now: Duration) {
        self.with(|rollout| {
            if rollout.plan() != plan {
                *rollout = Rollout::new(plan.clone(), now);
            }
        });
    }

    /// Who serves an object, and the other one.
    pub fn order(&self, object: &ObjectKey) -> (&Arc<Scaler>, &Arc<Scaler>) {
        let newer = self.with(|rollout| rollout.serves(object));
        if newer { (&self.newer, &self.older) } else { (&self.older, &self.newer) }
    }

    /// How many of a hundred objects the newer one serves, and what was seen of it in this step.
    pub fn state(&self) -> (u8, Tally) {
        self.with(|rollout| (rollout.percent(), rollout.tally()))
    }

    /// What follows at an instant of the steady clock.
    pub fn advance(&self, now: Duration) -> Verdict {
        self.with(|rollout| rollout.advance(now))
    }

    /// How long the step goes on from an instant of the steady clock.
    pub fn remaining(&self, now: Duration) -> Duration {
        self.with(|rollout| rollout.remaining(now))
    }

    /// Until something decides against the newer one.
    pub async fn decided(&self) {
        self.decided.notified().await;
    }

    /// One poll by the component that serves, with what the other one has to say to it.
    pub async fn measure(
        self: &Arc<Self>,
        serving: &Arc<Scaler>,
        call: Call,
        rights: Option<&Arc<Rights>>,
    ) -> Measured {
        let measured = serving.measure_with(call.clone(), rights).await;
        if serving.digest() == self.newer.digest() {
            return self.second(measured, call, rights).await;
        }
        if self.state().0 == 0 {
            self.shadow(&measured.outcomes, call, rights);
        }
        measured
    }

    /// Where the newer one failed, the older one is asked, and its answer used.
    async fn second(&self, mut measured: Measured, mut call: Call, rights: Option<&Arc<Rights>>) -> Measured {
        let failed: Vec<usize> =
            measured.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_err()).map(|(at, _)| at).collect();
        self.note((failed.len()..measured.outcomes.len()).map(|_| Evidence::Answered));
        if failed.is_empty() {
            return measured;
        }
        call.triggers = failed.iter().filter_map(|at| call.triggers.get(*at).cloned()).collect();
        // Half of the time, so that a poll and its second opinion end within three times the deadline.
        call.deadline /= 2;
        let older = self.older.measure_with(call, rights).await;
        for (at, outcome) in failed.into_iter().zip(older.outcomes) {
            if let (Some(place), Ok(readings)) = (measured.outcomes.get_mut(at), outcome) {
                let failure = place.as_ref().err().map(ToString::to_string).unwrap_or_default();
                self.note([Evidence::Lost { failure }]);
                *place = Ok(readings);
            }
        }
        // What the host saw of the connection last is what is true of it.
        if older.endpoint != Endpoint::Unused {
            measured.endpoint = older.endpoint;
        }
        measured.exchanges.extend(older.exchanges);
        measured
    }

    /// Asks the newer one the same in the background, and compares.
    fn shadow(self: &Arc<Self>, outcomes: &[Outcome], call: Call, rights: Option<&Arc<Rights>>) {
        let Ok(place) = Arc::clone(&self.shadows).try_acquire_owned() else { return };
        let (trial, outcomes, rights) = (Arc::clone(self), outcomes.to_vec(), rights.cloned());
        // The task ends with the call, which has a deadline.
        drop(tokio::spawn(async move {
            let newer = trial.newer.measure_with(call, rights.as_ref()).await;
            trial.note(outcomes.iter().zip(&newer.outcomes).filter_map(|(older, newer)| compared(older, newer)));
            drop(place);
        }));
    }

    fn note(&self, evidence: impl IntoIterator<Item = Evidence>) {
        let decided =
            self.with(|rollout| evidence.into_iter().fold(false, |decided, seen| rollout.note(seen) | decided));
        if decided {
            self.decided.notify_one();
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Rollout) -> T) -> T {
        work(&mut self.rollout.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Witness for Trial {
    fn refused(&self, object: &ObjectKey, problems: &[Problem]) {
        self.note([Evidence::Refused { why: format!("{object}: {}", sentence(problems)) }]);
    }

    fn failed(&self, failure: String) {
        self.note([Evidence::Lost { failure }]);
    }
}

/// What two answers to one question say of the newer component; nothing where the older one has none.
fn compared(older: &Outcome, newer: &Outcome) -> Option<Evidence> {
    let (older, newer) = match (older, newer) {
        (Err(_), _) => return None,
        (Ok(_), Err(failure)) => return Some(Evidence::Lost { failure: failure.to_string() }),
        (Ok(older), Ok(newer)) => (older, newer),
    };
    let agrees = |reading: &Reading| {
        newer.iter().any(|other| other.metric == reading.metric && rollout::alike(other.value, reading.value))
    };
    match older.iter().find(|reading| !agrees(reading)) {
        None => Some(Evidence::Compared { same: true, said: String::new() }),
        Some(reading) => {
            let other = newer.iter().find(|other| other.metric == reading.metric);
            let other = other.map_or_else(|| "nothing".to_owned(), |other| other.value.to_string());
            let said = format!("{other} for {}, where the older one says {}", reading.metric, reading.value);
            Some(Evidence::Compared { same: false, said })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::failure::{Blame, Failure, FailureKind};

    fn says(value: f64) -> Outcome {
        Ok(vec![Reading::new("jobs", value, value > 0.0)])
    }

    #[test]
    fn an_answer_is_held_against_the_answer_of_the_other_and_an_outage_against_nobody() {
        let failure = || Err(Failure::new(FailureKind::Transient, Blame::Source, "refused", "nobody listens"));
        assert_eq!(compared(&failure(), &says(3.0)), None);
        assert_eq!(compared(&failure(), &failure()), None);
        let lost = Evidence::Lost { failure: "refused: nobody listens".into() };
        assert_eq!(compared(&says(3.0), &failure()), Some(lost));
        assert!(matches!(compared(&says(3.0), &says(4.0)), Some(Evidence::Compared { same: true, .. })));
        let said = "12 for jobs, where the older one says 3".to_owned();
        assert_eq!(compared(&says(3.0), &says(12.0)), Some(Evidence::Compared { same: false, said }));
        let other = Ok(vec![Reading::new("s0-other", 3.0, true)]);
        let said = "nothing for jobs, where the older one says 3".to_owned();
        assert_eq!(compared(&says(3.0), &other), Some(Evidence::Compared { same: false, said }));
    }
}
