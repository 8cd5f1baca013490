//! What cosign 3.1.3 itself wrote with one key about one artifact, in its new form and in its old one; and with a certified
//! key about two others.

use std::collections::BTreeMap;

use super::*;

const KEY: &str = include_str!("tests/cosign.pub");
const BUNDLE: &str = include_str!("tests/cosign3.bundle.json");
const PAYLOAD: &str = include_str!("tests/cosign2.payload.json");
/// The annotation of the payload's layer.
const SIGNATURE: &str =
    "MEQCIEt5LS343irz6CsQuK0risTJFxMCjDNyz4ME7RbHbXFhAiBmUhXlBSRuSbWzRYfybLK53ZW4cNM5S192YnGMg++U8w==";

#[test]
fn what_cosign_signed_is_verified_in_both_forms_and_of_nothing_else() {
    let digest: Digest = "sha256:b216d6e9ff2ed7568bf1d5863339d8cd76be0bce6e460ab7d157226ba2e5a361".parse().unwrap();
    let annotations = BTreeMap::from([("dev.cosignproject.cosign/signature".to_owned(), SIGNATURE.to_owned())]);
    let key = PublicKey::of_pem(KEY).unwrap();
    let policy = Policy { signers: vec![Signer::Key(key)], ..Policy::default() };
    for signature in [
        Signature::bundle("here".into(), BUNDLE.as_bytes()),
        Signature::simple("here".into(), PAYLOAD.as_bytes(), &annotations),
    ] {
        let signatures = [signature];
        assert!(policy.verify(digest, &signatures).is_ok());
        let other = policy.verify(Digest::of(b""), &signatures).unwrap_err();
        assert_eq!(other.reason(), "SignatureOfOtherArtifact");
    }
}

#[test]
fn cosigns_hint_of_a_key_is_what_keys_are_told_apart_by() {
    // `5qsRUjEh8MhaOyf91OANRW70MG/bo83utpeXMByyzow=` of the bundle, in hexadecimal digits.
    let hint = "sha256:e6ab11523121f0c85a3b27fdd4e00d456ef4306fdba3cdeeb69797301cb2ce8c";
    assert_eq!(PublicKey::of_pem(KEY).unwrap().id().to_string(), hint);
}

const AUTHORITY: &str = include_str!("tests/keyless.authority.pem");
const LOG: &str = include_str!("tests/keyless.log.pub");
const CERTIFIED: &str = include_str!("tests/cosign3.keyless.bundle.json");
const CERTIFIED_PAYLOAD: &str = include_str!("tests/cosign2.keyless.payload.json");
const CERTIFIED_ANNOTATIONS: &str = include_str!("tests/cosign2.keyless.annotations.json");

/// With a key that an authority of tests certified for ten minutes, and the word of a log of tests.
#[test]
fn what_cosign_signed_by_an_identity_is_verified_in_both_forms_and_for_nobody_else() {
    let subject = "https://forge.example/me/scaler/.github/workflows/release.yml@refs/tags/v1";
    let trust =
        Trust { authorities: vec![Authority::of_pem(AUTHORITY).unwrap()], logs: vec![Log::of_pem(LOG).unwrap()] };
    let policy = |subject: &str| {
        let signers = vec![Signer::Identity(Identity::new("https://token.example", subject).unwrap())];
        Policy { signers, trust: trust.clone(), ..Policy::default() }
    };
    let annotations: BTreeMap<String, String> = serde_json::from_str(CERTIFIED_ANNOTATIONS).unwrap();
    for (signature, digest) in [
        (
            Signature::simple("here".into(), CERTIFIED_PAYLOAD.as_bytes(), &annotations),
            "sha256:f87a7a5facff9cdbc70e9a0d4be79df360d789481cd04ea9c2b3570e89134acf",
        ),
        (
            Signature::bundle("here".into(), CERTIFIED.as_bytes()),
            "sha256:0fb9f425af676f652bb898f89fb55182dd7b58956076cd69f5610cd4226064cd",
        ),
    ] {
        let (digest, signatures) = (digest.parse().unwrap(), [signature]);
        let verified = policy(subject).verify(digest, &signatures).unwrap();
        assert_eq!(verified.signers, policy(subject).signers);
        let reason = |policy: &Policy, digest| policy.verify(digest, &signatures).unwrap_err().reason();
        assert_eq!(reason(&policy("me@forge.example"), digest), "SignedByOtherIdentity");
        assert_eq!(reason(&policy(subject), Digest::of(b"")), "SignatureOfOtherArtifact");
        let keys = Policy { signers: vec![Signer::Key(PublicKey::of_pem(KEY).unwrap())], ..Policy::default() };
        assert_eq!(reason(&keys, digest), "SignedByIdentity");
    }
}
