//! `bellows scaler save` and `load`: artifacts over a gap that no network crosses, with their signatures.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use bellows_wasm::oci::{Moved, Reference};

use super::remote::RemoteArguments;

/// Arguments of `bellows scaler save`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The folder is an OCI image layout, with everything that refers to the artifact: signatures, bills of \
                        materials. `bellows scaler load`, or any tool that knows the layout, puts it into a registry."
)]
pub(super) struct SaveArguments {
    /// Where from: REGISTRY/REPOSITORY:TAG or …@sha256:DIGEST
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    /// Folder to write, new or empty
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Arguments of `bellows scaler load`.
#[derive(Debug, clap::Args)]
pub(super) struct LoadArguments {
    /// Folder that `bellows scaler save` wrote, or another OCI image layout
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Where to: REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Runs `save`.
pub(super) fn save(arguments: &SaveArguments) -> anyhow::Result<ExitCode> {
    let remote = arguments.remote.open()?;
    eprintln!("saving {} and what refers to it", arguments.reference);
    let saving = remote.registry.save(&arguments.reference, &remote.keyring, &arguments.output);
    let saved = remote.runtime.block_on(saving).context("not saved")?;
    println!("{}  {}", arguments.reference.pinned(saved.digest), beside(&saved));
    Ok(ExitCode::SUCCESS)
}

/// Runs `load`.
pub(super) fn load(arguments: &LoadArguments) -> anyhow::Result<ExitCode> {
    let remote = arguments.remote.open()?;
    eprintln!("loading {} into {}", arguments.folder.display(), arguments.reference);
    let loading = remote.registry.load(&arguments.folder, &arguments.reference, &remote.keyring);
    let loaded = remote.runtime.block_on(loading).context("not loaded")?;
    println!("{}  {}", arguments.reference.pinned(loaded.digest), beside(&loaded));
    Ok(ExitCode::SUCCESS)
}

fn beside(moved: &Moved) -> String {
    format!("with {} that refer to it", moved.referrers)
}
