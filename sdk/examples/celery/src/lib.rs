//! Tasks of Celery queues in Redis: those that wait, with every priority, and those that workers hold.

use bellows_sdk::prelude::*;

/// Most queues and most priorities of a trigger: 100 lengths, a pipeline of some kilobytes.
const LIST_MAX: usize = 10;

settings! {
    /// Scales on the tasks of Celery queues in Redis.
    pub struct Celery("celery") over redis {
        /// Names of the queues.
        queues: Vec<String> = "queues" or "celery",
        /// Priorities that have a list of their own, as priority_steps of the transport has them.
        steps: Vec<String> = "prioritySteps" or "0,3,6,9",
        /// What the transport's global_keyprefix puts before every key.
        prefix: Option<String> = "keyPrefix",
        /// Whether tasks that workers hold count too.
        held: bool = "countUnacked" or true,
        /// Hash of the tasks that workers hold, as unacked_key of the transport has it.
        unacked: String = "unackedKey" or "unacked",
        /// Tasks for each replica: best the concurrency of a worker.
        target: f64 = "tasksPerReplica" or 10.0,
        /// A stopped workload is started when there are more tasks than this.
        activation: f64 = "activationTasks" or 0.0,
    }
}

impl Scaler for Celery {
    fn metric(&self) -> Metric {
        Metric::average_value(["celery-", &self.queues.join("-")].concat(), self.target)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.queues.len() > LIST_MAX || self.queues.iter().any(String::is_empty) {
            problems.push(Problem::of("queues", "accepted are 1 to 10 names, separated by commas"));
        }
        if self.steps.len() > LIST_MAX || self.steps.iter().any(|step| step.parse::<u8>().is_err()) {
            problems
                .push(Problem::of("prioritySteps", "accepted are 1 to 10 numbers from 0 to 255, separated by commas"));
        }
        if self.target <= 0.0 {
            problems.push(Problem::of("tasksPerReplica", "accepted is a number above 0"));
        }
        problems
    }

    async fn measure(&self, _at: Instant, redis: &Redis) -> Result<Reading> {
        let key = |name: &str, suffix: &str| [self.prefix.as_deref().unwrap_or_default(), name, suffix].concat();
        let mut commands = Vec::new();
        for queue in &self.queues {
            for step in &self.steps {
                // The list of priority 0 is the one that bears the name of the queue.
                let suffix = if step == "0" { String::new() } else { ["\u{6}\u{16}", step].concat() };
                commands.push(cmd("LLEN", [key(queue, &suffix)]));
            }
        }
        if self.held {
            commands.push(cmd("HLEN", [key(&self.unacked, "")]));
        }
        let mut tasks = 0;
        for reply in redis.ask(commands).await? {
            tasks += reply.integer()?;
        }
        Ok(Reading::above(tasks, self.activation))
    }
}

scaler!(Celery);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Celery>(include_str!("../cases.toml")), Ok(()));
    }
}
