//! The length of a Redis list. A key that is missing is a list of no entries.

use bellows_sdk::prelude::*;

settings! {
    /// Scales on the length of a Redis list.
    pub struct Length("@name@") over redis {
        /// Key of the list.
        key: String = "listName",
        /// Entries for each replica.
        target: f64 = "listLength" or 5,
        /// A workload at zero is started when there are more entries than this.
        activation: f64 = "activationListLength" or 0,
    }
}

impl Scaler for Length {
    /// What the HorizontalPodAutoscaler watches: its name must not change from call to call.
    fn metric(&self) -> Metric {
        Metric::average_value(format!("@name@-{}", self.key), self.target)
    }

    /// What is wrong with settings that are fine by their types.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.target <= 0.0 {
            problems.push(Problem::of("listLength", "accepted is a number above 0"));
        }
        problems
    }

    /// Questions of all triggers of a call travel together, and `?` passes a failure on: an outage is never a number.
    async fn measure(&self, _at: Instant, redis: &Redis) -> Result<Reading> {
        let length = redis.integer(cmd("LLEN", [&self.key])).await?;
        Ok(Reading::above(length, self.activation))
    }
}

scaler!(Length);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Length>(include_str!("../cases.toml")), Ok(()));
    }
}
