//! What a component does with the calls of the host, in native types: it finds the scaler for each trigger's type.
//!
//! The generated bindings are translated at the edge (`export`), so that all of this runs in a native test.

use crate::connection::{Connection, ConnectionType, Source};
use crate::desk::Desk;
use crate::failure::{Failure, Result};
use crate::native::{Native, NativeMetric};
use crate::scaler::{Instant, Metric, Problem, Reading, Scaler, TargetType};
use crate::settings::{Parameter, Settings};

/// A trigger as the host hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The namespace of its object.
    pub namespace: String,
    /// The value of `triggers[].type`.
    pub trigger_type: String,
    /// What the user wants the target to be of, if he said so.
    pub metric_type: Option<TargetType>,
    /// The parameters that have a value, those of the connection left out.
    pub settings: Vec<(String, String)>,
}

/// A reading, and of which metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The name that `plan` gave the metric.
    pub metric: String,
    /// What it was found to be.
    pub reading: Reading,
}

/// One type of trigger, for the description of the component.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerType {
    /// The value of `triggers[].type`.
    pub name: &'static str,
    /// The lines of its documentation.
    pub summary: &'static [&'static str],
    /// Its own parameters, then those of its connection.
    pub parameters: Vec<Parameter>,
    /// What it asks.
    pub connection: Option<ConnectionType>,
}

/// What a scaler says of itself.
pub fn trigger_type<T: Settings>() -> TriggerType {
    let mut parameters = T::PARAMETERS.to_vec();
    parameters.extend_from_slice(T::Connection::PARAMETERS);
    TriggerType { name: T::TRIGGER_TYPE, summary: T::SUMMARY, parameters, connection: T::Connection::TYPE }
}

/// The metric of a trigger.
///
/// # Errors
/// Everything that is wrong with its settings.
pub fn plan<T: Scaler>(trigger: &Trigger) -> Result<Metric, Vec<Problem>> {
    let (settings, mut problems) = match T::parse(&trigger.settings) {
        Ok(settings) => {
            let problems = settings.problems();
            (Some(settings), problems)
        }
        Err(problems) => (None, problems),
    };
    if trigger.metric_type == Some(TargetType::Utilization) {
        let message = "accepted are AverageValue and Value; Utilization is for metrics that Kubernetes measures itself";
        problems.push(Problem::of("metricType", message));
    }
    match settings {
        Some(settings) if problems.is_empty() => {
            let metric = settings.metric_in(&trigger.namespace);
            Ok(Metric { target_type: trigger.metric_type.unwrap_or(metric.target_type), ..metric })
        }
        _ => Err(problems),
    }
}

/// The metric of a trigger that Kubernetes measures itself.
///
/// # Errors
/// Everything that is wrong with its settings.
pub fn plan_native<T: Native>(trigger: &Trigger) -> Result<NativeMetric, Vec<Problem>> {
    T::parse(&trigger.settings)?.plan(trigger.metric_type)
}

/// Reads triggers of one type, one result for each, in order.
pub fn measure<T: Scaler>(
    at: Instant,
    triggers: &[&Trigger],
    source: &mut dyn Source<T::Connection>,
) -> Vec<Result<Measured>> {
    let mut wrong = Vec::with_capacity(triggers.len());
    let mut settings: Vec<T> = Vec::with_capacity(triggers.len());
    for trigger in triggers {
        wrong.push(match settings_of::<T>(trigger) {
            Ok(parsed) => {
                settings.push(parsed);
                None
            }
            Err(failure) => Some(failure),
        });
    }
    let connection = T::Connection::over(Desk::new());
    let readings =
        connection.desk().run(T::measure_all(&settings, at, &connection), |questions| source.answer(questions));
    let (readings, missing) = match readings {
        Ok(readings) => (readings, no_result()),
        Err(failure) => (Vec::new(), failure),
    };
    // Each trigger with good settings gets the next reading, or what befell all; the others keep what was wrong.
    let (mut readings, mut settings) = (readings.into_iter(), settings.iter());
    let mut measured = Vec::with_capacity(wrong.len());
    for (wrong, trigger) in wrong.into_iter().zip(triggers) {
        let reading = match wrong {
            Some(failure) => Err(failure),
            None => match (settings.next(), readings.next()) {
                (Some(settings), Some(Ok(reading))) => {
                    Ok(Measured { metric: settings.metric_in(&trigger.namespace).name, reading })
                }
                (_, Some(Err(failure))) => Err(failure),
                _ => Err(missing.clone()),
            },
        };
        measured.push(reading);
    }
    measured
}

/// What becomes of a trigger that no scaler here serves.
pub fn unknown(trigger: &Trigger) -> Problem {
    Problem::of("type", format!("\"{}\" is not served by this component", trigger.trigger_type))
}

/// The one failure that several problems are, for a call that can only say one thing.
pub fn invalid(problems: &[Problem]) -> Failure {
    let mut sentences = String::new();
    for problem in problems {
        if !sentences.is_empty() {
            sentences.push_str("; ");
        }
        if !problem.parameter.is_empty() {
            sentences.push_str(&problem.parameter);
            sentences.push_str(": ");
        }
        sentences.push_str(&problem.message);
    }
    Failure::invalid("settings", sentences)
}

fn settings_of<T: Scaler>(trigger: &Trigger) -> Result<T> {
    let settings = T::parse(&trigger.settings).map_err(|problems| invalid(&problems))?;
    let problems = settings.problems();
    if problems.is_empty() { Ok(settings) } else { Err(invalid(&problems)) }
}

fn no_result() -> Failure {
    Failure::transient("no-result", "the scaler gave fewer results than there were triggers")
}
