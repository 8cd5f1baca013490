//! The command line: each command once. What a flag means is said where it is declared.

pub mod check;
pub mod compile;
pub mod completions;
pub mod crds;
pub mod man;
mod planner;
pub mod release;
pub mod run;
pub mod scaler;
pub mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Autoscaler host for Kubernetes whose scalers are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "bellows", version, max_term_width = 120)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the ScaledObjects of a cluster until terminated
    Run(Box<run::RunArguments>),
    /// Read manifests offline and print what would be created, or every problem at once
    Check(check::CheckArguments),
    /// Explain the last decisions about a ScaledObject
    Why(why::WhyArguments),
    /// Print the CustomResourceDefinitions, for `kubectl apply --server-side -f -`
    Crds,
    /// Take the finalizer off ScaledObjects that no host serves any more; the chart does it after uninstalling
    Release(release::ReleaseArguments),
    /// Write, build, test and measure scalers of your own
    Scaler(scaler::ScalerArguments),
    /// Print completions for a shell
    Completions(completions::CompletionsArguments),
    /// Write man pages into a folder
    Man(man::ManArguments),
    /// Compile a component; what `run` starts as a process of its own, with limits
    #[command(hide = true)]
    Compile(compile::CompileArguments),
}

/// Runs the command.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Run(arguments) => run::run(*arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Why(arguments) => why::run(arguments),
        Command::Crds => crds::print(&mut std::io::stdout().lock()).map(|()| ExitCode::SUCCESS),
        Command::Release(arguments) => release::run(arguments),
        Command::Scaler(arguments) => scaler::run(arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
    }
}

/// A runtime for commands that talk to a cluster.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context;
    // The one place that decides whose cryptography is used.
    _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// The PEM files of the folders of `--ca-dir`.
fn authorities(folders: &[std::path::PathBuf]) -> anyhow::Result<Vec<String>> {
    use anyhow::Context;
    let mut authorities = Vec::new();
    for folder in folders {
        let unread = |path: &std::path::Path| format!("--ca-dir: cannot read {}", path.display());
        for file in std::fs::read_dir(folder).with_context(|| unread(folder))? {
            let path = file.with_context(|| unread(folder))?.path();
            if path.is_file() {
                authorities.push(std::fs::read_to_string(&path).with_context(|| unread(&path))?);
            }
        }
    }
    Ok(authorities)
}
