//! Signatures of artifacts by keys, in the two forms that cosign writes: a payload under a tag beside the artifact, and a
//! bundle that refers to its manifest. Bytes in, a finding out: nothing here dials.
//!
//! Refuses by name what it does not judge: an identity behind a certificate ("keyless"). No transparency log is asked.
//! The formats are read here, because `sigstore` 0.15 verifies with a key only together with an HTTP client, an OpenID
//! client and a starter of browsers, whatever features are off.

mod bundle;
mod key;
mod policy;
mod simple;

pub use key::{KeyError, PublicKey, SigningKey};
pub use policy::{Policy, Require, Verified, VerifyError};

use super::digest::Digest;
pub(super) use bundle::{BUNDLE, VERSION as BUNDLE_VERSION, annotations as bundle_annotations, sealed};
pub(super) use simple::{CLAIM_CONFIG, CLAIM_LAYER, Claimed, config as claim_config};

/// Signatures of one form that are looked at, newest last: an artifact is signed by an author, a pipeline and whoever
/// mirrors it, each with an old and a new key. Both forms together are 32; at 64 KiB of payload in the one and 256 KiB of
/// bundle in the other, they take 5 MiB while they are judged.
pub(super) const SIGNATURES_MAX: usize = 16;
/// Bytes of what is signed: cosign's own payload takes 300, and a statement about a hundred subjects 20,000.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a bundle: the payload in base64 takes 88 KiB, an entry of a log may repeat it, and certificates and proofs
/// take some 20 KiB.
pub(super) const BUNDLE_BYTES_MAX: usize = 256 * 1024;

/// One signature as a registry holds it. Whether it is worth anything, a [`Policy`] says.
#[derive(Debug, Clone)]
pub struct Signature {
    origin: String,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// A payload, as cosign 2 writes it, and what may be the signature of it.
    Simple { payload: Vec<u8>, signature: Vec<u8> },
    /// A statement in an envelope, as cosign 3 writes it.
    Envelope { statement: Vec<u8>, signatures: Vec<Vec<u8>> },
    /// Made by a key of a moment, for which a certificate names an identity.
    Identity,
    /// Something else, and why.
    Unreadable(String),
}

/// What a signature is worth for one key and one digest. In the order of how much it tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    /// It cannot be read.
    Unreadable(String),
    /// It is of a kind that is not judged.
    Identity,
    /// Another key made it, or what it signs was changed.
    OtherKey,
    /// The key made it, and it says something else than that an artifact is signed.
    OtherClaim(String),
    /// The key signed another artifact.
    OtherDigest(String),
    /// The key signed this.
    Good,
}

impl Signature {
    /// One that is there and cannot be read.
    pub(super) fn unreadable(origin: String, why: impl Into<String>) -> Self {
        Self { origin, content: Content::Unreadable(why.into()) }
    }

    /// Where it was found.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What is signed is believed, and so much as read, only after the key was found to have signed it.
    fn judge(&self, key: &PublicKey, digest: Digest) -> Finding {
        let claimed = match &self.content {
            Content::Unreadable(why) => return Finding::Unreadable(format!("{}: {why}", self.origin)),
            Content::Identity => return Finding::Identity,
            Content::Simple { payload, signature } if key.verifies(payload, signature) => simple::claimed(payload),
            Content::Envelope { statement, signatures } => {
                let signed = bundle::signed(statement);
                if !signatures.iter().any(|signature| key.verifies(&signed, signature)) {
                    return Finding::OtherKey;
                }
                bundle::claimed(statement)
            }
            Content::Simple { .. } => return Finding::OtherKey,
        };
        match claimed {
            Err(why) => Finding::OtherClaim(why),
            Ok(digests) if digests.contains(&digest) => Finding::Good,
            Ok(digests) => Finding::OtherDigest(words(&digests)),
        }
    }

    /// Whether the key signed this digest here already.
    pub(super) fn is_good(&self, key: &PublicKey, digest: Digest) -> bool {
        self.judge(key, digest) == Finding::Good
    }
}

fn words(digests: &[Digest]) -> String {
    match digests {
        [] => "nothing".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// What the decoder says, short enough for a condition.
fn told(error: &serde_json::Error) -> String {
    crate::printable::line(&error.to_string(), 200)
}

#[cfg(test)]
mod tests;
