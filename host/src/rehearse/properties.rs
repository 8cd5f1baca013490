//! What is true of every good scaler, whatever its cases say: its numbers are numbers, its metrics keep their names, the
//! same input gives the same output, and what a batch asks the host stays within the bound of a call.

use std::collections::BTreeSet;

use bellows_core::draft::TRIGGERS_MAX;
use bellows_core::failure::Blame;
use bellows_core::reading::Outcome;
use bellows_core::scaler::Metric;
use bellows_sdk::testing::cases::Case;
use bellows_wasm::{Limits, Measured, Scaler};

use super::{Miss, Stage, expected, id, trigger, words};

pub(super) async fn examine(stage: &Stage, scaler: &Scaler, case: &Case) -> Vec<Miss> {
    let mut missed = Vec::new();
    let one = trigger(case, &id(case, 0));
    let planned = scaler.plan(&one).await;
    let what = "the plan of the same settings, asked for again";
    missed.extend(Miss::of(what, &scaler.plan(&one).await, &planned, words::plan));
    // Whoever measures nothing in a case plans metrics that Kubernetes measures, or shows what is wrong with settings.
    if expected::outcome(case).is_none() {
        return missed;
    }
    let (first, asked) = stage.measure(scaler, case, vec![one]).await;
    let outcome = first.outcomes.first().cloned();
    missed.extend(numbers(&first));
    if let Some(fault) = blameless(case, outcome.as_ref()) {
        // What crashes or loops would do so again, and a hundred times in a batch.
        missed.push(fault);
        return missed;
    }
    missed.extend(planned.ok().and_then(|planned| names(&planned, outcome.as_ref())));
    // By another id, because a memo of the first call is no part of the input.
    let (second, asked_again) = stage.measure(scaler, case, vec![trigger(case, &id(case, 1))]).await;
    let what = "the outcome of the same input, measured again";
    missed.extend(Miss::of(what, &second.outcomes.first().cloned(), &outcome, said));
    missed.extend(Miss::of("what was asked with the same input", &asked_again, &asked, words::rounds));
    missed.extend(batch(stage, scaler, case, outcome.as_ref()).await);
    missed
}

fn said(outcome: &Option<Outcome>) -> String {
    outcome.as_ref().map_or_else(|| "no outcome".to_owned(), words::outcome)
}

fn numbers(measured: &Measured) -> Option<Miss> {
    let count = measured.usage.not_numbers;
    (count > 0).then(|| Miss {
        what: "the values".to_owned(),
        expected: "finite numbers".to_owned(),
        found: format!("{count} that are NaN or infinite, which the host reads as 0; answer with a failure instead"),
    })
}

/// A crash may be what a case is about; else it is never right.
fn blameless(case: &Case, outcome: Option<&Outcome>) -> Option<Miss> {
    let failure = outcome?.as_ref().err().filter(|failure| failure.blame == Blame::Scaler)?;
    let meant = case.failure.as_ref().is_some_and(|told| told.code == failure.code);
    (!meant).then(|| Miss {
        what: "the end of the call".to_owned(),
        expected: "an answer".to_owned(),
        found: format!("the scaler's own fault: {failure}"),
    })
}

fn names(planned: &[Metric], outcome: Option<&Outcome>) -> Option<Miss> {
    let planned: BTreeSet<&str> = planned
        .iter()
        .filter_map(|metric| match metric {
            Metric::External { name, .. } => Some(name.as_str()),
            Metric::Resource { .. } => None,
        })
        .collect();
    let read = outcome?.as_ref().ok()?.iter().map(|reading| reading.metric.as_str());
    let strangers: Vec<&str> = read.filter(|name| !planned.contains(name)).collect();
    (!strangers.is_empty()).then(|| Miss {
        what: "the metrics that are read".to_owned(),
        expected: format!("those that are planned: {}", planned.into_iter().collect::<Vec<_>>().join(", ")),
        found: format!("also {}", strangers.join(", ")),
    })
}

/// As many triggers of one call as an object may have come to the same outcome as one, within the bounds of a call.
async fn batch(stage: &Stage, scaler: &Scaler, case: &Case, single: Option<&Outcome>) -> Option<Miss> {
    let triggers = (0..TRIGGERS_MAX).map(|index| trigger(case, &id(case, index + 2))).collect();
    let (measured, _) = stage.measure(scaler, case, triggers).await;
    let different = measured.outcomes.iter().find(|outcome| Some(*outcome) != single)?;
    let bound = Limits::default().host_calls_max;
    Some(Miss {
        what: format!("the outcome of one among {TRIGGERS_MAX} equal triggers of a call"),
        expected: single.map(words::outcome).unwrap_or_default(),
        found: format!(
            "{}; the call asked the host {} times, of {bound} allowed",
            words::outcome(different),
            measured.usage.host_calls
        ),
    })
}
