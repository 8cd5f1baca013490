//! `cargo xtask chart`: writes what is generated of the chart: the definitions, and the renderings that tests compare.
//!
//! Owns nothing else. Refuses to judge a change: `git diff` shows it to whoever made it.

use anyhow::Result;
use bellows_tests::chart;
use bellows_tests::setup::{Needs, prepare};

use crate::cargo::build_programs;

/// Writes them.
pub(crate) fn run() -> Result<()> {
    prepare(Needs { helm: true, ..Needs::default() })?;
    build_programs()?;
    chart::write()?;
    println!("written: {} and {} renderings", chart::definitions().display(), chart::RENDERINGS.len());
    Ok(())
}
