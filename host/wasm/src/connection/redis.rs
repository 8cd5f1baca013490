//! The pool of Redis connections: one for each endpoint, credentials, encryption and database, whoever asks. Questions of
//! all triggers travel over it as pipelines; a dead one is noticed and replaced, and its question asked once more.

mod dial;
mod value;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bellows_core::connection::RedisConnection;
use bellows_core::failure::{Blame, Failure, FailureKind};
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, timeout_at};

use self::dial::{Dialer, Live};
use crate::capability::redis::{RedisSource, Replies};
use crate::connection::{NetworkError, NetworkSettings};
use crate::egress::Found;

/// Endpoints that connections are held to: beyond 10,000 objects on as many servers, which no host has file handles for.
const SLOTS_MAX: usize = 4_096;
/// Names remembered, a few for each endpoint.
const NAMES_MAX: usize = 4 * SLOTS_MAX;
/// A connection that nobody asked anything over for this long is closed: twice the longest polling interval seen.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// How often that is looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How long a completed name stands before it is looked up again.
const NAME_AGE_MAX: Duration = Duration::from_secs(60);
/// Time to connect and be let in: two addresses of 1.5 s, and a second for the handshakes.
const DIAL_TIME_MAX: Duration = Duration::from_secs(4);
/// Time for the replies to one pipeline, and for all that is done to get them.
const PIPELINE_TIME_MAX: Duration = Duration::from_secs(5);

/// What a connection is shared by: the connection as configured, its host completed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    connection: RedisConnection,
}

/// One connection, or the attempt to have it.
struct Slot {
    attempt: tokio::sync::Mutex<Attempt>,
    usage: Mutex<Usage>,
}

struct Usage {
    last: Instant,
    /// Dials begun, so that who waited for a dial that failed does not dial again at once.
    dials: u64,
}

#[derive(Default)]
struct Attempt {
    live: Option<Arc<Live>>,
    dials: u64,
    failure: Option<Failure>,
}

struct Named {
    found: Found,
    at: Instant,
}

/// The pool.
pub(crate) struct RedisPool {
    shared: Arc<Shared>,
    sweeper: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    dialer: Dialer,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    names: Mutex<HashMap<(String, String), Named>>,
}

impl RedisPool {
    pub(crate) fn new(settings: &NetworkSettings) -> Result<Self, NetworkError> {
        let dialer = Dialer::new(settings)?;
        let shared = Shared { dialer, slots: Mutex::default(), names: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), sweeper: Mutex::new(None) })
    }

    /// Starts the sweeper with the first question, because only then there is a runtime for certain.
    fn ensure_sweeper(&self) {
        let mut sweeper = self.sweeper.lock().unwrap_or_else(PoisonError::into_inner);
        if sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            *sweeper = Some(tokio::spawn(sweep(Arc::downgrade(&self.shared))));
        }
    }
}

impl Drop for RedisPool {
    fn drop(&mut self) {
        let sweeper = self.sweeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(sweeper) = sweeper.take() {
            sweeper.abort();
        }
    }
}

async fn sweep(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(shared) = shared.upgrade() else { return };
        shared.close_idle(IDLE_MAX);
    }
}

impl RedisSource for RedisPool {
    fn pipeline<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call RedisConnection,
        commands: Vec<Vec<String>>,
        until: Instant,
    ) -> BoxFuture<'call, Result<Replies, Failure>> {
        self.ensure_sweeper();
        let until = until.min(Instant::now() + PIPELINE_TIME_MAX);
        Box::pin(self.shared.pipeline(namespace, connection, commands, until))
    }
}

impl Shared {
    async fn pipeline(
        &self,
        namespace: &str,
        connection: &RedisConnection,
        commands: Vec<Vec<String>>,
        until: Instant,
    ) -> Result<Replies, Failure> {
        let found = self.find(namespace, &connection.host, until).await?;
        let slot = self.slot(&found, connection)?;
        let endpoint = dial::endpoint(connection);
        let live = self.live(&slot, &found, connection, until).await?;
        match live.pipeline(&commands, &endpoint, until).await {
            Err(broken) if broken.is_dead => {
                live.close();
                if !broken.may_ask_again {
                    return Err(broken.failure);
                }
                // The connection died under the question. All commands only read, so asking once more does no harm.
                let found = self.dialer.find(namespace, &connection.host, until).await?;
                let live = self.live(&slot, &found, connection, until).await?;
                let again = live.pipeline(&commands, &endpoint, until).await;
                again.map_err(|broken| {
                    if broken.is_dead {
                        live.close();
                    }
                    broken.failure
                })
            }
            result => result.map_err(|broken| broken.failure),
        }
    }

    /// The host, completed: remembered for a while, and for longer where it cannot be looked up.
    async fn find(&self, namespace: &str, host: &str, until: Instant) -> Result<Found, Failure> {
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
        match self.dialer.find(namespace, host, until).await {
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

    fn slot(&self, found: &Found, connection: &RedisConnection) -> Result<Arc<Slot>, Failure> {
        // The written host matters where a certificate is verified against it, else only the place that it means.
        let mut connection = connection.clone();
        if connection.tls.is_none() {
            connection.host.clone_from(&found.name);
        }
        let key = Key { name: found.name.clone(), connection };
        if let Some(slot) = self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(slot));
        }
        if self.slots.lock().unwrap_or_else(PoisonError::into_inner).len() >= SLOTS_MAX {
            self.close_idle(SWEEP_INTERVAL);
        }
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= SLOTS_MAX {
            let message = format!("{SLOTS_MAX} endpoints are connected, no further one is");
            return Err(Failure::new(FailureKind::Transient, Blame::Host, "connections", message));
        }
        let slot = slots.entry(key).or_insert_with(|| {
            let usage = Mutex::new(Usage { last: Instant::now(), dials: 0 });
            Arc::new(Slot { attempt: tokio::sync::Mutex::default(), usage })
        });
        Ok(Arc::clone(slot))
    }

    /// The connection of a slot; dials where there is none. Whoever comes meanwhile waits for the same dial.
    async fn live(
        &self,
        slot: &Slot,
        found: &Found,
        connection: &RedisConnection,
        until: Instant,
    ) -> Result<Arc<Live>, Failure> {
        let seen = slot.touch();
        let endpoint = dial::endpoint(connection);
        let Ok(mut attempt) = timeout_at(until, slot.attempt.lock()).await else {
            return Err(dial::too_late(&endpoint, "no connection could be had"));
        };
        if let Some(live) = attempt.live.as_ref().filter(|live| live.is_open()) {
            return Ok(Arc::clone(live));
        }
        if attempt.dials > seen
            && let Some(failure) = &attempt.failure
        {
            return Err(failure.clone());
        }
        attempt.live = None;
        attempt.failure = None;
        attempt.dials += 1;
        slot.usage.lock().unwrap_or_else(PoisonError::into_inner).dials = attempt.dials;
        let end = until.min(Instant::now() + DIAL_TIME_MAX);
        let dialled = match timeout_at(end, self.dialer.dial(found, connection, end)).await {
            Ok(dialled) => dialled,
            Err(_elapsed) => Err(dial::too_late(&endpoint, "it accepted a connection and then said nothing")),
        };
        match dialled {
            Ok(live) => {
                let live = Arc::new(live);
                attempt.live = Some(Arc::clone(&live));
                Ok(live)
            }
            Err(failure) => {
                attempt.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    fn close_idle(&self, idle_max: Duration) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // Who uses a slot holds a second reference to it.
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.idle() < idle_max);
        drop(slots);
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, named| named.at.elapsed() < IDLE_MAX);
    }
}

impl Slot {
    fn touch(&self) -> u64 {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.last = Instant::now();
        usage.dials
    }

    fn idle(&self) -> Duration {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).last.elapsed()
    }
}
