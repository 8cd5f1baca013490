//! Certificates: of authorities that are believed, and of the keys of a moment that they certify.
//!
//! Paths are built by the library that the TLS stack uses anyway; the two extensions of which it knows nothing are read by
//! another. Does not judge the timestamps that logs of certificates sign into them, nor ask whether one was revoked: it was
//! good for ten minutes.

use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::asn1_rs::{FromDer as _, Oid, Utf8String, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::super::super::digest::Digest;
use super::super::key::PublicKey;
use super::{Doubt, NAME_BYTES_MAX, Person};

/// Bytes of an authority's certificates: one takes some 800 bytes on a curve and 2,000 with RSA, half as much again in PEM.
const PEM_BYTES_MAX: usize = 32 * 1024;
/// Certificates of an authority: a root and an intermediate, and both anew when they are replaced.
const AUTHORITY_MAX: usize = 8;
/// Certificates that a signature brings along: its own, two intermediates, the root.
const CHAIN_MAX: usize = 4;
/// Code signing, as the content of an object identifier: 1.3.6.1.5.5.7.3.3.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
/// Who issued the token by which the authority knew the signer: in a text of DER; in older certificates bare.
const ISSUER: Oid<'_> = oid!(1.3.6.1.4.1.57264.1.8);
const ISSUER_BARE: Oid<'_> = oid!(1.3.6.1.4.1.57264.1.1);

/// Why a text is no authority that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// No certificate, or something between the lines that is none.
    #[error(
        "no certificate that can be read: {0}; write the root as -----BEGIN CERTIFICATE-----, its intermediates below"
    )]
    Form(String),
    /// Only certificates that others issued.
    #[error("no root, which is a certificate that names itself as its issuer: add the one that issued these")]
    NoRoot,
    /// One that may issue nothing.
    #[error("certificate {0} is not that of an authority, it may issue no other: give the one that issued it")]
    NoAuthority(usize),
}

/// An authority that is believed: roots, and intermediates that signatures need not bring along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    roots: Vec<Root>,
    intermediates: Vec<CertificateDer<'static>>,
    id: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Root {
    anchor: TrustAnchor<'static>,
    /// First and last second in which it is valid.
    valid: (i64, i64),
}

impl Authority {
    /// Reads the certificates of a PEM file: a root, and intermediates if there are any.
    pub fn of_pem(pem: &str) -> Result<Self, AuthorityError> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(AuthorityError::Form(format!("the text is longer than {PEM_BYTES_MAX} bytes")));
        }
        let certificates = chain(pem, AUTHORITY_MAX).map_err(AuthorityError::Form)?;
        let id = Digest::of(&certificates.iter().flat_map(|der| der.iter().copied()).collect::<Vec<_>>());
        let (mut roots, mut intermediates) = (Vec::new(), Vec::new());
        for (index, der) in certificates.into_iter().enumerate() {
            let unread = || AuthorityError::Form(format!("certificate {} is damaged", index + 1));
            let certificate = parsed(&der).ok_or_else(unread)?;
            if !certificate.is_ca() {
                return Err(AuthorityError::NoAuthority(index + 1));
            }
            if certificate.subject().as_raw() == certificate.issuer().as_raw() {
                let valid = certificate.validity();
                let valid = (valid.not_before.timestamp(), valid.not_after.timestamp());
                let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| unread())?.to_owned();
                roots.push(Root { anchor, valid });
            } else {
                intermediates.push(der);
            }
        }
        if roots.is_empty() { Err(AuthorityError::NoRoot) } else { Ok(Self { roots, intermediates, id }) }
    }

    /// By which two authorities are told apart: the SHA-256 of all its certificates.
    pub fn id(&self) -> Digest {
        self.id
    }
}

/// The certificates that a signature brings along: that of its key, and what may lead from there to a root.
#[derive(Debug, Clone)]
pub(in super::super) struct Chain {
    leaf: CertificateDer<'static>,
    further: Vec<CertificateDer<'static>>,
}

impl Chain {
    /// Those of a bundle.
    pub(in super::super) fn of_der(certificates: Vec<Vec<u8>>) -> Result<Self, String> {
        let mut certificates = certificates.into_iter().map(CertificateDer::from);
        let leaf = certificates.next().ok_or("it holds none")?;
        let further: Vec<_> = certificates.collect();
        if further.len() >= CHAIN_MAX {
            Err(format!("there are more than {CHAIN_MAX}"))
        } else {
            Ok(Self { leaf, further })
        }
    }

    /// Those of two annotations.
    pub(in super::super) fn of_pem(leaf: &str, further: Option<&str>) -> Result<Self, String> {
        if leaf.len() + further.map_or(0, str::len) > PEM_BYTES_MAX {
            return Err(format!("they are longer than {PEM_BYTES_MAX} bytes"));
        }
        let mut leaf = chain(leaf, 1)?;
        let further = match further.map(str::trim) {
            None | Some("") => Vec::new(),
            Some(further) => chain(further, CHAIN_MAX - 1)?,
        };
        let leaf = leaf.pop().ok_or("it holds none")?;
        Ok(Self { leaf, further })
    }

    /// The certificate that names the signer.
    pub(super) fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// Whether an authority that is believed certified the key, to sign code, at a time in seconds since 1970.
    pub(super) fn is_certified(&self, authorities: &[Authority], seconds: u64) -> Result<(), Doubt> {
        let unread = |_| Doubt::Unreadable("it is damaged".to_owned());
        let leaf = EndEntityCert::try_from(&self.leaf).map_err(unread)?;
        let roots = || authorities.iter().flat_map(|authority| &authority.roots);
        let anchors: Vec<_> = roots().map(|root| root.anchor.clone()).collect();
        let further: Vec<_> =
            authorities.iter().flat_map(|one| &one.intermediates).chain(&self.further).cloned().collect();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        // An anchor is a name and a key, of which the library does not ask until when they hold.
        let holds = |path: &VerifiedPath<'_>| {
            let mut same = roots().filter(|root| root.anchor == *path.anchor());
            let held = same.any(|root| u64_of(root.valid.0) <= seconds && seconds <= u64_of(root.valid.1));
            if held { Ok(()) } else { Err(webpki::Error::CertExpired { time, not_after: time }) }
        };
        let algorithms = default_provider().signature_verification_algorithms.all;
        // Above the leaf, no usage means every usage.
        let usage = KeyUsage::required_if_present(CODE_SIGNING);
        leaf.verify_for_usage(algorithms, &anchors, &further, time, usage, None, Some(&holds)).map_err(doubt)?;
        let usage = self.parsed()?.extended_key_usage().ok().flatten().is_some_and(|usage| usage.value.code_signing);
        if usage { Ok(()) } else { Err(Doubt::OtherUse) }
    }

    /// The key that it certifies.
    pub(super) fn key(&self) -> Result<PublicKey, Doubt> {
        let certificate = self.parsed()?;
        let key = PublicKey::of_der(certificate.public_key().raw).and_then(PublicKey::on_p256);
        key.map_err(|error| Doubt::Unreadable(error.to_string()))
    }

    /// Whom it names: by one e-mail address or URI, and who gave the token.
    pub(super) fn person(&self) -> Result<Person, Doubt> {
        let unread = |why: &str| Doubt::Unreadable(why.to_owned());
        let certificate = self.parsed()?;
        let extension = |name: &Oid<'_>| {
            let found = certificate.get_extension_unique(name).map_err(|_| unread("it has an extension twice"));
            found.map(|found| found.map(|extension| extension.value))
        };
        let issuer = match (extension(&ISSUER)?, extension(&ISSUER_BARE)?) {
            (Some(der), _) => {
                let (rest, text) = Utf8String::from_der(der).map_err(|_| unread("its issuer of tokens is no text"))?;
                if rest.is_empty() { text.string() } else { return Err(unread("its issuer of tokens is no text")) }
            }
            (None, Some(bare)) => String::from_utf8(bare.to_owned()).map_err(|_| unread("its issuer is no text"))?,
            (None, None) => return Err(unread("it does not say who issued the token by which its subject was known")),
        };
        let names = certificate.subject_alternative_name().map_err(|_| unread("its names cannot be read"))?;
        let subject = match names.map(|names| names.value.general_names.as_slice()) {
            Some([GeneralName::RFC822Name(name) | GeneralName::URI(name)]) => (*name).to_owned(),
            _ => return Err(unread("it names not one e-mail address or one URI, but something else")),
        };
        if issuer.len() > NAME_BYTES_MAX || subject.len() > NAME_BYTES_MAX {
            return Err(unread("it has a name that is too long"));
        }
        Ok(Person { issuer, subject })
    }

    fn parsed(&self) -> Result<X509Certificate<'_>, Doubt> {
        parsed(&self.leaf).ok_or(Doubt::Unreadable("it is damaged".to_owned()))
    }
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, certificate)| certificate)
}

/// What stands before 1970 is long over.
fn u64_of(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0)
}

/// The certificates of a text, some and at most so many.
fn chain(pem: &str, max: usize) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).take(max + 1).collect();
    match certificates {
        Err(_) => Err("a section is damaged".to_owned()),
        Ok(certificates) if certificates.is_empty() => Err("there is no section CERTIFICATE".to_owned()),
        Ok(certificates) if certificates.len() > max => Err(format!("there are more than {max}")),
        Ok(certificates) => Ok(certificates),
    }
}

/// Why no path led to a root.
fn doubt(error: webpki::Error) -> Doubt {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => Doubt::OtherTime,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Doubt::OtherUse,
        _ => Doubt::OtherAuthority,
    }
}
