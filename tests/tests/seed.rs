//! KEDA's example of Celery workers, exactly as published, on a real node: real Redis with TLS and a password, real
//! workers, a real producer.
//!
//! Takes as long as the manifest's own cooldown of 200 s makes it, some five minutes. Left out by name where a real node
//! is impossible. Refuses to play it with stand-ins: that is for the tests of the cluster.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use bellows_tests::scenario::redis::{Setting, play};
use bellows_tests::setup::{self, Needs};
use bellows_tests::wait::Stop;
use bellows_tests::{guests, node};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let proof = || -> Result<(), Failed> { Ok(prove()?) };
    let trial = Trial::test("the_celery_workers_of_kedas_example_go_from_zero_to_ten_and_back", proof);
    let possible = node::available();
    if let Err(reason) = &possible
        && !arguments.list
    {
        eprintln!("{} is left out: {reason}", trial.name());
    }
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(possible.is_err())]).exit_code()
}

fn prove() -> Result<()> {
    setup::prepare(Needs::all())?;
    guests::build_all()?;
    let moments = play(&Setting { real: true, keep: false, stop: Stop::default() })?;
    println!("figure: kubectl get hpa keda-hpa-redis-scaledobject = {:?}", moments.autoscaler);
    let target = moments.autoscaler.iter().find(|shown| prints_a_value(shown));
    let target = target.with_context(|| format!("no value was printed, but {:?}", moments.autoscaler))?;
    println!("figure: TARGETS MINPODS MAXPODS REPLICAS = {target}");
    ensure!(moments.wanted_most == 10, "at most {} replicas were wanted, not 10", moments.wanted_most);
    let arrived = moments.arrived.context("work arrived")?;
    let all = [
        ("first scale from zero", moments.scaled),
        ("first worker ready", moments.ready),
        ("all ten workers ready", moments.all_ready),
        ("list empty", moments.drained),
        ("stopped again", moments.stopped),
    ];
    for (what, moment) in all {
        let moment = moment.with_context(|| format!("{what} was never seen"))?;
        let seconds = moment.saturating_duration_since(arrived).as_secs_f64();
        println!("figure: seed, {what} after work arrived = {seconds:.1} s");
    }
    Ok(())
}

/// Whether it is `<n>/10 (avg)` of some work, where n is a quantity and not `<unknown>`.
fn prints_a_value(shown: &str) -> bool {
    let value = shown.split_once("/10 (avg) ").map(|(value, _)| value.strip_suffix('m').unwrap_or(value));
    value.is_some_and(|value| value.parse::<u64>().is_ok_and(|value| value > 0))
}
