//! `bellows man FOLDER`: a man page for each command, from the same definition as the commands themselves.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

use super::Arguments;

/// Arguments of `bellows man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "To read one: bellows man pages && man -l pages/bellows-scaler.1")]
pub struct ManArguments {
    /// Folder to write them into, made where it is missing; a page that is there already is replaced
    folder: PathBuf,
}

/// Writes them.
pub fn run(arguments: &ManArguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .with_context(|| format!("cannot write man pages into {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}
