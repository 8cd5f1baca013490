//! Asking an AMQP 0-9-1 broker: names of queues in, their counts out.
//!
//! The host holds the connection and declares passively only, so nothing can be made or changed.

use crate::broker;
use crate::connection::{Connection, ConnectionType, Protocol};
use crate::desk::Desk;
use crate::failure::{Failure, Result};
use crate::settings::Parameter;

/// What a broker says of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Messages that wait for a consumer; those delivered and not yet acknowledged are not among them.
    pub ready: u64,
    /// Consumers of the queue.
    pub consumers: u32,
}

/// An AMQP broker, as a trigger sees it. Queues that several triggers ask for at the same time are asked for together, and
/// each once.
#[derive(Debug)]
pub struct Amqp(Desk<String, Result<Queue>>);

impl Amqp {
    /// Asks for a queue.
    ///
    /// # Errors
    /// The failure of the exchange, or of this queue: it may be absent.
    pub async fn queue(&self, name: impl Into<String>) -> Result<Queue> {
        self.0.ask(vec![name.into()]).await?.pop().ok_or_else(unanswered)?
    }
}

impl Connection for Amqp {
    type Question = String;
    type Answer = Result<Queue>;
    const TYPE: Option<ConnectionType> = Some(ConnectionType { name: "amqp", protocols: &[Protocol::Amqp] });
    const PARAMETERS: &'static [Parameter] = broker::PARAMETERS;

    fn over(desk: Desk<String, Result<Queue>>) -> Self {
        Self(desk)
    }

    fn desk(&self) -> &Desk<String, Result<Queue>> {
        &self.0
    }
}

fn unanswered() -> Failure {
    Failure::transient("unexpected-reply", "the broker told of fewer queues than were asked for")
}
