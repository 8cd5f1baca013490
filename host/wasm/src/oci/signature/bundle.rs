//! The form of cosign 3: a Sigstore bundle, version 0.3, that refers to the manifest. In it is an envelope (DSSE), in which
//! is a statement (in-toto) about digests.
//!
//! Ours says no more than that the artifact is signed, and by which key. Refuses a bundle without an envelope. Statements
//! that are attestations of something else, such as a bill of materials, are no signatures, whoever made them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::digest::Digest;
use super::identity::{Chain, Entry, Evidence};
use super::key::SigningKey;
use super::{BUNDLE_BYTES_MAX, Content, Form, Maker, PAYLOAD_BYTES_MAX, Signature, told};

/// What a bundle is, of any version: as the type of an artifact, and of the layer that holds it.
pub(in super::super) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// The version that is read, and written.
pub(in super::super) const VERSION: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What is in an envelope.
const STATEMENT: &str = "application/vnd.in-toto+json";
/// What a statement says that it is, in its two versions.
const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// What it says when it signs, and nothing more.
const PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
/// What tells a bundle from others without fetching it, in the annotations of its manifest.
const TOLD: [(&str, &str); 2] =
    [("dev.sigstore.bundle.content", "dsse-envelope"), ("dev.sigstore.bundle.predicateType", PREDICATE)];
/// Signatures in one envelope. One is usual.
const SIGNATURES_MAX: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    #[serde(default)]
    verification_material: Material,
    dsse_envelope: Option<Envelope>,
}

/// Of a bundle by a key, no more is read than that it is none by an identity.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    certificate: Option<Value>,
    x509_certificate_chain: Option<Value>,
    #[serde(default)]
    tlog_entries: Value,
    #[serde(default)]
    timestamp_verification_data: Value,
}

#[derive(Deserialize)]
struct Certificates {
    certificates: Vec<Certificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Sealed>,
}

#[derive(Deserialize)]
struct Sealed {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    predicate_type: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

/// Signs that an artifact is ours, and says so in a bundle. Nothing if the system has no randomness.
pub(in super::super) fn sealed(digest: Digest, key: &SigningKey) -> Option<Vec<u8>> {
    let statement = json!({
        "_type": TYPES[0], "subject": [{"digest": {"sha256": digest.hex()}}], "predicateType": PREDICATE, "predicate": {},
    })
    .to_string();
    let signature = key.sign(&signed(statement.as_bytes()))?;
    let bundle = json!({
        "mediaType": VERSION,
        "verificationMaterial": {"publicKey": {"hint": STANDARD.encode(key.public().id().bytes())}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(&statement), "payloadType": STATEMENT,
            "signatures": [{"sig": STANDARD.encode(signature)}],
        },
    });
    Some(bundle.to_string().into_bytes())
}

/// What the manifest of a bundle of ours says of it.
pub(in super::super) fn annotations() -> BTreeMap<String, String> {
    TOLD.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

impl Signature {
    /// Reads a bundle.
    pub(in super::super) fn bundle(origin: String, bytes: &[u8]) -> Self {
        Self { origin, content: content(bytes) }
    }
}

fn content(bytes: &[u8]) -> Result<Content, String> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err("it is too large".to_owned());
    }
    let bundle: Bundle = serde_json::from_slice(bytes).map_err(|error| format!("it is no bundle: {}", told(&error)))?;
    if bundle.media_type != VERSION {
        return Err(format!("it is {:?}, where {VERSION} is read", crate::printable::line(&bundle.media_type, 100)));
    }
    let envelope = bundle.dsse_envelope.ok_or("it holds no envelope")?;
    if envelope.payload_type != STATEMENT {
        let kind = crate::printable::line(&envelope.payload_type, 100);
        return Err(format!("its envelope holds {kind:?}, where {STATEMENT} is read"));
    }
    if envelope.signatures.len() > SIGNATURES_MAX {
        return Err(format!("its envelope has more than {SIGNATURES_MAX} signatures"));
    }
    let decoded = |text: &str| STANDARD.decode(text).map_err(|_| "its envelope is no base64".to_owned());
    let statement = decoded(&envelope.payload)?;
    if statement.len() > PAYLOAD_BYTES_MAX {
        return Err("its statement is too large".to_owned());
    }
    let signatures = envelope.signatures.iter().map(|sealed| decoded(&sealed.sig)).collect::<Result<_, _>>()?;
    Ok(Content { form: Form::Envelope, payload: statement, signatures, maker: maker(bundle.verification_material) })
}

fn maker(material: Material) -> Maker {
    let wrong = |error: serde_json::Error| told(&error);
    let certificates = match (material.certificate, material.x509_certificate_chain) {
        (None, None) => return Maker::Key,
        (Some(one), None) => serde_json::from_value(one).map(|one| vec![one]).map_err(wrong),
        (None, Some(chain)) => {
            serde_json::from_value(chain).map(|chain: Certificates| chain.certificates).map_err(wrong)
        }
        (Some(_), Some(_)) => Err("there is a chain beside it".to_owned()),
    };
    let stamps = material.timestamp_verification_data.get("rfc3161Timestamps").and_then(Value::as_array);
    let stamped = stamps.is_some_and(|stamps| !stamps.is_empty());
    let evidence = |certificates: Vec<Certificate>| {
        let decoded = |one: &Certificate| STANDARD.decode(&one.raw_bytes).map_err(|_| "it is no base64".to_owned());
        let chain = Chain::of_der(certificates.iter().map(decoded).collect::<Result<_, _>>()?)?;
        Ok(Evidence { chain, entries: Entry::bundled(material.tlog_entries)?, stamped })
    };
    Maker::Identity(certificates.and_then(evidence))
}

/// What is signed when a statement is: its type and itself, each after its length (DSSE's PAE).
pub(super) fn signed(statement: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {STATEMENT} {} ", STATEMENT.len(), statement.len());
    [head.as_bytes(), statement].concat()
}

/// Of which artifacts a statement speaks, or why it is no signature of any.
pub(super) fn claimed(statement: &[u8]) -> Result<Vec<Digest>, String> {
    let statement: Statement =
        serde_json::from_slice(statement).map_err(|error| format!("its statement cannot be read: {}", told(&error)))?;
    if !TYPES.contains(&statement.kind.as_str()) {
        return Err(format!("its statement is a {:?}", crate::printable::line(&statement.kind, 100)));
    }
    if statement.predicate_type != PREDICATE {
        let kind = crate::printable::line(&statement.predicate_type, 100);
        return Err(format!("it attests {kind:?}, where {PREDICATE} signs"));
    }
    let digests = statement.subject.iter().filter_map(|subject| subject.digest.get("sha256"));
    let digests: Result<Vec<Digest>, _> = digests.map(|hex| format!("sha256:{hex}").parse()).collect();
    match digests {
        Ok(digests) if digests.is_empty() => Err("its statement is about nothing with a sha256 digest".to_owned()),
        Ok(digests) => Ok(digests),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::super::key::tests::signing_key;
    use super::super::{PublicKey, SigningKey};
    use super::*;

    fn statement(kind: &str, predicate: &str, subjects: &[&str]) -> String {
        let subjects = subjects.iter().map(|hex| format!(r#"{{"name":"a","digest":{{"sha256":"{hex}"}}}}"#));
        let subjects = subjects.collect::<Vec<_>>().join(",");
        format!(r#"{{"_type":"{kind}","subject":[{subjects}],"predicateType":"{predicate}","predicate":{{}}}}"#)
    }

    /// A bundle, with what stands for its version, its material and its type of payload.
    fn bundle(key: &SigningKey, statement: &str, [version, material, payload_type]: [&str; 3]) -> String {
        let signature = STANDARD.encode(key.sign(&signed(statement.as_bytes())).unwrap());
        let payload = STANDARD.encode(statement);
        format!(
            r#"{{"mediaType":"{version}","verificationMaterial":{{{material},"tlogEntries":[]}},"dsseEnvelope":{{"payload":"{payload}","payloadType":"{payload_type}","signatures":[{{"sig":"{signature}","keyid":""}}]}}}}"#
        )
    }

    const USUAL: [&str; 3] = [VERSION, r#""publicKey":{"hint":"h"}"#, STATEMENT];

    fn judge(bundle: &str, key: &PublicKey, digest: Digest) -> Finding {
        Signature::bundle("here".into(), bundle.as_bytes()).judge(key, digest)
    }

    #[test]
    fn what_is_signed_is_written_as_the_envelopes_authors_show_it() {
        assert_eq!(signed(b"{}"), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    }

    #[test]
    fn what_we_seal_is_good_for_its_digest_and_key_only() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let sealed = String::from_utf8(sealed(digest, &key).unwrap()).unwrap();
        assert_eq!(judge(&sealed, key.public(), digest), Finding::Good);
        assert!(matches!(judge(&sealed, key.public(), Digest::of(b"b")), Finding::OtherDigest(_)));
        assert_eq!(judge(&sealed, signing_key().public(), digest), Finding::OtherKey);
    }

    #[test]
    fn a_statement_is_good_for_its_subjects_and_key_only() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        for kind in TYPES {
            let text = statement(kind, PREDICATE, &[&Digest::of(b"other").hex(), &digest.hex()]);
            let bundle = bundle(&key, &text, USUAL);
            assert_eq!(judge(&bundle, key.public(), digest), Finding::Good);
            assert!(matches!(judge(&bundle, key.public(), Digest::of(b"b")), Finding::OtherDigest(_)));
            assert_eq!(judge(&bundle, signing_key().public(), digest), Finding::OtherKey);
        }
    }

    #[test]
    fn a_statement_that_was_changed_is_worth_nothing() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let text = |name: &[u8]| statement(TYPES[0], PREDICATE, &[&Digest::of(name).hex()]);
        let honest = bundle(&key, &text(b"b"), USUAL);
        let forged = honest.replace(&STANDARD.encode(text(b"b")), &STANDARD.encode(text(b"a")));
        assert_ne!(honest, forged);
        assert_eq!(judge(&forged, key.public(), digest), Finding::OtherKey);
    }

    #[test]
    fn an_attestation_of_something_else_is_no_signature() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let hex = digest.hex();
        for (text, why) in [
            (
                statement(TYPES[0], "https://slsa.dev/provenance/v1", &[&hex]),
                "attests \"https://slsa.dev/provenance/v1\"",
            ),
            (statement("https://in-toto.io/Link/v1", PREDICATE, &[&hex]), "is a \"https://in-toto.io/Link/v1\""),
            (statement(TYPES[0], PREDICATE, &[]), "about nothing"),
            (statement(TYPES[0], PREDICATE, &["ab"]), "is no digest"),
            ("{}".to_owned(), "cannot be read"),
        ] {
            match judge(&bundle(&key, &text, USUAL), key.public(), digest) {
                Finding::OtherClaim(told) => assert!(told.contains(why), "{told}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_speaks_for_an_identity_never_speaks_for_a_key() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let text = statement(TYPES[0], PREDICATE, &[&digest.hex()]);
        for material in [r#""certificate":{"rawBytes":""}"#, r#""x509CertificateChain":{"certificates":[]}"#] {
            let bundle = bundle(&key, &text, [VERSION, material, STATEMENT]);
            assert_eq!(judge(&bundle, key.public(), digest), Finding::ByIdentity);
        }
    }

    #[test]
    fn what_is_no_bundle_that_is_read_says_why() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let text = statement(TYPES[0], PREDICATE, &[&digest.hex()]);
        let usual = bundle(&key, &text, USUAL);
        let (start, _) = usual.split_once(",\"dsseEnvelope\"").unwrap();
        let many = [r#"{"sig":""}"#; 5].join(",");
        let padded = statement(TYPES[0], &"p".repeat(PAYLOAD_BYTES_MAX), &[]);
        for (bundle, why) in [
            (
                bundle(&key, &text, ["application/vnd.dev.sigstore.bundle+json;version=0.1", USUAL[1], STATEMENT]),
                "bundle.v0.3+json is read",
            ),
            (bundle(&key, &text, [VERSION, USUAL[1], "text/plain"]), "its envelope holds \"text/plain\""),
            (format!("{start},\"messageSignature\":{{}}}}"), "it holds no envelope"),
            (usual.replace("\"sig\":\"", "\"sig\":\"!"), "no base64"),
            (usual.replace("[{\"sig\"", &format!("[{many},{{\"sig\"")), "more than 4"),
            (bundle(&key, &padded, USUAL), "its statement is too large"),
            (" ".repeat(BUNDLE_BYTES_MAX + 1), "it is too large"),
            ("[]".to_owned(), "it is no bundle"),
        ] {
            match judge(&bundle, key.public(), digest) {
                Finding::Unreadable(told) => assert!(told.contains(why), "{told}"),
                other => panic!("{why}: {other:?}"),
            }
        }
    }

    #[test]
    fn whatever_is_done_to_a_bundle_it_is_good_for_no_other_digest_and_no_other_key() {
        let (key, stranger, digest) = (signing_key(), signing_key(), Digest::of(b"a"));
        let inputs = crate::fuzz::damaged(sealed(digest, &key).unwrap());
        crate::fuzz::target("bundle", inputs, |bytes| {
            let signature = Signature::bundle("here".into(), &bytes);
            assert_ne!(signature.judge(key.public(), Digest::of(b"b")), Finding::Good);
            assert_ne!(signature.judge(stranger.public(), digest), Finding::Good);
            if let Finding::Unreadable(why) | Finding::OtherClaim(why) = signature.judge(key.public(), digest) {
                crate::fuzz::assert_printable(&why, 600);
            }
        });
    }
}
