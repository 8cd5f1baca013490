//! What an authority of moments and a log wrote, and every way in which that may fail to show who signed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{ExtendedKeyUsagePurpose, PublicKeyData as _};
use serde_json::{Value, json};

use super::super::super::digest::Digest;
use super::super::key::tests::signing_key;
use super::super::{Claimed, Policy, Require, Signature, Signer, VerifyError, sealed as sealed_by_key};
use super::*;
use notary::{ISSUER, Moment, Notary, SUBJECT, Wish, begin, mail, payload, sealed, statement, then, uri};

#[path = "../../../../../../tests/tests/registry/notary.rs"]
mod notary;

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
    fn simple_with(&self, body: &str) -> Signature {
        let (payload, signature, _) = self.simple_parts();
        self.simple_of(&payload, &signature, Some(&self.notary.annotation(body, self.seconds)))
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

#[test]
fn without_a_signed_time_of_a_log_that_is_believed_nobody_is_found() {
    let draft = Draft::new();
    let stranger = Trust { logs: vec![log(&Notary::new())], ..draft.trust() };
    let told = both_refused(&policy(ISSUER, SUBJECT, stranger), &draft, "SigningTimeUnknown");
    assert!(told.contains(&format!("of the log sha256:{}", draft.notary.log_id())), "{told}");
    let none = Trust { logs: Vec::new(), ..draft.trust() };
    both_refused(&policy(ISSUER, SUBJECT, none), &draft, "SigningTimeUnknown");

    let (payload, signature, _) = draft.simple_parts();
    let told = refused(&draft.policy(), draft.simple_of(&payload, &signature, None), "SigningTimeUnknown");
    assert!(told.contains("it has no entry of a log"), "{told}");
    let mut stamped = draft.annotations(&signature);
    stamped.insert("dev.sigstore.cosign/rfc3161timestamp".into(), "{}".into());
    let stamped = Signature::simple("here".into(), payload.as_bytes(), &stamped);
    let told = refused(&draft.policy(), stamped, "SigningTimeUnknown");
    assert!(told.contains("RFC 3161"), "{told}");
}

#[test]
fn an_entry_without_a_signed_time_as_those_of_rekor_2_is_refused_by_name() {
    let draft = Draft::new();
    let mut bundle = draft.bundle();
    let entry = bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap();
    entry.remove("inclusionPromise");
    entry.remove("integratedTime");
    bundle["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [{"signedTimestamp": ""}]});
    let told = refused(&draft.policy(), read(&bundle), "SigningTimeUnknown");
    assert!(told.contains("as those of Rekor 2 do not"), "{told}");
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    let told = refused(&draft.policy(), read(&bundle), "SigningTimeUnknown");
    assert!(told.contains("a timestamp of RFC 3161 alone"), "{told}");
}

#[test]
fn a_time_that_the_log_did_not_sign_is_worth_nothing() {
    let draft = Draft::new();
    let (payload, signature, body) = draft.simple_parts();
    let late = draft.notary.annotation(&body, then() + 86_400);
    let moved = late.replace(&(then() + 86_400).to_string(), &then().to_string());
    assert_ne!(late, moved);
    let told = refused(&draft.policy(), draft.simple_of(&payload, &signature, Some(&moved)), "SigningTimeUnknown");
    assert!(told.contains("did not sign its entry"), "{told}");
    let mut bundle = draft.bundle();
    bundle["verificationMaterial"]["tlogEntries"][0]["logIndex"] = json!("7");
    refused(&draft.policy(), read(&bundle), "SigningTimeUnknown");
}

#[test]
fn an_entry_about_another_signature_payload_or_certificate_lends_no_time() {
    let (draft, other) = (Draft::new(), Draft::new());
    let (payload, signature, _) = draft.simple_parts();
    let again = draft.moment.sign(payload.as_bytes());
    for (body, why) in [
        (draft.moment.hashed(payload.as_bytes(), &again), "another signature"),
        (draft.moment.hashed(b"another", &signature), "other bytes"),
        (other.moment.hashed(payload.as_bytes(), &signature), "another certificate"),
        (draft.moment.hashed(payload.as_bytes(), &signature).replace("sha256", "sha512"), "other bytes"),
        (draft.moment.enveloped(payload.as_bytes(), &again), "another signature"),
        ("{}".to_owned(), "missing field"),
        (r#"{"apiVersion":"0.0.2","kind":"intoto","spec":{}}"#.to_owned(), "it is a \"intoto 0.0.2\""),
    ] {
        let told = refused(&draft.policy(), draft.simple_with(&body), "LogEntryOfOtherSignature");
        assert!(told.contains(why), "{told}");
    }
    let (statement, signature, _) = draft.bundle_parts();
    for (body, why) in [
        (draft.moment.enveloped(b"another", &signature), "other bytes"),
        (other.moment.enveloped(statement.as_bytes(), &signature), "another certificate"),
        (draft.moment.hashed(statement.as_bytes(), &signature), "other bytes"),
    ] {
        let bundle = draft.moment.bundle(statement.as_bytes(), &signature, &[draft.notary.bundled(&body, then())]);
        let told = refused(&draft.policy(), read(&bundle), "LogEntryOfOtherSignature");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn one_good_entry_is_enough_whatever_stands_beside_it() {
    let (draft, other) = (Draft::new(), Notary::new());
    let (statement, signature, body) = draft.bundle_parts();
    let entries = [other.bundled(&body, then()), draft.notary.bundled(&body, then())];
    passes(&draft.policy(), read(&draft.moment.bundle(statement.as_bytes(), &signature, &entries)));
    let many = vec![entries[1].clone(); 5];
    let told = refused(
        &draft.policy(),
        read(&draft.moment.bundle(statement.as_bytes(), &signature, &many)),
        "CertificateUnreadable",
    );
    assert!(told.contains("more than 4 entries"), "{told}");
}

#[test]
fn a_signature_that_the_certified_key_did_not_make_is_refused_though_the_log_noted_it() {
    let (draft, thief) = (Draft::new(), signing_key());
    let payload = payload(&draft.digest);
    let signature = thief.sign(payload.as_bytes()).unwrap();
    let entry = draft.notary.annotation(&draft.moment.hashed(payload.as_bytes(), &signature), then());
    refused(&draft.policy(), draft.simple_of(&payload, &signature, Some(&entry)), "SignatureOfOtherCertificate");
    let (honest, signature, body) = draft.bundle_parts();
    let forged = statement(&Digest::of(b"forged").to_string());
    let bundle = draft.moment.bundle(forged.as_bytes(), &signature, &[draft.notary.bundled(&body, then())]);
    assert_ne!(honest, forged);
    refused(&draft.policy(), read(&bundle), "SignatureOfOtherCertificate");
}

#[test]
fn what_is_signed_about_another_artifact_is_told_once_it_is_known_who_signed_it() {
    let other = Digest::of(b"b").to_string();
    let draft = Draft { digest: other.clone(), ..Draft::new() };
    let told = both_refused(&draft.policy(), &draft, "SignatureOfOtherArtifact");
    assert!(told.contains(&other), "{told}");
    let stranger = policy(ISSUER, "me@forge.example", draft.trust());
    both_refused(&stranger, &draft, "SignedByOtherIdentity");
}

#[test]
fn a_certificate_that_is_not_for_code_is_refused() {
    for usages in [vec![], vec![ExtendedKeyUsagePurpose::ServerAuth], vec![ExtendedKeyUsagePurpose::Any]] {
        let draft = Draft::of(&Wish { usages, ..Wish::default() });
        both_refused(&draft.policy(), &draft, "CertificateNotForSigning");
    }
}

#[test]
fn a_certificate_that_names_no_one_person_or_has_another_key_is_refused_by_name() {
    for (wish, why) in [
        (Wish { names: vec![], ..Wish::default() }, "not one e-mail address or one URI"),
        (Wish { names: vec![uri(SUBJECT), mail("me@forge.example")], ..Wish::default() }, "not one e-mail"),
        (Wish { names: vec![rcgen::SanType::DnsName("a.b".try_into().unwrap())], ..Wish::default() }, "not one e-mail"),
    ] {
        let draft = Draft::of(&wish);
        let told = both_refused(&draft.policy(), &draft, "CertificateUnreadable");
        assert!(told.contains(why), "{told}");
    }
    let draft = Draft::of(&Wish { larger: true, ..Wish::default() });
    let told = both_refused(&draft.policy(), &draft, "CertificateUnreadable");
    assert!(told.contains("a key for ECDSA on P-384"), "{told}");
}

#[test]
fn an_identity_and_a_key_do_not_speak_for_each_other() {
    let (draft, key) = (Draft::new(), signing_key());
    let claimed = Claimed::new(wanted(), "ghcr.io/a", &key).unwrap();
    let by_key = || {
        let bundle = Signature::bundle("here".into(), &sealed_by_key(wanted(), &key).unwrap());
        [Signature::simple("here".into(), &claimed.payload, &claimed.annotations), bundle]
    };
    by_key().into_iter().for_each(|signature| {
        let told = refused(&draft.policy(), signature, "SignedByKey");
        assert!(told.contains(SUBJECT), "{told}");
    });
    // Not even the very key that was certified.
    let certified = super::super::PublicKey::of_der(&draft.moment.key.subject_public_key_info()).unwrap();
    let keys = Policy { signers: vec![Signer::Key(certified)], ..draft.policy() };
    both_refused(&keys, &draft, "SignedByIdentity");

    let signers = [Signer::Key(key.public().clone()), draft.policy().signers[0].clone()];
    let any = Policy { signers: signers.to_vec(), ..draft.policy() };
    let all = Policy { require: Require::All, ..any.clone() };
    let [simple, bundle] = draft.both();
    let [by_key, _] = by_key();
    assert_eq!(any.verify(wanted(), &[simple.clone()]).unwrap().signers, signers[1..]);
    assert_eq!(any.verify(wanted(), &[by_key.clone()]).unwrap().signers, signers[..1]);
    assert_eq!(all.verify(wanted(), &[simple.clone()]).unwrap_err().reason(), "SignedByIdentity");
    assert_eq!(all.verify(wanted(), &[by_key.clone()]).unwrap_err().reason(), "SignedByKey");
    assert_eq!(all.verify(wanted(), &[bundle, by_key]).unwrap().signers, signers);
}

#[test]
fn the_refusal_is_the_one_that_tells_the_most() {
    let draft = Draft::new();
    let (payload, signature, body) = draft.simple_parts();
    let strangers = |wish: &Wish| Draft { notary: Notary::new(), ..Draft::of(wish) };
    let noted = |by: &Draft, seconds| {
        let (payload, signature, body) = by.simple_parts();
        by.simple_of(&payload, &signature, Some(&draft.notary.annotation(&body, seconds)))
    };
    let not_for_code =
        Draft { moment: draft.notary.certify(&Wish { usages: vec![], ..Wish::default() }), ..Draft::new() };
    let somebody = Draft {
        moment: draft.notary.certify(&Wish { names: vec![mail("x@y.example")], ..Wish::default() }),
        ..Draft::new()
    };
    let of_other = Draft { digest: Digest::of(b"b").to_string(), ..Draft::new() };
    let of_other = Draft { moment: draft.notary.certify(&Wish::default()), ..of_other };
    let mut signatures = vec![Signature::unreadable("here".into(), "it is too large")];
    for (another, reason) in [
        (Signature::bundle("here".into(), &sealed_by_key(wanted(), &signing_key()).unwrap()), "SignedByKey"),
        (draft.simple_of(&payload, &signature, Some("no entry")), "CertificateUnreadable"),
        (draft.simple_of(&payload, &signature, None), "SigningTimeUnknown"),
        (noted(&strangers(&Wish::default()), then()), "CertificateOfOtherAuthority"),
        (noted(&draft, begin() - 1), "CertificateNotValidWhenSigned"),
        (noted(&not_for_code, then()), "CertificateNotForSigning"),
        (
            draft.simple_of(&payload, b"none", Some(&draft.notary.annotation(&body, then()))),
            "SignatureOfOtherCertificate",
        ),
        (draft.simple_with("{}"), "LogEntryOfOtherSignature"),
        (noted(&somebody, then()), "SignedByOtherIdentity"),
        (noted(&of_other, then()), "SignatureOfOtherArtifact"),
    ] {
        signatures.push(another);
        let error = draft.policy().verify(wanted(), &signatures).unwrap_err();
        assert_eq!((error.reason(), error.is_permanent()), (reason, true), "{error}");
    }
    signatures.push(noted(&draft, then()));
    assert!(draft.policy().verify(wanted(), &signatures).is_ok(), "what else lies there does not matter");
}

#[test]
fn what_is_no_authority_or_no_log_says_why() {
    let draft = Draft::new();
    let told = |pem: &str| Authority::of_pem(pem).unwrap_err().to_string();
    let root = draft.notary.root();
    for (pem, why) in [
        (String::new(), "there is no section CERTIFICATE"),
        (draft.notary.log.public_key_pem(), "there is no section CERTIFICATE"),
        (draft.notary.intermediate().to_owned(), "no root, which is a certificate that names itself"),
        (format!("{root}{}", draft.moment.pem), "certificate 2 is not that of an authority"),
        (root.repeat(9), "more than 8"),
        (root.replace("MII", "AAA"), "certificate 1 is damaged"),
        (" ".repeat(32 * 1024 + 1), "longer than"),
    ] {
        assert!(told(&pem).contains(why), "{}", told(&pem));
    }
    let edwards = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let error = Log::of_pem(&edwards.public_key_pem()).unwrap_err().to_string();
    assert!(error.contains("a key for Ed25519"), "{error}");
    let told = Log::of_pem(root).unwrap_err().to_string();
    assert!(told.contains("goes where authorities are given"), "{told}");
}

#[test]
fn what_is_brought_along_beyond_the_bounds_is_not_read() {
    let draft = Draft::new();
    let (payload, signature, body) = draft.simple_parts();
    let entry = draft.notary.annotation(&body, then());
    let chained = |chain: String| {
        let mut annotations = draft.annotations(&signature);
        annotations.insert("dev.sigstore.cosign/chain".into(), chain);
        annotations.insert("dev.sigstore.cosign/bundle".into(), entry.clone());
        Signature::simple("here".into(), payload.as_bytes(), &annotations)
    };
    passes(&draft.policy(), chained(String::new()));
    for (signature, why) in [
        (chained(draft.moment.chain.repeat(2)), "more than 3"),
        (chained(" ".repeat(32 * 1024)), "longer than"),
        (chained("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".into()), "a section is damaged"),
        (draft.simple_of(&payload, &signature, Some(&" ".repeat(256 * 1024 + 1))), "too large"),
        (
            draft.simple_of(&payload, &signature, Some(&entry.replace("\"logIndex\":41", "\"logIndex\":-1"))),
            "invalid value",
        ),
        (draft.simple_of(&payload, &signature, Some(&entry.replace("41", "9007199254740992"))), "no place in a log"),
    ] {
        let told = refused(&draft.policy(), signature, "CertificateUnreadable");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn whatever_is_done_to_a_bundle_it_speaks_for_no_other_digest_person_authority_or_log() {
    let draft = Draft::new();
    let usual = draft.policy();
    let stranger = Draft::new();
    let others = [
        policy(ISSUER, "https://forge.example/me/other/*", draft.trust()),
        policy("https://other.example", SUBJECT, draft.trust()),
        policy(ISSUER, SUBJECT, Trust { authorities: stranger.trust().authorities, ..draft.trust() }),
        policy(ISSUER, SUBJECT, Trust { logs: stranger.trust().logs, ..draft.trust() }),
    ];
    crate::fuzz::target(
        "bundle of an identity",
        crate::fuzz::damaged(draft.bundle().to_string().into_bytes()),
        |bytes| {
            let signatures = [Signature::bundle("here".into(), &bytes)];
            assert!(usual.verify(Digest::of(b"b"), &signatures).is_err());
            for other in &others {
                assert!(other.verify(wanted(), &signatures).is_err());
            }
            if let Err(error) = usual.verify(wanted(), &signatures) {
                assert_told(&error);
            }
        },
    );
}

#[test]
fn whatever_a_certificate_or_an_entry_is_it_is_read_or_refused_in_a_line() {
    let draft = Draft::new();
    let (payload, signature, body) = draft.simple_parts();
    let inputs = (crate::fuzz::damaged(draft.moment.der.clone()), crate::fuzz::damaged(body.into_bytes()));
    crate::fuzz::target("certificate and entry", inputs, |(der, body)| {
        // The log signs whatever is brought to it, so what chance wrote is read.
        let body = String::from_utf8_lossy(&body).into_owned();
        let entry = draft.notary.annotation(&body, then());
        let mut annotations = draft.annotations(&signature);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(&der));
        annotations.insert("dev.sigstore.cosign/certificate".into(), pem);
        annotations.insert("dev.sigstore.cosign/bundle".into(), entry);
        let read = Signature::simple("here".into(), payload.as_bytes(), &annotations);
        match draft.policy().verify(wanted(), &[read]) {
            Ok(_) => assert_eq!(der, draft.moment.der, "only what the authority issued is"),
            Err(error) => assert_told(&error),
        }
        for pem in [String::from_utf8_lossy(&der).into_owned(), body] {
            if let Err(error) = Authority::of_pem(&pem) {
                crate::fuzz::assert_printable(&error.to_string(), 400);
            }
        }
    });
}

fn assert_told(error: &VerifyError) {
    crate::fuzz::assert_printable(&error.to_string(), 1_200);
}
