//! What the status says, and what people are told.

use super::bench::{Bench, Source, key};
use crate::event::{ApiFailure, Event, HpaView};
use crate::failure::FailureKind;
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
