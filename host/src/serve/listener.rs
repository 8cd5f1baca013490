//! Accepting connections within bounds, and ending them well.
//!
//! Owns how many there may be, how long each step may take, and what happens at the end. What is asked is a [`Door`]'s.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most connections of one listener. API servers hold one or two each; at some 50 KiB with TLS and HTTP/2 these are 25 MiB.
const CONNECTIONS_MAX: usize = 512;
/// How long a handshake may take: two round trips on a slow network, many times over.
const ADMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the headers of a request may take.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// Most requests at once on one HTTP/2 connection: what Go's servers allow.
const STREAMS_MAX: u32 = 250;
/// Most bytes of one request's headers: the longest name of a metric and many groups fit twice.
const HEADERS_MAX: u32 = 64 * 1024;
/// How often a silent HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// How long open requests may take after the end was asked for.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing is accepted after the system refused to accept: it lacks descriptors, and retrying at once is a spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection that was let in.
pub(super) struct Admitted<Stream, Guest> {
    /// What is read and written.
    pub(super) stream: Stream,
    /// Who is at the other end.
    pub(super) guest: Arc<Guest>,
    /// How long it may last, where it may not last long, and the place that it takes among those.
    pub(super) brief: Option<(Duration, OwnedSemaphorePermit)>,
}

/// Who lets connections in and answers what they ask.
pub(super) trait Door: Send + Sync + 'static {
    /// What is read and written.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Who is at the other end.
    type Guest: Send + Sync + 'static;

    /// Lets a connection in, or drops it.
    fn admit(&self, socket: TcpStream) -> impl Future<Output = Option<Admitted<Self::Stream, Self::Guest>>> + Send;

    /// Answers one request, within a bounded time.
    fn answer(&self, guest: Arc<Self::Guest>, request: Request<Incoming>) -> impl Future<Output = Response> + Send;
}

/// Accepts until it is cancelled, then lets open requests end.
pub(super) async fn run<D: Door>(listener: TcpListener, door: Arc<D>, cancel: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                // Beyond the bound the newest is dropped: those that are served stay served.
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let (door, cancel) = (Arc::clone(&door), cancel.clone());
                connections.spawn(async move {
                    connection(socket, door, cancel).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    if time::timeout(END_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "connections were cut off at the end");
    }
}

async fn connection<D: Door>(socket: TcpStream, door: Arc<D>, cancel: CancellationToken) {
    // Answers are small: one packet each, at once.
    _ = socket.set_nodelay(true);
    let admitted = tokio::select! {
        () = cancel.cancelled() => return,
        admitted = time::timeout(ADMIT_TIMEOUT, door.admit(socket)) => admitted,
    };
    let Ok(Some(Admitted { stream, guest, brief })) = admitted else { return };
    let service = service_fn(move |request| {
        let (door, guest) = (Arc::clone(&door), Arc::clone(&guest));
        async move { Ok::<_, Infallible>(door.answer(guest, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADERS_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADERS_MAX)
        .keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let over = async {
        match &brief {
            Some((longest, _place)) => time::sleep(*longest).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = over => return,
        () = cancel.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended badly");
    }
}
