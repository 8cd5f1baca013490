//! Keys and identities side by side, and which refusal is told.

use super::*;

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
    let certified = PublicKey::of_der(&draft.moment.key.subject_public_key_info()).unwrap();
    let keys = Policy { signers: vec![Signer::Key(certified)], ..draft.policy() };
    both_refused(&keys, &draft, "SignedByIdentity");

    let signers = [Signer::Key(key.public().clone()), draft.policy().signers[0].clone()];
    let any = Policy { signers: signers.to_vec(), ..draft.policy() };
    let all = Policy { require: Require::All, ..any.clone() };
    let [simple, bundle] = draft.both();
    let [by_key, _] = by_key();
    assert_eq!(any.verify(wanted(), std::slice::from_ref(&simple)).unwrap().signers, signers[1..]);
    assert_eq!(any.verify(wanted(), std::slice::from_ref(&by_key)).unwrap().signers, signers[..1]);
    assert_eq!(all.verify(wanted(), std::slice::from_ref(&simple)).unwrap_err().reason(), "SignedByIdentity");
    assert_eq!(all.verify(wanted(), std::slice::from_ref(&by_key)).unwrap_err().reason(), "SignedByKey");
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
        (draft.simple_of(&payload, &signature, Some("no entry")), "IdentityUnreadable"),
        (draft.simple_of(&payload, &signature, None), "SigningTimeUnknown"),
        (noted(&strangers(&Wish::default()), then()), "CertificateOfOtherAuthority"),
        (noted(&draft, begin() - 1), "CertificateNotValidWhenSigned"),
        (noted(&not_for_code, then()), "CertificateNotForSigning"),
        (
            draft.simple_of(&payload, b"none", Some(&draft.notary.annotation(&body, then()))),
            "SignatureOfOtherCertificate",
        ),
        (draft.noted(&payload, &signature, "{}"), "LogEntryOfOtherSignature"),
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
