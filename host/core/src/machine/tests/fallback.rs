//! What stands in for a source that cannot be read.

use super::bench::{Bench, Source, key};
use crate::draft::Draft;
use crate::event::{Event, Remembered};
use crate::failure::FailureKind;
use crate::fallback::FallbackDraft;
use crate::status::Truth;

const DOWN: Source = Source::Down(FailureKind::Transient);

fn with(failure_threshold: i64, replicas: i64, behavior: &str) -> impl FnOnce(&mut Draft) {
    move |draft| {
        let behavior = Some(behavior.to_owned());
        draft.fallback = Some(FallbackDraft { failure_threshold, replicas, behavior });
        draft.polling_interval = Some(5);
    }
}

fn beside(host: &str) -> impl FnOnce(&mut Draft) {
    move |draft| {
        let mut other = draft.triggers[0].clone();
        other.metadata.insert("host".into(), host.into());
        draft.triggers.push(other);
    }
}

/// keda#5525: a source that is down from the start, so that no reading ever was.
#[test]
fn keda_5525_a_source_that_was_never_up_falls_back_from_zero() {
    let mut bench = Bench::served(0, DOWN, with(3, 6, "static"));
    assert_eq!((bench.count("ApplyHpa"), bench.scales(), bench.answer(0)), (1, vec![], None));
    bench.run(9.5);
    assert_eq!(bench.scales(), []);
    bench.run(6.0);
    // As far as the HPA's own policy would go at first; the HPA does the rest.
    assert_eq!((bench.scales(), bench.answer(0)), (vec![(0, 4)], Some(60.0)));
    bench.live(2);
    assert_eq!(bench.now_has(), 6);
}

#[test]
fn an_outage_is_told_twice_and_written_twice_however_long_it_lasts() {
    let mut bench = Bench::served(0, Source::Value(90.0), with(3, 6, "static"));
    bench.live(3);
    let before = bench.count("Report");
    bench.sources.insert("redis".into(), DOWN);
    bench.live(40);
    assert_eq!(bench.count("Report") - before, 2);
    let fallback = bench.condition("Fallback");
    assert_eq!((fallback.status, &*fallback.reason), (Truth::True, "FallbackExists"));
    assert!(
        fallback.message.starts_with(
            "At least one trigger is falling back on this scaled object (static 6): s0-jobs: refused: redis says no (since "
        ),
        "{}",
        fallback.message
    );
    let health = bench.report().health["s0-jobs"];
    assert_eq!((health.failures, health.happy), (4, false));
    let told = ["ScaledObjectReady", "KEDAScaleTargetActivated", "KEDAScalerFailed", "ScaledObjectFallbackActivated"];
    assert_eq!(bench.told(), told);
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.live(4);
    assert_eq!(bench.told()[4..], ["ScaledObjectFallbackDeactivated"]);
    assert_eq!(bench.condition("Fallback").reason.as_ref(), "NoFallbackFound");
    assert_eq!((bench.report().health["s0-jobs"].failures, bench.now_has()), (0, 9));
}

#[test]
fn while_the_fallback_answers_the_object_is_ready_and_active_as_in_keda() {
    let mut bench = Bench::served(0, DOWN, with(0, 3, "static"));
    bench.live(2);
    let ready = bench.condition("Ready");
    assert_eq!(ready.status, Truth::True);
    assert!(ready.message.ends_with("; s0-jobs falls back (static 3)"), "{}", ready.message);
    assert_eq!(bench.condition("Active").status, Truth::True);
    assert!(bench.report().activity["s0-jobs"]);
    assert_eq!(bench.last_decision(), "hold: s0-jobs cannot be read, and the fallback (static 3) answers 3 replicas");
}

#[test]
fn it_lowers_nothing_that_a_fresh_reading_of_another_trigger_wants() {
    let mut bench = Bench::served(0, Source::Value(90.0), |draft| {
        with(1, 2, "static")(draft);
        beside("dark")(draft);
    });
    bench.sources.insert("dark".into(), DOWN);
    bench.live(20);
    assert_eq!((bench.answer(0), bench.answer(1), bench.now_has()), (Some(90.0), Some(20.0), 9));
}

#[test]
fn it_keeps_running_what_the_other_trigger_would_stop() {
    let mut bench = Bench::served(0, Source::Value(0.0), |draft| {
        with(1, 2, "static")(draft);
        beside("dark")(draft);
    });
    bench.sources.insert("dark".into(), DOWN);
    bench.live(40);
    assert_eq!((bench.scales(), bench.now_has()), (vec![(0, 2)], 2));
}

#[test]
fn when_the_source_comes_back_empty_the_cooldown_starts_anew() {
    let mut bench = Bench::served(0, DOWN, with(1, 3, "static"));
    bench.live(20);
    bench.sources.insert("redis".into(), Source::Value(0.0));
    let back = bench.steady;
    while bench.scales().len() == 1 {
        bench.run(1.0);
    }
    assert_eq!(bench.scales(), [(0, 3), (3, 0)]);
    assert!((bench.steady - back).as_secs() >= 60, "{:?}", bench.steady - back);
}

#[test]
fn a_fallback_of_no_replicas_is_rest_after_the_cooldown_and_starts_nothing() {
    let mut bench = Bench::served(0, DOWN, with(1, 0, "static"));
    bench.live(10);
    assert_eq!(bench.scales(), []);
    let mut bench = Bench::served(0, Source::Value(90.0), with(1, 0, "static"));
    bench.sources.insert("redis".into(), DOWN);
    bench.live(3);
    assert_eq!((bench.scales(), bench.now_has(), bench.answer(0)), (vec![(0, 4)], 1, Some(0.0)));
    bench.live(4);
    assert_eq!((bench.scales(), bench.now_has()), (vec![(0, 4), (1, 0)], 0));
    let last = &bench.view().unwrap().decisions;
    let rest = last.iter().find(|entry| entry.text.starts_with("1 → 0")).unwrap();
    assert!(rest.text.ends_with("; s0-jobs cannot be read, and the fallback (static 0) answers 0 replicas"));
}

#[test]
fn what_the_target_has_at_rest_stays_at_rest_where_the_fallback_keeps_it() {
    for behavior in ["currentReplicas", "currentReplicasIfLower"] {
        let mut bench = Bench::served(0, DOWN, with(1, 3, behavior));
        bench.live(10);
        assert_eq!((bench.scales(), bench.now_has()), (vec![], 0), "{behavior}");
        let mut bench = Bench::served(1, DOWN, |draft| {
            with(1, 1, behavior)(draft);
            (draft.min_replicas, draft.idle_replicas) = (Some(3), Some(1));
        });
        bench.run(100.0);
        assert_eq!(bench.scales(), [], "{behavior}");
    }
}

#[test]
fn what_another_trigger_raised_is_what_the_current_replicas_are() {
    let mut bench = Bench::served(0, Source::Value(20.0), |draft| {
        with(1, 3, "currentReplicas")(draft);
        beside("dark")(draft);
    });
    bench.sources.insert("dark".into(), DOWN);
    bench.live(4);
    for (value, replicas) in [(50.0, 5), (90.0, 9), (0.0, 9), (0.0, 9)] {
        bench.sources.insert("redis".into(), Source::Value(value));
        bench.live(2);
        assert_eq!(bench.now_has(), replicas, "{value}");
    }
}

#[test]
fn a_value_is_divided_by_the_pods_that_are_ready_and_needs_one() {
    let change = |draft: &mut Draft| {
        with(1, 3, "static")(draft);
        draft.triggers[0].metric_type = Some("Value".into());
    };
    let mut bench = Bench::served(0, DOWN, change);
    bench.run(11.0);
    // Started all the same: for that nothing is divided.
    assert_eq!((bench.scales(), bench.answer(0)), (vec![(0, 3)], None));
    bench.live(4);
    assert_eq!((bench.now_has(), bench.answer(0)), (3, Some(10.0)));
    bench.replicas.insert(key(), 6);
    bench.unready = 2;
    bench.live(6);
    assert_eq!(bench.now_has(), 3);
    bench.unready = 3;
    bench.run(20.0);
    assert_eq!(bench.answer(0), None);
    bench.live(20);
    assert_eq!(bench.now_has(), 3);
}

#[test]
fn settings_that_can_never_work_fall_back_at_once_because_nobody_asks_again() {
    let bench = Bench::served(0, Source::Fails(FailureKind::Invalid), with(3, 2, "static"));
    assert_eq!((bench.polls().len(), bench.scales(), bench.answer(0)), (1, vec![(0, 2)], Some(20.0)));
}

#[test]
fn a_process_that_has_just_started_goes_on_where_the_last_one_was() {
    let mut bench = Bench::new();
    bench.replicas.insert(key(), 3);
    bench.sources.insert("redis".into(), DOWN);
    let mut draft = super::bench::draft();
    with(3, 3, "static")(&mut draft);
    let mut manifest = bench.manifest(&key(), draft);
    let hpa_name = Some("keda-hpa-web".into());
    manifest.remembered =
        Remembered { hpa_name, failures: [("s0-jobs".to_owned(), 4)].into(), ..Remembered::default() };
    bench.step(Event::Applied(Box::new(manifest)));
    bench.run(2.0);
    assert_eq!((bench.answer(0), bench.condition("Fallback").status), (Some(30.0), Truth::True));
    bench.run(100.0);
    assert_eq!(bench.told(), [""; 0]);
    bench.sources.insert("redis".into(), Source::Value(0.0));
    bench.run(20.0);
    assert_eq!(bench.told(), ["ScaledObjectFallbackDeactivated"]);
}

#[test]
fn a_fallback_that_is_taken_out_of_the_manifest_ends_at_once() {
    let mut bench = Bench::served(0, DOWN, with(1, 3, "static"));
    bench.live(2);
    bench.apply(|draft| draft.polling_interval = Some(5));
    bench.run(2.0);
    assert_eq!((bench.answer(0), bench.condition("Fallback").status), (None, Truth::False));
    assert_eq!(bench.condition("Ready").status, Truth::False);
    assert!(bench.report().health.is_empty());
    assert_eq!(bench.now_has(), 3);
}
