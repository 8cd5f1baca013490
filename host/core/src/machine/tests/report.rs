//! What the status says, and what people are told.

use super::bench::{Bench, Source, key};
use crate::event::{ApiFailure, Endpoint, Event, HpaView, Refusal};
use crate::failure::{Blame, Failure, FailureKind};
use crate::problem::Problem;
use crate::status::Truth;

#[test]
fn a_source_that_is_away_is_told_once_with_its_cause_and_its_return_too() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.sources.insert("redis".into(), Source::Down(FailureKind::Transient));
    bench.run(300.0);
    let ready = bench.condition("Ready");
    assert_eq!((ready.status, &*ready.reason), (Truth::False, "TriggerError"));
    assert!(ready.message.contains("s0-jobs: refused: redis says no (since "), "{}", ready.message);
    bench.sources.insert("redis".into(), Source::Value(0.0));
    bench.run(60.0);
    assert_eq!(bench.told(), ["ScaledObjectReady", "KEDAScalerFailed", "ScaledObjectReady"]);
    assert_eq!(bench.count("Report"), 3);
}

#[test]
fn a_status_that_cannot_be_written_is_tried_again_without_telling_people_twice() {
    let mut bench = Bench::new();
    bench.refuses.insert("Report", ApiFailure { message: "timeout".into(), retry: true });
    bench.apply(|_| {});
    bench.run(100.0);
    assert_eq!((bench.told(), bench.count("Report")), (vec!["ScaledObjectReady"], 7));
}

#[test]
fn a_status_is_written_once_a_second_at_most_and_ends_true() {
    let mut bench = Bench::served(3, Source::Value(90.0), |_| {});
    for round in 0..40_u32 {
        let scaling = Some((round % 2 == 0, "Some".into(), "round".into()));
        let name = "keda-hpa-web".into();
        let hpa = HpaView { name, fingerprint: 1, replicas: Some(3), desired: Some(3), scaling };
        bench.step(Event::HpaObserved { key: key(), hpa: Some(hpa) });
        bench.run(0.1);
    }
    bench.run(2.0);
    assert!(bench.count("Report") <= 7, "{}", bench.count("Report"));
    assert_eq!(bench.condition("HPAActive").status, Truth::False);
}

#[test]
fn what_another_party_left_without_words_gets_some() {
    let mut bench = Bench::new();
    bench.refuses.insert("ApplyHpa", ApiFailure { message: String::new(), retry: true });
    bench.apply(|_| {});
    bench.run(1.0);
    assert_eq!(&*bench.condition("Ready").message, "no reason was given");
    assert_eq!(bench.notices()[0].message, "no reason was given");
}

#[test]
fn a_new_object_at_rest_is_reported_once_whatever_its_hpa_says_in_its_first_round() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.run(5.0);
    let scaling = Some((false, "ScalingDisabled".into(), "the target is at 0".into()));
    let hpa = HpaView { name: "keda-hpa-web".into(), fingerprint: 1, replicas: Some(0), desired: Some(0), scaling };
    bench.step(Event::HpaObserved { key: key(), hpa: Some(hpa) });
    bench.run(5.0);
    assert_eq!((bench.condition("HPAActive").status, bench.count("Report")), (Truth::True, 1));
}

#[test]
fn what_keda_tells_at_the_start_is_told_to_those_who_ask_for_all() {
    let mut bench = Bench::served(0, Source::Value(0.0), |draft| {
        let mut other = draft.triggers[0].clone();
        other.kind = "list".into();
        draft.triggers.extend([other.clone(), other]);
    });
    let told = ["Scaler redis is built", "Scaler list is built", "Started scalers watch"];
    assert_eq!(bench.details(), told.map(|told| format!("KEDAScalersStarted: {told}")));
    assert_eq!(bench.notices()[0].message, "ScaledObject is ready for scaling");
    bench.apply(|_| {});
    bench.run(60.0);
    assert_eq!((bench.details().len(), bench.told().len()), (3, 1));
}

#[test]
fn a_target_that_is_not_there_is_told_in_the_words_of_keda() {
    let mut bench = Bench::new();
    let problem = Problem::new("spec.scaleTargetRef.name", "Target resource doesn't exist: there is no worker");
    bench.refusal = Some(Refusal { problems: vec![problem], retry: true });
    bench.apply(|_| {});
    bench.run(300.0);
    let told: Vec<(&str, String)> = bench.notices().into_iter().map(|notice| (notice.reason, notice.message)).collect();
    let whole = "ScaledObject doesn't have correct scaleTargetRef specification: spec.scaleTargetRef.name: Target \
                 resource doesn't exist: there is no worker";
    let expected = ["Target resource doesn't exist: there is no worker", whole];
    assert_eq!(told, expected.map(|message| ("ScaledObjectCheckFailed", message.to_owned())));
    assert_eq!(&*bench.condition("Ready").message, whole);
}

#[test]
fn a_warning_stays_in_the_status_and_is_told_once() {
    let mut bench = Bench::new();
    bench.warnings = vec![Problem::new("metadata.type", "is deprecated: give metricType instead")];
    bench.apply(|_| {});
    bench.run(700.0);
    let warning = "spec.triggers[0].metadata.type: is deprecated: give metricType instead";
    let ready = bench.condition("Ready");
    assert_eq!(ready.status, Truth::True);
    assert!(ready.message.ends_with(&format!("; {warning}")), "{}", ready.message);
    assert_eq!(bench.told(), ["ScaledObjectReady", "KEDAScalerInfo"]);
    assert_eq!(bench.notices()[1].message, warning);
}

#[test]
fn a_failure_that_changes_its_words_at_each_poll_is_not_written_at_each_poll() {
    let mut bench = Bench::served(3, Source::Silent, |_| {});
    bench.run(2.0);
    for round in 0..5 {
        let id = bench.polls().last().unwrap().1.id;
        let failure = Failure::new(FailureKind::Transient, Blame::Source, "timeout", format!("port {round} is silent"));
        bench.step(Event::Polled { id, endpoint: Endpoint::Answered, outcomes: vec![Err(failure)] });
        bench.run(16.0);
    }
    assert_eq!((bench.polls().len(), bench.count("Report")), (6, 2));
}
