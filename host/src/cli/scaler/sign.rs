//! `bellows scaler sign REFERENCE` and `verify REFERENCE`: who made an artifact says so with a key, and who uses it finds
//! out before it runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bellows_wasm::oci::{Authority, Identity, Log, Policy, PublicKey, Reference, Require, Signer, SigningKey, Trust};

use super::remote::RemoteArguments;
use crate::check::verification;
use crate::supply;

/// The largest file that is read as a key or as certificates: those of an authority take 16 KiB at most.
const PEM_BYTES_MAX: u64 = 32 * 1024;
/// The largest file that is read as a manifest: what etcd holds of one object.
const MANIFEST_BYTES_MAX: u64 = 1_536 * 1024;

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
#[command(
    group(clap::ArgGroup::new("signer").args(["key", "identity", "scaler"]).multiple(true).required(true)),
    after_help = "\
Signatures of cosign 2 and 3, and of `bellows scaler sign`. What is printed is the reference by its digest: use that, for a \
tag may mean something else tomorrow.

With a key, nothing else is looked at. An identity signs without one (keyless): with a key of ten minutes, which an authority \
certifies. So the signature must bring along its certificate, which leads to a root in --authority, and the entry of a log \
with the time that the log signed, by a key in --log. Those of the public Sigstore are in the trusted root that \
`cosign initialize` fetches:

    bellows scaler verify ghcr.io/me/my-queue:1.0.0 --authority fulcio.pem --log rekor.pub \\
        --issuer https://token.actions.githubusercontent.com \\
        --identity 'https://github.com/me/my-queue/.github/workflows/release.yml@refs/tags/*'

Nobody is asked: no log whether it kept the entry, and none of certificates. Timestamps of RFC 3161, which stand alone in \
signatures of Rekor 2, are not judged.

With --scaler, what holds is what a cluster holds to: spec.verification of the manifest that is applied there, with what it \
revokes. How old the component may be is judged where it is loaded, and not here.

Exits with 0 where enough of them signed, with 1 where not, and with 2 where that cannot be found out."
)]
pub(super) struct VerifyArguments {
    /// What to verify: REGISTRY/REPOSITORY:TAG or …@sha256:DIGEST
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    /// File with a public key: ECDSA on P-256 or Ed25519, PEM; may be repeated, and one signer is enough
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Who signs without a key: an e-mail address or a URI, which may end in * after / or @; may be repeated
    #[arg(long, value_name = "SUBJECT", requires_all = ["issuer", "authority", "log"])]
    identity: Vec<String>,
    /// Who gives identities their tokens
    #[arg(long, value_name = "URL", requires = "identity")]
    issuer: Option<String>,
    /// File with the root of who certifies identities, its intermediates below it, PEM; may be repeated
    #[arg(long, value_name = "FILE", requires = "identity")]
    authority: Vec<PathBuf>,
    /// File with the public key of a log that says when identities signed: ECDSA on P-256, PEM; may be repeated
    #[arg(long, value_name = "FILE", requires = "identity")]
    log: Vec<PathBuf>,
    /// File with the manifest of a Scaler, whose spec.verification is to hold
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "identity", "all"])]
    scaler: Option<PathBuf>,
    /// Have each key and each identity be one that signed it
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

impl VerifyArguments {
    fn policy(&self) -> anyhow::Result<Policy> {
        if let Some(path) = &self.scaler {
            return of_scaler(path);
        }
        let mut signers: Vec<_> = files(&self.key, "the key", |pem| PublicKey::of_pem(pem).map(Signer::Key))?;
        let issuer = self.issuer.as_deref().unwrap_or_default();
        for subject in &self.identity {
            signers.push(Signer::Identity(Identity::new(issuer, subject)?));
        }
        let trust = Trust {
            authorities: files(&self.authority, "the authority", Authority::of_pem)?,
            logs: files(&self.log, "the log's key", Log::of_pem)?,
        };
        let require = if self.all { Require::All } else { Require::Any };
        Ok(Policy { signers, trust, require, revoked: Vec::new() })
    }
}

/// Runs `sign`.
pub(super) fn sign(arguments: &SignArguments) -> anyhow::Result<ExitCode> {
    let key = read(&arguments.key, "the key", SigningKey::of_pem)?;
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
    let policy = arguments.policy()?;
    let remote = arguments.remote.open()?;
    let resolving = remote.registry.resolve(&arguments.reference, &remote.keyring);
    let digest = remote.runtime.block_on(resolving).context("not verified")?;
    let verifying = remote.registry.verify(&arguments.reference, digest, &policy, &remote.keyring);
    match remote.runtime.block_on(verifying) {
        Ok(verified) => {
            println!("{}", arguments.reference.pinned(verified.digest));
            verified.signers.iter().for_each(|signer| println!("signed by {signer}"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is_judgement() => {
            eprintln!("not verified: {}: {error}", error.reason());
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error).context("not verified"),
    }
}

/// What a Scaler asks for, by the code that holds to it in a cluster.
fn of_scaler(path: &Path) -> anyhow::Result<Policy> {
    let unread = || format!("cannot use the Scaler in {}", path.display());
    let written = verification(&text(path, MANIFEST_BYTES_MAX).with_context(unread)?)
        .map_err(anyhow::Error::msg)
        .with_context(unread)?;
    supply::policy(&written)
        .map_err(|problem| anyhow::anyhow!("{}", problem.under("spec.verification")))
        .with_context(unread)
}

/// What is in a file of a bounded length.
fn text(path: &Path, bytes_max: u64) -> anyhow::Result<String> {
    anyhow::ensure!(std::fs::metadata(path)?.len() <= bytes_max, "it is larger than any");
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

type Reading<T, E> = fn(&str) -> Result<T, E>;

fn files<T, E>(paths: &[PathBuf], what: &str, of_pem: Reading<T, E>) -> anyhow::Result<Vec<T>>
where
    E: std::error::Error + Send + Sync + 'static,
{
    paths.iter().map(|path| read(path, what, of_pem)).collect()
}

/// Reads what is in a file of PEM.
fn read<T, E>(path: &Path, what: &str, of_pem: Reading<T, E>) -> anyhow::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let unread = || format!("cannot use {what} in {}", path.display());
    of_pem(&text(path, PEM_BYTES_MAX).with_context(unread)?).with_context(unread)
}
