//! What a case expects, in the host's own types.
//!
//! Whose a failure is is not for a case to say, so all are compared as the source's.

use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::problem::Problem;
use bellows_core::reading::Outcome;
use bellows_core::scaler::{Metric, TargetType, Trigger};
use bellows_sdk::testing::cases::{Case, Complaint, Kind, TargetKind, Told};
use bellows_wasm::PlanError;

/// Value and activity of the readings, or the failure.
pub(super) type Found = Result<Vec<(f64, bool)>, Failure>;

/// The trigger of a case, by an id of its own: `NAMESPACE/OBJECT/INDEX`.
pub fn trigger(case: &Case, id: &str) -> Trigger {
    Trigger {
        id: id.to_owned(),
        trigger_type: case.trigger_type.clone(),
        metric_type: case.metric_type.map(target_type),
        settings: case.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// What must be planned, where the case says so.
pub(super) fn plan(case: &Case) -> Option<Result<Vec<Metric>, PlanError>> {
    let metric = case.metric.as_ref().map(|metric| {
        let target_type = target_type(metric.target_type);
        Ok(vec![Metric::External { name: metric.name.clone(), target: metric.target, target_type }])
    });
    let native = case.native.as_ref().map(|native| {
        Ok(vec![Metric::Resource {
            name: native.name.clone(),
            container: native.container.clone(),
            target: native.target.clone(),
            target_type: target_type(native.target_type),
        }])
    });
    let problem = |told: &Complaint| Problem::new(&told.parameter, &told.message);
    let problems = |told: &Vec<Complaint>| Err(PlanError::Problems(told.iter().map(problem).collect()));
    metric.or(native).or_else(|| case.problems.as_ref().map(problems))
}

/// What must be measured, where the case says so.
pub(super) fn outcome(case: &Case) -> Option<Found> {
    let reading = case.reading.as_ref().map(|reading| Ok(vec![(reading.value, reading.active)]));
    reading.or_else(|| case.failure.as_ref().map(|failure| Err(told(failure))))
}

/// What was measured, in the form of `outcome`.
pub(super) fn found(outcome: Outcome) -> Found {
    outcome
        .map(|readings| readings.iter().map(|reading| (reading.value, reading.active)).collect())
        .map_err(|failure| Failure::new(failure.kind, Blame::Source, failure.code, failure.message))
}

/// A failure as a case tells it.
pub(super) fn told(told: &Told) -> Failure {
    let kind = match told.kind {
        Kind::Transient => FailureKind::Transient,
        Kind::Denied => FailureKind::Denied,
        Kind::Absent => FailureKind::Absent,
        Kind::Invalid => FailureKind::Invalid,
    };
    Failure::new(kind, Blame::Source, &told.code, &told.message)
}

fn target_type(kind: TargetKind) -> TargetType {
    match kind {
        TargetKind::AverageValue => TargetType::AverageValue,
        TargetKind::Value => TargetType::Value,
        TargetKind::Utilization => TargetType::Utilization,
    }
}
