//! The number of pods of another workload in the same namespace, or of the nodes that they run on.
//!
//! Pods that have ended are not counted. All selectors of a call are one question, equal ones once.

mod selector;

use bellows_sdk::prelude::*;

settings! {
    /// Scales on the number of pods of another workload in the same namespace.
    pub struct Pods("kubernetes-workload") over workload {
        /// Label selector of the pods that are counted.
        selector: String = "podSelector",
        /// Pods, or nodes, for each replica.
        value: f64 = "value",
        /// A workload at zero is started when there are more than this.
        activation: f64 = "activationValue" or 0,
        /// Whether the nodes that the pods run on are counted instead of the pods.
        by_node: bool = "groupByNode" or false,
    }
}

impl Scaler for Pods {
    fn metric(&self) -> Metric {
        Metric::average_value("workload", self.value)
    }

    fn metric_in(&self, namespace: &str) -> Metric {
        Metric { name: ["workload-", namespace].concat(), ..self.metric() }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(selector::problem(&self.selector).map(|message| Problem::of("podSelector", message)));
        if self.value <= 0.0 {
            problems.push(Problem::of("value", "accepted is a number above 0"));
        }
        problems
    }

    async fn measure(&self, _at: Instant, workload: &Workload) -> Result<Reading> {
        let count =
            if self.by_node { workload.nodes(&self.selector).await? } else { workload.pods(&self.selector).await? };
        Ok(Reading::above(count, self.activation))
    }
}

scaler!(Pods);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::{NEW_YEAR, Script, cases, measure, trigger};
    use bellows_sdk::workload::Question;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Pods>(include_str!("../cases.toml")), Ok(()));
    }

    #[test]
    fn all_triggers_of_a_call_are_one_question_and_equal_selectors_are_counted_once() {
        let triggers =
            ["app=a", "app=b", "app=a"].map(|labels| trigger::<Pods>(&[("podSelector", labels), ("value", "1")]));
        let pods = |labels: &str| Question::Pods(labels.to_owned());
        let mut script = Script::new().on(pods("app=a"), Ok(3)).on(pods("app=b"), Ok(0));
        let readings = measure::<Pods>(NEW_YEAR, &triggers, &mut script);
        let values: Vec<f64> = readings.into_iter().map(|measured| measured.unwrap().reading.value).collect();
        assert_eq!(values, [3.0, 0.0, 3.0]);
        assert_eq!(script.rounds, [[pods("app=a"), pods("app=b")]]);
    }
}
