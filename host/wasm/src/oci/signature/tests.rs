//! What cosign 3.1.3 itself wrote with one key about one artifact, in its new form and in its old one.

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
