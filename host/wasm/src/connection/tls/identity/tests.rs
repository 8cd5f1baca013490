//! What the end of a connection means, with peers of our own over a pipe in memory.

use std::sync::Arc;

use bellows_core::connection::{Identity, Secret};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

/// What the peer does after the handshake.
#[derive(Clone, Copy)]
struct Peer {
    asks: bool,
    says: &'static [u8],
}

/// An encrypted stream to a peer that takes any certificate, or none, and then goes without a goodbye.
async fn stream_to(peer: Peer, with_identity: bool) -> Encrypted<DuplexStream> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let server =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let server = if peer.asks {
        let roots = Arc::new(roots.clone());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        server.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
    } else {
        server.with_no_client_auth()
    };
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = server.with_single_cert(vec![certificate.der().clone()], private).unwrap();
    let identity = Identity { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) };
    let presented = Arc::new(Presented::new(with_identity.then_some(&identity), &provider).unwrap());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_client_cert_resolver(Arc::clone(&presented) as _);
    let (near, far) = duplex(64 * 1024);
    let served = tokio::spawn(async move {
        let mut stream = TlsAcceptor::from(Arc::new(server)).accept(far).await.unwrap();
        stream.write_all(peer.says).await.unwrap();
        stream.flush().await.unwrap();
    });
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, near).await.unwrap();
    served.await.unwrap();
    Encrypted::new(stream, presented)
}

async fn why_it_ended(peer: Peer, with_identity: bool) -> Option<Unwelcome> {
    let mut stream = stream_to(peer, with_identity).await;
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    error.get_ref().and_then(|inner| inner.downcast_ref::<Unwelcome>()).copied()
}

#[tokio::test]
async fn a_peer_that_asks_who_we_are_and_leaves_without_a_word_has_refused_us() {
    let asks = Peer { asks: true, says: b"" };
    assert_eq!(why_it_ended(asks, false).await, Some(Unwelcome::Nobody));
    assert_eq!(why_it_ended(asks, true).await, Some(Unwelcome::Refused));
    let error = stream_to(asks, false).await.read_u8().await.unwrap_err();
    assert_eq!(
        super::super::broken(&error).as_deref(),
        Some("it asks for a client certificate, and none is configured")
    );
    let mut written = stream_to(asks, false).await;
    let error = written.write_all(b"AMQP").await.unwrap_err();
    assert_eq!(error.get_ref().and_then(|inner| inner.downcast_ref::<Unwelcome>()), Some(&Unwelcome::Nobody));
}

#[tokio::test]
async fn the_end_of_any_other_connection_is_only_an_end() {
    assert_eq!(why_it_ended(Peer { asks: false, says: b"" }, false).await, None);
    assert_eq!(why_it_ended(Peer { asks: true, says: b"AMQP" }, false).await, None);
}
