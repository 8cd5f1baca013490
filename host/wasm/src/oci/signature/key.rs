//! Keys: the public ones that a policy names, and the private one that signs. ECDSA on P-256, as cosign makes them, and
//! Ed25519 to verify with; every other kind is refused by its name.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, KeyPair};

use super::super::digest::Digest;

/// What stands before the 65 bytes of an uncompressed point of P-256. DER has one way to write it.
const P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// What stands before the 32 bytes of an Ed25519 key.
const EDWARDS: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
/// Object identifiers of other kinds, each with the tag and length before it.
const OTHERS: [(&[u8], &str); 8] = [
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "RSA"),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "RSA-PSS"),
    (b"\x06\x05\x2b\x81\x04\x00\x22", "ECDSA on P-384"),
    (b"\x06\x05\x2b\x81\x04\x00\x23", "ECDSA on P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "ECDSA on secp256k1"),
    (b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", "ECDSA on P-256 in a form without both coordinates of its point"),
    (b"\x06\x03\x2b\x65\x70", "Ed25519"),
    (b"\x06\x03\x2b\x65\x71", "Ed448"),
];
/// Bytes of a PEM file: a key takes some 250, and a few lines of remarks may stand above it.
const PEM_BYTES_MAX: usize = 16 * 1024;
/// How a private key is made.
const MAKE: &str = "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE` makes one";

/// Why a text is no key that can be used. No message holds any of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key at all.
    #[error("no key: there is no whole section from -----BEGIN …----- to -----END …-----")]
    NoPem,
    /// More than one, of which nobody said which.
    #[error("several sections: write each key into a file of its own")]
    Several,
    /// Another thing than what is wanted.
    #[error("{label}, where {wanted} is wanted: {advice}")]
    Label {
        /// As it stands in the file.
        label: String,
        /// What is wanted.
        wanted: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A key of another kind.
    #[error("a key for {0}, which is not used here: make one for ECDSA on P-256")]
    Kind(&'static str),
    /// Something between the lines that is no key.
    #[error("the section holds no key that can be read: {0}")]
    Form(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    P256,
    Ed25519,
}

/// A key of which the other half may have signed something.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    bytes: Vec<u8>,
    id: Digest,
}

impl PublicKey {
    /// Reads the one `PUBLIC KEY` of a PEM file.
    pub fn of_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = section(pem)?;
        let advice = match label.as_str() {
            "PUBLIC KEY" => return Self::of_der(&der),
            "CERTIFICATE" => {
                "a certificate is none, and goes where authorities are given; `openssl x509 -pubkey -noout -in FILE` writes its key"
            }
            label if label.ends_with("PRIVATE KEY") => {
                "keep it to yourself; `openssl pkey -in FILE -pubout`, or `cosign public-key --key FILE`, writes its public half"
            }
            _ => "cosign and openssl write it so",
        };
        Err(KeyError::Label { label, wanted: "a PUBLIC KEY", advice })
    }

    /// Reads a key in DER, without the lines around it.
    pub(super) fn of_der(der: &[u8]) -> Result<Self, KeyError> {
        let id = Digest::of(der);
        let key = |kind, bytes: &[u8]| Self { kind, bytes: bytes.to_owned(), id };
        match (der.strip_prefix(P256), der.strip_prefix(EDWARDS)) {
            (Some(point), _) if point.len() == 65 && point.first() == Some(&4) => Ok(key(Kind::P256, point)),
            (_, Some(point)) if point.len() == 32 => Ok(key(Kind::Ed25519, point)),
            _ => Err(other(der)),
        }
    }

    /// The same, where only ECDSA on P-256 is used.
    pub(super) fn on_p256(self) -> Result<Self, KeyError> {
        match self.kind {
            Kind::P256 => Ok(self),
            Kind::Ed25519 => Err(KeyError::Kind("Ed25519")),
        }
    }

    /// By which people tell keys apart: the SHA-256 of its DER form, as
    /// `openssl pkey -pubin -in FILE -outform DER | sha256sum` computes it.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Whether its other half signed these bytes.
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn signature::VerificationAlgorithm = match self.kind {
            Kind::P256 => &ECDSA_P256_SHA256_ASN1,
            Kind::Ed25519 => &ED25519,
        };
        signature::UnparsedPublicKey::new(algorithm, &self.bytes).verify(signed, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "key {}", self.id)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// A private key on P-256. It is never shown.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Reads the one `PRIVATE KEY` of a PEM file: PKCS#8, not encrypted.
    pub fn of_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = section(pem)?;
        let advice = match label.as_str() {
            "PRIVATE KEY" => return Self::of_der(&der),
            "EC PRIVATE KEY" => "`openssl pkcs8 -topk8 -nocrypt -in FILE` writes it in that form",
            "ENCRYPTED PRIVATE KEY" => "`openssl pkcs8 -in FILE` asks for the passphrase and writes it without",
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                "only cosign opens its own keys: sign with `cosign sign --key FILE`, which is verified here all the same"
            }
            label if label.ends_with("PUBLIC KEY") => "the public half verifies, the private one signs",
            _ => MAKE,
        };
        Err(KeyError::Label { label, wanted: "a PRIVATE KEY that is not encrypted", advice })
    }

    fn of_der(der: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random).map_err(|_| {
            // Of P-256 too, some tools leave out the public half.
            if holds(der, P256.get(13..23).unwrap_or_default()) {
                KeyError::Form("it lacks its public half, or they do not belong together")
            } else {
                other(der)
            }
        })?;
        let public = PublicKey::of_der(&[P256, pair.public_key().as_ref()].concat())?;
        Ok(Self { pair, public })
    }

    /// The half that others verify with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of some bytes, in ASN.1; nothing if the system has no randomness.
    pub(super) fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        Some(self.pair.sign(&SystemRandom::new(), bytes).ok()?.as_ref().to_owned())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the private half of {}", self.public)
    }
}

/// What kind of key it is, by the first bytes, where an algorithm is named.
fn other(der: &[u8]) -> KeyError {
    let head = der.get(..48).unwrap_or(der);
    let named = OTHERS.iter().find(|(identifier, _)| holds(head, identifier));
    named.map_or(KeyError::Form("it is of no kind that is known"), |(_, name)| KeyError::Kind(name))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The label and the content of the one section of a PEM file.
fn section(pem: &str) -> Result<(String, Vec<u8>), KeyError> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(KeyError::Form("the file is larger than any key"));
    }
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or(KeyError::NoPem)?;
    let (label, rest) = rest.split_once("-----").ok_or(KeyError::NoPem)?;
    let label = crate::printable::line(label, 60);
    let (body, rest) = rest.split_once(&format!("-----END {label}-----")).ok_or(KeyError::NoPem)?;
    if rest.contains("-----BEGIN ") {
        return Err(KeyError::Several);
    }
    let body: String = body.split_ascii_whitespace().collect();
    // Encrypted keys have lines of another form, and are refused by their label.
    let der = STANDARD.decode(body).unwrap_or_default();
    Ok((label, der))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
    use rcgen::{PublicKeyData as _, SigningKey as _};

    /// A new key of P-256.
    pub(in super::super) fn signing_key() -> SigningKey {
        let pair = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        SigningKey::of_pem(&pair.serialize_pem()).unwrap()
    }

    /// A section as it stands in a file.
    fn pem(label: &str, content: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(content))
    }

    #[test]
    fn keys_of_both_kinds_verify_what_their_other_half_signed_and_nothing_else() {
        for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let pair = rcgen::KeyPair::generate_for(kind).unwrap();
            let key = PublicKey::of_pem(&pair.public_key_pem()).unwrap();
            assert_eq!(key.id(), Digest::of(&pair.subject_public_key_info()));
            let mut signature = pair.sign(b"message").unwrap();
            assert!(key.verifies(b"message", &signature));
            assert!(!key.verifies(b"another", &signature));
            signature.push(0);
            assert!(!key.verifies(b"message", &signature));
            assert!(!key.verifies(b"message", b""));
        }
    }

    #[test]
    fn what_a_private_key_signs_its_public_half_verifies() {
        let key = signing_key();
        let signature = key.sign(b"message").unwrap();
        assert!(key.public().verifies(b"message", &signature));
        assert!(!signing_key().public().verifies(b"message", &signature));
        let shown = format!("{key:?} {:?} {}", key.public(), key.public());
        assert_eq!(shown.matches(&key.public().id().hex()).count(), 3, "{shown}");
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        let larger = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        assert_eq!(PublicKey::of_pem(&larger.public_key_pem()), Err(KeyError::Kind("ECDSA on P-384")));
        let edwards = rcgen::KeyPair::generate_for(&PKCS_ED25519).unwrap();
        assert_eq!(SigningKey::of_pem(&edwards.serialize_pem()).unwrap_err(), KeyError::Kind("Ed25519"));
        let rsa = b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82";
        assert_eq!(PublicKey::of_pem(&pem("PUBLIC KEY", rsa)), Err(KeyError::Kind("RSA")));
        let mut half = P256.to_owned();
        half.extend([2; 33]);
        let told = PublicKey::of_pem(&pem("PUBLIC KEY", &half)).unwrap_err().to_string();
        assert!(told.contains("without both coordinates"), "{told}");
    }

    #[test]
    fn what_is_no_key_of_the_wanted_half_is_refused_with_what_to_do() {
        let public = |label| PublicKey::of_pem(&pem(label, b"x")).unwrap_err().to_string();
        let private = |label| SigningKey::of_pem(&pem(label, b"x")).unwrap_err().to_string();
        for (told, advice) in [
            (public("CERTIFICATE"), "openssl x509 -pubkey"),
            (public("PRIVATE KEY"), "keep it to yourself"),
            (public("ENCRYPTED SIGSTORE PRIVATE KEY"), "cosign public-key"),
            (public("PUBLIC KEY"), "of no kind that is known"),
            (private("EC PRIVATE KEY"), "openssl pkcs8 -topk8"),
            (private("ENCRYPTED PRIVATE KEY"), "asks for the passphrase"),
            (private("ENCRYPTED SIGSTORE PRIVATE KEY"), "cosign sign --key"),
            (private("PUBLIC KEY"), "the private one signs"),
            (private("PRIVATE KEY"), "of no kind that is known"),
        ] {
            assert!(told.contains(advice), "{told}");
        }
    }

    #[test]
    fn what_is_no_pem_of_one_key_is_refused() {
        let one = pem("PUBLIC KEY", b"x");
        for (text, error) in [
            ("", KeyError::NoPem),
            ("MFkwEwYHKoZIzj0CAQ", KeyError::NoPem),
            ("-----BEGIN PUBLIC KEY-----\nMFkw", KeyError::NoPem),
            (&*format!("{one}{one}"), KeyError::Several),
            (&*"…".repeat(PEM_BYTES_MAX / 3 + 1), KeyError::Form("the file is larger than any key")),
        ] {
            assert_eq!(PublicKey::of_pem(text), Err(error));
        }
    }

    #[test]
    fn whatever_stands_in_a_file_is_a_key_or_a_refusal_that_shows_none_of_it() {
        use proptest::prelude::*;

        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", "QUJD".repeat(16));
        let inputs = prop_oneof![
            crate::fuzz::damaged(pem.clone().into_bytes()),
            crate::fuzz::damaged(pem.replace("PRIVATE", "PUBLIC").into_bytes()),
            crate::fuzz::text().prop_map(String::into_bytes)
        ];
        crate::fuzz::target("keys", inputs, |bytes| {
            let text = String::from_utf8_lossy(&bytes);
            for refused in [SigningKey::of_pem(&text).map(drop), PublicKey::of_pem(&text).map(drop)] {
                let Err(refused) = refused else { continue };
                crate::fuzz::assert_printable(&refused.to_string(), 400);
                assert!(!refused.to_string().contains("QUJDQUJD"), "{refused}");
            }
        });
    }
}
