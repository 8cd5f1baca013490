//! `bellows completions SHELL`: what a shell completes, from the same definition as the commands themselves.

use std::io;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Arguments;

/// Arguments of `bellows completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "For bash: bellows completions bash > ~/.local/share/bash-completion/completions/bellows")]
pub struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Prints them.
pub fn run(arguments: &CompletionsArguments) -> anyhow::Result<ExitCode> {
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "bellows", &mut io::stdout().lock());
    Ok(ExitCode::SUCCESS)
}
