//! `bellows scaler digest FILE|REFERENCE`: by what a component is known, in the host's log and in a registry.

use std::fs;
use std::process::ExitCode;

use anyhow::Context;

use super::remote::{Place, RemoteArguments};

/// Arguments of `bellows scaler digest`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Of a file it is the digest of the component, by which the host knows it; of a reference that of \
                        the artifact, by which the reference can be pinned: REGISTRY/REPOSITORY@DIGEST."
)]
pub(super) struct DigestArguments {
    /// The component: a file, or REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "FILE|REFERENCE")]
    subject: String,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Prints it.
pub(super) fn run(arguments: &DigestArguments) -> anyhow::Result<ExitCode> {
    match Place::of(&arguments.subject)? {
        Place::File(file) => {
            let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            bellows_build::interfaces(&bytes).with_context(|| format!("{} has no digest", file.display()))?;
            println!("sha256:{}", bellows_wasm::digest(&bytes));
        }
        Place::Registry(reference) => {
            let remote = arguments.remote.open()?;
            let resolving = remote.registry.resolve(&reference, &remote.keyring);
            println!("{}", remote.runtime.block_on(resolving).context("no digest")?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
