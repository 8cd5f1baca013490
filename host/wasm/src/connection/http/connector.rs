//! Connections of an origin for the HTTP library: dialled by our rules, whatever the address in a request says.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bellows_core::connection::HttpConnection;
use bellows_core::failure::Failure;
use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Error;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tower::Service;

use crate::connection::reach::{Reach, Stream};
use crate::connection::single::DIAL_TIME_MAX;
use crate::connection::tls;

/// Why there is no connection, in our own words; the library carries it to whoever asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DialError(pub(crate) Failure);

/// Why a request has no answer.
pub(crate) enum Unanswered {
    /// There is no connection.
    Undialled(Failure),
    /// The peer broke off the encryption.
    Encryption(String),
    /// What answers speaks another protocol.
    NoHttp,
    /// The connection ended first.
    Closed,
}

impl Unanswered {
    /// What the library's error was, by the innermost cause that says something.
    pub(crate) fn of(error: &Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(DialError(failure)) = cause.downcast_ref::<DialError>() {
                return Self::Undialled(failure.clone());
            }
            if let Some(why) = cause.downcast_ref::<std::io::Error>().and_then(tls::broken) {
                return Self::Encryption(why);
            }
            if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
                return Self::NoHttp;
            }
            source = cause.source();
        }
        Self::Closed
    }
}

/// Dials one origin.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) reach: Arc<Reach>,
    pub(super) namespace: Arc<str>,
    pub(super) connection: Arc<HttpConnection>,
    pub(super) endpoint: Arc<str>,
}

impl Service<Uri> for Connector {
    type Response = Io;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Io, DialError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _origin: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let until = Instant::now() + DIAL_TIME_MAX;
            let connection = &this.connection;
            let found = this.reach.find_anew(&this.namespace, &connection.host, until).await.map_err(DialError)?;
            let place = (connection.host.as_str(), connection.port);
            let dialled = this.reach.dial(&found, place, connection.tls.as_ref(), &this.endpoint, until);
            dialled.await.map(|stream| Io(TokioIo::new(stream))).map_err(DialError)
        })
    }
}

/// A stream in the library's own terms.
pub(crate) struct Io(pub(crate) TokioIo<Box<dyn Stream>>);

impl Connection for Io {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
