//! Many objects at once on a real control plane: connections, darkness, answers and restarts, with figures.
//!
//! Every figure is printed as `figure: NAME = VALUE UNIT`. The trials share one cluster, whose HPAs are evaluated every
//! 15 s as Kubernetes does by default, and run one after the other; each brings the crowd that it needs. Refuses to call
//! a build without optimisation fast or slow: bounds here are those that hold for one too.

mod brokers;
mod crowd;
mod darkness;
mod figure;
mod restart;
mod sharing;
mod stand;
mod thousand;
mod watch;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

use stand::Stand;

/// A trial and its name.
type Proof = (&'static str, fn(&mut Stand) -> Result<()>);

/// In this order, because each finds the crowd of the one before.
const PROOFS: [Proof; 8] = [
    ("fifty_objects_share_one_connection_and_ask_in_pipelines", sharing::one_connection),
    ("a_dark_broker_slows_no_healthy_object", darkness::scales_as_before),
    ("a_dark_object_is_answered_for_at_once", darkness::answers_at_once),
    ("a_new_object_beside_dark_ones_is_ready_within_a_second", darkness::ready_at_once),
    ("after_a_kill_every_healthy_object_is_polled_within_three_seconds", restart::polled_at_once),
    // keda#6955, #6266: a connection for each trigger.
    ("a_thousand_triggers_on_one_broker_share_two_connections_over_amqp", brokers::connections),
    ("a_thousand_triggers_on_one_broker_cost_five_requests_an_interval_over_http", brokers::requests),
    ("a_thousand_objects_are_counted_and_weighed", thousand::counted),
];

fn main() -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let stand = Arc::new(Mutex::new(None));
    let trials = PROOFS.into_iter().map(|(name, proof)| {
        let stand = Arc::clone(&stand);
        let trial = Trial::test(name, move || on(&stand, proof));
        // A dark broker is made of a network namespace.
        trial.with_ignored_flag(!bellows_tests::setup::is_root())
    });
    let trials = trials.collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(stand.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}

fn on(stand: &Mutex<Option<Stand>>, proof: fn(&mut Stand) -> Result<()>) -> Result<(), Failed> {
    // After a trial that panicked the stand is still whole: it is processes.
    let mut stand = stand.lock().unwrap_or_else(PoisonError::into_inner);
    let stand = match &mut *stand {
        Some(stand) => stand,
        none => none.insert(Stand::start()?),
    };
    stand.check()?;
    Ok(proof(stand)?)
}
