//! `bellows scaler …`: an author's way from an idea to a component that is tested and measured. Each command once; what
//! they share is a subject (a folder or a file) and a workshop (an engine of one's own).
//!
//! Nothing here needs a cluster, and nothing but `run --live` dials.

mod about;
mod bench;
mod build;
mod digest;
mod inspect;
mod new;
mod run;
mod setting;
mod subject;
mod test;
mod watch;
mod workshop;

use std::process::ExitCode;

use clap::Subcommand;

/// Arguments of `bellows scaler`.
#[derive(Debug, clap::Args)]
pub struct ScalerArguments {
    #[command(subcommand)]
    command: ScalerCommand,
}

#[derive(Debug, Subcommand)]
enum ScalerCommand {
    /// Begin a scaler: a folder with a working one, its cases, and a workflow that tests it
    New(new::NewArguments),
    /// Build a crate into a component, and say what it serves and what it needs
    Build(build::BuildArguments),
    /// Run the cases of a scaler against its component, in the host's own engine
    Test(test::TestArguments),
    /// Build and test again whenever a source changes, and say what changed; Ctrl-C ends it
    Watch(watch::WatchArguments),
    /// Poll a component: against the replies of a case, or against a real source
    Run(Box<run::RunArguments>),
    /// Measure what a component costs, and hold it against the limits of the host
    Bench(bench::BenchArguments),
    /// Say what a component serves and what it needs
    Inspect(inspect::InspectArguments),
    /// Print the digest of a component
    Digest(digest::DigestArguments),
}

/// Runs the command.
pub(super) fn run(arguments: ScalerArguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        ScalerCommand::New(arguments) => new::run(&arguments),
        ScalerCommand::Build(arguments) => build::run(&arguments),
        ScalerCommand::Test(arguments) => test::run(&arguments),
        ScalerCommand::Watch(arguments) => watch::run(&arguments),
        ScalerCommand::Run(arguments) => run::run(&arguments),
        ScalerCommand::Bench(arguments) => bench::run(&arguments),
        ScalerCommand::Inspect(arguments) => inspect::run(&arguments),
        ScalerCommand::Digest(arguments) => digest::run(&arguments),
    }
}
