//! `bellows compile`: the child process in which a component is compiled, so that a hostile one costs a process.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

/// Arguments of `bellows compile`.
#[derive(Debug, clap::Args)]
pub struct CompileArguments {
    /// The component
    input: PathBuf,
    /// Where to write what it was compiled to
    output: PathBuf,
}

/// Limits this process, then compiles.
pub fn run(arguments: &CompileArguments) -> anyhow::Result<ExitCode> {
    bellows_wasm::compile(&arguments.input, &arguments.output, &bellows_wasm::Limits::default())
        .context("cannot compile")?;
    Ok(ExitCode::SUCCESS)
}
