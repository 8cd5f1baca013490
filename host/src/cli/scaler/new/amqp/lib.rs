//! The messages of an AMQP queue that wait for a consumer.

use bellows_sdk::prelude::*;

settings! {
    /// Scales on the messages of an AMQP queue that wait for a consumer.
    pub struct Ready("@name@") over amqp {
        /// Name of the queue.
        queue: String = "queueName",
        /// Messages for each replica.
        target: f64 = "target" or 20,
        /// A workload at zero is started when there are more messages than this.
        activation: f64 = "activation" or 0,
        /// URI of the broker: amqp://HOST:PORT/VHOST.
        host: String = "host" from [metadata, authentication, environment] feeds "uri",
    }
}

impl Scaler for Ready {
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
    async fn measure(&self, _at: Instant, amqp: &Amqp) -> Result<Reading> {
        let queue = amqp.queue(&self.queue).await?;
        Ok(Reading::above(queue.ready, self.activation))
    }
}

scaler!(Ready);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Ready>(include_str!("../cases.toml")), Ok(()));
    }
}
