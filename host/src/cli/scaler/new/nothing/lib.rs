//! Hours of the day, by UTC: it asks nobody, and uses the time that it is given.

use bellows_sdk::prelude::*;

settings! {
    /// Scales to a number of replicas between two hours of the day, by UTC.
    pub struct Hours("@name@") over nothing {
        /// Hour at which the time begins, from 0 to 23.
        start: u32 = "start",
        /// Hour at which it ends, from 0 to 23; before the start, it is that of the next day.
        end: u32 = "end",
        /// Replicas in between.
        replicas: u32 = "replicas" or 1,
    }
}

impl Scaler for Hours {
    /// What the HorizontalPodAutoscaler watches: its name must not change from call to call.
    fn metric(&self) -> Metric {
        Metric::average_value(format!("@name@-{}-{}", self.start, self.end), 1)
    }

    /// What is wrong with settings that are fine by their types.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (parameter, hour) in [("start", self.start), ("end", self.end)] {
            if hour > 23 {
                problems.push(Problem::of(parameter, "accepted is an hour from 0 to 23"));
            }
        }
        problems
    }

    async fn measure(&self, at: Instant, _: &Nothing) -> Result<Reading> {
        let hour = at.seconds / 3600 % 24;
        let (start, end) = (u64::from(self.start), u64::from(self.end));
        let within = if start <= end { (start..end).contains(&hour) } else { hour >= start || hour < end };
        Ok(Reading::above(if within { self.replicas } else { 0 }, 0))
    }
}

scaler!(Hours);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Hours>(include_str!("../cases.toml")), Ok(()));
    }
}
