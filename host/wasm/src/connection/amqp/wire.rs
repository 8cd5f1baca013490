//! What the AMQP library is told of the world: our stream instead of one that it would dial, on our runtime.
//!
//! The library reads and writes on a thread of its own, which ends only when its stream does. So each stream can be cut.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures::Stream as Sequence;
use futures::io::{AsyncRead, AsyncWrite};
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use crate::connection::metered::Metered;
use crate::connection::reach::Stream;

/// Ends a stream from outside.
#[derive(Debug, Default)]
pub(super) struct Cut {
    done: AtomicBool,
    waiting: AtomicWaker,
}

impl Cut {
    /// Whoever reads is woken by an error, and nothing is written any more.
    pub(super) fn now(&self) {
        self.done.store(true, Ordering::SeqCst);
        self.waiting.wake();
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    fn watch(&self, context: &Context<'_>) -> io::Result<()> {
        self.waiting.register(context.waker());
        if self.is_done() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// The stream in the library's own terms.
pub(super) struct Wire {
    pub(super) stream: Metered<Box<dyn Stream>>,
    pub(super) cut: Arc<Cut>,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        self.cut.watch(context)?;
        let mut buffer = ReadBuf::new(bytes);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.cut.is_done() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The farewell of TLS must not wait for a peer that takes nothing.
        if self.cut.watch(context).is_err() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Time from tokio, and no way to the network.
#[derive(Debug, Clone)]
pub(super) struct Undialled(Tokio);

impl Reactor for Undialled {
    type TcpStream = Wire;
    type Sleep = tokio::time::Sleep;

    fn register<H: io::Read + io::Write + std::os::fd::AsFd + std::os::fd::AsRawFd + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Wire, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Sequence<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        _address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// The runtime that we are in, as the library wants it.
pub(super) fn runtime() -> Runtime<RuntimeParts<Tokio, Undialled>> {
    let tokio = Tokio::current();
    Runtime::new(RuntimeParts::new(tokio.clone(), Undialled(tokio)))
}
