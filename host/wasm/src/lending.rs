//! What one call is lent, whatever the protocol: connections by the names that the trigger type declared, and what the
//! host saw of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellows_core::connection::{AmqpConnection, Connection, HttpConnection, RedisConnection};
use bellows_core::failure::{Blame, Failure, FailureKind, Scope};
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant};

use crate::capability::amqp::{AmqpSource, Inspected};
use crate::capability::http::{HttpRequest, HttpResponse, HttpSource};
use crate::capability::redis::{RedisSource, Replies};
use crate::capability::workload::PodSource;
use crate::limits::Usage;
use crate::printable;
use crate::scaler::Endpoint;

/// Where answers come from: the pools of connections, or the script of a test.
#[derive(Clone)]
#[expect(missing_docs, reason = "each protocol, by its name")]
pub struct Sources {
    pub redis: Arc<dyn RedisSource>,
    pub amqp: Arc<dyn AmqpSource>,
    pub http: Arc<dyn HttpSource>,
}

/// A request that a component made over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// The status code of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took, with all that were sent together.
    pub took: Duration,
}

/// Requests that one run is remembered to have made: some kilobytes, and more than a batch needs.
const EXCHANGES_MAX: usize = 512;

/// What the host saw during a call, whatever the guest will claim.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What became of the connections.
    pub(crate) endpoint: Endpoint,
    /// What was asked over HTTP.
    pub(crate) exchanges: Vec<Exchange>,
    /// What the guest used of its bounds.
    pub(crate) usage: Usage,
}

impl Seen {
    pub(crate) fn exchanged(&mut self, statuses: impl Iterator<Item = Option<u16>>, took: Duration) {
        let room = EXCHANGES_MAX.saturating_sub(self.exchanges.len());
        self.exchanges.extend(statuses.take(room).map(|status| Exchange { status, took }));
    }
}

/// What one call is lent.
pub(crate) struct Lending {
    pub(crate) sources: Sources,
    /// `None` where the host has no cluster.
    pub(crate) pods: Option<Arc<dyn PodSource>>,
    pub(crate) namespace: String,
    pub(crate) connections: Arc<BTreeMap<String, Connection>>,
    /// When questions to a source must be over; earlier than the end of the call, so that the guest can still answer.
    pub(crate) until: Instant,
    pub(crate) seen: Seen,
}

impl Lending {
    /// The connection of that name, if it is one that `pick` knows.
    pub(crate) fn find<C: Clone>(
        &self,
        name: &str,
        pick: impl FnOnce(&Connection) -> Option<&C>,
    ) -> Result<C, Failure> {
        let wrong = |why: String| Failure::new(FailureKind::Invalid, Blame::Scaler, "no-such-connection", why);
        let shown = printable::line(name, 64);
        let connection = self.connections.get(name);
        let connection = connection.ok_or_else(|| wrong(format!("no connection {shown:?} is lent to this call")))?;
        let other = || wrong(format!("the connection {shown:?} speaks {:?}", connection.protocol()));
        pick(connection).cloned().ok_or_else(other)
    }

    /// Remembers what questions showed of a connection: one answer shows that it is there.
    pub(crate) fn saw<'a, T: 'a>(&mut self, results: impl IntoIterator<Item = &'a Result<T, Failure>>) {
        let mut failed = None;
        for result in results {
            match result {
                Err(failure) if failure.scope == Scope::Endpoint => failed = failed.or(Some(failure)),
                _ => {
                    if matches!(self.seen.endpoint, Endpoint::Unused) {
                        self.seen.endpoint = Endpoint::Answered;
                    }
                    return;
                }
            }
        }
        if let Some(failure) = failed {
            self.seen.endpoint = Endpoint::Failed(failure.clone());
        }
    }
}

impl Sources {
    /// Sources that answer nothing: what the script of a test leaves out.
    pub fn silent() -> Self {
        Self { redis: Arc::new(Silent), amqp: Arc::new(Silent), http: Arc::new(Silent) }
    }
}

struct Silent;

fn nothing() -> Failure {
    Failure::new(FailureKind::Transient, Blame::Host, "no-source", "this host has no source of that kind")
}

impl RedisSource for Silent {
    fn pipeline<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call RedisConnection,
        _commands: Vec<Vec<String>>,
        _until: Instant,
    ) -> BoxFuture<'call, Result<Replies, Failure>> {
        Box::pin(std::future::ready(Err(nothing())))
    }
}

impl AmqpSource for Silent {
    fn inspect<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call AmqpConnection,
        _queues: Vec<String>,
        _until: Instant,
    ) -> BoxFuture<'call, Inspected> {
        Box::pin(std::future::ready(Err(nothing())))
    }
}

impl HttpSource for Silent {
    fn send<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call HttpConnection,
        requests: Vec<HttpRequest>,
        _until: Instant,
    ) -> BoxFuture<'call, Vec<Result<HttpResponse, Failure>>> {
        Box::pin(std::future::ready(vec![Err(nothing()); requests.len()]))
    }
}
