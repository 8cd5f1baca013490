//! `bellows scaler inspect FILE|REFERENCE`: what a component says of itself, or a registry of it, for people or for
//! programs.

use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use super::about::About;
use super::described::Described;
use super::remote::{Place, RemoteArguments};
use super::workshop::{Workshop, WorkshopArguments};

/// Arguments of `bellows scaler inspect`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Of an artifact in a registry only the manifest and the config are fetched, where they say what it \
                        imports; pull it to see its parameters."
)]
pub(super) struct InspectArguments {
    /// The component: a file, or REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "FILE|REFERENCE")]
    subject: String,
    /// Form of the answer: text or json
    #[arg(long, value_name = "FORM", default_value = "text")]
    output: Output,
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(flatten)]
    workshop: WorkshopArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Prints it.
pub(super) fn run(arguments: &InspectArguments) -> anyhow::Result<ExitCode> {
    match Place::of(&arguments.subject)? {
        Place::File(file) => {
            let workshop = Workshop::open(arguments.workshop.folder()?)?;
            let about = About::of(&file, &*workshop.load(&file)?)?;
            print(arguments.output, &about, About::text)
        }
        Place::Registry(reference) => {
            let remote = arguments.remote.open()?;
            let describing = remote.registry.describe(&reference, &remote.keyring);
            let artifact = remote.runtime.block_on(describing).context("not inspected")?;
            print(arguments.output, &Described::of(&remote, &artifact)?, Described::text)
        }
    }
}

fn print<T: Serialize>(output: Output, about: &T, text: impl Fn(&T) -> String) -> anyhow::Result<ExitCode> {
    match output {
        Output::Text => print!("{}", text(about)),
        Output::Json => println!("{}", serde_json::to_string_pretty(about).context("cannot print it as JSON")?),
    }
    Ok(ExitCode::SUCCESS)
}
