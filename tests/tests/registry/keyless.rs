//! Signatures by identities, in real registries: what an authority of moments and a log vouch for, `cosign verify` accepts
//! and so does `bellows`; what either of them would have to believe unseen, both refuse. `cosign sign` writes what is
//! verified, with that log to tell.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::exchange::{OLDER, good, other, registries};
use super::notary::{ISSUER, Notary, SUBJECT, Wish, mail, then};
use super::vouched::{FORMS, Form, Made};
use super::{Bench, Done, component, service};

const CLAIM: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A bench with what is believed, in files.
struct Desk {
    bench: Bench,
    notary: Arc<Notary>,
}

impl Desk {
    fn of(bench: Bench) -> Self {
        let notary = Arc::new(Notary::new());
        let write = |name: &str, text: &str| fs::write(bench.path(name), text).unwrap();
        write("root.pem", notary.root());
        write("intermediate.pem", notary.intermediate());
        write("authority.pem", &format!("{}{}", notary.root(), notary.intermediate()));
        write("log.pub", &notary.log.public_key_pem());
        write("trusted.json", &trusted(&notary).to_string());
        Self { bench, notary }
    }

    /// Another artifact each time, so that no signature stands in for another.
    fn pushed(&self, tag: &str) -> String {
        let note = format!("dev.bellows.test={tag}");
        let reference = self.bench.reference(&format!(":{tag}"));
        self.bench.good(&["push", &component(), &reference, "--annotation", &note]).trim().to_owned()
    }

    fn bellows(&self, pinned: &str, subject: &str) -> Done {
        let trust = ["--authority", "authority.pem", "--log", "log.pub", "--issuer", ISSUER, "--identity", subject];
        self.bench.scaler(&[&["verify", pinned][..], &trust].concat())
    }

    /// By what the manifest of a Scaler asks for, as a cluster reads it.
    fn by_scaler(&self, pinned: &str, subject: &str) -> Done {
        let text = |name: &str| fs::read_to_string(self.bench.path(name)).unwrap();
        let verification = json!({
            "identities": [{"issuer": ISSUER, "subject": subject}],
            "authorities": [text("authority.pem")], "logs": [text("log.pub")],
        });
        let manifest = json!({
            "apiVersion": "bellows.dev/v1alpha1", "kind": "Scaler", "metadata": {"name": "queue"},
            "spec": {"image": pinned, "verification": verification},
        });
        fs::write(self.bench.path("scaler.yaml"), manifest.to_string()).unwrap();
        self.bench.scaler(&["verify", pinned, "--scaler", "scaler.yaml"])
    }

    fn cosign(&self, pinned: &str, subject: &str, further: &[&str]) -> Done {
        let mut arguments = vec!["verify", "--offline", "--insecure-ignore-sct", "--allow-http-registry"];
        arguments.extend(["--certificate-identity", subject, "--certificate-oidc-issuer", ISSUER]);
        arguments.extend(further);
        arguments.push(pinned);
        other(&self.bench, "cosign", &arguments)
    }

    /// In the older form, with what is believed in files; in the newer, in one file.
    fn both(&self, pinned: &str, subject: &str, form: Form) -> [Done; 2] {
        let cosign = match form {
            Form::Older => {
                let trust = ["--ca-roots", "root.pem", "--ca-intermediates", "intermediate.pem"];
                self.cosign(pinned, subject, &[&[OLDER][..], &trust].concat())
            }
            Form::Newer => self.cosign(pinned, subject, &["--trusted-root", "trusted.json"]),
        };
        [self.bellows(pinned, subject), cosign]
    }

    fn both_verify(&self, pinned: &str, subject: &str, form: Form) {
        let [bellows, cosign] = self.both(pinned, subject, form);
        assert_eq!(bellows.code, 0, "bellows, {form:?}: {}", bellows.err);
        assert_eq!(bellows.out, format!("{pinned}\nsigned by identity {subject} of {ISSUER}\n"));
        assert_eq!(self.by_scaler(pinned, subject).out, bellows.out, "{form:?}");
        assert_eq!(cosign.code, 0, "cosign, {form:?}: {}", cosign.err);
    }

    fn both_refuse(&self, pinned: &str, subject: &str, form: Form, reason: &str) {
        let [bellows, cosign] = self.both(pinned, subject, form);
        assert_eq!(bellows.code, 1, "{reason}: {}{}", bellows.out, bellows.err);
        assert!(bellows.err.starts_with(&format!("not verified: {reason}: ")), "{}", bellows.err);
        assert_ne!(cosign.code, 0, "cosign lets pass what is {reason} in the form {form:?}: {}", cosign.out);
    }

    /// Puts a signature beside an artifact, in one form.
    fn attach(&self, pinned: &str, form: Form, made: &Made) {
        match form {
            Form::Older => self.attach_older(pinned, made),
            Form::Newer => self.attach_newer(pinned, made),
        }
    }

    fn attach_older(&self, pinned: &str, made: &Made) {
        let write = |name: &str, text: &str| fs::write(self.bench.path(name), text).unwrap();
        write("payload.json", &made.content);
        write("config.json", "{}");
        let annotations = BTreeMap::from([
            ("dev.cosignproject.cosign/signature", STANDARD.encode(&made.signature)),
            ("dev.sigstore.cosign/certificate", made.moment.pem.clone()),
            ("dev.sigstore.cosign/chain", made.moment.chain.clone()),
            ("dev.sigstore.cosign/bundle", self.notary.annotation(&made.body, then())),
        ]);
        write("annotations.json", &json!({"payload.json": annotations}).to_string());
        let (name, digest) = pinned.split_once('@').unwrap();
        let repository = name.rsplit_once(':').unwrap().0;
        let place = format!("{repository}:{}.sig", digest.replace(':', "-"));
        let layer = format!("payload.json:{CLAIM}");
        let config = "config.json:application/vnd.oci.image.config.v1+json";
        let further = ["--annotation-file", "annotations.json", "--config", config];
        good(&self.bench, "oras", &[&["push", "--plain-http"][..], &further, &[&place, &layer]].concat());
    }

    fn attach_newer(&self, pinned: &str, made: &Made) {
        let entry = self.notary.bundled(&made.body, then());
        let bundle = made.moment.bundle(made.content.as_bytes(), &made.signature, &[entry]);
        fs::write(self.bench.path("bundle.json"), bundle.to_string()).unwrap();
        let kind = ["--artifact-type", BUNDLE, "--annotation", "dev.sigstore.bundle.content=dsse-envelope"];
        let predicate = "dev.sigstore.bundle.predicateType=https://sigstore.dev/cosign/sign/v1";
        let further = ["--annotation", predicate, pinned];
        let layer = format!("bundle.json:{BUNDLE}");
        good(&self.bench, "oras", &[&["attach", "--plain-http"][..], &kind, &further, &[&layer]].concat());
    }
}

fn digest(pinned: &str) -> &str {
    pinned.split_once('@').unwrap().1
}

/// What cosign believes, where it takes it from one file.
fn trusted(notary: &Notary) -> Value {
    let der = |pem: &str| json!({"rawBytes": pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()});
    let from = json!({"start": "2025-01-01T00:00:00Z"});
    let key = notary.log.subject_public_key_info();
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(&key), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": from,
            },
            "logId": {"keyId": STANDARD.encode(Sha256::digest(&key))},
        }],
        "certificateAuthorities": [{
            "subject": {"organization": "example", "commonName": "root"}, "uri": "https://authority.example",
            "certChain": {"certificates": [der(notary.intermediate()), der(notary.root())]}, "validFor": from,
        }],
    })
}

#[test]
fn whom_an_authority_and_a_log_vouch_for_cosign_verifies_and_so_do_we_and_both_for_nobody_else() {
    for bench in registries() {
        let desk = Desk::of(bench);
        for form in FORMS {
            let pinned = desk.pushed(&format!("{form:?}").to_lowercase());
            let moment = desk.notary.certify(&Wish::default());
            desk.attach(&pinned, form, &Made::about(digest(&pinned), moment, form));
            desk.both_verify(&pinned, SUBJECT, form);
            desk.both_refuse(&pinned, "https://forge.example/me/other", form, "SignedByOtherIdentity");
            let rest = "https://forge.example/me/scaler/*";
            assert_eq!(desk.bellows(&pinned, rest).code, 0, "any rest");
        }
    }
}

#[test]
fn an_address_of_mail_is_an_identity_too() {
    let desk = Desk::of(registries().into_iter().next().unwrap());
    for form in FORMS {
        let pinned = desk.pushed(&format!("mail-{form:?}").to_lowercase());
        let moment = desk.notary.certify(&Wish { names: vec![mail("me@forge.example")], ..Wish::default() });
        desk.attach(&pinned, form, &Made::about(digest(&pinned), moment, form));
        desk.both_verify(&pinned, "me@forge.example", form);
    }
}

/// One thing that is wrong, and what it is called.
type Wrong = (&'static str, fn(&Desk, &str, Form) -> Made);

fn usual(desk: &Desk, digest: &str, form: Form) -> Made {
    Made::about(digest, desk.notary.certify(&Wish::default()), form)
}

const WRONG: [Wrong; 5] = [
    ("SignatureOfOtherArtifact", |desk, _, form| usual(desk, &format!("sha256:{}", "0".repeat(64)), form)),
    ("CertificateOfOtherAuthority", |_, digest, form| {
        Made::about(digest, Notary::new().certify(&Wish::default()), form)
    }),
    ("SignatureOfOtherCertificate", |desk, digest, form| {
        let (made, thief) = (usual(desk, digest, form), usual(desk, digest, form));
        let body = made.body.replace(&STANDARD.encode(&made.signature), &STANDARD.encode(&thief.signature));
        Made { signature: thief.signature, body, ..made }
    }),
    ("LogEntryOfOtherSignature", |desk, digest, form| {
        let (made, again) = (usual(desk, digest, form), usual(desk, digest, form));
        Made { body: again.body, ..made }
    }),
    ("CertificateNotForSigning", |desk, digest, form| {
        let usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        Made::about(digest, desk.notary.certify(&Wish { usages, ..Wish::default() }), form)
    }),
];

#[test]
fn what_cosign_refuses_of_an_identity_is_refused_by_name() {
    let desk = Desk::of(registries().into_iter().nth(1).unwrap());
    for (reason, make) in WRONG {
        for form in FORMS {
            let pinned = desk.pushed(&format!("{reason}-{form:?}").to_lowercase());
            desk.attach(&pinned, form, &make(&desk, digest(&pinned), form));
            desk.both_refuse(&pinned, SUBJECT, form, reason);
        }
    }
    // The time of another log.
    let [older, newer] = FORMS.map(|form| {
        let pinned = desk.pushed(&format!("time-{form:?}").to_lowercase());
        let made = usual(&desk, digest(&pinned), form);
        (pinned, form, made)
    });
    let desk = Desk { notary: Arc::new(Notary::new()), ..desk };
    for (pinned, form, made) in [older, newer] {
        desk.attach(&pinned, form, &made);
        desk.both_refuse(&pinned, SUBJECT, form, "SigningTimeUnknown");
    }
}

#[test]
fn what_cosign_signed_with_a_certified_key_before_a_log_is_verified_in_either_form() {
    for bench in registries() {
        let desk = Desk::of(bench);
        let moment = desk.notary.certify(&Wish::default());
        for (name, text) in [
            ("moment.pem", moment.pem.clone()),
            ("chain.pem", moment.chain.clone()),
            ("moment.key", moment.key.serialize_pem()),
        ] {
            fs::write(desk.bench.path(name), text).unwrap();
        }
        good(
            &desk.bench,
            "cosign",
            &["import-key-pair", "--key", "moment.key", "--output-key-prefix", "moment-cosign"],
        );
        let log = service::listen(Arc::clone(&desk.notary));
        for (form, further) in [(Form::Older, &[OLDER][..]), (Form::Newer, &[])] {
            let pinned = desk.pushed(&format!("cosign-{form:?}").to_lowercase());
            let url = format!("http://{log}");
            let key = ["sign", "--yes", "--key", "moment-cosign.key", "--certificate", "moment.pem"];
            let options = ["--certificate-chain", "chain.pem", "--use-signing-config=false", "--allow-http-registry"];
            good(&desk.bench, "cosign", &[&key[..], &options, &["--rekor-url", &url], further, &[&pinned]].concat());
            let verified = desk.bellows(&pinned, SUBJECT);
            assert_eq!(verified.code, 0, "{form:?}: {}", verified.err);
            let other = desk.bellows(&pinned, "me@forge.example");
            assert!(other.err.starts_with("not verified: SignedByOtherIdentity: "), "{form:?}: {}", other.err);
        }
    }
}
