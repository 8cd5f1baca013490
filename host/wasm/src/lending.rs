//! What one call is lent, whatever the protocol: connections by the names that the trigger type declared, and what the
//! host saw of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellows_core::connection::{AmqpConnection, Connection, HttpConnection, RedisConnection};
use bellows_core::failure::{Blame, Failure, FailureKind, Scope};
use bellows_core::rights::Rights;
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
    /// What a Scaler of the cluster grants; `None` for a component of the host's own folder.
    pub(crate) rights: Option<Arc<Rights>>,
    /// When questions to a source must be over; earlier than the end of the call, so that the guest can still answer.
    pub(crate) until: Instant,
    pub(crate) seen: Seen,
}

impl Lending {
    /// The connection of that name, if it is one that `pick` knows and may be dialled. It was judged when the trigger was
    /// planned; a grant that was taken away since holds at once.
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
        if let Some(Err(why)) = self.rights.as_ref().map(|rights| rights.judge_place(connection)) {
            return Err(Failure::new(FailureKind::Denied, Blame::Operator, "not-granted", why));
        }
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

/// Rights that grant these commands of Redis, and these hosts where there are any.
#[cfg(test)]
pub(crate) fn rights(redis_commands: &[&str], hosts: Option<&[&str]>) -> Rights {
    use bellows_core::rights::{Ceiling, GrantsDraft, PartDraft};

    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let all =
        PartDraft { redis_commands: Some(words(redis_commands)), hosts: hosts.map(words), ..PartDraft::default() };
    let grants = GrantsDraft { all, ..GrantsDraft::default() }.parse("queue", &Ceiling::NONE).unwrap();
    Rights::clone(grants.anywhere())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lending(hosts: Option<&[&str]>) -> Lending {
        let redis = RedisConnection {
            host: "redis.other".into(),
            port: 6379,
            username: None,
            password: None,
            database: 0,
            tls: None,
        };
        Lending {
            sources: Sources::silent(),
            pods: None,
            namespace: "shop".into(),
            connections: Arc::new([("redis".to_owned(), Connection::Redis(redis))].into()),
            rights: Some(Arc::new(rights(&[], hosts))),
            until: Instant::now(),
            seen: Seen::default(),
        }
    }

    #[test]
    fn a_connection_to_where_nobody_granted_is_not_lent() {
        fn pick(connection: &Connection) -> Option<&RedisConnection> {
            if let Connection::Redis(redis) = connection { Some(redis) } else { None }
        }
        assert!(lending(None).find("redis", pick).is_ok());
        assert!(lending(Some(&["*.other"])).find("redis", pick).is_ok());
        let failure = lending(Some(&["*.shop.svc"])).find("redis", pick).unwrap_err();
        assert_eq!(
            (failure.kind, failure.blame, failure.code.as_str()),
            (FailureKind::Denied, Blame::Operator, "not-granted")
        );
        assert!(failure.message.starts_with("hosts of Scaler queue do not allow redis.other:6379"), "{failure}");
    }
}
