//! What an authority of moments and a log wrote, and every way in which that may fail to show who signed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{ExtendedKeyUsagePurpose, PublicKeyData as _};
use serde_json::{Value, json};

use super::super::super::digest::Digest;
use super::super::key::tests::signing_key;
use super::super::{Claimed, Policy, PublicKey, Require, Signature, Signer, VerifyError, sealed as sealed_by_key};
use super::*;
use notary::{ISSUER, Moment, Notary, SUBJECT, Wish, begin, mail, payload, sealed, statement, then, uri};

#[path = "../../../../../../tests/tests/registry/notary.rs"]
mod notary;
mod read;
mod signers;
mod when;

fn wanted() -> Digest {
    Digest::of(b"a")
}

/// What a signature is made of. Tests change one thing.
struct Draft {
    notary: Notary,
    moment: Moment,
    digest: String,
    seconds: u64,
}

impl Draft {
    fn new() -> Self {
        Self::of(&Wish::default())
    }

    fn of(wish: &Wish) -> Self {
        let notary = Notary::new();
        let moment = notary.certify(wish);
        Self { notary, moment, digest: wanted().to_string(), seconds: then() }
    }

    /// Payload, signature, and what the log noted of them.
    fn simple_parts(&self) -> (String, Vec<u8>, String) {
        let payload = payload(&self.digest);
        let signature = self.moment.sign(payload.as_bytes());
        let body = self.moment.hashed(payload.as_bytes(), &signature);
        (payload, signature, body)
    }

    fn bundle_parts(&self) -> (String, Vec<u8>, String) {
        let statement = statement(&self.digest);
        let signature = self.moment.sign(&sealed(&statement));
        let body = self.moment.enveloped(statement.as_bytes(), &signature);
        (statement, signature, body)
    }

    /// In the older form, with this noted by the log.
    fn noted(&self, payload: &str, signature: &[u8], body: &str) -> Signature {
        self.simple_of(payload, signature, Some(&self.notary.annotation(body, self.seconds)))
    }

    fn simple_of(&self, payload: &str, signature: &[u8], entry: Option<&str>) -> Signature {
        let mut annotations = self.annotations(signature);
        annotations.extend(entry.map(|entry| ("dev.sigstore.cosign/bundle".to_owned(), entry.to_owned())));
        Signature::simple("here".into(), payload.as_bytes(), &annotations)
    }

    fn annotations(&self, signature: &[u8]) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("dev.cosignproject.cosign/signature".to_owned(), STANDARD.encode(signature)),
            ("dev.sigstore.cosign/certificate".to_owned(), self.moment.pem.clone()),
            ("dev.sigstore.cosign/chain".to_owned(), self.moment.chain.clone()),
        ])
    }

    fn bundle(&self) -> Value {
        let (statement, signature, body) = self.bundle_parts();
        let entry = self.notary.bundled(&body, self.seconds);
        self.moment.bundle(statement.as_bytes(), &signature, &[entry])
    }

    /// The whole in both forms.
    fn both(&self) -> [Signature; 2] {
        let (payload, signature, body) = self.simple_parts();
        let entry = self.notary.annotation(&body, self.seconds);
        [self.simple_of(&payload, &signature, Some(&entry)), read(&self.bundle())]
    }

    fn trust(&self) -> Trust {
        let authority = format!("{}{}", self.notary.root(), self.notary.intermediate());
        Trust { authorities: vec![Authority::of_pem(&authority).unwrap()], logs: vec![log(&self.notary)] }
    }

    fn policy(&self) -> Policy {
        policy(ISSUER, SUBJECT, self.trust())
    }
}

fn log(notary: &Notary) -> Log {
    Log::of_pem(&notary.log.public_key_pem()).unwrap()
}

fn policy(issuer: &str, subject: &str, trust: Trust) -> Policy {
    let signers = vec![Signer::Identity(Identity::new(issuer, subject).unwrap())];
    Policy { signers, trust, ..Policy::default() }
}

fn read(bundle: &Value) -> Signature {
    Signature::bundle("here".into(), bundle.to_string().as_bytes())
}

#[track_caller]
fn passes(policy: &Policy, signature: Signature) {
    let verified = policy.verify(wanted(), &[signature]).unwrap();
    assert_eq!(verified.signers, policy.signers);
}

/// What is told; the reason is this.
#[track_caller]
fn refused(policy: &Policy, signature: Signature, reason: &str) -> String {
    let error = policy.verify(wanted(), &[signature]).unwrap_err();
    assert_eq!((error.reason(), error.is_judgement()), (reason, true), "{error}");
    error.to_string()
}

/// The same in both forms.
#[track_caller]
fn both_refused(policy: &Policy, draft: &Draft, reason: &str) -> String {
    let [simple, bundle] = draft.both();
    let told = refused(policy, simple, reason);
    assert_eq!(refused(policy, bundle, reason), told);
    told
}

#[test]
fn who_signed_within_his_ten_minutes_is_found_in_either_form_though_they_are_long_over() {
    let draft = Draft::new();
    for seconds in [begin(), then(), begin() + 600] {
        let draft = Draft { seconds, ..Draft::new() };
        draft.both().into_iter().for_each(|signature| passes(&draft.policy(), signature));
    }
    for wish in
        [Wish { bare: true, ..Wish::default() }, Wish { names: vec![mail("me@forge.example")], ..Wish::default() }]
    {
        let subject = if wish.bare { SUBJECT } else { "me@forge.example" };
        let draft = Draft::of(&wish);
        let policy = policy(ISSUER, subject, draft.trust());
        draft.both().into_iter().for_each(|signature| passes(&policy, signature));
    }
    assert_eq!(draft.policy().signers[0].to_string(), format!("identity {SUBJECT} of {ISSUER}"));
}

#[test]
fn who_signed_before_or_after_his_ten_minutes_is_refused() {
    for seconds in [begin() - 1, begin() + 601] {
        let draft = Draft { seconds, ..Draft::new() };
        both_refused(&draft.policy(), &draft, "CertificateNotValidWhenSigned");
    }
}

#[test]
fn an_authority_that_had_ended_by_then_certified_nobody() {
    let notary = Notary::until(2026);
    let draft =
        Draft { moment: notary.certify(&Wish::default()), notary, digest: wanted().to_string(), seconds: then() };
    both_refused(&draft.policy(), &draft, "CertificateNotValidWhenSigned");
}

#[test]
fn a_certificate_of_another_authority_is_refused_though_it_brings_its_own_root_along() {
    let draft = Draft::new();
    let other = Trust { authorities: Draft::new().trust().authorities, ..draft.trust() };
    both_refused(&policy(ISSUER, SUBJECT, other), &draft, "CertificateOfOtherAuthority");
    let nobody = Trust { authorities: Vec::new(), ..draft.trust() };
    both_refused(&policy(ISSUER, SUBJECT, nobody), &draft, "CertificateOfOtherAuthority");
}

#[test]
fn what_leads_to_a_root_comes_from_the_signature_or_from_who_trusts_it() {
    let draft = Draft::new();
    let root = Trust { authorities: vec![Authority::of_pem(draft.notary.root()).unwrap()], ..draft.trust() };
    let [simple, bundle] = draft.both();
    passes(&policy(ISSUER, SUBJECT, root.clone()), simple);
    refused(&policy(ISSUER, SUBJECT, root.clone()), bundle, "CertificateOfOtherAuthority");
    let mut chained = draft.bundle();
    let material = chained["verificationMaterial"].as_object_mut().unwrap();
    let leaf = material.remove("certificate").unwrap();
    let intermediate = draft.notary.intermediate().lines().filter(|line| !line.starts_with('-')).collect::<String>();
    material.insert("x509CertificateChain".into(), json!({"certificates": [leaf, {"rawBytes": intermediate}]}));
    passes(&policy(ISSUER, SUBJECT, root), read(&chained));
}

#[test]
fn somebody_else_is_told_by_his_name() {
    let draft = Draft::new();
    for (issuer, subject) in [
        ("https://token.example.org", SUBJECT),
        (ISSUER, "https://forge.example/me/scaler/.github/workflows/release.yml@refs/tags/v2"),
        (ISSUER, "me@forge.example"),
    ] {
        let told = both_refused(&policy(issuer, subject, draft.trust()), &draft, "SignedByOtherIdentity");
        assert!(told.contains(&format!("signed by {SUBJECT} of {ISSUER}")), "{told}");
        assert!(told.contains(&format!("identity {subject} of {issuer}")), "{told}");
    }
}

#[test]
fn a_subject_may_end_in_any_rest_where_that_lets_no_stranger_in() {
    let draft = Draft::new();
    let [mine, stem] =
        ["https://forge.example/me/*", "https://forge.example/me/scaler/.github/workflows/release.yml@refs/*"];
    for subject in [mine, stem] {
        draft.both().into_iter().for_each(|signature| passes(&policy(ISSUER, subject, draft.trust()), signature));
    }
    let other = policy(ISSUER, "https://forge.example/me/other/*", draft.trust());
    both_refused(&other, &draft, "SignedByOtherIdentity");
    for (subject, why) in [
        ("https://forge.example/me*", "lets strangers in"),
        ("*", "lets strangers in"),
        ("me@*", "lets strangers in"),
        ("https://forge.example/*/scaler", "not its last sign"),
        ("https://forge.example/**", "not its last sign"),
        ("", "is missing"),
        ("a b", "has a blank in it"),
    ] {
        let error = Identity::new(ISSUER, subject).unwrap_err();
        assert!(matches!(error, IdentityError::Subject(_)) && error.to_string().contains(why), "{subject}: {error}");
    }
    for issuer in ["", "https://*.example", "a\nb", &"i".repeat(NAME_BYTES_MAX + 1)] {
        assert!(matches!(Identity::new(issuer, SUBJECT), Err(IdentityError::Issuer(_))), "{issuer}");
    }
}
