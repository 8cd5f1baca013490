//! What counts as an error, and how often.

use std::time::Duration;

use super::bench::{Bench, Source, draft, key, seconds};
use crate::effect::Effect;
use crate::event::{Event, Refusal};
use crate::failure::FailureKind;
use crate::problem::Problem;
use crate::workload::ObjectKey;

/// Errors of the object and of each of its metrics.
fn errors(bench: &Bench, key: &ObjectKey) -> (u64, Vec<u64>) {
    let shown = bench.log.iter().rev().find_map(|(_, effect)| match effect {
        Effect::Publish { key: of, view } if of == key => view.clone(),
        _ => None,
    });
    let view = shown.unwrap();
    (view.errors.at(bench.steady), view.metrics.iter().map(|metric| metric.errors.at(bench.steady)).collect())
}

#[test]
fn each_poll_that_gives_nothing_is_an_error_of_its_trigger_and_of_the_object() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    assert_eq!(errors(&bench, &key()), (0, vec![0]));
    bench.sources.insert("redis".into(), Source::Fails(FailureKind::Transient));
    bench.run(90.0);
    assert_eq!(errors(&bench, &key()), (3, vec![3]));
    bench.sources.insert("redis".into(), Source::Value(0.0));
    bench.run(90.0);
    assert_eq!(errors(&bench, &key()), (3, vec![3]));
}

#[test]
fn who_shares_a_dead_endpoint_counts_its_own_errors_although_one_probe_asks_for_all() {
    let mut bench = Bench::new();
    bench.sources.insert("redis".into(), Source::Down(FailureKind::Transient));
    let keys: Vec<ObjectKey> = (0..150).map(|index| ObjectKey::new("shop", format!("object-{index}"))).collect();
    for key in &keys {
        let manifest = bench.manifest(key, draft());
        bench.step(Event::Applied(Box::new(manifest)));
    }
    bench.run(90.5);
    let counts: Vec<u64> = keys.iter().map(|key| errors(&bench, key).0).collect();
    assert!(counts.iter().all(|count| (3..=5).contains(count)), "{counts:?}");
}

#[test]
fn settings_that_can_never_work_are_an_error_at_each_poll_that_is_not_made() {
    let mut bench = Bench::served(0, Source::Fails(FailureKind::Invalid), |_| {});
    let polls = bench.polls().len();
    bench.run(300.0);
    assert_eq!((bench.polls().len(), errors(&bench, &key())), (polls, (11, vec![11])));
    bench.sources.insert("redis".into(), Source::Value(0.0));
    bench.password = "mended".into();
    bench.apply(|_| {});
    bench.run(600.0);
    assert_eq!(errors(&bench, &key()), (11, vec![11]));
}

#[test]
fn a_refused_object_counts_an_error_each_interval_until_it_is_mended() {
    let mut bench = Bench::new();
    bench.refusal = Some(Refusal { problems: vec![Problem::new("spec", "no")], retry: false });
    bench.apply(|draft| draft.polling_interval = Some(10));
    bench.run(65.0);
    assert_eq!(errors(&bench, &key()), (6, vec![]));
    bench.refusal = None;
    bench.apply(|_| {});
    bench.run(300.0);
    assert_eq!(errors(&bench, &key()), (6, vec![0]));
}

#[test]
fn a_poll_that_waited_for_room_says_how_long() {
    let mut bench = Bench::new();
    bench.holds = vec!["Poll"];
    for index in 0..200 {
        let mut draft = draft();
        draft.triggers[0].metadata.insert("host".into(), format!("redis-{index}"));
        let manifest = bench.manifest(&ObjectKey::new("shop", format!("object-{index}")), draft);
        bench.step(Event::Applied(Box::new(manifest)));
    }
    bench.run(5.0);
    assert_eq!(bench.polls().len(), 128, "no more than so many are asked before any answered");
    bench.answer_held();
    let late: Vec<Duration> = bench.polls().iter().map(|(_, poll)| poll.late).collect();
    assert!(late[..128].iter().all(|late| late.is_zero()), "{late:?}");
    assert!(late[128..200].iter().all(|late| *late > seconds(4) && *late < seconds(5)), "{late:?}");
}
