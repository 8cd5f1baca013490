//! The HPA is as the workload says, and nobody fights over it.

use super::bench::{Bench, Source, key};
use crate::effect::Effect;
use crate::event::{ApiFailure, Event, HpaView};
use crate::status::Truth;

fn seen(fingerprint: u64) -> HpaView {
    HpaView { name: "keda-hpa-web".into(), fingerprint, replicas: None, desired: None, scaling: None }
}

#[test]
fn an_hpa_that_was_deleted_by_hand_is_applied_again() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.step(Event::HpaObserved { key: key(), hpa: None });
    assert_eq!(bench.count("ApplyHpa"), 2);
}

#[test]
fn an_hpa_that_was_edited_by_hand_is_repaired_but_not_fought_over() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    for _ in 0..10 {
        bench.step(Event::HpaObserved { key: key(), hpa: Some(seen(7)) });
        bench.run(1.0);
    }
    assert_eq!(bench.count("ApplyHpa"), 3);
    bench.run(100.0);
    assert_eq!(bench.count("ApplyHpa"), 3);
}

#[test]
fn a_watch_that_is_behind_costs_no_second_write() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.holds.push("ApplyHpa");
    bench.apply(|draft| draft.max_replicas = Some(20));
    bench.fingerprint = 2;
    bench.unanswered.clear();
    bench.step(Event::HpaApplied { key: key(), result: Ok(2) });
    bench.run(0.01);
    bench.step(Event::HpaObserved { key: key(), hpa: Some(seen(2)) });
    bench.run(100.0);
    assert_eq!(bench.count("ApplyHpa"), 2);
}

#[test]
fn an_hpa_that_is_not_ours_is_tried_once_a_minute_and_told() {
    let mut bench = Bench::new();
    let message = "keda-hpa-web belongs to somebody else".to_owned();
    bench.refuses.insert("ApplyHpa", ApiFailure { message: message.clone(), retry: false });
    bench.apply(|_| {});
    bench.run(305.0);
    assert_eq!(bench.count("ApplyHpa"), 6);
    let ready = bench.condition("Ready");
    assert_eq!((ready.status, &*ready.reason, &*ready.message), (Truth::False, "ScaledObjectCheckFailed", &*message));
    assert_eq!(bench.told(), ["ScaledObjectCheckFailed"]);
}

#[test]
fn an_hpa_under_an_older_name_is_replaced() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.apply(|draft| draft.hpa_name = Some("mine".into()));
    let last = bench.log.iter().rev().find_map(|(_, effect)| match effect {
        Effect::ApplyHpa { workload, replaces, .. } => Some((workload.hpa.name.clone(), replaces.clone())),
        _ => None,
    });
    assert_eq!(last, Some(("mine".to_owned(), Some("keda-hpa-web".into()))));
    assert_eq!(bench.report().hpa_name.as_deref(), Some("keda-hpa-web"));
    bench.run(2.0);
    assert_eq!(bench.report().hpa_name.as_deref(), Some("mine"));
}

#[test]
fn a_change_that_the_hpa_does_not_see_is_no_write_of_it() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.apply(|draft| draft.cooldown_period = Some(90));
    bench.run(100.0);
    assert_eq!(bench.count("ApplyHpa"), 1);
}

#[test]
fn an_hpa_of_ours_that_nobody_remembers_is_removed_when_it_is_seen() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.run(5.0);
    let forgotten = HpaView { name: "mine".into(), ..seen(1) };
    bench.step(Event::HpaObserved { key: key(), hpa: Some(forgotten) });
    let last = bench.log.iter().rev().find_map(|(_, effect)| match effect {
        Effect::ApplyHpa { replaces, .. } => Some(replaces.clone()),
        _ => None,
    });
    assert_eq!((bench.count("ApplyHpa"), last), (2, Some(Some("mine".into()))));
}

#[test]
fn a_failure_to_write_what_is_no_longer_wanted_is_forgotten() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.refuses.insert("ApplyHpa", ApiFailure { message: "no quota".into(), retry: false });
    bench.apply(|draft| draft.max_replicas = Some(20));
    bench.run(2.0);
    assert_eq!(bench.condition("Ready").status, Truth::False);
    bench.apply(|_| {});
    bench.run(2.0);
    assert_eq!((bench.condition("Ready").status, bench.count("ApplyHpa")), (Truth::True, 2));
}
