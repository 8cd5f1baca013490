//! The pool of AMQP connections: one for each endpoint, credentials, encryption and virtual host, whoever asks. Questions
//! of all triggers travel over its few channels; a dead connection is noticed and replaced, and its question asked once
//! more.

mod dial;
mod inspect;
mod refusal;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use bellows_core::connection::AmqpConnection;
use bellows_core::failure::{Blame, Failure, FailureKind};
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant};

use self::dial::Live;
use super::reach::Reach;
use super::single::Single;
use super::slots::{Idle, Slots, Sweeper};
use crate::capability::amqp::{AmqpSource, Inspected};
use crate::egress::Found;

/// Time for all queues of one call, and for all that is done to look at them. A broker answers for a thousand queues in
/// 0.1 s; 5 s are for one that is busy, or an ocean away.
const INSPECTION_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes of a name beyond ASCII, with those of its virtual host. A broker's refusal quotes both, and cuts its text at 255
/// bytes even within a letter, which the library takes for the end of the connection. 100 bytes are for the rest of it.
const WIDE_BYTES_MAX: usize = 155;

/// What a connection is shared by: the connection as configured, its host completed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    connection: AmqpConnection,
}

/// The pool.
pub(crate) struct AmqpPool {
    shared: Arc<Shared>,
    sweeper: Sweeper,
}

struct Shared {
    reach: Arc<Reach>,
    slots: Slots<Key, Single<Live>>,
}

impl AmqpPool {
    pub(crate) fn new(reach: Arc<Reach>) -> Self {
        Self { shared: Arc::new(Shared { reach, slots: Slots::default() }), sweeper: Sweeper::default() }
    }
}

impl Idle for Shared {
    fn close_idle(&self) {
        Idle::close_idle(&self.slots);
    }
}

impl AmqpSource for AmqpPool {
    fn inspect<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call AmqpConnection,
        queues: Vec<String>,
        until: Instant,
    ) -> BoxFuture<'call, Inspected> {
        self.sweeper.ensure(&self.shared);
        let until = until.min(Instant::now() + INSPECTION_TIME_MAX);
        Box::pin(self.shared.inspect(namespace, connection, queues, until))
    }
}

impl Shared {
    async fn inspect(
        &self,
        namespace: &str,
        connection: &AmqpConnection,
        queues: Vec<String>,
        until: Instant,
    ) -> Inspected {
        // Many triggers may watch one queue: each name is asked for once.
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut distinct: Vec<&str> = Vec::new();
        for queue in queues.iter().filter(|queue| !is_too_wide(queue, connection)) {
            places.entry(queue).or_insert_with(|| {
                distinct.push(queue);
                distinct.len() - 1
            });
        }
        let answers =
            if distinct.is_empty() { Vec::new() } else { self.ask(namespace, connection, &distinct, until).await? };
        let answer = |queue: &String| places.get(queue.as_str()).and_then(|place| answers.get(*place)).cloned();
        Ok(queues.iter().map(|queue| answer(queue).unwrap_or_else(|| Err(too_wide()))).collect())
    }

    async fn ask(&self, namespace: &str, connection: &AmqpConnection, queues: &[&str], until: Instant) -> Inspected {
        let found = self.reach.find(namespace, &connection.host, until).await?;
        let slot = self.slot(&found, connection)?;
        let live = self.live(&slot, &found, connection, until).await?;
        match live.inspect(queues, until).await {
            Err(broken) if broken.is_dead => {
                live.close();
                if !broken.may_ask_again {
                    return Err(broken.failure);
                }
                // The connection died under the question. It only looks, so asking once more does no harm.
                let found = self.reach.find_anew(namespace, &connection.host, until).await?;
                let live = self.live(&slot, &found, connection, until).await?;
                let again = live.inspect(queues, until).await;
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

    fn slot(&self, found: &Found, connection: &AmqpConnection) -> Result<Arc<Single<Live>>, Failure> {
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
        connection: &AmqpConnection,
        until: Instant,
    ) -> Result<Arc<Live>, Failure> {
        let endpoint = refusal::endpoint(connection);
        slot.live(&endpoint, until, |end| dial::dial(&self.reach, found, connection, end)).await
    }
}

fn is_too_wide(queue: &str, connection: &AmqpConnection) -> bool {
    if queue.len() > dial::NAME_BYTES_MAX {
        return true;
    }
    let is_wide = !queue.is_ascii() || !connection.virtual_host.is_ascii();
    is_wide && queue.len() + connection.virtual_host.len() > WIDE_BYTES_MAX
}

fn too_wide() -> Failure {
    let message = format!(
        "the name of the queue is too long, or, with its virtual host, has more than {WIDE_BYTES_MAX} bytes with letters \
         beyond ASCII: look at it over HTTP"
    );
    Failure::new(FailureKind::Invalid, Blame::Operator, "queue-name", message)
}

#[cfg(test)]
mod tests;
