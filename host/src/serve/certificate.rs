//! The certificate of our own metrics API and the authority behind it, both made in memory, both replaced at half their
//! life.
//!
//! Owns the order in which they change, which is what keeps the API server from ever meeting a certificate that it cannot
//! verify: a new authority is registered beside the old one first, and signs only after the registration has settled.
//! Reads no clock and asks nobody.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bellows_core::Now;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// What a certificate begins to hold before it is made, for API servers whose clocks are behind ours.
const SKEW: Duration = Duration::from_secs(300);

/// For whom the certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName {
    /// Name of the Service in front of this host.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The cluster's domain, `cluster.local` as a rule.
    pub cluster_domain: String,
}

/// How long certificates hold; each is replaced at half of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of the authority. Its half is far longer than a registration takes to settle.
    pub authority: Duration,
    /// Of the certificate. At most that of the authority.
    pub leaf: Duration,
    /// How long after its registration a new authority begins to sign: the API server hears of it by a watch.
    pub settle: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self { authority: day * 30, leaf: day, settle: Duration::from_secs(30) }
    }
}

/// A certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The authority.
    #[error("cannot make a certificate authority")]
    Authority(#[source] rcgen::Error),
    /// The certificate.
    #[error("cannot make a certificate for {host}")]
    Leaf {
        /// For whom.
        host: String,
        /// Why.
        source: rcgen::Error,
    },
    /// Its key.
    #[error("cannot use the key of a certificate")]
    Key(#[source] rustls::Error),
}

/// What listeners show; shared with them, so that a new certificate serves the next handshake and no connection ends.
pub struct Shown(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    made: Duration,
}

/// The authorities and the certificate of now.
pub struct Certificates {
    service: ServiceName,
    lifetimes: Lifetimes,
    current: Authority,
    /// The authority to come, and since when it is registered.
    next: Option<(Authority, Option<Duration>)>,
    /// The authority that was, for as long as anything that it signed may be in use.
    previous: Option<Authority>,
    leaf_made: Duration,
    shown: Arc<Shown>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Certificates").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Certificates {
    /// A new authority and a certificate of it.
    pub fn new(service: ServiceName, lifetimes: Lifetimes, now: Now) -> Result<Self, CertificateError> {
        let current = Authority::new(lifetimes.authority, now)?;
        let leaf = current.issue(&service, lifetimes.leaf, now)?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(leaf))));
        Ok(Self { service, lifetimes, current, next: None, previous: None, leaf_made: now.steady, shown })
    }

    /// What listeners show.
    pub fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    /// Everything that a client should believe, as PEM: what was, what is, what comes.
    pub fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|(authority, _)| authority);
        [self.previous.as_ref(), Some(&self.current), next].into_iter().flatten().map(|one| one.pem.as_str()).collect()
    }

    /// Makes what is due. Called before [`Self::bundle`] is registered.
    pub fn renew(&mut self, now: Now) -> Result<(), CertificateError> {
        let Lifetimes { authority, leaf, settle } = self.lifetimes;
        if self.next.is_none() && now.steady >= self.current.made + authority / 2 {
            self.next = Some((Authority::new(authority, now)?, None));
        }
        if self.previous.as_ref().is_some_and(|previous| now.steady >= previous.made + authority) {
            self.previous = None;
        }
        let settled = |(_, registered): &mut (Authority, Option<Duration>)| {
            registered.is_some_and(|registered| now.steady >= registered + settle)
        };
        let successor = self.next.take_if(settled);
        if let Some((next, _)) = successor {
            self.previous = Some(std::mem::replace(&mut self.current, next));
            tracing::info!("a new authority signs the certificate of the metrics API");
        } else if now.steady < self.leaf_made + leaf / 2 {
            return Ok(());
        }
        let certificate = Arc::new(self.current.issue(&self.service, leaf, now)?);
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
        self.leaf_made = now.steady;
        Ok(())
    }

    /// The present [`Self::bundle`] is registered: an authority to come is so from now on.
    pub fn registered(&mut self, now: Now) {
        if let Some((_, registered)) = &mut self.next {
            registered.get_or_insert(now.steady);
        }
    }

    /// When [`Self::renew`] has something to do, at the latest.
    pub fn due(&self) -> Duration {
        let Lifetimes { authority, leaf, settle } = self.lifetimes;
        let leaf = self.leaf_made + leaf / 2;
        match &self.next {
            None => leaf.min(self.current.made + authority / 2),
            Some((_, Some(registered))) => leaf.min(*registered + settle),
            Some((_, None)) => leaf,
        }
    }
}

impl Authority {
    fn new(lifetime: Duration, now: Now) -> Result<Self, CertificateError> {
        let make = || {
            let key = KeyPair::generate()?;
            let mut parameters = CertificateParams::new(Vec::new())?;
            parameters.distinguished_name = named("bellows metrics authority");
            parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            hold(&mut parameters, lifetime, now);
            let pem = parameters.self_signed(&key)?.pem();
            Ok(Self { issuer: Issuer::new(parameters, key), pem, made: now.steady })
        };
        make().map_err(CertificateError::Authority)
    }

    fn issue(&self, service: &ServiceName, lifetime: Duration, now: Now) -> Result<CertifiedKey, CertificateError> {
        let host = format!("{}.{}.svc", service.name, service.namespace);
        let make = || {
            let key = KeyPair::generate()?;
            let full = format!("{host}.{}", service.cluster_domain);
            let mut parameters = CertificateParams::new(vec![host.clone(), full])?;
            parameters.distinguished_name = named("bellows metrics");
            parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            // Two authorities of one name stand in the bundle: this tells a client which of them signed.
            parameters.use_authority_key_identifier_extension = true;
            hold(&mut parameters, lifetime, now);
            let certificate = parameters.signed_by(&key, &self.issuer)?;
            Ok((certificate.der().clone(), PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))))
        };
        let made: Result<_, rcgen::Error> = make();
        let (certificate, key) = made.map_err(|source| CertificateError::Leaf { host, source })?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(CertificateError::Key)?;
        Ok(CertifiedKey::new(vec![certificate], key))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn hold(parameters: &mut CertificateParams, lifetime: Duration, now: Now) {
    let since_epoch = Duration::try_from(now.wall.duration_since(jiff::Timestamp::UNIX_EPOCH)).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + since_epoch.saturating_sub(SKEW);
    parameters.not_after = epoch + since_epoch + lifetime;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now { steady: Duration::from_secs(seconds), wall: jiff::Timestamp::UNIX_EPOCH }
    }

    fn certificates() -> Certificates {
        let service = ServiceName {
            name: "bellows".to_owned(),
            namespace: "bellows-system".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
        };
        let seconds = Duration::from_secs;
        let lifetimes = Lifetimes { authority: seconds(1000), leaf: seconds(100), settle: seconds(10) };
        Certificates::new(service, lifetimes, at(0)).unwrap()
    }

    fn shown(certificates: &Certificates) -> Vec<u8> {
        certificates.shown.0.read().unwrap().cert[0].to_vec()
    }

    fn authorities(certificates: &Certificates) -> usize {
        certificates.bundle().matches("BEGIN CERTIFICATE").count()
    }

    #[test]
    fn a_leaf_is_replaced_at_half_its_life_and_the_authority_stays() {
        let mut certificates = certificates();
        let (first, bundle) = (shown(&certificates), certificates.bundle());
        certificates.renew(at(49)).unwrap();
        assert_eq!(shown(&certificates), first);
        assert_eq!(certificates.due(), Duration::from_secs(50));
        certificates.renew(at(50)).unwrap();
        assert_ne!(shown(&certificates), first);
        assert_eq!(certificates.bundle(), bundle);
    }

    #[test]
    fn a_new_authority_signs_only_after_its_registration_has_settled() {
        let mut certificates = certificates();
        certificates.renew(at(500)).unwrap();
        assert_eq!(authorities(&certificates), 2);
        let old = certificates.current.pem.clone();
        certificates.renew(at(600)).unwrap();
        assert_eq!(certificates.current.pem, old, "nobody was told of the new one yet");
        certificates.registered(at(600));
        certificates.renew(at(609)).unwrap();
        assert_eq!(certificates.current.pem, old, "the API server may not have heard of it yet");
        let leaf = shown(&certificates);
        certificates.renew(at(610)).unwrap();
        assert_ne!(certificates.current.pem, old);
        assert_ne!(shown(&certificates), leaf);
        assert_eq!(authorities(&certificates), 2, "what the old one signed may still be shown");
        certificates.renew(at(1000)).unwrap();
        assert!(!certificates.bundle().contains(&old), "nothing that it signed holds any more");
    }
}
