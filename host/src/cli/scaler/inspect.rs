//! `bellows scaler inspect FILE`: what a component says of itself, for people or for programs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::about::About;
use super::workshop::{Workshop, WorkshopArguments};

/// Arguments of `bellows scaler inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct InspectArguments {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Form of the answer: text or json
    #[arg(long, value_name = "FORM", default_value = "text")]
    output: Output,
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
    let workshop = Workshop::open(arguments.workshop.folder()?)?;
    let about = About::of(&arguments.file, &*workshop.load(&arguments.file)?)?;
    match arguments.output {
        Output::Text => print!("{}", about.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&about).context("cannot print it as JSON")?),
    }
    Ok(ExitCode::SUCCESS)
}
