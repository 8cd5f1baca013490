//! `bellows scaler push FILE REFERENCE`: a component into a registry, after the host's own engine took it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use bellows_wasm::Scaler;
use bellows_wasm::oci::{Package, Reference};

use super::about::{self, TRIGGER_TYPES, size};
use super::remote::RemoteArguments;
use super::setting::Setting;
use super::workshop::{Workshop, WorkshopArguments};

/// Arguments of `bellows scaler push`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The component is loaded first, as the host would load it; one that is refused is not pushed. Name, \
                        version and summary become annotations. The same component with the same annotations has the \
                        same digest, whenever and wherever it is pushed. What is printed names it for ever:\n\n    \
                        bellows scaler push target/components/mine.wasm ghcr.io/me/mine:1.0.0"
)]
pub(super) struct PushArguments {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to: REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    /// A further annotation, such as org.opencontainers.image.source=https://…; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    annotation: Vec<Setting>,
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(flatten)]
    workshop: WorkshopArguments,
}

/// Runs the command.
pub(super) fn run(arguments: &PushArguments) -> anyhow::Result<ExitCode> {
    let remote = arguments.remote.open()?;
    let scaler = Workshop::open(arguments.workshop.folder()?)?.load(&arguments.file)?;
    let unread = || format!("cannot read {}", arguments.file.display());
    let bytes = std::fs::read(&arguments.file).with_context(unread)?;
    let interfaces = about::interfaces(&bytes).with_context(unread)?;
    let length = bytes.len();
    let package = Package::new(bytes.into(), interfaces, annotations(&scaler, &arguments.annotation))?;
    eprintln!("pushing {} to {}", size(length), arguments.reference);
    let pushing = remote.registry.push(&arguments.reference, &package, &remote.keyring);
    let digest = remote.runtime.block_on(pushing).context("not pushed")?;
    println!("{}", arguments.reference.pinned(digest));
    Ok(ExitCode::SUCCESS)
}

fn annotations(scaler: &Scaler, further: &[Setting]) -> BTreeMap<String, String> {
    let about = scaler.description();
    let kinds: Vec<&str> = about.trigger_types.iter().map(|kind| kind.name.as_str()).collect();
    let mut annotations = BTreeMap::from([
        ("org.opencontainers.image.title".to_owned(), about.name.clone()),
        ("org.opencontainers.image.version".to_owned(), about.version.clone()),
        ("org.opencontainers.image.description".to_owned(), about.summary.clone()),
        (TRIGGER_TYPES.to_owned(), kinds.join(",")),
    ]);
    annotations.extend(further.iter().map(|setting| (setting.name.clone(), setting.value.clone())));
    annotations
}
