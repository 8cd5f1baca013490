//! `cargo xtask test`: everything that proves the project, step by step.
//!
//! Owns the order of the steps and the summary. Refuses to go on after a step that failed, and to hide one that was left
//! out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bellows_tests::process::{self, run_with_log};
use bellows_tests::setup::{Needs, is_root, prepare};
use bellows_tests::{guests, paths};
use clap::Args;

use crate::cargo::cargo;

/// Test programs that bring up the real node, of which a machine has one. They mostly wait for pods and for cooldowns, so
/// others run beside them: that saves ten minutes.
const ON_THE_NODE: [&str; 3] = ["chart", "node", "seed"];
/// Test programs that count moments, and want the machine for themselves.
const ALONE: [&str; 2] = ["lateness", "many"];

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
        step(done, "cargo fmt --check", cargo(["fmt", "--all", "--check"]))?;
        match Command::new("cargo-deny").arg("--version").output() {
            // Advisories are not among them: their database changes from day to day, and what was proved does not.
            Ok(_) => step(done, "cargo deny check", cargo(["deny", "check", "bans", "licenses", "sources"]))?,
            Err(_) => done.push(Done {
                name: "cargo deny check".to_owned(),
                seconds: 0.0,
                left_out: Some("cargo-deny is not installed (cargo install --locked cargo-deny)"),
            }),
        }
    }
    // Tests that start the program need it built; all of it at once, because the tests' own features of a library would
    // have it built a second time.
    linted(done, "build, with clippy's lints", &["build", "--workspace", "--all-targets"])?;
    if arguments.filter.is_empty() {
        return tests(done);
    }
    // Not every test program takes several filters at once.
    arguments
        .filter
        .iter()
        .try_for_each(|filter| linted(done, &format!("tests, {filter}"), &["test", "--workspace", "--", filter]))
}

/// All tests: those on the real node beside most others, then those that want to be alone.
fn tests(done: &mut Vec<Done>) -> Result<()> {
    let mut others = programs()?;
    others.retain(|name| !ON_THE_NODE.contains(&name.as_str()) && !ALONE.contains(&name.as_str()));
    let others = ["--lib", "--bins"].map(str::to_owned).into_iter().chain(named(others));
    let log = paths::cluster_output().join("log/on-the-node.log");
    println!("\non the real node, beside the next steps: {}; log: {}", ON_THE_NODE.join(", "), log.display());
    let mut of_node = Vec::new();
    let (node, rest) = thread::scope(|scope| {
        let node = scope.spawn(|| timed(&mut of_node, "tests on the real node", || on_the_node(&log)));
        let rest =
            tested(done, "tests beside them", others).and_then(|()| tested(done, "doc tests", ["--doc".to_owned()]));
        (node.join(), rest)
    });
    done.append(&mut of_node);
    print!("\n{}", fs::read_to_string(&log).unwrap_or_default());
    rest?;
    node.unwrap_or_else(|_panic| bail!("the thread that ran them ended early"))?;
    tested(done, "tests that count moments", named(ALONE))
}

/// The test programs of the tests' crate: its files and folders.
fn programs() -> Result<BTreeSet<String>> {
    let folder = paths::root().join("tests/tests");
    let entries = fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?.flatten();
    Ok(entries.filter_map(|entry| entry.path().file_stem()?.to_str().map(str::to_owned)).collect())
}

/// How cargo is told of test programs.
fn named<Name: Into<String>>(programs: impl IntoIterator<Item = Name>) -> impl Iterator<Item = String> {
    programs.into_iter().flat_map(|name| ["--test".to_owned(), name.into()])
}

fn tested(done: &mut Vec<Done>, name: &str, which: impl IntoIterator<Item = String>) -> Result<()> {
    linted(done, name, &all(which))
}

fn all(which: impl IntoIterator<Item = String>) -> Vec<String> {
    ["test", "--workspace", "--no-fail-fast"].map(str::to_owned).into_iter().chain(which).collect()
}

/// Runs the tests on the real node. What they say goes to a file, so that it does not stand among what others say.
fn on_the_node(log: &Path) -> Result<()> {
    run_with_log(&mut with_lints(&all(named(ON_THE_NODE))), log)
}

fn linted<Word: AsRef<OsStr>>(done: &mut Vec<Done>, name: &str, arguments: &[Word]) -> Result<()> {
    step(done, name, with_lints(arguments))
}

/// Cargo with clippy in the compiler's place and warnings denied, which is what `cargo clippy` does, but for real: clippy on
/// its own goes through all libraries a second time, seven minutes on two cores, for what the build makes anyway.
fn with_lints<Word: AsRef<OsStr>>(arguments: &[Word]) -> Command {
    let mut command = cargo(["--config", "build.rustc-workspace-wrapper='clippy-driver'"]);
    // In the form in which `cargo clippy` hands its arguments on to clippy.
    command.args(arguments).env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
    command
}

fn step(done: &mut Vec<Done>, name: &str, mut command: Command) -> Result<()> {
    timed(done, name, || process::run(&mut command))
}

fn timed(done: &mut Vec<Done>, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n== {name}");
    let began = Instant::now();
    let outcome = step();
    let failed = if outcome.is_err() { " (failed)" } else { "" };
    done.push(Done { name: format!("{name}{failed}"), seconds: began.elapsed().as_secs_f64(), left_out: None });
    outcome
}
