//! A stream that yields only as many bytes as its questions may be answered with: a reply is held in memory whole, and
//! its length is the source's choice. It also remembers what it died of, which the library above it does not tell.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tls;

/// Bytes of the replies to one pipeline: 10,000 replies of 400 bytes. In memory they may take eight times as much.
pub(crate) const REPLY_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of replies outside of any pipeline: those of the handshake.
const HANDSHAKE_BYTES_MAX: u64 = 64 * 1024;

/// The source answered more than was allowed.
#[derive(Debug, thiserror::Error)]
#[error("the replies are larger than {REPLY_BYTES_MAX} bytes")]
pub(crate) struct TooLarge;

/// What a stream died of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The replies were too large.
    TooLarge,
    /// The peer broke off the encryption, or refused who we are: it may say so only after the handshake.
    Tls(String),
    /// Anything else: reset, closed, unreachable.
    Network(String),
}

impl Fault {
    fn of(error: &io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<TooLarge>()) {
            return Self::TooLarge;
        }
        tls::broken(error).map_or_else(|| Self::Network(error.to_string()), Self::Tls)
    }
}

/// What a stream may still yield, and what it died of.
#[derive(Debug)]
pub(crate) struct Credit {
    bytes: AtomicU64,
    questions: AtomicU64,
    fault: OnceLock<Fault>,
}

impl Default for Credit {
    fn default() -> Self {
        Self { bytes: AtomicU64::new(HANDSHAKE_BYTES_MAX), questions: AtomicU64::new(0), fault: OnceLock::new() }
    }
}

impl Credit {
    /// Credit for one pipeline, until the guard is dropped.
    pub(crate) fn question(self: &Arc<Self>) -> Question {
        self.questions.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(REPLY_BYTES_MAX, Ordering::Relaxed);
        Question(Arc::clone(self))
    }

    /// What the stream died of, if it did.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }

    /// Remembers the first error that passes by.
    fn note<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled {
            self.fault.get_or_init(|| Fault::of(error));
        }
        polled
    }

    /// What was not used by answered questions is not saved up.
    fn answered(&self) {
        let open = self.questions.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
        self.bytes.fetch_min(HANDSHAKE_BYTES_MAX + open * REPLY_BYTES_MAX, Ordering::Relaxed);
    }

    fn take(&self, count: usize) {
        let count = count as u64;
        // The closure always answers, so there is no error to handle.
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(count)));
    }
}

/// One question that is waiting for its replies.
pub(crate) struct Question(Arc<Credit>);

impl Drop for Question {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// The stream.
pub(crate) struct Metered<S> {
    stream: S,
    credit: Arc<Credit>,
}

impl<S> Metered<S> {
    pub(crate) fn new(stream: S, credit: Arc<Credit>) -> Self {
        Self { stream, credit }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.credit.bytes.load(Ordering::Relaxed) == 0 {
            return self.credit.note(Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, TooLarge))));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.credit.take(buffer.filled().len().saturating_sub(before));
        self.credit.note(polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.credit.note(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.credit.note(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn a_reply_beyond_the_credit_is_cut_off() {
        let credit = Arc::new(Credit::default());
        let mut stream = Metered::new(tokio::io::join(tokio::io::repeat(1), tokio::io::sink()), Arc::clone(&credit));
        let _question = credit.question();
        let error = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<TooLarge>()));
        assert_eq!(credit.fault(), Some(&Fault::TooLarge));
    }

    #[tokio::test]
    async fn unused_credit_is_not_saved_up() {
        let credit = Arc::new(Credit::default());
        for _ in 0..100 {
            drop(credit.question());
        }
        assert_eq!(credit.bytes.load(Ordering::Relaxed), HANDSHAKE_BYTES_MAX);
    }

    #[tokio::test]
    async fn bytes_within_the_credit_pass() {
        let credit = Arc::new(Credit::default());
        let mut stream = Metered::new(tokio::io::join(&b"+OK\r\n"[..], tokio::io::sink()), credit);
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "+OK\r\n");
    }
}
