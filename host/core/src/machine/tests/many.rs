//! Many triggers in one object: the largest counts, any keeps it active, and none hides another.

use std::collections::BTreeSet;

use super::bench::{Bench, Source};
use crate::draft::{Draft, TriggerDraft};
use crate::failure::FailureKind;
use crate::fallback::FallbackDraft;
use crate::scaler::Metric;
use crate::status::Truth;

const MANY: usize = 50;

fn host(index: usize) -> String {
    format!("redis-{index}")
}

/// Fifty triggers that look at a queue of the same name, each at a host of its own.
fn fifty(draft: &mut Draft) {
    draft.max_replicas = Some(100);
    draft.triggers = (0..MANY)
        .map(|index| {
            let metadata = [("host".to_owned(), host(index))].into();
            TriggerDraft { kind: "redis".into(), metadata, ..TriggerDraft::default() }
        })
        .collect();
}

#[test]
fn the_same_queue_on_many_hosts_has_as_many_names() {
    let bench = Bench::served(0, Source::Value(0.0), fifty);
    let names: BTreeSet<String> = bench.report().external_metrics.into_iter().collect();
    assert_eq!(names.len(), MANY);
    assert!(names.contains("s0-jobs") && names.contains("s49-jobs"));
}

#[test]
fn any_of_many_starts_the_target_and_the_largest_is_what_it_grows_to() {
    let mut bench = Bench::served(0, Source::Value(0.0), fifty);
    assert_eq!(bench.scales(), []);
    bench.sources.insert(host(17), Source::Value(20.0));
    bench.sources.insert(host(41), Source::Value(320.0));
    bench.live(6);
    assert_eq!((bench.scales().len(), bench.now_has()), (1, 32));
    let active: Vec<String> =
        bench.report().activity.into_iter().filter(|(_, active)| *active).map(|(name, _)| name).collect();
    assert_eq!(active, ["s17-jobs", "s41-jobs"]);
    bench.sources.insert(host(41), Source::Value(0.0));
    bench.live(2);
    assert_eq!(bench.now_has(), 2);
}

#[test]
fn one_that_fails_is_named_and_neither_hides_nor_disturbs_the_others() {
    let mut bench = Bench::served(0, Source::Value(0.0), fifty);
    bench.sources.insert(host(3), Source::Down(FailureKind::Transient));
    bench.sources.insert(host(17), Source::Value(120.0));
    bench.live(6);
    assert_eq!(bench.now_has(), 12);
    let ready = bench.condition("Ready");
    assert_eq!((ready.status, &*ready.reason), (Truth::Unknown, "PartialTriggerError"));
    assert!(ready.message.contains("s3-jobs") && !ready.message.contains("s4-jobs"), "{}", ready.message);
    // What the others want less now is not followed down, because nobody knows what the third one wants.
    bench.sources.insert(host(17), Source::Value(0.0));
    bench.live(20);
    assert_eq!(bench.now_has(), 12);
    // It is polled no slower for it.
    let polls = |bench: &Bench, index: usize| {
        let of = |id: &str| id == format!("shop/web/{index}");
        bench.polls().iter().filter(|(_, poll)| poll.triggers.iter().any(|trigger| of(&trigger.id))).count()
    };
    assert!(polls(&bench, 4).abs_diff(polls(&bench, 44)) <= 2);
}

#[test]
fn a_fallback_of_one_leaves_the_others_to_their_readings() {
    let mut bench = Bench::served(0, Source::Value(0.0), |draft| {
        fifty(draft);
        draft.fallback = Some(FallbackDraft { failure_threshold: 1, replicas: 3, behavior: None });
    });
    bench.sources.insert(host(3), Source::Down(FailureKind::Transient));
    bench.live(8);
    assert_eq!(bench.now_has(), 3);
    let unhappy = bench.report().health.values().filter(|health| !health.happy).count();
    assert_eq!((unhappy, bench.report().health.len()), (1, MANY));
    bench.sources.insert(host(17), Source::Value(120.0));
    bench.live(6);
    assert_eq!(bench.now_has(), 12);
}

#[test]
fn what_kubernetes_measures_beside_a_list_neither_starts_nor_keeps_the_target() {
    let change = |draft: &mut Draft| {
        let cpu = TriggerDraft { kind: "cpu".into(), ..TriggerDraft::default() };
        draft.triggers.insert(0, cpu);
    };
    let mut bench = Bench::served(0, Source::Value(0.0), change);
    bench.live(8);
    assert_eq!(bench.scales(), []);
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.live(3);
    bench.sources.insert("redis".into(), Source::Value(0.0));
    bench.live(8);
    assert_eq!((bench.scales().len(), bench.now_has()), (2, 0));
    let report = bench.report();
    assert_eq!(
        (report.resource_metrics, report.external_metrics),
        (vec!["cpu".to_owned()], vec!["s1-jobs".to_owned()])
    );
    assert_eq!(report.trigger_types, "cpu,redis");
    assert!(matches!(bench.applied().triggers[0].metrics[0].metric, Metric::Resource { .. }));
}
