//! Looking at queues over one connection: passive declarations, many under way at once.
//!
//! A queue that cannot be looked at costs its channel, because the broker closes it; what was asked behind it is asked
//! again on another one.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bellows_core::failure::{Blame, Failure, FailureKind};
use futures::future::{maybe_done, try_join_all};
use futures::poll;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, ErrorKind};
use tokio::time::{Duration, Instant, timeout_at};

use super::dial::Live;
use super::refusal;
use crate::capability::amqp::AmqpQueue;
use crate::connection::metered::Fault;
use crate::connection::single::{self, too_late};

/// Declarations under way on one channel. Those behind a missing queue are asked again, so it is a compromise between
/// round trips for all and the cost of the missing ones.
const AT_ONCE_MAX: usize = 64;
/// A connection over which nothing came for this long is replaced.
const SILENCE_MIN: Duration = Duration::from_secs(1);
/// Channels that may be lost in a row without one answer.
const LOST_MAX: u32 = 3;

type Answer = Result<AmqpQueue, Failure>;

/// A question without answers.
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// The connection is of no more use.
    pub(super) is_dead: bool,
    /// A fresh connection may give what this one did not.
    pub(super) may_ask_again: bool,
}

/// How one round on a channel ended.
enum End {
    /// All was answered, or the channel was lost to the queue that was answered for last.
    Answered,
    /// The channel was lost, and not by one of our queues.
    Lost,
}

impl Live {
    /// Looks at all queues; one answer for each, in order.
    pub(super) async fn inspect(&self, queues: &[&str], until: Instant) -> Result<Vec<Answer>, Broken> {
        let _credit = self.credit.question();
        let parts = queues.chunks(AT_ONCE_MAX).map(|part| self.part(part, until));
        let answers = try_join_all(parts).await;
        self.say_blocked();
        Ok(answers?.into_iter().flatten().collect())
    }

    async fn part(&self, queues: &[&str], until: Instant) -> Result<Vec<Answer>, Broken> {
        let started = Instant::now();
        let mut answers: Vec<Answer> = Vec::with_capacity(queues.len());
        let asking = async {
            let Ok(_place) = self.places.acquire().await else { return Err(self.broken(&closed())) };
            let mut lost = 0;
            while let Some(left @ [_, ..]) = queues.get(answers.len()..) {
                match self.round(left, &mut answers).await.map_err(|error| self.broken(&error))? {
                    End::Answered => lost = 0,
                    End::Lost if lost < LOST_MAX && single::Live::is_open(self) => lost += 1,
                    End::Lost => return Err(self.broken(&closed())),
                }
            }
            Ok(())
        };
        match timeout_at(until, asking).await {
            Ok(ended) => ended?,
            Err(_elapsed) if answers.is_empty() => {
                // A guest that left itself no time says nothing of a connection that others use too.
                let is_dead = started.elapsed() >= SILENCE_MIN;
                return Err(Broken { failure: self.late(), is_dead, may_ask_again: false });
            }
            // What came in time is good.
            Err(_elapsed) => answers.resize_with(queues.len(), || Err(self.late())),
        }
        Ok(answers)
    }

    /// Asks for all queues on one channel, and adds the answers that come.
    async fn round(&self, queues: &[&str], answers: &mut Vec<Answer>) -> lapin::Result<End> {
        let channel = self.channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declare = |queue: &&str| channel.queue_declare((*queue).into(), passive, FieldTable::default());
        let mut asked: Vec<_> = queues.iter().map(|queue| Box::pin(maybe_done(declare(queue)))).collect();
        for one in &mut asked {
            // The first poll writes it: in order, and all before the first answer is waited for.
            let _written = poll!(one.as_mut());
        }
        for (queue, mut one) in queues.iter().zip(asked) {
            one.as_mut().await;
            match one.as_mut().take_output().unwrap_or_else(|| Err(closed())) {
                Ok(declared) if declared.name().as_str() == *queue => answers.push(Ok(AmqpQueue {
                    ready: declared.message_count().into(),
                    consumers: declared.consumer_count(),
                })),
                Ok(_another) => return Err(closed()),
                Err(error) => match error.kind() {
                    ErrorKind::ProtocolError(refused) if error.is_amqp_soft_error() => {
                        answers.push(Err(refusal::of_queue(refused, queue, &self.configured)));
                        return Ok(End::Answered);
                    }
                    ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidChannel(_) => return Ok(End::Lost),
                    _ => return Err(error),
                },
            }
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
        Ok(End::Answered)
    }

    /// A channel that nobody uses, or a new one.
    async fn channel(&self) -> lapin::Result<Channel> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(channel) if channel.status().connected() => return Ok(channel),
                Some(_closed) => {}
                None => return self.connection.create_channel().await,
            }
        }
    }

    fn broken(&self, error: &lapin::Error) -> Broken {
        let fault = self.credit.fault();
        let failure = refusal::of_connection(error, fault, &self.configured);
        let may_ask_again = failure.kind == FailureKind::Transient && fault != Some(&Fault::TooLarge);
        Broken { failure, is_dead: true, may_ask_again }
    }

    fn late(&self) -> Failure {
        let endpoint = refusal::endpoint(&self.configured);
        if self.connection.status().blocked() {
            let message = format!("{endpoint}: the broker is short of memory or disk and blocks the connection");
            return Failure::new(FailureKind::Transient, Blame::Source, "blocked", message).of_endpoint();
        }
        too_late(&endpoint, "it did not say what its queues hold")
    }

    /// A broker that is short of memory or disk says so. RabbitMQ blocks only who publishes, others may block us.
    fn say_blocked(&self) {
        let blocked = self.connection.status().blocked();
        if self.blocked_said.swap(blocked, Ordering::Relaxed) != blocked {
            let endpoint = refusal::endpoint(&self.configured);
            if blocked {
                tracing::warn!(endpoint, "the broker is short of memory or disk and blocks the connection");
            } else {
                tracing::info!(endpoint, "the broker no longer blocks the connection");
            }
        }
    }
}

fn closed() -> lapin::Error {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
}
