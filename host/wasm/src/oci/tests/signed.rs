//! Signatures beside an artifact in a registry that is not as it should be: each way to be unsure is a refusal.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::manifest::{OCI_INDEX, OCI_MANIFEST};
use super::*;

const CLAIM: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What a registry holds, by the end of a path: a manifest's tag or digest, a blob's digest.
type Holding = BTreeMap<String, String>;

async fn holding(content: Holding) -> Server {
    Server::start(move |request| {
        let path = request.split(' ').nth(1).unwrap();
        let kind = [("Content-Type", OCI_MANIFEST)];
        content.iter().find(|(end, _)| path.ends_with(*end)).map_or_else(
            || answer("404 Not Found", &[], ""),
            |(_, text)| if text.starts_with("5") { answer(text, &[], "") } else { answer("200 OK", &kind, text) },
        )
    })
    .await
}

fn wanted() -> Digest {
    Digest::of(b"wanted")
}

fn tag() -> String {
    format!("/manifests/sha256-{}.sig", wanted().hex())
}

/// A key, and what a payload of `digest` is signed with by it.
struct Signer(rcgen::KeyPair);

impl Signer {
    fn new() -> Self {
        Self(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn policy(&self) -> Policy {
        let key = PublicKey::of_pem(&self.0.public_key_pem()).unwrap();
        Policy { signers: vec![super::super::Signer::Key(key)], ..Policy::default() }
    }

    fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(rcgen::SigningKey::sign(&self.0, message).unwrap())
    }

    /// A layer as cosign 2 writes it, with its payload among what is held.
    fn simple(&self, digest: Digest, held: &mut Holding) -> serde_json::Value {
        let payload = serde_json::json!({"critical": {
            "identity": {"docker-reference": "a"}, "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        }})
        .to_string();
        let annotations = serde_json::json!({"dev.cosignproject.cosign/signature": self.sign(payload.as_bytes())});
        let mut layer = put(CLAIM, payload, held);
        layer["annotations"] = annotations;
        layer
    }

    /// A manifest of a bundle as cosign 3 writes it, and in it a statement about a digest.
    fn bundle(&self, digest: Digest, held: &mut Holding) -> serde_json::Value {
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "subject": [{"digest": {"sha256": digest.hex()}}],
        })
        .to_string();
        let kind = "application/vnd.in-toto+json";
        let signed = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
        let bundle = serde_json::json!({
            "mediaType": BUNDLE, "verificationMaterial": {"publicKey": {}}, "dsseEnvelope": {
                "payload": STANDARD.encode(&statement), "payloadType": kind,
                "signatures": [{"sig": self.sign(signed.as_bytes())}],
            },
        });
        let layer = put(BUNDLE, bundle.to_string(), held);
        put(OCI_MANIFEST, image(&[layer]), held)
    }
}

/// Holds a text by its digest, and says what refers to it.
fn put(kind: &str, text: String, held: &mut Holding) -> serde_json::Value {
    let digest = Digest::of(text.as_bytes());
    let descriptor = serde_json::json!({"mediaType": kind, "digest": digest, "size": text.len()});
    held.insert(format!("/{digest}"), text);
    descriptor
}

fn image(layers: &[serde_json::Value]) -> String {
    let config = serde_json::json!({"mediaType": "x", "digest": Digest::of(b""), "size": 0});
    serde_json::json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}).to_string()
}

fn index(manifests: &[serde_json::Value]) -> String {
    serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).to_string()
}

async fn verified(held: Holding, policy: &Policy) -> Result<Verified, VerifyError> {
    let server = holding(held).await;
    registry(&[&server], HERE).verify(&server.reference(":1"), wanted(), policy, &Keyring::default()).await
}

async fn refused(held: Holding, policy: &Policy) -> (&'static str, bool, String) {
    let error = verified(held, policy).await.unwrap_err();
    (error.reason(), error.is_permanent(), error.to_string())
}

#[tokio::test]
async fn a_signature_is_found_in_either_form() {
    let signer = Signer::new();
    let mut under_tag = Holding::new();
    let layer = signer.simple(wanted(), &mut under_tag);
    under_tag.insert(tag(), image(&[layer]));
    let mut listed = Holding::new();
    let entry = signer.bundle(wanted(), &mut listed);
    // The list of referrers is a tag here, and says nothing of types; or what it says is the type of the config.
    let mut mistaken = listed.clone();
    let mut typed = entry.clone();
    typed["artifactType"] = serde_json::json!("application/vnd.oci.empty.v1+json");
    mistaken.insert(format!("/manifests/sha256-{}", wanted().hex()), index(&[typed]));
    listed.insert(format!("/manifests/sha256-{}", wanted().hex()), index(&[entry]));
    for held in [under_tag, listed, mistaken] {
        assert_eq!(verified(held, &signer.policy()).await.unwrap().digest, wanted());
    }
}

#[tokio::test]
async fn a_signature_that_was_copied_from_another_artifact_is_told_in_either_form() {
    let signer = Signer::new();
    let other = Digest::of(b"other");
    let mut under_tag = Holding::new();
    let layer = signer.simple(other, &mut under_tag);
    under_tag.insert(tag(), image(&[layer]));
    let mut listed = Holding::new();
    let entry = signer.bundle(other, &mut listed);
    listed.insert(format!("/manifests/sha256-{}", wanted().hex()), index(&[entry]));
    for held in [under_tag, listed] {
        let (reason, _, told) = refused(held, &signer.policy()).await;
        assert_eq!(reason, "SignatureOfOtherArtifact");
        assert!(told.contains(&other.to_string()), "{told}");
    }
}

#[tokio::test]
async fn a_registry_that_cannot_answer_lets_nothing_pass_and_may_be_asked_again() {
    let signer = Signer::new();
    let down = || "503 Service Unavailable".to_owned();
    let half = |signer: &Signer| {
        let mut held = Holding::from([(format!("/referrers/{}", wanted()), down())]);
        let layer = signer.simple(wanted(), &mut held);
        held.insert(tag(), image(&[layer]));
        held
    };
    for held in [Holding::from([(tag(), down())]), half(&Signer::new())] {
        let (reason, permanent, _) = refused(held, &signer.policy()).await;
        assert_eq!((reason, permanent), ("SignaturesUnavailable", false));
    }
    assert!(verified(half(&signer), &signer.policy()).await.is_ok(), "what was found suffices");
}

#[tokio::test]
async fn what_is_revoked_or_wanted_by_nobody_is_not_asked_for() {
    let server = holding(Holding::new()).await;
    let revoking = Policy { revoked: vec![wanted()], ..Signer::new().policy() };
    for (policy, reason) in [(revoking, "Revoked"), (Policy::default(), "NoVerificationKeys")] {
        let registry = registry(&[&server], HERE);
        let (reference, keyring) = (server.reference(":1"), Keyring::default());
        let error = registry.verify(&reference, wanted(), &policy, &keyring).await.unwrap_err();
        assert_eq!(error.reason(), reason);
    }
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_there_and_cannot_be_read_is_told() {
    let signer = Signer::new();
    let mut missing = Holding::new();
    let layer = signer.simple(wanted(), &mut missing);
    missing.clear();
    let mut large = layer.clone();
    large["size"] = serde_json::json!(64 * 1024 + 1);
    let mut strange = layer.clone();
    strange["mediaType"] = serde_json::json!("text/plain");
    for (under_tag, why) in [
        (image(&[layer]), "it has no blob"),
        (image(&[large]), "larger than the 65536 bytes"),
        (image(&[strange]), "\"text/plain\""),
        (index(&[]), "it is an index"),
        ("{}".to_owned(), "its manifest cannot be read"),
    ] {
        let (reason, _, told) = refused(Holding::from([(tag(), under_tag)]), &signer.policy()).await;
        assert_eq!(reason, "SignatureUnreadable", "{told}");
        assert!(told.contains(why), "{told}");
    }
    let (reason, permanent, _) = refused(Holding::new(), &signer.policy()).await;
    assert_eq!((reason, permanent), ("Unsigned", true));
}

#[tokio::test]
async fn of_many_signatures_the_newest_are_looked_at() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let mut held = Holding::new();
    let ours = signer.simple(wanted(), &mut held);
    let mut layers: Vec<_> = (0..16).map(|_| stranger.simple(wanted(), &mut held)).collect();
    layers.insert(1, ours);
    held.insert(tag(), image(&layers));
    assert!(verified(held.clone(), &signer.policy()).await.is_ok());
    layers.swap(0, 1);
    held.insert(tag(), image(&layers));
    let (reason, _, told) = refused(held, &signer.policy()).await;
    assert_eq!(reason, "SignedByOtherKey");
    assert!(told.contains("has 16 signatures"), "{told}");
}
