//! `cargo xtask demo`: Celery workers as people have them, scaled by Bellows on this machine.
//!
//! Owns what it takes on this machine, and the timeline at the end; what is shown is the scenario that a test proves too.

use std::time::Instant;

use anyhow::{Result, bail};
use bellows_tests::scenario::{rabbitmq, redis};
use bellows_tests::setup::{Needs, is_root, prepare};
use bellows_tests::wait::Stop;
use bellows_tests::{guests, node};
use clap::{Args, ValueEnum};

use crate::cargo::build_programs;

/// What to show.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave everything running at the end; `cargo xtask cluster down` ends it.
    #[arg(long)]
    keep: bool,
    /// Let stand-ins play the pods, even where real ones are possible.
    #[arg(long)]
    stand_in: bool,
    /// Which workload.
    #[arg(long, value_enum, default_value_t = Scenario::Redis)]
    scenario: Scenario,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Celery workers on a Redis list, with TLS and a password: KEDA's example.
    Redis,
    /// Celery workers on two RabbitMQ brokers, scaled by both queues and their processor: Zapier's article.
    Rabbitmq,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments, stop: &Stop) -> Result<()> {
    let real = is_root() && !arguments.stand_in;
    let metrics = arguments.scenario == Scenario::Rabbitmq;
    prepare(Needs { real_node: real, helm: real, metrics, keda: false, languages: false, ..Needs::all() })?;
    let possible = if arguments.stand_in { Err("as asked for".to_owned()) } else { node::available() };
    if let Err(reason) = &possible {
        if arguments.scenario == Scenario::Rabbitmq {
            bail!(
                "the processor of stand-ins has no load: this scenario needs real pods, and there are none ({reason})"
            );
        }
        println!("no real pods here ({reason}): stand-ins play them, and the demo itself takes the work from the list");
    }
    println!("building Bellows and its scalers");
    build_programs()?;
    guests::build_all()?;
    let (keep, stop) = (arguments.keep, stop.clone());
    match arguments.scenario {
        Scenario::Redis => tell(&redis::play(&redis::Setting { real: possible.is_ok(), keep, stop })?),
        Scenario::Rabbitmq => {
            let course = rabbitmq::play(&rabbitmq::Setting { quick: false, keep, stop })?;
            println!("\nlooked at once a second:");
            course.steps.iter().for_each(|(what, seconds)| println!("{what:<56} {seconds:>6.1} s"));
            Ok(())
        }
    }
}

/// Prints when what happened, and fails if something did not.
fn tell(moments: &redis::Moments) -> Result<()> {
    let Some(arrived) = moments.arrived else { bail!("no work was ever seen in the list") };
    let after = |moment: Option<Instant>| moment.map(|moment| moment.saturating_duration_since(arrived).as_secs_f64());
    let lines = [
        ("first scale from zero", moments.scaled),
        ("first worker ready", moments.ready),
        (&format!("all {} wanted workers ready", moments.wanted_most), moments.all_ready),
        ("all work taken from the list", moments.drained),
        ("stopped again", moments.stopped),
    ];
    println!("\nlooked at once a second:\n{:<32}    0.0 s", "work arrived at");
    for (what, moment) in lines {
        match after(moment) {
            Some(seconds) => println!("{what:<32} {seconds:>6.1} s"),
            None => bail!("\"{what}\" was never seen"),
        }
    }
    Ok(())
}
