//! The messages of a queue: those that are ready over AMQP, all of them over the HTTP API of RabbitMQ. The scheme of the
//! broker's address says which of the two is asked.

use bellows_sdk::http::{encoded, unexpected};
use bellows_sdk::prelude::*;

settings! {
    /// Scales on the messages of a queue, over AMQP or HTTP.
    pub struct Messages("@name@") over broker {
        /// Name of the queue.
        queue: String = "queueName",
        /// Messages for each replica.
        target: f64 = "target" or 20,
        /// A workload at zero is started when there are more messages than this.
        activation: f64 = "activation" or 0,
        /// URI of the broker: amqp://HOST:PORT/VHOST, or http://HOST:PORT/VHOST of its HTTP API.
        host: String = "host" from [metadata, authentication, environment] feeds "uri",
    }
}

impl Scaler for Messages {
    /// What the HorizontalPodAutoscaler watches: its name must not change from call to call.
    fn metric(&self) -> Metric {
        Metric::average_value(format!("@name@-{}", self.queue), self.target)
    }

    /// What is wrong with settings that are fine by their types.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.target <= 0.0 {
            problems.push(Problem::of("target", "accepted is a number above 0"));
        }
        problems
    }

    /// Questions of all triggers of a call travel together, and `?` passes a failure on: an outage is never a number.
    async fn measure(&self, _at: Instant, broker: &Broker) -> Result<Reading> {
        if self.host.starts_with("amqp") {
            return Ok(Reading::above(broker.queue(&self.queue).await?.ready, self.activation));
        }
        let path = format!("/api/queues/{}/{}?columns=messages", self.virtual_host(), encoded(&self.queue));
        let response = broker.get(path).await?;
        let messages = response.json()?.field("messages").and_then(|field| field.number());
        let messages = messages.ok_or_else(|| unexpected("the answer has no number of messages"))?;
        Ok(Reading::above(messages, self.activation))
    }
}

impl Messages {
    /// The virtual host of the address as it was written there, which is encoded; without one, the one called `/`.
    fn virtual_host(&self) -> &str {
        let rest = self.host.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        if path.is_empty() { "%2F" } else { path }
    }
}

scaler!(Messages);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Messages>(include_str!("../cases.toml")), Ok(()));
    }
}
