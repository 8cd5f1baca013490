//! The matrix of faults: everything that can be wrong with a source, with each kind of source, on a real control plane.
//! No wrong step down, no step up without end, the reason told by its word, and all as before once it is mended.
//!
//! Trials have a workload and a way to their source each, and run all at once, because they wait for clocks. A table at
//! the end says what became of each. Pods are played, everything else is real, but for words that no real source says on
//! request.

#[cfg(test)]
#[expect(dead_code, reason = "the trials of the cluster use more of it")]
#[path = "../cluster/api.rs"]
mod api;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod held;
#[cfg(test)]
mod place;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod stage;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Result, anyhow};
use libtest_mimic::{Arguments, Failed, Trial};

use stage::Stage;

/// A trial and its name.
type Proof = (&'static str, fn(&Stage) -> Result<()>);

/// What is no row of the matrix.
const BESIDE: [Proof; 5] = [
    ("one_of_two_redis_servers_away_lowers_nothing_and_stops_no_step_up", beside::half_a_redis),
    ("one_of_two_brokers_away_over_amqp_lowers_nothing_and_stops_no_step_up", beside::half_an_amqp),
    ("one_of_two_brokers_away_over_http_lowers_nothing_and_stops_no_step_up", beside::half_an_http),
    ("healthy_objects_on_the_same_brokers_notice_nothing", beside::healthy),
    // keda#5525, #8056.
    ("a_fallback_is_used_for_a_source_that_was_away_from_the_start", beside::away_from_the_start),
];

/// The stage once a trial came, or why there is none.
type Shared = Arc<OnceLock<Result<Stage, String>>>;

fn main() -> ExitCode {
    let mut trials = Vec::new();
    let shared = Shared::default();
    for (name, proof) in BESIDE {
        let shared = Arc::clone(&shared);
        trials.push(Trial::test(name, move || on(&shared, name, proof)));
    }
    for row in rows::all() {
        let shared = Arc::clone(&shared);
        trials.push(Trial::test(row.name, move || on(&shared, row.name, |stage| held::held(stage, &row))));
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(trials.len()));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Threads of the process may hold the stage; its processes end with it.
    if let Some(Ok(stage)) = Arc::into_inner(shared).and_then(OnceLock::into_inner) {
        table(&stage);
        if conclusion.has_failed() {
            match stage.keep_log() {
                Ok(kept) => eprintln!("what Bellows wrote: {}", kept.display()),
                Err(error) => eprintln!("the log of Bellows is lost: {error:#}"),
            }
        }
    }
    conclusion.exit_code()
}

fn on(shared: &Shared, name: &str, proof: impl FnOnce(&Stage) -> Result<()>) -> Result<(), Failed> {
    let stage = shared.get_or_init(|| Stage::start().map_err(|error| format!("{error:#}")));
    let began = Instant::now();
    let outcome = stage.as_ref().map_err(|error| anyhow!("{error}")).and_then(proof);
    eprintln!("{:>6.1} s {name}", began.elapsed().as_secs_f64());
    outcome.map_err(|error| format!("{error:#}").into())
}

fn table(stage: &Stage) {
    let mut lines = stage.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
    lines.sort_unstable();
    println!(
        "{:<18} {:<18} {:<10} {:<9} {:>6} {:>8} {:>6}",
        "fault", "code", "kind", "blame", "before", "during", "after"
    );
    for line in lines {
        println!("{line}");
    }
}
