//! Who vouches for a signer without a key: an authority of moments, as Fulcio is, and a log that signs times, as Rekor 1 is.
//! What it writes, cosign verifies; `host/wasm` tries its own judgement on the same.
//!
//! Refuses to be fit for anything but a test: whoever asks is certified, and nothing is kept.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData as _, SanType,
    SigningKey as _, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The payload of an envelope.
pub(crate) const STATEMENT: &str = "application/vnd.in-toto+json";
/// Who gives tokens, and to whom, where nothing else is said.
pub(crate) const ISSUER: &str = "https://token.example";
pub(crate) const SUBJECT: &str = "https://forge.example/me/scaler/.github/workflows/release.yml@refs/tags/v1";
/// The entry's place in the log.
pub(crate) const INDEX: u64 = 41;

/// An authority with a root and an intermediate, and a log.
pub(crate) struct Notary {
    root: String,
    intermediate: (String, Issuer<'static, KeyPair>),
    pub(crate) log: KeyPair,
}

/// What a certificate is to say.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) issuer: &'static str,
    pub(crate) names: Vec<SanType>,
    /// With the issuer in the older form of the extension alone.
    pub(crate) bare: bool,
    pub(crate) usages: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) larger: bool,
}

impl Default for Wish {
    fn default() -> Self {
        let usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        Self { issuer: ISSUER, names: vec![uri(SUBJECT)], bare: false, usages, larger: false }
    }
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn mail(text: &str) -> SanType {
    SanType::Rfc822Name(text.try_into().unwrap())
}

/// A key of a moment and its certificate.
pub(crate) struct Moment {
    pub(crate) key: KeyPair,
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
    /// The certificates above it, of the one that issued it first.
    pub(crate) chain: String,
}

/// The first second of certificates, the last of which is ten minutes later: both are past.
pub(crate) fn begin() -> u64 {
    date_time_ymd(2026, 3, 1).unix_timestamp().try_into().unwrap()
}

/// When signatures are made, where nothing else is said.
pub(crate) fn then() -> u64 {
    begin() + 300
}

fn authority(name: &str, path: Option<u8>) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(path.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.use_authority_key_identifier_extension = true;
    (parameters.not_before, parameters.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2035, 1, 1));
    parameters
}

impl Notary {
    pub(crate) fn new() -> Self {
        Self::until(2035)
    }

    /// With a root that ends with that year's first day.
    pub(crate) fn until(year: i32) -> Self {
        // On the curve that the authority in use takes.
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let mut parameters = authority("root", None);
        parameters.not_after = date_time_ymd(year, 1, 1);
        let root_key = key();
        let root = parameters.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(parameters, root_key);
        let mut parameters = authority("intermediate", Some(0));
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let key = key();
        let intermediate = parameters.signed_by(&key, &root_issuer).unwrap().pem();
        let log = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { root: root.pem(), intermediate: (intermediate, Issuer::new(parameters, key)), log }
    }

    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    pub(crate) fn intermediate(&self) -> &str {
        &self.intermediate.0
    }

    /// The log's key, in hexadecimal digits.
    pub(crate) fn log_id(&self) -> String {
        hex(&Sha256::digest(self.log.subject_public_key_info()))
    }

    /// Certifies a new key.
    pub(crate) fn certify(&self, wish: &Wish) -> Moment {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.subject_alt_names.clone_from(&wish.names);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages.clone_from(&wish.usages);
        parameters.use_authority_key_identifier_extension = true;
        parameters.not_before = date_time_ymd(2026, 3, 1);
        parameters.not_after = parameters.not_before + Duration::from_secs(600);
        let length = u8::try_from(wish.issuer.len()).unwrap();
        let text = [&[0x0c, length], wish.issuer.as_bytes()].concat();
        // Authorities in use write both, for older versions of cosign.
        let both = [(1, wish.issuer.as_bytes().to_vec()), (8, text)];
        let extension = |(last, content): &(u64, Vec<u8>)| {
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, *last], content.clone())
        };
        parameters.custom_extensions = both[..if wish.bare { 1 } else { 2 }].iter().map(extension).collect();
        let kind = if wish.larger { &PKCS_ECDSA_P384_SHA384 } else { &PKCS_ECDSA_P256_SHA256 };
        let key = KeyPair::generate_for(kind).unwrap();
        let certificate = parameters.signed_by(&key, &self.intermediate.1).unwrap();
        let chain = format!("{}{}", self.intermediate.0, self.root);
        Moment { key, der: certificate.der().to_vec(), pem: certificate.pem(), chain }
    }

    /// What the log signs of an entry.
    pub(crate) fn promise(&self, body: &str, seconds: u64) -> String {
        let entry = format!(
            r#"{{"body":"{}","integratedTime":{seconds},"logID":"{}","logIndex":{INDEX}}}"#,
            STANDARD.encode(body),
            self.log_id()
        );
        STANDARD.encode(self.log.sign(entry.as_bytes()).unwrap())
    }

    /// An entry as cosign 2 has it in an annotation.
    pub(crate) fn annotation(&self, body: &str, seconds: u64) -> String {
        json!({
            "SignedEntryTimestamp": self.promise(body, seconds),
            "Payload": {
                "body": STANDARD.encode(body), "integratedTime": seconds, "logIndex": INDEX, "logID": self.log_id(),
            },
        })
        .to_string()
    }

    /// An entry as a bundle has it, with the proof that it is the only one of a tree.
    pub(crate) fn bundled(&self, body: &str, seconds: u64) -> Value {
        let kind: Value = serde_json::from_str(body).unwrap();
        let id = Sha256::digest(self.log.subject_public_key_info());
        let (tree, checkpoint) = self.tree(body);
        json!({
            "logIndex": INDEX.to_string(), "logId": {"keyId": STANDARD.encode(id)},
            "kindVersion": {"kind": kind["kind"], "version": kind["apiVersion"]},
            "integratedTime": seconds.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": self.promise(body, seconds)},
            "inclusionProof": {
                "logIndex": "0", "rootHash": STANDARD.encode(tree), "treeSize": "1", "hashes": [],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": STANDARD.encode(body),
        })
    }

    /// The root of a tree in which an entry is alone, and the log's word for it.
    pub(crate) fn tree(&self, body: &str) -> (Vec<u8>, String) {
        let tree = Sha256::digest([&[0], body.as_bytes()].concat()).to_vec();
        let text = format!("log.example - 7\n1\n{}\n", STANDARD.encode(&tree));
        let id = Sha256::digest(self.log.subject_public_key_info());
        let sealed = [&id[..4], &self.log.sign(text.as_bytes()).unwrap()].concat();
        (tree, format!("{text}\n— log.example {}\n", STANDARD.encode(sealed)))
    }
}

impl Moment {
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(bytes).unwrap()
    }

    /// What a log notes of a signature of some bytes.
    pub(crate) fn hashed(&self, bytes: &[u8], signature: &[u8]) -> String {
        json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex(&Sha256::digest(bytes))}},
                "signature": {
                    "content": STANDARD.encode(signature), "publicKey": {"content": STANDARD.encode(&self.pem)},
                },
            },
        })
        .to_string()
    }

    /// What a log notes of the signature of a statement in an envelope.
    pub(crate) fn enveloped(&self, statement: &[u8], signature: &[u8]) -> String {
        let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex(&Sha256::digest(bytes))});
        json!({
            "apiVersion": "0.0.1", "kind": "dsse", "spec": {
                "envelopeHash": hash(b"an envelope"), "payloadHash": hash(statement),
                "signatures": [{
                    "signature": STANDARD.encode(signature), "verifier": STANDARD.encode(&self.pem),
                }],
            },
        })
        .to_string()
    }

    /// A bundle: an envelope with a signature, the certificate and entries of logs.
    pub(crate) fn bundle(&self, statement: &[u8], signature: &[u8], entries: &[Value]) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"certificate": {"rawBytes": STANDARD.encode(&self.der)}, "tlogEntries": entries},
            "dsseEnvelope": {
                "payload": STANDARD.encode(statement), "payloadType": STATEMENT,
                "signatures": [{"sig": STANDARD.encode(signature)}],
            },
        })
    }
}

/// A payload about a digest, as cosign 2 signs it.
pub(crate) fn payload(digest: &str) -> String {
    json!({
        "critical": {
            "identity": {"docker-reference": "registry.example/scaler"}, "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
}

/// A statement about a digest, as cosign 3 signs it.
pub(crate) fn statement(digest: &str) -> String {
    let digits = digest.trim_start_matches("sha256:");
    json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "", "digest": {"sha256": digits}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {},
    })
    .to_string()
}

/// What is signed of a statement in an envelope.
pub(crate) fn sealed(statement: &str) -> Vec<u8> {
    format!("DSSEv1 {} {STATEMENT} {} {statement}", STATEMENT.len(), statement.len()).into_bytes()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
