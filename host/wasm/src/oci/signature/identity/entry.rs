//! Entries of transparency logs (Rekor 1): that a log took note of a signature, and when. The log signs that time with the
//! entry, so nobody has to be asked for it.
//!
//! Refuses what a log writes for other kinds of signatures, by the name of the kind. Does not judge whether the log kept the
//! entry: that would take proofs of inclusion, and somebody who watches the log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::super::digest::Digest;
use super::super::key::{KeyError, PublicKey};
use super::super::told;
use super::{Doubt, Made};

/// Entries that one signature may bring along: one is usual, a second one of another log is possible.
const ENTRIES_MAX: usize = 2;
/// The largest number of which every reader of JSON has the same idea: 2⁵³ − 1, in which time ends in 285 million years.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// A log that is believed, by its public key: ECDSA on P-256.
#[derive(Clone, PartialEq, Eq)]
pub struct Log(PublicKey);

impl Log {
    /// Reads the one `PUBLIC KEY` of a PEM file.
    pub fn of_pem(pem: &str) -> Result<Self, KeyError> {
        PublicKey::of_pem(pem)?.on_p256().map(Self)
    }

    /// As the log names itself in its entries: the SHA-256 of its key in DER.
    pub fn id(&self) -> Digest {
        self.0.id()
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "log {}", self.id())
    }
}

/// An entry, of which nothing is believed before its log was found to have signed it.
#[derive(Debug, Clone)]
pub(in super::super) struct Entry {
    log: Digest,
    index: u64,
    seconds: u64,
    body: Vec<u8>,
    /// What may be the log's signature of all that: the signed entry timestamp.
    promise: Option<Vec<u8>>,
}

/// As cosign 2 has it in an annotation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Annotated {
    signed_entry_timestamp: String,
    payload: Noted,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Noted {
    body: String,
    integrated_time: u64,
    log_index: u64,
    #[serde(rename = "logID")]
    log: String,
}

/// As a bundle has it. Numbers are texts there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundled {
    #[serde(default)]
    log_index: Number,
    log_id: Named,
    #[serde(default)]
    integrated_time: Number,
    inclusion_promise: Option<Promise>,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

impl Default for Number {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Number {
    fn value(&self) -> Option<u64> {
        let value = match self {
            Self::Number(value) => *value,
            Self::Text(text) => text.parse().ok()?,
        };
        (value <= NUMBER_MAX).then_some(value)
    }
}

impl Entry {
    /// The one of an annotation.
    pub(in super::super) fn annotated(text: &str) -> Result<Self, String> {
        let Annotated { signed_entry_timestamp, payload } = serde_json::from_str(text)
            .map_err(|error| format!("its entry of a log cannot be read: {}", told(&error)))?;
        Ok(Self {
            log: format!("sha256:{}", payload.log).parse().map_err(|_| "its entry names no log")?,
            index: Number::Number(payload.log_index).value().ok_or("its entry has no place in a log")?,
            seconds: Number::Number(payload.integrated_time).value().ok_or("its entry has no time")?,
            body: decoded(&payload.body)?,
            promise: Some(decoded(&signed_entry_timestamp)?),
        })
    }

    /// Those of a bundle.
    pub(in super::super) fn bundled(entries: Value) -> Result<Vec<Self>, String> {
        let entries: Option<Vec<Bundled>> = read(entries, "its entries of logs")?;
        let entries = entries.unwrap_or_default();
        if entries.len() > ENTRIES_MAX {
            return Err(format!("it has more than {ENTRIES_MAX} entries of logs"));
        }
        entries.into_iter().map(Self::of_bundle).collect()
    }

    fn of_bundle(entry: Bundled) -> Result<Self, String> {
        let log = STANDARD.decode(&entry.log_id.key_id).map(|bytes| crate::compile::hexadecimal(&bytes));
        let log = log.map_err(|_| "its entry names no log")?;
        Ok(Self {
            log: format!("sha256:{log}").parse().map_err(|_| "its entry names no log")?,
            index: entry.log_index.value().ok_or("its entry has no place in a log")?,
            seconds: entry.integrated_time.value().ok_or("its entry has no time")?,
            body: decoded(&entry.canonicalized_body)?,
            promise: entry.inclusion_promise.map(|promise| decoded(&promise.signed_entry_timestamp)).transpose()?,
        })
    }

    /// When it was written, in seconds since 1970, if a log that is believed signed that.
    pub(super) fn time(&self, logs: &[Log]) -> Result<u64, Doubt> {
        let untold = |why: String| Err(Doubt::NoTime(why));
        let Some(promise) = &self.promise else {
            return untold("its entry of a log holds no signed time, as those of Rekor 2 do not".to_owned());
        };
        match logs.iter().find(|log| log.id() == self.log) {
            None => untold(format!("its entry is of the log {}, which is none of those that are given", self.log)),
            Some(log) if log.0.verifies(self.canonical().as_bytes(), promise) => Ok(self.seconds),
            Some(_) => untold(format!("the log {} did not sign its entry, or that was changed since", self.log)),
        }
    }

    /// What a log signs: JSON with its fields in order, no blanks and no needless escape (RFC 8785). Base64 and digits need
    /// none.
    fn canonical(&self) -> String {
        format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            STANDARD.encode(&self.body),
            self.seconds,
            self.log.hex(),
            self.index
        )
    }

    /// Whether it is about this signature of these bytes by the key of this certificate. What it says is believed, so its
    /// log has signed it.
    pub(super) fn is_about(&self, made: &Made<'_>, signature: &[u8], certificate: &[u8]) -> Result<(), Doubt> {
        let body: Body = serde_json::from_slice(&self.body).map_err(|error| Doubt::OtherEntry(told(&error)))?;
        let (hash, witnessed, expected) = match (body.kind.as_str(), body.api_version.as_str()) {
            ("hashedrekord", "0.0.1") => {
                let spec: Hashed = read(body.spec, "it").map_err(Doubt::OtherEntry)?;
                let by = Witnessed { signature: spec.signature.content, verifier: spec.signature.public_key.content };
                (spec.data.hash, vec![by], made.signed)
            }
            ("dsse", "0.0.1") => {
                let spec: Enveloped = read(body.spec, "it").map_err(Doubt::OtherEntry)?;
                (spec.payload_hash, spec.signatures, made.payload)
            }
            (kind, version) => {
                let kind = crate::printable::line(&format!("{kind} {version}"), 100);
                return Err(Doubt::OtherEntry(format!(
                    "it is a {kind:?}, where hashedrekord 0.0.1 and dsse 0.0.1 are read"
                )));
            }
        };
        if hash.algorithm != "sha256" || hash.value != Digest::of(expected).hex() {
            return Err(Doubt::OtherEntry("it is about other bytes than what was signed".to_owned()));
        }
        let same = |by: &&Witnessed| STANDARD.decode(&by.signature).is_ok_and(|bytes| bytes == signature);
        let by = witnessed.iter().find(same).ok_or(Doubt::OtherEntry("it is about another signature".to_owned()))?;
        if by.certificate().is_some_and(|der| der.as_ref() == certificate) {
            Ok(())
        } else {
            Err(Doubt::OtherEntry("it is about another certificate".to_owned()))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: String,
    kind: String,
    spec: Value,
}

#[derive(Deserialize)]
struct Hashed {
    data: Data,
    signature: Content,
}

#[derive(Deserialize)]
struct Data {
    hash: Hash,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    content: String,
    public_key: PublicContent,
}

#[derive(Deserialize)]
struct PublicContent {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Enveloped {
    payload_hash: Hash,
    signatures: Vec<Witnessed>,
}

/// A signature that a log saw, and by which it verified it.
#[derive(Deserialize)]
struct Witnessed {
    signature: String,
    verifier: String,
}

impl Witnessed {
    /// The certificate, where it was one and not a bare key.
    fn certificate(&self) -> Option<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(&STANDARD.decode(&self.verifier).ok()?).ok()
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| "its entry of a log is no base64".to_owned())
}

fn read<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("{what} cannot be read: {}", told(&error)))
}
