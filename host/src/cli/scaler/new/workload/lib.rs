//! The pods of another workload in the same namespace.

use bellows_sdk::prelude::*;

settings! {
    /// Scales on the number of pods of another workload in the same namespace.
    pub struct Pods("@name@") over workload {
        /// Label selector of the pods that are counted.
        selector: String = "podSelector",
        /// Pods for each replica.
        target: f64 = "target" or 1,
        /// A workload at zero is started when there are more pods than this.
        activation: f64 = "activation" or 0,
    }
}

impl Scaler for Pods {
    /// What the HorizontalPodAutoscaler watches: its name must not change from call to call.
    fn metric(&self) -> Metric {
        Metric::average_value("@name@", self.target)
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
    async fn measure(&self, _at: Instant, workload: &Workload) -> Result<Reading> {
        Ok(Reading::above(workload.pods(&self.selector).await?, self.activation))
    }
}

scaler!(Pods);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Pods>(include_str!("../cases.toml")), Ok(()));
    }
}
