//! The request-header configuration as last read, and reading it again: every minute, and soon after a certificate of an
//! unknown authority was shown.
//!
//! Owns what is believed now. When it cannot be read, what was read last holds; before the first time nobody is believed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bellows_core::Now;
use http::HeaderMap;
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::sync::Notify;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::front_proxy::{FrontProxy, Unauthenticated};
use super::readiness::Condition;
use super::upstream::{ApiServer, chain};

/// When the configuration is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// As a rule. A rotation of the aggregator's authority publishes the new one long before it is used.
    pub every: Duration,
    /// At the soonest, because of a stranger, who could otherwise make us ask the API server at will; also the longest
    /// wait after a failed read.
    pub again_after: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { every: Duration::from_secs(60), again_after: Duration::from_secs(10) }
    }
}

/// The first retry of a failed read; doubled up to [`Rhythm::again_after`].
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// How long a verified chain is believed without being verified again, so that one that expires while its connection is
/// open is noticed. A verification costs some 50 µs, so this is for the tail of answers, not for their sum.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

/// What is believed now.
#[derive(Debug)]
pub struct Trust {
    known: RwLock<Option<Arc<Known>>>,
    stranger: Notify,
    api: Arc<dyn ApiServer>,
    condition: Condition,
    rhythm: Rhythm,
}

#[derive(Debug)]
struct Known {
    /// What it was parsed from.
    data: BTreeMap<String, String>,
    front_proxy: FrontProxy,
}

/// The other end of a connection, by the chain that it proved to own; empty where it showed none.
#[derive(Debug)]
pub struct Peer {
    chain: Vec<CertificateDer<'static>>,
    /// By which configuration, and when, it was last found to be good.
    verified: Mutex<Option<(Arc<Known>, Duration)>>,
}

impl Peer {
    /// A peer that nobody verified yet.
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        Self { chain, verified: Mutex::new(None) }
    }
}

impl Trust {
    /// Believes nobody until [`Self::run`] has read the configuration.
    pub fn new(api: Arc<dyn ApiServer>, condition: Condition, rhythm: Rhythm) -> Self {
        Self { known: RwLock::new(None), stranger: Notify::new(), api, condition, rhythm }
    }

    /// Whether the peer may speak for others now.
    pub fn verify(&self, peer: &Peer, now: Now) -> Result<(), Unauthenticated> {
        self.known_to(peer, now).map(|_known| ())
    }

    /// In whose name the peer makes a request with these headers.
    pub fn caller(&self, peer: &Peer, headers: &HeaderMap, now: Now) -> Result<Caller, Unauthenticated> {
        self.known_to(peer, now)?.front_proxy.headers.caller(headers).ok_or(Unauthenticated::NoUser)
    }

    fn known_to(&self, peer: &Peer, now: Now) -> Result<Arc<Known>, Unauthenticated> {
        if peer.chain.is_empty() {
            return Err(Unauthenticated::NoCertificate);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let known = known.ok_or(Unauthenticated::NotYet)?;
        let mut verified = peer.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = verified
            .as_ref()
            .is_some_and(|(by, at)| Arc::ptr_eq(by, &known) && now.steady.saturating_sub(*at) < VERIFIED_FOR);
        if !fresh {
            let since_epoch = Duration::try_from(now.wall.duration_since(jiff::Timestamp::UNIX_EPOCH));
            let at = UnixTime::since_unix_epoch(since_epoch.unwrap_or_default());
            let result = known.front_proxy.verify(&peer.chain, at);
            if let Err(Unauthenticated::Untrusted(_)) = result {
                self.stranger.notify_one();
            }
            result?;
            *verified = Some((Arc::clone(&known), now.steady));
        }
        Ok(known)
    }

    /// Reads the configuration until it is cancelled.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut retry = RETRY_FIRST;
        loop {
            let wait = match self.read().await {
                Ok(()) => {
                    retry = RETRY_FIRST;
                    self.condition.met();
                    self.rhythm.every
                }
                Err(reason) => {
                    tracing::warn!(reason, "whom to believe is not known anew");
                    if self.known.read().unwrap_or_else(PoisonError::into_inner).is_none() {
                        self.condition.missing(reason);
                    }
                    let wait = retry;
                    retry = (retry * 2).min(self.rhythm.again_after);
                    wait
                }
            };
            let stranger = async {
                time::sleep(self.rhythm.again_after).await;
                self.stranger.notified().await;
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = time::sleep(wait) => {}
                () = stranger => {}
            }
        }
    }

    async fn read(&self) -> Result<(), String> {
        let data = self.api.front_proxy().await.map_err(|error| chain(&error))?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|known| known.data == data) {
            return Ok(());
        }
        let front_proxy = FrontProxy::parse(&data).map_err(|error| chain(&error))?;
        tracing::info!(?front_proxy, "callers are believed through the cluster's front proxy");
        *known = Some(Arc::new(Known { data, front_proxy }));
        Ok(())
    }
}
