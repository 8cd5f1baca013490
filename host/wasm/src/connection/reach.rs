//! From a host as somebody wrote it to a stream: names remembered for a while, addresses judged, encryption.
//!
//! Every pool dials through here, so that all obey the same policy.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bellows_core::connection::Tls;
use bellows_core::failure::Failure;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Duration, Instant};

use super::slots::{IDLE_MAX, SLOTS_MAX};
use super::tls::TlsSettings;
use super::{NetworkError, NetworkSettings};
use crate::egress::{Found, Network};

/// Names remembered, a few for each endpoint.
const NAMES_MAX: usize = 4 * SLOTS_MAX;
/// How long a completed name stands before it is looked up again.
const NAME_AGE_MAX: Duration = Duration::from_secs(60);

/// What a protocol is spoken over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

struct Named {
    found: Found,
    at: Instant,
}

/// The way out.
pub(crate) struct Reach {
    network: Network,
    tls: TlsSettings,
    names: Mutex<HashMap<(String, String), Named>>,
}

impl Reach {
    pub(crate) fn new(settings: &NetworkSettings) -> Result<Self, NetworkError> {
        let (network, tls) = (Network::new(settings)?, TlsSettings::new(&settings.authorities)?);
        Ok(Self { network, tls, names: Mutex::default() })
    }

    /// The host, completed: remembered for a while, and for longer where it cannot be looked up.
    pub(crate) async fn find(&self, namespace: &str, host: &str, until: Instant) -> Result<Found, Failure> {
        let key = (namespace.to_owned(), host.to_owned());
        let known = {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.get(&key).map(|named| (named.found.clone(), named.at.elapsed()))
        };
        if let Some((found, age)) = &known
            && *age < NAME_AGE_MAX
        {
            return Ok(found.clone());
        }
        match self.find_anew(namespace, host, until).await {
            Ok(found) => {
                let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
                if names.len() >= NAMES_MAX {
                    names.retain(|_, named| named.at.elapsed() < NAME_AGE_MAX);
                }
                if names.len() < NAMES_MAX {
                    names.insert(key, Named { found: found.clone(), at: Instant::now() });
                }
                Ok(found)
            }
            // An outage of names need not end a connection that stands.
            Err(failure) => known.map(|(found, _)| found).ok_or(failure),
        }
    }

    /// The host, looked up now.
    pub(crate) async fn find_anew(&self, namespace: &str, host: &str, until: Instant) -> Result<Found, Failure> {
        self.network.find(namespace, host, until).await
    }

    /// A stream to the first address that is permitted and answers, encrypted where that is asked for. `host` is the name
    /// as it was written, which a certificate is verified against.
    pub(crate) async fn dial(
        &self,
        found: &Found,
        (host, port): (&str, u16),
        tls: Option<&Tls>,
        endpoint: &str,
        until: Instant,
    ) -> Result<Box<dyn Stream>, Failure> {
        let stream = self.network.dial(found, port, endpoint, until).await?;
        match tls {
            None => Ok(Box::new(stream)),
            Some(tls) => Ok(Box::new(self.tls.encrypt(tls, host, endpoint, stream).await?)),
        }
    }

    /// Forgets names that nobody asked for lately.
    pub(crate) fn forget_old_names(&self) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, named| named.at.elapsed() < IDLE_MAX);
    }
}
