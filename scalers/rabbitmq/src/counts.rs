//! What the HTTP API says of a queue. What it does not say is a failure, never 0 (keda#7180).

use bellows_sdk::http::unexpected;
use bellows_sdk::json::Json;
use bellows_sdk::prelude::*;

/// What is to be read of a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Messages that are ready, instead of all.
    pub(crate) ready_only: bool,
    /// Rates besides.
    pub(crate) rates: bool,
}

/// Messages of a queue, or of several, and how many come and go each second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counts {
    pub(crate) messages: f64,
    pub(crate) published: f64,
    pub(crate) delivered: f64,
}

impl Counts {
    /// Messages alone.
    pub(crate) fn of_messages(messages: f64) -> Self {
        Self { messages, published: 0.0, delivered: 0.0 }
    }

    /// What an object of the HTTP API says.
    pub(crate) fn of(queue: Json<'_>, wanted: Wanted) -> Result<Self> {
        let messages = Self::of_messages(messages(queue, wanted)?.ok_or_else(no_statistics)?);
        if !wanted.rates {
            return Ok(messages);
        }
        let Some(stats) = queue.field("message_stats") else {
            // A queue that never had a message has no `message_stats`; a broker that keeps no statistics says nothing of
            // how its counts change either.
            return queue.field("messages_details").map(|_| messages).ok_or_else(no_statistics);
        };
        let (published, delivered) = (rate(stats, "publish_details")?, rate(stats, "deliver_get_details")?);
        Ok(Self { published, delivered, ..messages })
    }
}

/// How many messages a queue has, if the broker says so.
pub(crate) fn messages(queue: Json<'_>, wanted: Wanted) -> Result<Option<f64>> {
    if !queue.is_object() {
        return Err(unexpected("the broker's answer is no object"));
    }
    let field = if wanted.ready_only { "messages_ready" } else { "messages" };
    match queue.field(field).filter(|count| !count.is_null()) {
        None => Ok(None),
        Some(count) => count.number().map(Some).ok_or_else(|| no_number(field)),
    }
}

/// A rate that is not there was never anything but 0.
fn rate(stats: Json<'_>, name: &str) -> Result<f64> {
    match stats.field(name).and_then(|details| details.field("rate")) {
        None => Ok(0.0),
        Some(rate) => rate.number().ok_or_else(|| no_number(name)),
    }
}

fn no_number(field: &str) -> Failure {
    unexpected(format!("{field} in the broker's answer is no number"))
}

fn no_statistics() -> Failure {
    let message = "the broker keeps no statistics of the queue; a new queue has them within seconds, and else the \
                   management plugin must collect them";
    Failure::transient("no-statistics", message)
}
