//! Messages of a RabbitMQ queue, or of all queues that match a pattern, and the rates at which they come and go.
//!
//! Over AMQP the broker tells of messages that are ready; over its HTTP API of all, and of rates. Where a call has many
//! queues of one virtual host, they are asked for together (`totals`).

mod counts;
mod mode;
mod pattern;
mod place;
mod totals;

use bellows_sdk::prelude::*;
use bellows_sdk::{Connection as _, Number as _, http};

use counts::{Counts, Wanted};
use mode::Mode;
use pattern::Operation;
use place::{Place, Protocol};
use totals::Totals;

/// A few fields of a queue: all of it tells of each consumer and each channel, without bound.
const COLUMNS: &str = "?columns=messages,messages_ready,messages_details,message_stats";
/// What is measured where nothing is said.
const TARGET: (Mode, f64) = (Mode::QueueLength, 20.0);
/// What RabbitMQ calls the largest page.
const PAGE_SIZE_MAX: u32 = 500;

settings! {
    /// Scales on the messages of RabbitMQ queues, or on the rates at which they come and go.
    pub struct Queues("rabbitmq") over broker {
        /// Name of the queue, or a pattern of names with useRegex.
        queue: String = "queueName",
        /// What is measured: QueueLength where neither mode nor value is given.
        mode: Option<Mode> = "mode",
        /// What each replica is to have of it: 20 messages where neither mode nor value is given.
        value: Option<f64> = "value",
        /// Messages for each replica, as it was once called.
        length: Option<f64> = "queueLength" deprecated "give mode: QueueLength and value instead",
        /// A workload at zero is started when there is more than this.
        activation: f64 = "activationValue" or 0,
        /// URI of the broker: amqp://HOST:PORT/VHOST, or http://HOST:PORT/VHOST of its HTTP API.
        host: String = "host" from [metadata, authentication, environment] feeds "uri",
        /// What to speak, where it should be said besides the URI: amqp, http or auto.
        protocol: Protocol = "protocol" from [metadata, authentication] or "auto",
        /// The virtual host, instead of the URI's.
        vhost: Option<String> = "vhostName" from [metadata, authentication] feeds "vhost",
        /// Whether queueName is a pattern; over HTTP only.
        regex: bool = "useRegex" or false,
        /// Whether messages that are delivered and not yet acknowledged are left out; over HTTP only.
        ready_only: bool = "excludeUnacknowledged" or false,
        /// Queues on each page of those that match a pattern.
        page_size: u32 = "pageSize" or 100,
        /// What to make of several queues: sum, avg or max.
        operation: Operation = "operation" or "sum",
        /// How long an answer may take, such as 3s, or a number of milliseconds; over HTTP only.
        timeout: Option<String> = "timeout" feeds "timeout",
        /// Ignored.
        metric_name: Option<String> = "metricName" deprecated "it has no effect: the metric is named after the queue",
    }
}

impl Scaler for Queues {
    fn metric(&self) -> Metric {
        let (_, value) = self.target().unwrap_or(TARGET);
        Metric::average_value(name(&self.queue), value)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mode = self.target().map(|(mode, _)| mode);
        if mode.is_none() {
            problems.push(self.no_target());
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            problems.push(problem("pageSize", "accepted is a whole number from 1 to 500"));
        }
        match self.place() {
            None => problems.push(problem("host", place::ACCEPTED)),
            Some(place) => {
                if !self.protocol.agrees_with(&place) {
                    problems.push(problem("protocol", "says something else than the scheme of host"));
                }
                if place == Place::Amqp {
                    self.beyond_amqp(mode, &mut problems);
                }
            }
        }
        problems
    }

    async fn measure(&self, _at: Instant, broker: &Broker) -> Result<Reading> {
        self.read(&Totals::default(), broker).await
    }

    async fn measure_all(triggers: &[Self], _at: Instant, broker: &Broker) -> Vec<Result<Reading>> {
        let totals = Totals::read(triggers, broker).await;
        broker.desk().join(triggers.iter().map(|trigger| trigger.read(&totals, broker))).await
    }
}

impl Queues {
    /// What is measured, and what each replica is to have of it. A zero counts as nothing said, as in KEDA.
    fn target(&self) -> Option<(Mode, f64)> {
        let target = match (said(self.length), self.mode, said(self.value)) {
            (None, None, None) => TARGET,
            (Some(length), None, None) => (Mode::QueueLength, length),
            (None, Some(mode), Some(value)) => (mode, value),
            _ => return None,
        };
        (target.1 > 0.0).then_some(target)
    }

    /// Why there is none.
    fn no_target(&self) -> Problem {
        match (said(self.length), self.mode, said(self.value)) {
            (None, Some(_), None) => problem("value", "is required with mode"),
            (None, None, Some(_)) => problem("mode", "is required with value"),
            (None, ..) => problem("value", "accepted is a number above 0"),
            (Some(_), None, None) => problem("queueLength", "accepted is a number above 0"),
            (Some(_), ..) => problem("queueLength", "is not for use with mode and value; leave it out"),
        }
    }

    fn place(&self) -> Option<Place> {
        Place::of(&self.host, self.vhost.as_deref())
    }

    /// What only the HTTP API can tell.
    fn beyond_amqp(&self, mode: Option<Mode>, problems: &mut Vec<Problem>) {
        for (parameter, wanted) in [
            ("mode", mode.is_some_and(|mode| mode != Mode::QueueLength)),
            ("useRegex", self.regex),
            ("excludeUnacknowledged", self.ready_only),
            ("timeout", self.timeout.is_some()),
        ] {
            if wanted {
                problems.push(problem(parameter, "needs the HTTP API: host must begin with http or https"));
            }
        }
    }

    fn wanted(&self, mode: Mode) -> Wanted {
        Wanted { ready_only: self.ready_only, rates: mode != Mode::QueueLength }
    }

    async fn read(&self, totals: &Totals, broker: &Broker) -> Result<Reading> {
        // Both were judged before; a trigger with problems does not get here.
        let ((mode, _), place) =
            self.target().zip(self.place()).ok_or_else(|| Failure::invalid("settings", place::ACCEPTED))?;
        let counts = match place {
            Place::Amqp => Counts::of_messages(broker.queue(&self.queue).await?.ready.to_f64()),
            Place::Http { queues } if self.regex => {
                pattern::read(&queues, &self.queue, self.page_size, self.operation, self.wanted(mode), broker).await?
            }
            Place::Http { queues } => match totals.of(&queues, &self.queue, self.wanted(mode)) {
                Some(counts) => counts?,
                None => self.ask(&queues, mode, broker).await?,
            },
        };
        Ok(mode.reading(counts, self.activation))
    }

    /// Asks for the queue alone.
    async fn ask(&self, queues: &str, mode: Mode, broker: &Broker) -> Result<Counts> {
        let response = broker.get(format!("{queues}/{}{COLUMNS}", http::encoded(&self.queue))).await;
        let response = response.map_err(|failure| match failure {
            Failure::Absent(_) => no_such_queue(&self.queue),
            other => other,
        })?;
        Counts::of(response.json()?, self.wanted(mode))
    }
}

fn said(value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value != 0.0)
}

/// Not made anew for each place that tells one, as `Problem::of` is.
fn problem(parameter: &str, message: &str) -> Problem {
    Problem::of(parameter, message)
}

/// The metric is named after the queue as a query has it, with a plus for each space: dashboards know it by that.
fn name(queue: &str) -> String {
    let mut name = String::new();
    for word in queue.split(' ') {
        name.push_str(if name.is_empty() { "rabbitmq-" } else { "+" });
        name.push_str(&http::encoded(word));
    }
    name
}

fn no_such_queue(name: &str) -> Failure {
    Failure::absent("no-such-queue", format!("there is no queue \"{name}\" in the virtual host"))
}

scaler!(Queues);

#[cfg(test)]
mod tests;
