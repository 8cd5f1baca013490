//! `bellows scaler …`: an author's way from an idea to a component that is tested and measured. Each command once; what
//! they share is a subject (a folder or a file) and a workshop (an engine of one's own).
//!
//! Nothing here needs a cluster, and nothing dials but `run --live` and what names an artifact of a registry.

mod about;
mod bench;
mod build;
mod carry;
mod described;
mod digest;
mod inspect;
mod new;
mod pull;
mod push;
mod remote;
mod run;
mod setting;
mod sign;
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
    /// Say what a component serves and what it needs: a file, or an artifact of a registry without pulling it
    Inspect(inspect::InspectArguments),
    /// Print the digest of a component: of a file, or of an artifact of a registry
    Digest(digest::DigestArguments),
    /// Put a component into a registry
    Push(push::PushArguments),
    /// Get a component out of a registry
    Pull(pull::PullArguments),
    /// Sign an artifact of a registry with a key
    Sign(sign::SignArguments),
    /// Find out whether an artifact of a registry is signed, with a key or by an identity
    Verify(Box<sign::VerifyArguments>),
    /// Write an artifact and what refers to it into a folder, to carry it where no registry is reached
    Save(carry::SaveArguments),
    /// Put an artifact that was saved into a registry
    Load(carry::LoadArguments),
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
        ScalerCommand::Push(arguments) => push::run(&arguments),
        ScalerCommand::Pull(arguments) => pull::run(&arguments),
        ScalerCommand::Sign(arguments) => sign::sign(&arguments),
        ScalerCommand::Verify(arguments) => sign::verify(&arguments),
        ScalerCommand::Save(arguments) => carry::save(&arguments),
        ScalerCommand::Load(arguments) => carry::load(&arguments),
    }
}
