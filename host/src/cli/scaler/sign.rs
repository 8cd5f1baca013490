//! `bellows scaler sign REFERENCE` and `verify REFERENCE`: who made an artifact says so with a key, and who uses it finds
//! out before it runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bellows_wasm::oci::{KeyError, Policy, PublicKey, Reference, Require, SigningKey};

use super::remote::RemoteArguments;

/// The largest file that is read as a key.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// Arguments of `bellows scaler sign`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The signature is put beside the artifact in both forms of cosign, under a tag and as a bundle; `cosign verify --key \
scaler.pub` of any version finds it, with --insecure-ignore-tlog, because no transparency log is told. To make a key and its \
public half:

    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out scaler.key
    openssl pkey -in scaler.key -pubout -out scaler.pub

Keep scaler.key where only you read it. Who verifies needs scaler.pub.")]
pub(super) struct SignArguments {
    /// What to sign: REGISTRY/REPOSITORY@sha256:DIGEST as `push` prints it, or …:TAG for what that means now
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    /// File with the private key: ECDSA on P-256 in PKCS#8, PEM, not encrypted
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Arguments of `bellows scaler verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Signatures of cosign 2 and 3, and of `bellows scaler sign`, by keys. Identities (keyless signatures) are not verified, and \
no transparency log is asked. What is printed is the reference by its digest: use that, for a tag may mean something else \
tomorrow.

Exits with 0 where enough keys signed, with 1 where not, and with 2 where that cannot be found out.")]
pub(super) struct VerifyArguments {
    /// What to verify: REGISTRY/REPOSITORY:TAG or …@sha256:DIGEST
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    /// File with a public key: ECDSA on P-256 or Ed25519, PEM; may be repeated, and one is enough
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Have each key be one that signed it
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Runs `sign`.
pub(super) fn sign(arguments: &SignArguments) -> anyhow::Result<ExitCode> {
    let key = read(&arguments.key, SigningKey::of_pem)?;
    let remote = arguments.remote.open()?;
    eprintln!("signing {} with {}", arguments.reference, key.public());
    let signing = remote.registry.sign(&arguments.reference, &key, &remote.keyring);
    let signed = remote.runtime.block_on(signing).context("not signed")?;
    if signed.already {
        eprintln!("this key has signed it before: nothing to do");
    }
    println!("{}", signed.artifact);
    Ok(ExitCode::SUCCESS)
}

/// Runs `verify`.
pub(super) fn verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let keys = arguments.key.iter().map(|path| read(path, PublicKey::of_pem)).collect::<anyhow::Result<_>>()?;
    let require = if arguments.all { Require::All } else { Require::Any };
    let policy = Policy { keys, require, revoked: Vec::new() };
    let remote = arguments.remote.open()?;
    let resolving = remote.registry.resolve(&arguments.reference, &remote.keyring);
    let digest = remote.runtime.block_on(resolving).context("not verified")?;
    let verifying = remote.registry.verify(&arguments.reference, digest, &policy, &remote.keyring);
    match remote.runtime.block_on(verifying) {
        Ok(verified) => {
            println!("{}", arguments.reference.pinned(verified.digest));
            verified.keys.iter().for_each(|key| println!("signed by {key}"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is_judgement() => {
            eprintln!("not verified: {}: {error}", error.reason());
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error).context("not verified"),
    }
}

/// Reads a key of a file.
fn read<T>(path: &Path, of_pem: impl Fn(&str) -> Result<T, KeyError>) -> anyhow::Result<T> {
    let unread = || format!("cannot use the key in {}", path.display());
    let length = std::fs::metadata(path).with_context(unread)?.len();
    anyhow::ensure!(length <= KEY_BYTES_MAX, "{}: it is larger than any key", unread());
    let text = std::fs::read(path).with_context(unread)?;
    of_pem(&String::from_utf8_lossy(&text)).with_context(unread)
}
