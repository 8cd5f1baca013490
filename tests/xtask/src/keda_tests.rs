//! `cargo xtask keda-tests`: KEDA's own end-to-end tests, unmodified, against Bellows or against KEDA.
//!
//! Owns what it takes on this machine, and the table at the end.

use anyhow::{Result, bail};
use bellows_tests::keda::{Done, Setting, Verdict, folder, run as run_tests};
use bellows_tests::setup::{Needs, prepare};
use bellows_tests::wait::Stop;
use bellows_tests::{guests, node};
use clap::Args;

use crate::cargo::build_programs;

/// Which tests, and of what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folders below `tests` of KEDA's source, each with all tests below it; without any, those that this release serves.
    folders: Vec<String>,
    /// Test KEDA itself, built from its source: what it does with its own tests is what Bellows is held to.
    #[arg(long)]
    keda: bool,
    /// How many run at a time. Each takes pods of its own; two cores bear four.
    #[arg(long, default_value_t = 4, value_name = "COUNT")]
    at_once: usize,
}

/// Runs them.
pub(crate) fn run(arguments: &Arguments, stop: &Stop) -> Result<()> {
    let needs = Needs {
        components: !arguments.keda,
        real_node: true,
        metrics: true,
        helm: true,
        keda: true,
        ..Needs::default()
    };
    prepare(needs)?;
    if let Err(reason) = node::available() {
        bail!("KEDA's tests need a real node: {reason}");
    }
    if !arguments.keda {
        build_programs()?;
        guests::build_all()?;
    }
    let folders = if arguments.folders.is_empty() {
        folder::DEFAULT.map(str::to_owned).to_vec()
    } else {
        arguments.folders.clone()
    };
    let setting = Setting { folders, keda: arguments.keda, at_once: arguments.at_once, stop: stop.clone() };
    let done = run_tests(&setting)?;
    println!(
        "\nKEDA's tests against {}; logs are in {}",
        if arguments.keda { "KEDA" } else { "Bellows" },
        setting.logs().display()
    );
    done.iter().for_each(|one| println!("{one}"));
    summary(&done)
}

fn summary(done: &[Done]) -> Result<()> {
    let count = |wanted: fn(&Verdict) -> bool| done.iter().filter(|one| wanted(&one.verdict)).count();
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    println!("{passed} passed, {failed} failed, {} cannot apply", done.len() - passed - failed);
    if failed > 0 {
        bail!("{failed} of KEDA's tests failed");
    }
    Ok(())
}
