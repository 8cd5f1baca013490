//! Certificates, authorities and whatever else is read: what is refused by name, the bounds, and chance.

use super::*;

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
        let told = both_refused(&draft.policy(), &draft, "IdentityUnreadable");
        assert!(told.contains(why), "{told}");
    }
    let draft = Draft::of(&Wish { larger: true, ..Wish::default() });
    let told = both_refused(&draft.policy(), &draft, "IdentityUnreadable");
    assert!(told.contains("a key for ECDSA on P-384"), "{told}");
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
        (
            draft.simple_of(
                &payload,
                &signature,
                Some(&entry.replace("\"logIndex\":41", "\"logIndex\":9007199254740992")),
            ),
            "no place in a log",
        ),
    ] {
        let told = refused(&draft.policy(), signature, "IdentityUnreadable");
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
