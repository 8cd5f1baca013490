//! The pool of Redis connections: one for each endpoint, credentials, encryption and database, whoever asks. Questions of
//! all triggers travel over it as pipelines; a dead one is noticed and replaced, and its question asked once more.

mod dial;
mod value;

use std::sync::Arc;

use bellows_core::connection::RedisConnection;
use bellows_core::failure::Failure;
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant};

use self::dial::Live;
use super::reach::Reach;
use super::single::Single;
use super::slots::{Idle, Slots, Sweeper};
use crate::capability::redis::{RedisSource, Replies};
use crate::egress::Found;

/// Time for the replies to one pipeline, and for all that is done to get them.
const PIPELINE_TIME_MAX: Duration = Duration::from_secs(5);

/// What a connection is shared by: the connection as configured, its host completed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    connection: RedisConnection,
}

/// The pool.
pub(crate) struct RedisPool {
    shared: Arc<Shared>,
    sweeper: Sweeper,
}

struct Shared {
    reach: Arc<Reach>,
    slots: Slots<Key, Single<Live>>,
}

impl RedisPool {
    pub(crate) fn new(reach: Arc<Reach>) -> Self {
        Self { shared: Arc::new(Shared { reach, slots: Slots::default() }), sweeper: Sweeper::default() }
    }
}

impl Idle for Shared {
    fn close_idle(&self) {
        Idle::close_idle(&self.slots);
        self.reach.forget_old_names();
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
        self.sweeper.ensure(&self.shared);
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
        let found = self.reach.find(namespace, &connection.host, until).await?;
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
                let found = self.reach.find_anew(namespace, &connection.host, until).await?;
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

    fn slot(&self, found: &Found, connection: &RedisConnection) -> Result<Arc<Single<Live>>, Failure> {
        // The written host matters where a certificate is verified against it, else only the place that it means.
        let mut connection = connection.clone();
        if connection.tls.is_none() {
            connection.host.clone_from(&found.name);
        }
        self.slots.get(Key { name: found.name.clone(), connection }, |_| Single::default())
    }

    async fn live(
        &self,
        slot: &Single<Live>,
        found: &Found,
        connection: &RedisConnection,
        until: Instant,
    ) -> Result<Arc<Live>, Failure> {
        let endpoint = dial::endpoint(connection);
        slot.live(&endpoint, until, |end| dial::dial(&self.reach, found, connection, end)).await
    }
}
