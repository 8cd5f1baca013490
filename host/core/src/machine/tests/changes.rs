//! Changes of a live object take effect at once. The first half is KEDA's end-to-end tests `internals/replica_update_so`
//! and `internals/trigger_update_so`.

use super::bench::{Bench, Source};
use crate::draft::{Draft, TriggerDraft};
use crate::failure::FailureKind;

fn bounded(min: i64, max: i64) -> impl FnOnce(&mut Draft) {
    move |draft| {
        (draft.min_replicas, draft.max_replicas) = (Some(min), Some(max));
        (draft.cooldown_period, draft.polling_interval) = (Some(1), Some(5));
    }
}

fn trigger(host: &str) -> TriggerDraft {
    let metadata = [("host".to_owned(), host.to_owned())].into();
    TriggerDraft { kind: "redis".into(), metadata, ..TriggerDraft::default() }
}

fn with(hosts: &[&str]) -> impl FnOnce(&mut Draft) {
    let triggers = hosts.iter().map(|host| trigger(host)).collect();
    move |draft| {
        bounded(0, 5)(draft);
        draft.triggers = triggers;
    }
}

#[test]
fn a_maximum_that_is_raised_or_lowered_below_what_runs_is_followed_by_the_next_round() {
    let mut bench = Bench::served(0, Source::Value(1000.0), bounded(0, 5));
    bench.live(3);
    assert_eq!(bench.now_has(), 5);
    bench.apply(bounded(0, 15));
    bench.live(4);
    assert_eq!(bench.now_has(), 15);
    bench.apply(bounded(0, 5));
    bench.live(1);
    assert_eq!(bench.now_has(), 5);
    assert_eq!(bench.scales(), [(0, 4)]);
}

#[test]
fn a_minimum_that_is_raised_from_zero_starts_an_inactive_target_at_once() {
    let mut bench = Bench::served(0, Source::Value(0.0), bounded(0, 5));
    bench.live(4);
    bench.apply(bounded(5, 10));
    assert_eq!((bench.scales(), bench.now_has()), (vec![(0, 5)], 5));
}

#[test]
fn a_minimum_that_is_lowered_to_zero_stops_an_inactive_target_after_its_cooldown() {
    let mut bench = Bench::served(0, Source::Value(0.0), bounded(5, 10));
    bench.live(4);
    assert_eq!(bench.now_has(), 5);
    bench.apply(bounded(0, 10));
    bench.live(1);
    assert_eq!(bench.now_has(), 0);
}

#[test]
fn a_trigger_that_is_added_is_followed_and_one_that_is_removed_no_longer_is() {
    let mut bench = Bench::served(0, Source::Value(10.0), with(&["redis"]));
    bench.sources.insert("pods".into(), Source::Value(50.0));
    bench.live(2);
    assert_eq!(bench.now_has(), 1);
    bench.apply(with(&["redis", "pods"]));
    bench.live(3);
    assert_eq!(bench.now_has(), 5);
    bench.sources.insert("redis".into(), Source::Value(30.0));
    bench.apply(with(&["redis"]));
    bench.live(2);
    assert_eq!((bench.now_has(), bench.report().external_metrics), (3, vec!["s0-jobs".to_owned()]));
}

#[test]
fn a_third_trigger_that_never_answers_keeps_nothing_from_growing() {
    let mut bench = Bench::served(0, Source::Value(50.0), with(&["redis", "pods", "invalid-invalid"]));
    bench.sources.insert("invalid-invalid".into(), Source::Down(FailureKind::Transient));
    bench.live(4);
    assert_eq!(bench.now_has(), 5);
    assert_eq!(bench.condition("Ready").reason.as_ref(), "PartialTriggerError");
}

#[test]
fn a_trigger_that_is_replaced_by_one_that_was_not_read_yet_stops_nothing() {
    let mut bench = Bench::served(0, Source::Value(90.0), with(&["redis"]));
    bench.sources.insert("silent".into(), Source::Silent);
    bench.live(2);
    let has = bench.now_has();
    bench.apply(|draft| {
        with(&["silent"])(draft);
        draft.triggers[0].kind = "other".into();
    });
    bench.live(20);
    assert_eq!(bench.now_has(), has);
}
