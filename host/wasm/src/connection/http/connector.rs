//! Connections of an origin for the HTTP library: dialled by our rules, whatever the address in a request says.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bellows_core::connection::HttpConnection;
use bellows_core::failure::Failure;
use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tower::Service;

use crate::connection::reach::{Reach, Stream};
use crate::connection::single::DIAL_TIME_MAX;

/// Why there is no connection, in our own words; the library carries it to whoever asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DialError(pub(crate) Failure);

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
