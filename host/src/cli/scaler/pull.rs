//! `bellows scaler pull REFERENCE`: a component out of a registry, into a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bellows_wasm::oci::{Artifact, Digest, Reference};

use super::about::size;
use super::remote::{Fetched, Remote, RemoteArguments};

/// Arguments of `bellows scaler pull`.
#[derive(Debug, clap::Args)]
pub(super) struct PullArguments {
    /// Where from: REGISTRY/REPOSITORY:TAG or …@sha256:DIGEST
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    /// File to write [default: the last part of the repository, with .wasm]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Runs the command.
pub(super) fn run(arguments: &PullArguments) -> anyhow::Result<ExitCode> {
    let remote = arguments.remote.open()?;
    let describing = remote.registry.describe(&arguments.reference, &remote.keyring);
    let artifact = remote.runtime.block_on(describing).context("not pulled")?;
    let usual = || format!("{}.wasm", arguments.reference.repository().rsplit('/').next().unwrap_or("scaler")).into();
    let output = arguments.output.clone().unwrap_or_else(usual);
    let (fetched, component) = fetch(&remote, &artifact, &output)?;
    let bytes = std::fs::read(&fetched.path).with_context(|| format!("cannot read {}", fetched.path.display()))?;
    bellows_build::interfaces(&bytes).with_context(|| format!("{} holds no component", arguments.reference))?;
    std::fs::rename(&fetched.path, &output).with_context(|| format!("cannot write {}", output.display()))?;
    println!("{}", artifact.reference);
    println!("{}  {}  {component}", output.display(), size(bytes.len()));
    Ok(ExitCode::SUCCESS)
}

/// Fetches the component of an artifact into a file beside `output`.
pub(super) fn fetch(remote: &Remote, artifact: &Artifact, output: &Path) -> anyhow::Result<(Fetched, Digest)> {
    let fetched = Fetched::beside(output);
    eprintln!("pulling {} of {}", size(usize::try_from(artifact.bytes).unwrap_or(usize::MAX)), artifact.reference);
    let fetching = remote.registry.fetch(artifact, &remote.keyring, &fetched.path);
    let component = remote.runtime.block_on(fetching).context("not pulled")?;
    Ok((fetched, component))
}
