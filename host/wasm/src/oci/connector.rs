//! Connections to registries for the HTTP library, dialled by the rules that hold for scalers too: names as a pod looks
//! them up, every address judged, certificates verified.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bellows_core::connection::Tls;
use bellows_core::failure::{Blame, Failure, FailureKind};
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};
use tower::Service;

use crate::connection::http::connector::{DialError, Io};
use crate::connection::reach::Reach;

/// Dials whatever a request names; who makes requests has judged their URLs.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) reach: Arc<Reach>,
    pub(super) namespace: Arc<str>,
    pub(super) time_max: Duration,
}

/// The host of a URL without the brackets of an address, and its port.
pub(super) fn place(uri: &Uri) -> (String, u16) {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    (host, uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 }))
}

impl Service<Uri> for Connector {
    type Response = Io;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Io, DialError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (host, port) = place(&uri);
            let endpoint = format!("{host}:{port}");
            let tls = Tls { verify: true, authorities: None, identity: None };
            let tls = (uri.scheme_str() != Some("http")).then_some(&tls);
            let until = Instant::now() + this.time_max;
            let dialling = async {
                let found = this.reach.find_anew(&this.namespace, &host, until).await?;
                this.reach.dial(&found, (&host, port), tls, &endpoint, until).await
            };
            let dialled = timeout_at(until, dialling).await.unwrap_or_else(|_elapsed| {
                let why = format!("{endpoint} gave no connection within {:?}", this.time_max);
                Err(Failure::new(FailureKind::Transient, Blame::Source, "timeout", why).of_endpoint())
            });
            dialled.map(|stream| Io(TokioIo::new(stream))).map_err(DialError)
        })
    }
}
