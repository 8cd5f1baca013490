//! Measuring a batch so that one trigger cannot cost the others their result: when the component crashes, the batch is
//! split and run again until the culprit stands alone.
//!
//! Bounded in time (twice the deadline for the whole call) and in instances.

use std::ops::Range;
use std::sync::Arc;

use bellows_core::failure::{Blame, Failure, FailureKind, Scope};
use bellows_core::reading::Outcome;
use bellows_core::scaler::Trigger;
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant};

use crate::lending::Exchange;
use crate::limits::Usage;
use crate::scaler::{Endpoint, Measured};

/// Runs of one call. One culprit among 1,000 is found in 1 + 2 × log2(1,000) = 21 runs; three times that finds three.
const RUNS_MAX: u32 = 64;

/// Runs a component once over some of the call's triggers, until an instant.
pub(crate) trait Run: Sync {
    fn run(&self, triggers: &[Arc<Trigger>], until: Instant) -> BoxFuture<'_, RunResult>;
}

/// What one run gave: an outcome for each trigger, or the one failure that ended it.
pub(crate) struct RunResult {
    pub(crate) endpoint: Endpoint,
    pub(crate) outcomes: Result<Vec<Outcome>, Failure>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) usage: Usage,
}

/// Measures all triggers, within twice the deadline.
pub(crate) async fn measure(run: &dyn Run, triggers: &[Arc<Trigger>], deadline: Duration) -> Measured {
    let end = Instant::now() + deadline * 2;
    let mut endpoint = Endpoint::Unused;
    let mut outcomes: Vec<Option<Outcome>> = vec![None; triggers.len()];
    let mut exchanges = Vec::new();
    let mut usage = Usage::default();
    let mut waiting = Vec::from([Range { start: 0, end: triggers.len() }]);
    let mut runs = 0;
    while let Some(range) = waiting.pop() {
        let Some(part) = triggers.get(range.clone()).filter(|part| !part.is_empty()) else { continue };
        if runs >= RUNS_MAX || Instant::now() >= end {
            let message = "another trigger of the batch crashed the scaler, and the call ran out of time to go on";
            let failure = Failure::new(FailureKind::Transient, Blame::Scaler, "batch", message);
            place(&mut outcomes, range, vec![Err(failure); part.len()]);
            continue;
        }
        runs += 1;
        let result = run.run(part, end.min(Instant::now() + deadline)).await;
        endpoint = endpoint.and(result.endpoint);
        exchanges.extend(result.exchanges);
        usage = usage.or_more(result.usage);
        match result.outcomes {
            Ok(found) => place(&mut outcomes, range, found),
            Err(failure) if failure.blame == Blame::Scaler && part.len() > 1 => {
                let middle = range.start + part.len() / 2;
                waiting.push(middle..range.end);
                waiting.push(range.start..middle);
            }
            Err(failure) => place(&mut outcomes, range, vec![Err(failure); part.len()]),
        }
    }
    let missing = || Err(Failure::new(FailureKind::Transient, Blame::Host, "outcome", "the call left no outcome"));
    let outcomes = outcomes.into_iter().map(|outcome| attribute(outcome.unwrap_or_else(missing), &endpoint)).collect();
    Measured { endpoint, outcomes, exchanges, usage }
}

fn place(outcomes: &mut [Option<Outcome>], range: Range<usize>, found: Vec<Outcome>) {
    let places = outcomes.get_mut(range).unwrap_or_default();
    places.iter_mut().zip(found).for_each(|(place, outcome)| *place = Some(outcome));
}

/// A failure that the guest passed on is whose the host saw it to be, and reaches as far as the connection does.
fn attribute(outcome: Outcome, endpoint: &Endpoint) -> Outcome {
    outcome.map_err(|mut failure| {
        let Endpoint::Failed(seen) = endpoint else { return failure };
        let passed_on = failure.kind == seen.kind || failure.kind == FailureKind::Transient;
        if passed_on && failure.blame != Blame::Scaler && failure.blame != Blame::Host {
            failure.scope = Scope::Endpoint;
            if failure.code == seen.code {
                failure.blame = seen.blame;
            }
        }
        failure
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    use crate::lift::breach;

    /// Crashes whenever a trigger of the given ids is among its triggers.
    struct Crashing {
        culprits: Vec<&'static str>,
        runs: Mutex<u32>,
        takes: Duration,
    }

    impl Run for Crashing {
        fn run(&self, triggers: &[Arc<Trigger>], _until: Instant) -> BoxFuture<'_, RunResult> {
            *self.runs.lock().unwrap() += 1;
            let crash = triggers.iter().any(|trigger| self.culprits.contains(&trigger.id.as_str()));
            let count = triggers.len();
            Box::pin(async move {
                tokio::time::sleep(self.takes).await;
                let outcomes = if crash { Err(breach("trap", "unreachable")) } else { Ok(vec![Ok(vec![]); count]) };
                RunResult { endpoint: Endpoint::Answered, outcomes, exchanges: Vec::new(), usage: Usage::default() }
            })
        }
    }

    async fn run(culprits: &[&'static str], count: usize, takes: Duration) -> (Vec<String>, u32) {
        let crashing = Crashing { culprits: culprits.to_vec(), runs: Mutex::new(0), takes };
        let trigger = |id: usize| Trigger {
            id: id.to_string(),
            trigger_type: String::new(),
            metric_type: None,
            settings: vec![],
        };
        let triggers: Vec<_> = (0..count).map(|id| Arc::new(trigger(id))).collect();
        let measured = measure(&crashing, &triggers, Duration::from_secs(1)).await;
        let failed = |(id, outcome): (usize, &Outcome)| outcome.as_ref().err().map(|f| format!("{id} {}", f.code));
        let failed = measured.outcomes.iter().enumerate().filter_map(failed).collect();
        let runs = *crashing.runs.lock().unwrap();
        (failed, runs)
    }

    #[tokio::test]
    async fn one_culprit_is_found_and_the_others_keep_their_result() {
        assert_eq!(run(&["37"], 100, Duration::ZERO).await.0, ["37 trap"]);
    }

    #[tokio::test]
    async fn two_culprits_are_found() {
        assert_eq!(run(&["0", "99"], 100, Duration::ZERO).await.0, ["0 trap", "99 trap"]);
    }

    #[tokio::test]
    async fn a_trigger_alone_is_not_tried_again() {
        assert_eq!(run(&["0"], 1, Duration::ZERO).await, (vec!["0 trap".to_owned()], 1));
    }

    #[tokio::test]
    async fn an_empty_batch_runs_nothing() {
        assert_eq!(run(&[], 0, Duration::ZERO).await, (vec![], 0));
    }

    #[tokio::test]
    async fn a_component_that_always_crashes_is_run_a_bounded_number_of_times() {
        let every: Vec<&'static str> = vec!["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let (failed, runs) = run(&every, 10, Duration::from_millis(250)).await;
        assert_eq!(failed.len(), 10);
        assert!(runs <= 8, "{runs} runs of 250 ms in 2 s");
        assert!(failed.iter().any(|failed| failed.ends_with("batch")), "{failed:?}");
    }

    #[test]
    fn what_the_host_saw_decides_whose_a_passed_on_failure_is() {
        let seen = Failure::new(FailureKind::Denied, Blame::Operator, "egress", "x").of_endpoint();
        let told = Failure::new(FailureKind::Denied, Blame::Operator, "egress", "x");
        assert_eq!(attribute(Err(told), &Endpoint::Failed(seen.clone())).unwrap_err(), seen);
    }

    #[test]
    fn a_guest_cannot_claim_that_the_connection_failed() {
        let told = Failure::new(FailureKind::Transient, Blame::Source, "timeout", "x");
        assert_eq!(attribute(Err(told.clone()), &Endpoint::Answered).unwrap_err(), told);
    }
}
