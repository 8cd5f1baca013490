//! Plans, outcomes and questions in words that an author reads beside his `cases.toml`.

use bellows_core::failure::Failure;
use bellows_core::problem::Problem;
use bellows_core::reading::Outcome;
use bellows_core::scaler::Metric;
use bellows_wasm::PlanError;

use super::Rounds;
use super::expected::Found;

/// Metrics with their targets: `redis-jobs, target 10 (AverageValue)`.
pub fn metrics(metrics: &[Metric]) -> String {
    let metric = |metric: &Metric| match metric {
        Metric::External { name, target, target_type } => format!("{name}, target {target} ({})", target_type.label()),
        Metric::Resource { name, container, target, target_type } => {
            let of = container.as_ref().map(|container| format!(" of container {container}")).unwrap_or_default();
            format!("{name}{of}, which Kubernetes measures, target {target} ({})", target_type.label())
        }
    };
    list(metrics.iter().map(metric), "no metric")
}

/// Readings by their metrics, or the failure: `redis-jobs 7, active`.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Ok(readings) => {
            let told = readings.iter().map(|reading| {
                let activity = activity(reading.active);
                format!("{} {}, {activity}", reading.metric, reading.value)
            });
            list(told, "no reading")
        }
        Err(failure) => told(failure),
    }
}

/// Questions, one pair of brackets for each round trip.
pub fn rounds(rounds: &Rounds) -> String {
    let round = |round: &Vec<Vec<String>>| {
        let questions: Vec<String> = round.iter().map(|words| words.join(" ")).collect();
        format!("[{}]", questions.join(" | "))
    };
    let told: Vec<String> = rounds.iter().map(round).collect();
    if told.is_empty() { "no question".to_owned() } else { told.join(" then ") }
}

pub(super) fn plan(plan: &Result<Vec<Metric>, PlanError>) -> String {
    match plan {
        Ok(planned) => metrics(planned),
        Err(PlanError::Problems(problems)) => list(problems.iter().map(Problem::to_string), "problems without a name"),
        Err(PlanError::Failed(failure)) => told(failure),
    }
}

pub(super) fn found(found: &Option<Found>) -> String {
    match found {
        None => "no outcome".to_owned(),
        Some(Ok(readings)) => {
            list(readings.iter().map(|(value, active)| format!("{value}, {}", activity(*active))), "no reading")
        }
        Some(Err(failure)) => told(failure),
    }
}

pub(super) fn failure(failure: &Option<Failure>) -> String {
    failure.as_ref().map_or_else(|| "nothing".to_owned(), told)
}

fn told(failure: &Failure) -> String {
    format!("the failure {} {}: {}", failure.kind.label(), failure.code, failure.message)
}

fn activity(active: bool) -> &'static str {
    if active { "active" } else { "not active" }
}

fn list(items: impl Iterator<Item = String>, none: &str) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() { none.to_owned() } else { items.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::failure::{Blame, FailureKind};
    use bellows_core::scaler::TargetType;

    #[test]
    fn each_is_told_in_the_words_of_a_case() {
        let target_type = TargetType::AverageValue;
        let external = Metric::External { name: "redis-jobs".into(), target: 10.0, target_type };
        assert_eq!(plan(&Ok(vec![external])), "redis-jobs, target 10 (AverageValue)");
        let problems = PlanError::Problems(vec![Problem::new("a", "is wrong"), Problem::new("b", "is required")]);
        assert_eq!(plan(&Err(problems)), "a: is wrong; b: is required");
        assert_eq!(found(&Some(Ok(vec![(7.5, true)]))), "7.5, active");
        let failed = Failure::new(FailureKind::Absent, Blame::Source, "not-found", "there is nothing");
        assert_eq!(found(&Some(Err(failed))), "the failure absent not-found: there is nothing");
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let asked = vec![vec![words("TYPE a"), words("TYPE b")], vec![words("LLEN a")]];
        assert_eq!(rounds(&asked), "[TYPE a | TYPE b] then [LLEN a]");
        assert_eq!(rounds(&Vec::new()), "no question");
    }
}
