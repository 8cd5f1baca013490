//! Signatures of artifacts, by keys and by identities, in the two forms that cosign writes: a payload under a tag beside the
//! artifact, and a bundle that refers to its manifest. Bytes in, a finding out: nothing here dials, no log is asked.
//!
//! The formats are read here, because `sigstore` 0.15 verifies with a key only together with an HTTP client, an OpenID
//! client and a starter of browsers, whatever features are off.

mod bundle;
mod identity;
mod key;
mod policy;
mod simple;

pub use identity::{Authority, AuthorityError, Doubt, Identity, IdentityError, Log, Trust};
pub use key::{KeyError, PublicKey, SigningKey};
pub use policy::{Policy, Require, Signer, Verified, VerifyError};

use std::borrow::Cow;

use super::digest::Digest;
pub(super) use bundle::{BUNDLE, VERSION as BUNDLE_VERSION, annotations as bundle_annotations, sealed};
use identity::{Evidence, Made, Person};
pub(super) use simple::{CLAIM_CONFIG, CLAIM_LAYER, Claimed, config as claim_config};

/// Signatures of one form that are looked at, newest last: an artifact is signed by an author, a pipeline and whoever
/// mirrors it, each with an old and a new key. Both forms together are 32; at 64 KiB of payload in the one and 256 KiB of
/// bundle in the other, they take 5 MiB while they are judged, and half as much again for what identities bring along. One
/// by an identity costs some 2 ms of a processor (a log's time, two steps to a root, itself). Where intermediates are made to
/// mislead, the library that looks for a path gives up after 100 signatures, or 50 ms, for each of 2 entries: 0.1 s.
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
    /// What is there, or why it cannot be read.
    content: Result<Content, String>,
}

#[derive(Debug, Clone)]
struct Content {
    form: Form,
    /// A payload or a statement.
    payload: Vec<u8>,
    /// What may be signatures of it.
    signatures: Vec<Vec<u8>>,
    maker: Maker,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// As cosign 2 writes it.
    Simple,
    /// A statement in an envelope, as cosign 3 writes it.
    Envelope,
}

/// By what one finds out who made it. What speaks for an identity never speaks for a key, and the other way round.
#[derive(Debug, Clone)]
enum Maker {
    /// By a key that one has.
    Key,
    /// By a certificate that is there, or by one that cannot be read.
    Identity(Result<Evidence, String>),
}

/// What a signature is worth for one signer and one digest. In the order of how much it tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    /// It cannot be read.
    Unreadable(String),
    /// An identity may have made it, and a key is looked for.
    ByIdentity,
    /// A key made it, and an identity is looked for.
    ByKey,
    /// Another key made it, or what it signs was changed.
    OtherKey,
    /// It does not show that the identity made it.
    Doubted(Doubt),
    /// The signer made it, and it says something else than that an artifact is signed.
    OtherClaim(String),
    /// The signer signed another artifact.
    OtherDigest(String),
    /// The signer signed this.
    Good,
}

impl Signature {
    /// One that is there and cannot be read.
    pub(super) fn unreadable(origin: String, why: impl Into<String>) -> Self {
        Self { origin, content: Err(why.into()) }
    }

    /// Where it was found.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What is signed is believed, and so much as read, only after the key was found to have signed it.
    fn judge(&self, key: &PublicKey, digest: Digest) -> Finding {
        let content = match self.read() {
            Ok(Content { maker: Maker::Identity(_), .. }) => return Finding::ByIdentity,
            Ok(content) => content,
            Err(finding) => return finding,
        };
        let signed = content.signed();
        if !content.signatures.iter().any(|signature| key.verifies(&signed, signature)) {
            return Finding::OtherKey;
        }
        content.claims(digest)
    }

    /// Who made it, where that is an identity. It is found out once, whomever one looks for.
    fn person(&self, trust: &Trust) -> Result<Person, Finding> {
        let content = self.read()?;
        match &content.maker {
            Maker::Key => Err(Finding::ByKey),
            Maker::Identity(Err(why)) => Err(Finding::Doubted(Doubt::Unreadable(why.clone()))),
            Maker::Identity(Ok(evidence)) => {
                let signed = content.signed();
                let made = Made { signed: &signed, payload: &content.payload, signatures: &content.signatures };
                evidence.person(&made, trust).map_err(Finding::Doubted)
            }
        }
    }

    /// The same as for a key, of who was found to have made it.
    fn judge_by(&self, person: &Result<Person, Finding>, identity: &Identity, digest: Digest) -> Finding {
        match person {
            Err(finding) => finding.clone(),
            Ok(person) if !identity.is(person) => Finding::Doubted(Doubt::OtherIdentity(person.to_string())),
            Ok(_) => self.read().map_or_else(|finding| finding, |content| content.claims(digest)),
        }
    }

    /// Whether the key signed this digest here already.
    pub(super) fn is_good(&self, key: &PublicKey, digest: Digest) -> bool {
        self.judge(key, digest) == Finding::Good
    }

    fn read(&self) -> Result<&Content, Finding> {
        self.content.as_ref().map_err(|why| Finding::Unreadable(format!("{}: {why}", self.origin)))
    }
}

impl Content {
    /// The bytes that a signature of it is of.
    fn signed(&self) -> Cow<'_, [u8]> {
        match self.form {
            Form::Simple => Cow::Borrowed(&self.payload),
            Form::Envelope => Cow::Owned(bundle::signed(&self.payload)),
        }
    }

    /// What it says of a digest, once it is known who said it.
    fn claims(&self, digest: Digest) -> Finding {
        let claimed = match self.form {
            Form::Simple => simple::claimed(&self.payload),
            Form::Envelope => bundle::claimed(&self.payload),
        };
        match claimed {
            Err(why) => Finding::OtherClaim(why),
            Ok(digests) if digests.contains(&digest) => Finding::Good,
            Ok(digests) => Finding::OtherDigest(words(&digests)),
        }
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
