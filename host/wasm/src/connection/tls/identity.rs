//! Who we are to a peer that asks for a client certificate, and what it means when the peer then goes away.
//!
//! With TLS 1.3 our handshake is over before the peer has judged our certificate. One that does not take it sends an alert
//! and resets the connection, and the reset may overtake the alert; so the end of a connection on which the peer asked who
//! we are, before it said anything, is told for what it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bellows_core::connection::Identity;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// The peer wanted to know who we are, and left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwelcome {
    #[error("it asks for a client certificate, and none is configured")]
    Nobody,
    #[error("it closed the connection when it was shown the client certificate")]
    Refused,
}

/// Our certificate, if there is one, and whether the peer asked for it.
#[derive(Debug)]
pub(crate) struct Presented {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl Presented {
    pub(super) fn new(identity: Option<&Identity>, provider: &CryptoProvider) -> Result<Self, String> {
        let key = identity.map(|identity| certified(identity, provider).map(Arc::new)).transpose()?;
        Ok(Self { key, asked: AtomicBool::new(false) })
    }

    /// What the end of a connection means on which the peer has said nothing yet.
    fn unwelcome(&self) -> Option<Unwelcome> {
        let why = if self.key.is_some() { Unwelcome::Refused } else { Unwelcome::Nobody };
        self.asked.load(Ordering::Relaxed).then_some(why)
    }
}

fn certified(identity: &Identity, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = super::parse(&identity.certificate).map_err(|why| format!("the client certificate: {why}"))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes())
        .map_err(|_| "the client key is no PEM private key".to_owned())?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| format!("the client certificate: {error}"))
}

impl ResolvesClientCert for Presented {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

/// An encrypted stream. Its first word from the peer settles whether we are welcome.
pub(crate) struct Encrypted<S> {
    stream: TlsStream<S>,
    /// Gone when the peer has said something.
    presented: Option<Arc<Presented>>,
}

impl<S> Encrypted<S> {
    pub(super) fn new(stream: TlsStream<S>, presented: Arc<Presented>) -> Self {
        Self { stream, presented: Some(presented) }
    }

    fn ended(&self) -> Option<io::Error> {
        let why = self.presented.as_ref()?.unwelcome()?;
        Some(io::Error::new(io::ErrorKind::ConnectionReset, why))
    }

    /// An alert says more than we can guess.
    fn told(&self, error: io::Error) -> io::Error {
        let alert = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        if alert { error } else { self.ended().unwrap_or(error) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, wanted) = (buffer.filled().len(), buffer.remaining());
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer)).map_err(|error| self.told(error));
        if read.is_ok() && wanted > 0 {
            if buffer.filled().len() > before {
                self.presented = None;
            } else if let Some(error) = self.ended() {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        polled.map_err(|error| self.told(error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        polled.map_err(|error| self.told(error))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
