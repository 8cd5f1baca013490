//! The task runner: `cargo xtask demo`, `test`, `keda-tests`, `image`, `chart`, `cluster`.
//!
//! Owns the command line and the request to stop that Ctrl-C makes. Refuses to do any work itself: that is in
//! `bellows-tests` and in one file for each command.

mod cargo;
mod chart;
mod cluster;
mod demo;
mod image;
mod keda_tests;
mod prove;

use std::process::ExitCode;

use anyhow::{Context, Result};
use bellows_tests::wait::Stop;
use clap::{Parser, Subcommand};

/// Builds, proves and shows Bellows on this machine.
///
/// The first run of anything that needs a cluster builds Kubernetes from source, which takes some minutes; later runs
/// start a cluster in seconds. Everything is written below `target/`.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show Celery workers scaled by Bellows: from nothing to ten and back, with KEDA's manifests. Takes about six minutes.
    Demo(demo::Arguments),
    /// Prove everything: set-up, components, format, lints, dependencies, tests.
    Test(prove::Arguments),
    /// Run KEDA's own end-to-end tests, unmodified, on a real node. Takes about a quarter of an hour.
    KedaTests(keda_tests::Arguments),
    /// Make the container image that the chart installs, without a container engine.
    Image(image::Arguments),
    /// Write what is generated of the chart: definitions, and the renderings that tests compare.
    Chart,
    /// A cluster that stays, to try things with.
    #[command(subcommand)]
    Cluster(cluster::Task),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let stop = Stop::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, stop.flag()).context("listen for Ctrl-C")?;
    }
    match arguments.command {
        Task::Demo(arguments) => demo::run(&arguments, &stop),
        Task::Test(arguments) => prove::run(&arguments),
        Task::KedaTests(arguments) => keda_tests::run(&arguments, &stop),
        Task::Image(arguments) => image::run(&arguments),
        Task::Chart => chart::run(),
        Task::Cluster(task) => cluster::run(&task, &stop),
    }
}
