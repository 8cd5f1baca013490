//! Looking at queues of an AMQP broker that the owner of the trigger configured. A guest names a connection of its own
//! declaration, never an address, and queues; nothing can be declared, published, taken or deleted.

use bellows_core::connection::{AmqpConnection, Connection};
use bellows_core::failure::{Blame, Failure, FailureKind};
use futures::future::BoxFuture;
use tokio::time::Instant;
use wasmtime::component::Resource;

use crate::bindings::amqp::{Host, HostConnection, Queue};
use crate::bindings::{GuestFailure, failure_for_guest};
use crate::state::State;

/// Queues in one inspection: two for each trigger of a batch of a thousand.
const QUEUES_MAX: usize = 2_000;
/// Bytes of a name, as AMQP has it.
const NAME_BYTES_MAX: usize = 255;

/// A queue, as a passive declaration shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmqpQueue {
    /// Messages that wait for a consumer; those that a consumer holds are not among them.
    pub ready: u64,
    /// Consumers.
    pub consumers: u32,
}

/// One result for each queue, in order; or why there is none at all.
pub type Inspected = Result<Vec<Result<AmqpQueue, Failure>>, Failure>;

/// Where answers come from: the pool of connections, or the script of a test.
pub trait AmqpSource: Send + Sync + 'static {
    /// Looks at all queues at once, before `until`. The names have been judged. `namespace` is the one whose search list
    /// completes a short name of a host.
    fn inspect<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call AmqpConnection,
        queues: Vec<String>,
        until: Instant,
    ) -> BoxFuture<'call, Inspected>;
}

/// What a guest holds for a connection: its name.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the bindings export it under their own name")]
pub struct Handle(String);

fn pick(connection: &Connection) -> Option<&AmqpConnection> {
    if let Connection::Amqp(amqp) = connection { Some(amqp) } else { None }
}

/// What is wrong with a queue's name, which comes from a manifest.
fn judge(queue: &str) -> Option<Failure> {
    let why = match queue.len() {
        // A broker would answer for the queue that was declared last.
        0 => "the name of the queue is empty".to_owned(),
        1..=NAME_BYTES_MAX => return None,
        bytes => format!("the name of a queue has {bytes} bytes, {NAME_BYTES_MAX} are allowed"),
    };
    Some(Failure::new(FailureKind::Invalid, Blame::Operator, "queue-name", why))
}

impl State {
    /// Looks at the queues whose names can be; the others are told why not.
    async fn inspect(&mut self, name: &str, queues: Vec<String>) -> Inspected {
        let lending = &mut self.lending;
        let connection = lending.find(name, pick)?;
        if queues.len() > QUEUES_MAX {
            let message = format!("{} queues in one inspection, {QUEUES_MAX} are allowed", queues.len());
            return Err(Failure::new(FailureKind::Invalid, Blame::Scaler, "too-many-queues", message));
        }
        let judged: Vec<Option<Failure>> = queues.iter().map(|queue| judge(queue)).collect();
        let asked: Vec<String> =
            queues.into_iter().zip(&judged).filter(|(_, wrong)| wrong.is_none()).map(|(queue, _)| queue).collect();
        let mut answers = Vec::new().into_iter();
        if !asked.is_empty() {
            let inspected = lending.sources.amqp.inspect(&lending.namespace, &connection, asked, lending.until).await;
            match inspected {
                Ok(results) => {
                    lending.saw(&results);
                    answers = results.into_iter();
                }
                Err(failure) => {
                    lending.saw([&Err::<(), _>(failure.clone())]);
                    return Err(failure);
                }
            }
        }
        let unanswered = || {
            let message = "the queue was not looked at".to_owned();
            Err(Failure::new(FailureKind::Transient, Blame::Host, "unanswered", message))
        };
        Ok(judged
            .into_iter()
            .map(|wrong| wrong.map_or_else(|| answers.next().unwrap_or_else(unanswered), Err))
            .collect())
    }
}

fn queue_for_guest(queue: AmqpQueue) -> Queue {
    Queue { ready: queue.ready, consumers: queue.consumers, attributes: Vec::new() }
}

impl Host for State {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Handle>, GuestFailure>> {
        self.budget.host_call()?;
        if let Err(failure) = self.lending.find(&name, pick) {
            return Ok(Err(failure_for_guest(&failure)));
        }
        Ok(self.handles.push(Handle(name)).map_err(|_full| crate::capability::too_many_handles()))
    }
}

impl HostConnection for State {
    async fn inspect(
        &mut self,
        handle: Resource<Handle>,
        queues: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Result<Queue, GuestFailure>>, GuestFailure>> {
        self.budget.host_call()?;
        let name = self.handles.get(&handle)?.0.clone();
        let inspected = Self::inspect(self, &name, queues).await;
        let for_guest = |queue: Result<AmqpQueue, Failure>| {
            queue.map(queue_for_guest).map_err(|failure| failure_for_guest(&failure))
        };
        Ok(inspected
            .map(|queues| queues.into_iter().map(for_guest).collect())
            .map_err(|failure| failure_for_guest(&failure)))
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.handles.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_may_be_called_anything_that_amqp_has_a_place_for() {
        for queue in ["celery", "a b/c", "\u{fc}ber", "'; --", "\r\n", &"a".repeat(NAME_BYTES_MAX)] {
            assert_eq!(judge(queue), None, "{queue:?}");
        }
        for queue in ["", &"a".repeat(NAME_BYTES_MAX + 1), &"\u{fc}".repeat(128)] {
            let wrong = judge(queue).unwrap();
            assert_eq!((wrong.kind, wrong.code.as_str()), (FailureKind::Invalid, "queue-name"), "{queue:?}");
        }
    }

    #[test]
    fn whatever_a_queue_is_called_it_fits_or_is_refused_without_being_quoted() {
        crate::fuzz::target("queues", crate::fuzz::text(), |queue| match judge(&queue) {
            None => assert!((1..=NAME_BYTES_MAX).contains(&queue.len())),
            Some(wrong) => crate::fuzz::assert_printable(&wrong.message, 100),
        });
    }
}
