//! `cargo xtask chart`: writes what is generated of the chart: the definitions, and the renderings that tests compare.
//!
//! Owns nothing else. Refuses to judge a change: `git diff` shows it to whoever made it.

use std::process::Command;

use anyhow::{Context, Result, bail};
use bellows_tests::setup::{Needs, prepare};
use bellows_tests::{chart, paths};

/// Writes them.
pub(crate) fn run() -> Result<()> {
    prepare(Needs { helm: true, ..Needs::default() })?;
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--workspace", "--bins"]).current_dir(paths::root());
    let status = build.status().context("run cargo build")?;
    if !status.success() {
        bail!("cargo build ended with {status}");
    }
    chart::write()?;
    println!("written: {} and {} renderings", chart::definitions().display(), chart::RENDERINGS.len());
    Ok(())
}
