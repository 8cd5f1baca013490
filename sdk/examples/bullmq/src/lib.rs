//! Jobs of a BullMQ queue that a worker could take: waiting, prioritised, and delayed ones that are due.

use bellows_sdk::prelude::*;

settings! {
    /// Scales on the jobs of a BullMQ queue.
    pub struct BullMq("bullmq") over redis {
        /// Name of the queue.
        queue: String = "queueName",
        /// Prefix of its keys.
        prefix: String = "prefix" or "bull",
        /// Whether jobs that workers are busy with count too.
        busy: bool = "countActive" or false,
        /// Jobs for each replica.
        target: f64 = "jobsPerReplica" or 10.0,
        /// A stopped workload is started when there are more jobs than this.
        activation: f64 = "activationJobs" or 0.0,
    }
}

impl Scaler for BullMq {
    fn metric(&self) -> Metric {
        Metric::average_value(["bullmq-", &self.queue].concat(), self.target)
    }

    fn problems(&self) -> Vec<Problem> {
        let wrong = self.target <= 0.0;
        wrong.then(|| Problem::of("jobsPerReplica", "accepted is a number above 0")).into_iter().collect()
    }

    async fn measure(&self, at: Instant, redis: &Redis) -> Result<Reading> {
        let key = |part: &str| [&self.prefix, ":", &self.queue, ":", part].concat();
        // A score holds the millisecond above its lowest twelve bits, which keep the order of jobs of the same one.
        let due = at.millis() * 0x1000 + 0xfff;
        let [waiting, prioritised, delayed, active] = redis
            .integers([
                cmd("LLEN", [key("wait")]),
                cmd("ZCARD", [key("prioritized")]),
                cmd("ZCOUNT", [key("delayed"), "-inf".to_owned(), due.to_string()]),
                cmd("LLEN", [key("active")]),
            ])
            .await?;
        let busy = if self.busy { active } else { 0 };
        Ok(Reading::above(waiting + prioritised + delayed + busy, self.activation))
    }
}

scaler!(BullMq);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<BullMq>(include_str!("../cases.toml")), Ok(()));
    }
}
