//! The scenarios of KEDA's end-to-end test `internals/fallback/deployments`: a source that is polled each 5 s, target 5,
//! bounds 0 to 5, no stabilisation. It is stopped while the target runs, or before it ever did.

use super::bench::{Bench, Source};
use crate::failure::FailureKind;
use crate::fallback::FallbackDraft;

/// Longest wait there: 60 times 3 s, twelve rounds of the HPA. Waits of 30 times 3 s are six.
const ROUNDS: usize = 12;

fn served(value: f64, threshold: i64, behavior: Option<&str>, metric_type: Option<&str>) -> Bench {
    let mut bench = Bench::served(0, Source::Value(0.0), |draft| {
        (draft.min_replicas, draft.max_replicas) = (Some(0), Some(5));
        (draft.cooldown_period, draft.polling_interval) = (Some(1), Some(5));
        draft.triggers[0].metric_type = metric_type.map(str::to_owned);
        let behavior = behavior.map(str::to_owned);
        draft.fallback = Some(FallbackDraft { failure_threshold: threshold, replicas: 3, behavior });
    });
    bench.run(60.0);
    assert_eq!(bench.now_has(), 0);
    // The bench's target is 10 where KEDA's is 5.
    bench.sources.insert("redis".into(), Source::Value(2.0 * value));
    bench.live(ROUNDS);
    bench
}

fn stops(bench: &mut Bench) {
    bench.sources.insert("redis".into(), Source::Down(FailureKind::Transient));
    bench.live(6);
}

/// The target has so many replicas and keeps them for 30 s.
fn stays(bench: &mut Bench, replicas: u32) {
    for _ in 0..3 {
        assert_eq!(bench.now_has(), replicas);
        bench.live(1);
    }
}

#[test]
fn scales_out_falls_back_and_is_restored_for_average_values_and_values() {
    for metric_type in ["AverageValue", "Value"] {
        let mut bench = served(50.0, 3, None, Some(metric_type));
        assert_eq!(bench.now_has(), 5, "{metric_type}");
        stops(&mut bench);
        stays(&mut bench, 3);
        bench.sources.insert("redis".into(), Source::Value(100.0));
        bench.live(ROUNDS);
        assert_eq!(bench.now_has(), 5, "{metric_type}");
    }
}

#[test]
fn each_behavior_ends_where_keda_ends() {
    for (behavior, metric_type, replicas) in [
        ("currentReplicasIfHigher", None, 4),
        ("currentReplicasIfHigher", Some("AverageValue"), 4),
        ("currentReplicasIfLower", Some("AverageValue"), 3),
        ("currentReplicas", Some("AverageValue"), 4),
        ("static", Some("AverageValue"), 3),
    ] {
        let mut bench = served(20.0, 1, Some(behavior), metric_type);
        assert_eq!(bench.now_has(), 4, "{behavior}");
        stops(&mut bench);
        stays(&mut bench, replicas);
    }
}

#[test]
fn falls_back_from_zero() {
    let mut bench = served(0.0, 1, Some("static"), Some("AverageValue"));
    assert_eq!(bench.now_has(), 0);
    stops(&mut bench);
    stays(&mut bench, 3);
}
