//! What a log says of a signature, and when: whose entry it is, of what, and whether the log signed it.

use super::*;

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
        let told = refused(&draft.policy(), draft.noted(&payload, &signature, &body), "LogEntryOfOtherSignature");
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
    let many = vec![entries[1].clone(); 3];
    let told = refused(
        &draft.policy(),
        read(&draft.moment.bundle(statement.as_bytes(), &signature, &many)),
        "IdentityUnreadable",
    );
    assert!(told.contains("more than 2 entries"), "{told}");
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
