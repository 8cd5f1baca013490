//! A source that answers that the thing does not exist.

use super::bench::{Bench, Source};
use crate::draft::WHEN_ABSENT_ANNOTATION;
use crate::failure::FailureKind;
use crate::fallback::FallbackDraft;
use crate::status::Truth;

/// A target that runs, whose list disappears.
fn disappears(choice: Option<&str>) -> Bench {
    let mut bench = Bench::served(0, Source::Value(90.0), |draft| {
        draft.fallback = Some(FallbackDraft { failure_threshold: 1, replicas: 7, behavior: None });
        draft.annotations.extend(choice.map(|choice| (WHEN_ABSENT_ANNOTATION.to_owned(), choice.to_owned())));
    });
    bench.sources.insert("redis".into(), Source::Fails(FailureKind::Absent));
    bench.run(31.0);
    bench
}

#[test]
fn by_default_nothing_is_lowered_nothing_is_wrong_and_the_hpa_hears_that_there_is_no_value() {
    for choice in [None, Some("hold")] {
        let mut bench = disappears(choice);
        assert_eq!(bench.answer(0), None);
        bench.run(600.0);
        assert_eq!((bench.scales(), bench.answer(0)), (vec![(0, 4)], None));
        let ready = bench.condition("Ready");
        assert_eq!((ready.status, bench.condition("Fallback").status), (Truth::True, Truth::False));
        assert!(ready.message.ends_with("; s0-jobs has no value: refused: redis says no"), "{}", ready.message);
        assert!(bench.report().health["s0-jobs"].happy);
        assert_eq!(bench.told(), ["ScaledObjectReady", "KEDAScaleTargetActivated"]);
    }
}

#[test]
fn zero_is_an_inactive_reading_and_the_cooldown_runs_on_it() {
    let mut bench = disappears(Some("zero"));
    assert_eq!(bench.answer(0), Some(0.0));
    bench.run(100.0);
    assert_eq!(bench.scales(), [(0, 4), (4, 0)]);
    assert_eq!(bench.condition("Ready").status, Truth::True);
}

#[test]
fn an_error_is_counted_and_the_fallback_takes_its_place() {
    let mut bench = disappears(Some("error"));
    bench.run(60.0);
    assert_eq!(bench.answer(0), Some(70.0));
    assert_eq!(bench.condition("Fallback").status, Truth::True);
}

#[test]
fn what_exists_again_is_read_again() {
    let mut bench = disappears(None);
    bench.sources.insert("redis".into(), Source::Value(30.0));
    bench.run(31.0);
    assert_eq!(bench.answer(0), Some(30.0));
    let message = "ScaledObject is defined correctly and is ready for scaling";
    assert_eq!(&*bench.condition("Ready").message, message);
}
