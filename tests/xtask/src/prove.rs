//! `cargo xtask test`: everything that proves the project, step by step.
//!
//! Owns the order of the steps and the summary. Refuses to go on after a step that failed, and to hide one that was left
//! out.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bellows_tests::setup::{Needs, is_root, prepare};
use bellows_tests::{guests, paths};
use clap::Args;

/// What to prove.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only tests whose names hold one of these, and no other step.
    filter: Vec<String>,
}

/// A step and how it went.
struct Done {
    name: String,
    seconds: f64,
    left_out: Option<&'static str>,
}

/// Runs the steps.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut done = Vec::new();
    let proved = steps(arguments, &mut done);
    println!("\n{:<44} {:>8}", "step", "time");
    for Done { name, seconds, left_out } in &done {
        match left_out {
            Some(reason) => println!("{name:<44}  left out: {reason}"),
            None => println!("{name:<44} {seconds:>6.1} s"),
        }
    }
    proved
}

fn steps(arguments: &Arguments, done: &mut Vec<Done>) -> Result<()> {
    timed(done, "set-up", || prepare(Needs { real_node: is_root(), ..Needs::all() }))?;
    timed(done, "components", || guests::build_all().map(drop))?;
    if arguments.filter.is_empty() {
        cargo(done, &["fmt", "--all", "--check"])?;
        match Command::new("cargo-deny").arg("--version").output() {
            // Advisories are not among them: their database changes from day to day, and what was proved does not.
            Ok(_) => cargo(done, &["deny", "check", "bans", "licenses", "sources"])?,
            Err(_) => done.push(Done {
                name: "cargo deny check".to_owned(),
                seconds: 0.0,
                left_out: Some("cargo-deny is not installed (cargo install --locked cargo-deny)"),
            }),
        }
    }
    // Tests that start the program need it built; all of it at once, because the tests' own features of a library would
    // have it built a second time.
    linted(done, &["build", "--workspace", "--all-targets"])?;
    if arguments.filter.is_empty() {
        return linted(done, &["test", "--workspace", "--no-fail-fast"]);
    }
    // Not every test program takes several filters at once.
    arguments.filter.iter().try_for_each(|filter| linted(done, &["test", "--workspace", "--", filter]))
}

/// Builds with clippy in the compiler's place and warnings denied, which is what `cargo clippy` does, but for real: clippy
/// on its own goes through all libraries a second time, seven minutes on two cores, for what the build makes anyway.
fn linted(done: &mut Vec<Done>, arguments: &[&str]) -> Result<()> {
    let (command, rest) = arguments.split_at(1);
    let wrapped = [command, &["--config", "build.rustc-workspace-wrapper='clippy-driver'"], rest].concat();
    cargo(done, &wrapped)
}

fn cargo(done: &mut Vec<Done>, arguments: &[&str]) -> Result<()> {
    let line = format!("cargo {}", arguments.join(" "));
    timed(done, &line, || {
        let mut command = Command::new("cargo");
        // In the form in which `cargo clippy` hands its arguments on to clippy.
        command.env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
        let status = command.args(arguments).current_dir(paths::root()).status();
        let status = status.with_context(|| format!("run {line}"))?;
        if !status.success() {
            bail!("`{line}` ended with {status}");
        }
        Ok(())
    })
}

fn timed(done: &mut Vec<Done>, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n== {name}");
    let began = Instant::now();
    let outcome = step();
    let failed = if outcome.is_err() { " (failed)" } else { "" };
    done.push(Done { name: format!("{name}{failed}"), seconds: began.elapsed().as_secs_f64(), left_out: None });
    outcome
}
