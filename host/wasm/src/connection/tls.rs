//! Encryption of connections: which certificates are trusted, and who we are. One TLS library, one provider of
//! cryptography, passed explicitly.
//!
//! A peer is not verified only where its connection says so.

use std::sync::{Arc, OnceLock};

use bellows_core::connection::Tls;
use bellows_core::failure::{Blame, Failure, FailureKind};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::identity::{Encrypted, Presented, Unwelcome};
use crate::connection::NetworkError;

mod identity;

/// Certificates and cryptography of a host.
#[derive(Debug)]
pub(crate) struct TlsSettings {
    provider: Arc<CryptoProvider>,
    authorities: Vec<CertificateDer<'static>>,
    /// Those of the machine and ours; read when the first encrypted connection is made.
    roots: OnceLock<RootCertStore>,
}

impl TlsSettings {
    pub(crate) fn new(authorities: &[String]) -> Result<Self, NetworkError> {
        let mut certificates = Vec::new();
        for pem in authorities {
            certificates.extend(parse(pem).map_err(NetworkError::Authorities)?);
        }
        let mut probe = RootCertStore::empty();
        for certificate in &certificates {
            probe.add(certificate.clone()).map_err(NetworkError::Tls)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(Self { provider, authorities: certificates, roots: OnceLock::new() })
    }

    /// Encrypts a stream to `host`, the name as it was written in the manifest.
    pub(crate) async fn encrypt(
        &self,
        tls: &Tls,
        host: &str,
        endpoint: &str,
        stream: TcpStream,
    ) -> Result<Encrypted<TcpStream>, Failure> {
        let (config, presented) = self.config(tls).map_err(|why| unusable(endpoint, &why))?;
        let name = host.trim_end_matches('.').to_owned();
        let name = ServerName::try_from(name).map_err(|_| unusable(endpoint, "the host is no name for TLS"))?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        connected.map(|stream| Encrypted::new(stream, presented)).map_err(|error| failure(endpoint, &error))
    }

    fn config(&self, tls: &Tls) -> Result<(ClientConfig, Arc<Presented>), String> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if tls.verify {
            builder.with_root_certificates(self.roots_with(tls.authorities.as_deref())?)
        } else {
            let anyone = Anyone(Arc::clone(&self.provider));
            builder.dangerous().with_custom_certificate_verifier(Arc::new(anyone))
        };
        let presented = Arc::new(Presented::new(tls.identity.as_ref(), &self.provider)?);
        Ok((builder.with_client_cert_resolver(Arc::clone(&presented) as _), presented))
    }

    fn roots_with(&self, authorities: Option<&str>) -> Result<RootCertStore, String> {
        let mut roots = self.roots.get_or_init(|| machine_roots(&self.authorities)).clone();
        for certificate in authorities.map(parse).transpose()?.unwrap_or_default() {
            roots.add(certificate).map_err(|error| format!("ca: {error}"))?;
        }
        Ok(roots)
    }
}

fn machine_roots(authorities: &[CertificateDer<'static>]) -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        tracing::warn!(errors = ?found.errors, "this machine trusts no certificate authority");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs.into_iter().chain(authorities.iter().cloned()));
    roots
}

fn parse(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("no PEM certificate in it".to_owned()),
        Err(error) => Err(format!("not PEM: {error}")),
    }
}

/// The settings of the connection cannot work. They come from Secrets, which may be mended without a new manifest.
fn unusable(endpoint: &str, why: &str) -> Failure {
    Failure::new(FailureKind::Denied, Blame::Operator, "tls", format!("{endpoint}: TLS cannot be used: {why}"))
        .of_endpoint()
}

fn failure(endpoint: &str, error: &std::io::Error) -> Failure {
    match broken(error) {
        Some(why) => broken_off(endpoint, Blame::Operator, &why),
        None => broken_off(endpoint, Blame::Source, &error.to_string()),
    }
}

/// Why the peer broke off the encryption, if that is what the error says: it may do so only after the handshake.
pub(crate) fn broken(error: &std::io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    (inner.is::<rustls::Error>() || inner.is::<Unwelcome>()).then(|| inner.to_string())
}

/// The encryption failed. A certificate may be mended at the source at any time, so asking goes on.
pub(crate) fn broken_off(endpoint: &str, blame: Blame, why: &str) -> Failure {
    let why = crate::printable::line(why, 300);
    Failure::new(FailureKind::Transient, blame, "tls", format!("{endpoint}: no TLS connection: {why}")).of_endpoint()
}

/// Takes any certificate, as `unsafeSsl` asks; the peer must still hold the key of the one that it shows.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
