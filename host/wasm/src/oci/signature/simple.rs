//! The form of cosign 2: an image under the tag `sha256-DIGEST.sig`, of which each layer is a payload and has its signature
//! in an annotation.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::super::digest::Digest;
use super::super::manifest::Descriptor;
use super::identity::{Chain, Entry, Evidence};
use super::key::SigningKey;
use super::{BUNDLE_BYTES_MAX, Content, Form, Maker, PAYLOAD_BYTES_MAX, Signature, told};

/// The layer that holds a payload.
pub(in super::super) const CLAIM_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The config of the image in which cosign keeps payloads.
pub(in super::super) const CLAIM_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Where a layer has its signature, in base64.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Where it has the certificate, of one by an identity; what leads from there to a root; the entry of a log; and a timestamp.
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const ENTRY: &str = "dev.sigstore.cosign/bundle";
const STAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// What cosign says that a payload is.
const TYPE: &str = "cosign container image signature";

#[derive(Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    /// Cosign writes it even where nothing was noted.
    #[serde(default)]
    optional: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

/// Where it was signed: a note, because an artifact may be copied to another repository together with its signature.
#[derive(Default, Serialize, Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference", default)]
    reference: String,
}

#[derive(Serialize, Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// What one wants to know of images: that their layers are these.
#[derive(Serialize)]
struct Config {
    architecture: &'static str,
    os: &'static str,
    config: Empty,
    rootfs: Layers,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Layers {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<Digest>,
}

/// The config of an image of these layers.
pub(in super::super) fn config(layers: &[Descriptor]) -> Option<Vec<u8>> {
    let rootfs = Layers { kind: "layers", diff_ids: layers.iter().map(|layer| layer.digest).collect() };
    serde_json::to_vec(&Config { architecture: "", os: "", config: Empty {}, rootfs }).ok()
}

/// A payload and the annotations of its layer, made by us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Claimed {
    pub(in super::super) payload: Vec<u8>,
    pub(in super::super) annotations: BTreeMap<String, String>,
}

impl Claimed {
    /// Signs that an artifact is ours. Nothing if the system has no randomness.
    pub(in super::super) fn new(digest: Digest, repository: &str, key: &SigningKey) -> Option<Self> {
        let identity = Identity { reference: repository.to_owned() };
        let image = Image { digest: digest.to_string() };
        let critical = Critical { identity, image, kind: TYPE.to_owned() };
        let payload = serde_json::to_vec(&Payload { critical, optional: None }).ok()?;
        let signature = STANDARD.encode(key.sign(&payload)?);
        Some(Self { payload, annotations: BTreeMap::from([(SIGNATURE.to_owned(), signature)]) })
    }
}

impl Signature {
    /// Reads a layer.
    pub(in super::super) fn simple(origin: String, payload: &[u8], annotations: &BTreeMap<String, String>) -> Self {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Self::unreadable(origin, "its payload is too large");
        }
        match annotations.get(SIGNATURE).map(|signature| STANDARD.decode(signature.trim())) {
            Some(Ok(signature)) => {
                let (payload, signatures) = (payload.to_owned(), vec![signature]);
                let content = Content { form: Form::Simple, payload, signatures, maker: maker(annotations) };
                Self { origin, content: Ok(content) }
            }
            Some(Err(_)) => Self::unreadable(origin, format!("its annotation {SIGNATURE} is no base64")),
            None => Self::unreadable(origin, format!("it lacks the annotation {SIGNATURE}")),
        }
    }
}

fn maker(annotations: &BTreeMap<String, String>) -> Maker {
    let there = |name| annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let Some(certificate) = there(CERTIFICATE) else { return Maker::Key };
    let evidence = || {
        let entry = there(ENTRY);
        if entry.is_some_and(|entry| entry.len() > BUNDLE_BYTES_MAX) {
            return Err("its entry of a log is too large".to_owned());
        }
        let entries = entry.map(Entry::annotated).transpose()?.into_iter().collect();
        Ok(Evidence { chain: Chain::of_pem(certificate, there(CHAIN))?, entries, stamped: there(STAMP).is_some() })
    };
    Maker::Identity(evidence())
}

/// Of which artifact a payload speaks, or why it speaks of something else.
pub(super) fn claimed(payload: &[u8]) -> Result<Vec<Digest>, String> {
    let unread = |error: serde_json::Error| format!("its payload cannot be read: {}", told(&error));
    let critical = serde_json::from_slice::<Payload>(payload).map_err(unread)?.critical;
    if critical.kind != TYPE {
        return Err(format!("its payload is a {:?}, not a {TYPE:?}", crate::printable::line(&critical.kind, 100)));
    }
    Ok(vec![critical.image.digest.parse().map_err(|error: super::super::DigestError| error.to_string())?])
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::super::key::tests::signing_key;
    use super::*;

    /// A layer with any payload, signed.
    fn signed(key: &SigningKey, payload: &str) -> Signature {
        let signature = STANDARD.encode(key.sign(payload.as_bytes()).unwrap());
        Signature::simple("here".into(), payload.as_bytes(), &BTreeMap::from([(SIGNATURE.to_owned(), signature)]))
    }

    fn payload(digest: &str, kind: &str) -> String {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"ghcr.io/a"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{kind}"}},"optional":null}}"#
        )
    }

    #[test]
    fn what_we_sign_is_good_for_its_digest_and_key_only_and_written_as_cosign_does() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let claimed = Claimed::new(digest, "ghcr.io/a", &key).unwrap();
        assert_eq!(String::from_utf8(claimed.payload.clone()).unwrap(), payload(&digest.to_string(), TYPE));
        let read = Signature::simple("here".into(), &claimed.payload, &claimed.annotations);
        assert_eq!(read.judge(key.public(), digest), Finding::Good);
        let other = Finding::OtherDigest(digest.to_string());
        assert_eq!(read.judge(key.public(), Digest::of(b"b")), other);
        assert_eq!(read.judge(signing_key().public(), digest), Finding::OtherKey);
    }

    #[test]
    fn a_payload_that_was_changed_is_worth_nothing() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let Claimed { mut payload, annotations } = Claimed::new(digest, "ghcr.io/a", &key).unwrap();
        payload.push(b' ');
        assert_eq!(
            Signature::simple("here".into(), &payload, &annotations).judge(key.public(), digest),
            Finding::OtherKey
        );
    }

    #[test]
    fn a_payload_that_says_something_else_is_no_signature() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let twice = format!(
            r#"{{"critical":{{"identity":{{}},"image":{{"docker-manifest-digest":"{digest}","docker-manifest-digest":"{digest}"}},"type":"{TYPE}"}}}}"#
        );
        for (text, why) in [
            (payload(&digest.to_string(), "atomic container signature"), "not a \"cosign container image signature\""),
            (payload("sha512:ab", TYPE), "digests by sha512"),
            ("{}".to_owned(), "missing field `critical`"),
            (twice, "duplicate field"),
        ] {
            match signed(&key, &text).judge(key.public(), digest) {
                Finding::OtherClaim(told) => assert!(told.contains(why), "{told}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_signature_by_a_key_is_told_apart() {
        let (key, digest) = (signing_key(), Digest::of(b"a"));
        let Claimed { payload, annotations } = Claimed::new(digest, "ghcr.io/a", &key).unwrap();
        let judge = |payload: &[u8], annotations: &BTreeMap<String, String>| {
            Signature::simple("here".into(), payload, annotations).judge(key.public(), digest)
        };
        let unreadable = |why: &str| Finding::Unreadable(format!("here: {why}"));
        let none = BTreeMap::new();
        assert_eq!(judge(&payload, &none), unreadable(&format!("it lacks the annotation {SIGNATURE}")));
        let wrong = BTreeMap::from([(SIGNATURE.to_owned(), "!".to_owned())]);
        assert_eq!(judge(&payload, &wrong), unreadable(&format!("its annotation {SIGNATURE} is no base64")));
        assert_eq!(judge(&vec![0; PAYLOAD_BYTES_MAX + 1], &annotations), unreadable("its payload is too large"));
        let mut keyless = annotations.clone();
        keyless.insert(CERTIFICATE.to_owned(), "-----BEGIN CERTIFICATE-----".to_owned());
        assert_eq!(judge(&payload, &keyless), Finding::ByIdentity);
    }

    #[test]
    fn whatever_is_done_to_a_payload_it_is_good_for_no_other_digest_and_no_other_key() {
        use proptest::prelude::*;

        let (key, stranger, digest) = (signing_key(), signing_key(), Digest::of(b"a"));
        let Claimed { payload, annotations } = Claimed::new(digest, "ghcr.io/a", &key).unwrap();
        let sealed = annotations[SIGNATURE].clone().into_bytes();
        let inputs = (crate::fuzz::damaged(payload.clone()), crate::fuzz::damaged(sealed));
        crate::fuzz::target("payload", inputs.prop_map(|(payload, sealed)| (payload, sealed)), |(bytes, sealed)| {
            let sealed = String::from_utf8_lossy(&sealed).into_owned();
            let annotations = BTreeMap::from([(SIGNATURE.to_owned(), sealed)]);
            let signature = Signature::simple("here".into(), &bytes, &annotations);
            assert_ne!(signature.judge(key.public(), Digest::of(b"b")), Finding::Good);
            assert_ne!(signature.judge(stranger.public(), digest), Finding::Good);
            if signature.judge(key.public(), digest) == Finding::Good {
                assert_eq!(bytes, payload, "only what was signed is");
            }
        });
    }
}
