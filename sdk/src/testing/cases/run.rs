//! Running the cases of a scaler's file natively.

use std::fmt::Debug;

use super::{Case, Scripted, Words, read};
use crate::native::Native;
use crate::scaler::Scaler;
use crate::testing::{measure, plan, plan_native};

/// Runs the cases of a scaler's file that are of its trigger type.
///
/// # Errors
/// Every expectation that was not met, each with the name of its case.
pub fn run<T: Scaler<Connection: Scripted>>(file: &str) -> Result<(), Vec<String>> {
    run_each(file, T::TRIGGER_TYPE, run_one::<T>)
}

/// The same, of a scaler whose metrics Kubernetes measures itself.
///
/// # Errors
/// Every expectation that was not met, each with the name of its case.
pub fn run_native<T: Native>(file: &str) -> Result<(), Vec<String>> {
    run_each(file, T::TRIGGER_TYPE, |case| {
        let (found, wanted) = (plan_native::<T>(&case.trigger()), case.planned_native());
        expect(case, "plan", &found, &wanted).into_iter().collect()
    })
}

fn run_each(file: &str, kind: &str, run_one: impl Fn(&Case) -> Vec<String>) -> Result<(), Vec<String>> {
    let cases = read(file).map_err(|error| vec![error.to_string()])?;
    let served: Vec<Case> = cases.into_iter().filter(|case| case.trigger_type == kind).collect();
    if served.is_empty() {
        return Err(vec![format!("there is no case of type {kind}")]);
    }
    let missed: Vec<String> = served.iter().flat_map(run_one).collect();
    if missed.is_empty() { Ok(()) } else { Err(missed) }
}

fn run_one<T: Scaler<Connection: Scripted>>(case: &Case) -> Vec<String> {
    let trigger = case.trigger();
    let mut missed = Vec::new();
    if case.metric.is_some() || case.problems.is_some() {
        missed.extend(expect(case, "plan", &plan::<T>(&trigger), &case.planned()));
    }
    let mut script = case.script::<T::Connection>();
    let found = measure::<T>(case.instant(), &[trigger], &mut script).pop();
    if let Some(wanted) = case.measured() {
        let found = found.map(|result| result.map(|measured| measured.reading));
        missed.extend(expect(case, "measure", &found, &Some(wanted)));
    }
    if let Some(wanted) = &case.rounds {
        let words = |round: &Vec<_>| round.iter().map(T::Connection::words).collect();
        let found: Vec<Vec<Words>> = script.rounds.iter().map(words).collect();
        missed.extend(expect(case, "what was asked", &found, wanted));
    }
    missed
}

fn expect(case: &Case, what: &str, found: &impl Debug, wanted: &impl Debug) -> Option<String> {
    let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
    (found != wanted).then(|| format!("{}: {what} is {found}, expected {wanted}", case.name))
}
