//! 0 → N, N → 0, and what never lowers anything.

use super::bench::{Bench, Source, key, seconds};
use crate::event::{ApiFailure, Event, HpaView};
use crate::failure::FailureKind;
use crate::workload::Bounds;

fn first_step(mode: &str) -> Vec<(u32, u32)> {
    let bench = Bench::served(0, Source::Value(90.0), |draft| {
        draft.annotations.insert("bellows.dev/first-step".into(), mode.into());
    });
    bench.scales()
}

#[test]
fn the_first_step_is_what_the_manifest_says() {
    for (mode, to) in [("policy", 4), ("wanted", 9), ("one", 1)] {
        assert_eq!(first_step(mode), [(0, to)], "{mode}");
    }
}

#[test]
fn between_the_bounds_the_hpa_scales_and_we_do_not() {
    let mut bench = Bench::served(3, Source::Value(90.0), |_| {});
    bench.run(600.0);
    assert_eq!(bench.scales(), []);
    assert!(bench.view().unwrap().decisions.back().unwrap().text.starts_with("hold: active, the HPA scales"));
}

#[test]
fn a_target_is_stopped_when_the_cooldown_was_proven_and_not_before() {
    let mut bench = Bench::served(0, Source::Value(90.0), |_| {});
    bench.sources.insert("redis".into(), Source::Value(0.0));
    let (begin, first) = (bench.steady, bench.polls().len());
    bench.run(200.0);
    assert_eq!(bench.scales(), [(0, 4), (4, 0)]);
    let idle_since = bench.polls()[first].0;
    let rest = bench.log.iter().rev().find(|(_, effect)| super::log::name(effect) == "Scale").unwrap().0;
    assert!(rest - idle_since >= seconds(60), "{:?}", rest - idle_since);
    assert!(rest - begin <= seconds(76), "{:?}", rest - begin);
}

#[test]
fn an_outage_loses_no_worker_also_when_the_source_comes_back_empty_for_one_poll() {
    let mut bench = Bench::served(0, Source::Value(90.0), |draft| {
        (draft.cooldown_period, draft.polling_interval) = (Some(10), Some(5));
    });
    bench.run(60.0);
    bench.sources.insert("redis".into(), Source::Down(FailureKind::Transient));
    bench.run(60.0);
    let polls = bench.polls().len();
    bench.sources.insert("redis".into(), Source::Value(0.0));
    while bench.polls().len() == polls {
        bench.run(0.1);
    }
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.run(60.0);
    assert_eq!(bench.scales(), [(0, 4)]);
}

#[test]
fn a_value_that_no_longer_stands_lowers_nothing_and_is_not_answered() {
    let mut bench = Bench::served(0, Source::Value(90.0), |_| {});
    bench.sources.insert("redis".into(), Source::Fails(FailureKind::Transient));
    bench.run(90.0);
    let now = crate::Now { steady: bench.steady, wall: bench.wall };
    let metric = |bench: &Bench| bench.view().unwrap().metrics[0].clone();
    assert!(metric(&bench).answer(now).is_ok());
    bench.run(600.0);
    let now = crate::Now { steady: bench.steady, wall: bench.wall };
    assert_eq!(metric(&bench).value(now), None);
    assert_eq!(bench.scales(), [(0, 4)]);
    assert_eq!(bench.condition("Active").reason.as_ref(), "UnknownState");
}

#[test]
fn an_object_that_was_never_active_is_stopped_by_its_first_reading() {
    let bench = Bench::served(5, Source::Value(0.0), |_| {});
    assert_eq!(bench.scales(), [(5, 0)]);
}

#[test]
fn an_object_that_was_never_active_obeys_its_initial_cooldown_by_a_clock_that_does_not_jump() {
    let mut bench = Bench::served(5, Source::Value(0.0), |draft| draft.initial_cooldown_period = Some(120));
    bench.wall += jiff::SignedDuration::from_hours(1);
    bench.run(119.0);
    assert_eq!(bench.scales(), []);
    bench.run(2.0);
    assert_eq!(bench.scales(), [(5, 0)]);
}

#[test]
fn one_active_trigger_of_two_keeps_all_running() {
    let mut bench = Bench::served(0, Source::Value(90.0), |draft| {
        let mut other = draft.triggers[0].clone();
        other.metadata.insert("host".into(), "empty".into());
        draft.triggers.push(other);
    });
    bench.run(600.0);
    assert_eq!(bench.scales(), [(0, 4)]);
}

#[test]
fn an_unread_trigger_of_two_keeps_all_running() {
    let mut bench = Bench::served(0, Source::Value(90.0), |draft| {
        let mut other = draft.triggers[0].clone();
        other.metadata.insert("host".into(), "dark".into());
        draft.triggers.push(other);
    });
    bench.sources.insert("dark".into(), Source::Down(FailureKind::Transient));
    bench.sources.insert("redis".into(), Source::Value(0.0));
    bench.run(600.0);
    assert_eq!(bench.scales(), [(0, 4)]);
    assert!(
        bench.view().unwrap().decisions.back().unwrap().text.starts_with("hold: nothing is lowered because s1-jobs")
    );
}

#[test]
fn idle_replicas_are_where_an_idle_target_rests() {
    let mut bench = Bench::served(4, Source::Value(0.0), |draft| {
        (draft.min_replicas, draft.idle_replicas) = (Some(3), Some(1));
    });
    bench.sources.insert("redis".into(), Source::Value(30.0));
    bench.run(60.0);
    assert_eq!(bench.scales(), [(4, 1), (1, 3)]);
    assert_eq!(bench.view().unwrap().bounds, Some(Bounds { min: 3, max: 10, idle: Some(1) }));
}

#[test]
fn a_target_below_its_lower_bound_is_raised_whatever_is_measured() {
    let bench = Bench::served(0, Source::Down(FailureKind::Transient), |draft| draft.min_replicas = Some(2));
    assert_eq!(bench.scales(), [(0, 2)]);
}

#[test]
fn a_stopped_target_that_only_kubernetes_measures_is_started() {
    let bench = Bench::served(0, Source::Value(0.0), |draft| {
        (draft.triggers[0].kind, draft.min_replicas) = ("cpu".into(), Some(1));
    });
    assert_eq!(bench.scales(), [(0, 1)]);
}

#[test]
fn a_target_that_has_other_replicas_by_now_is_decided_upon_again() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.replicas.insert(key(), 2);
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.run(31.0);
    assert_eq!(bench.scales(), [(0, 4)]);
    assert_eq!((bench.replicas[&key()], bench.view().unwrap().replicas), (2, Some(2)));
}

#[test]
fn a_scaling_that_fails_is_told_and_tried_again() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    let failure = ApiFailure { message: "patch of scale: timeout".into(), retry: true };
    bench.refuses.insert("Scale", failure);
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.run(31.0);
    assert!(bench.told().contains(&"KEDAScaleTargetActivationFailed"));
    bench.refuses.clear();
    bench.run(65.0);
    assert_eq!((bench.replicas[&key()], bench.told().last()), (4, Some(&"KEDAScaleTargetActivated")));
}

#[test]
fn replicas_that_the_hpa_counts_otherwise_for_a_minute_are_read_again() {
    let mut bench = Bench::served(0, Source::Value(90.0), |_| {});
    // Somebody stops the target before the HPA ever saw it run, so the HPA has nothing new to say.
    bench.replicas.insert(key(), 0);
    let name = "keda-hpa-web".into();
    let hpa = HpaView { name, fingerprint: 1, replicas: Some(0), desired: Some(0), scaling: None };
    bench.step(Event::HpaObserved { key: key(), hpa: Some(hpa.clone()) });
    bench.replicas.insert(key(), 0);
    bench.run(0.0);
    assert_eq!(bench.replicas[&key()], 0);
    bench.run(61.0);
    assert_eq!(bench.replicas[&key()], 4);
}
