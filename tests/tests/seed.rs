//! The workloads of two published articles, exactly as published, on a real node: KEDA's example of Celery workers on a
//! Redis list, and Zapier's of Celery workers on two RabbitMQ brokers and their processor.
//!
//! Each takes some five minutes: the first manifest's own cooldown is 200 s, and real processors are measured at leisure.
//! Left out by name where a real node is impossible. Refuses to play them with stand-ins: that is for the tests of the
//! cluster.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use bellows_tests::scenario::{rabbitmq, redis};
use bellows_tests::setup::{self, Needs};
use bellows_tests::wait::Stop;
use bellows_tests::{guests, node};
use libtest_mimic::{Arguments, Failed, Trial};

type Proof = fn() -> Result<()>;

const PROOFS: [(&str, Proof); 2] = [
    ("the_celery_workers_of_kedas_example_go_from_zero_to_ten_and_back", on_a_list),
    ("the_celery_workers_of_the_article_follow_both_queues_and_their_processor", on_two_brokers),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A machine has one real node.
    arguments.test_threads = Some(1);
    let possible = node::available();
    let trials = PROOFS.map(|(name, proof)| {
        if let Err(reason) = &possible
            && !arguments.list
        {
            eprintln!("{name} is left out: {reason}");
        }
        let prove = move || -> Result<(), Failed> {
            setup::prepare(Needs::all())?;
            guests::build_all()?;
            proof().map_err(|error| format!("{error:#}").into())
        };
        Trial::test(name, prove).with_ignored_flag(possible.is_err())
    });
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn on_two_brokers() -> Result<()> {
    let course = rabbitmq::play(&rabbitmq::Setting { quick: true, keep: false, stop: Stop::default() })?;
    println!("figure: replicas wanted, step by step = {:?}", course.wanted);
    for (step, seconds) in &course.steps {
        println!("figure: article, {step} = {seconds:.1} s");
    }
    for metric in ["resource cpu on pods", "s1-rabbitmq-celery", "s2-rabbitmq-celery"] {
        ensure!(course.metrics.contains(metric), "the HPA has no {metric}:\n{}", course.metrics);
    }
    ensure!(!course.metrics.contains("unknown"), "the HPA does not know all:\n{}", course.metrics);
    Ok(())
}

fn on_a_list() -> Result<()> {
    let moments = redis::play(&redis::Setting { real: true, keep: false, stop: Stop::default() })?;
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
