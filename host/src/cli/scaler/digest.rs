//! `bellows scaler digest FILE`: by what a component is known, in the host's log and in a registry.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

/// Arguments of `bellows scaler digest`.
#[derive(Debug, clap::Args)]
pub(super) struct DigestArguments {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Prints it.
pub(super) fn run(arguments: &DigestArguments) -> anyhow::Result<ExitCode> {
    let bytes = fs::read(&arguments.file).with_context(|| format!("cannot read {}", arguments.file.display()))?;
    bellows_build::interfaces(&bytes).with_context(|| format!("{} has no digest", arguments.file.display()))?;
    println!("sha256:{}", bellows_wasm::digest(&bytes));
    Ok(ExitCode::SUCCESS)
}
