//! What is written for a scrape, name by name.

use std::sync::Arc;
use std::time::Duration;

use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::metric::{MetricView, Taken, View};
use bellows_core::scaler::{TargetType, Trigger};
use bellows_core::workload::ObjectKey;

use super::{RequestCounts, Telemetry};
use crate::serve::snapshot::Snapshot;

fn key() -> ObjectKey {
    ObjectKey::new("shop", "web")
}

fn view() -> View {
    let metric = MetricView {
        name: "s1-redis-jobs".into(),
        kind: "redis".into(),
        target: 10.0,
        target_type: TargetType::AverageValue,
        last: Some(Taken { value: 90.5, at: Duration::ZERO, date: jiff::Timestamp::UNIX_EPOCH }),
        active: true,
        stands_for: Duration::from_secs(95),
        failure: None,
        fallback: None,
    };
    View {
        key: key(),
        hpa: None,
        bounds: None,
        replicas: None,
        hpa_says: None,
        metrics: vec![metric],
        decisions: [].into(),
    }
}

fn telemetry() -> (Arc<Snapshot>, Telemetry) {
    let snapshot = Arc::new(Snapshot::default());
    snapshot.publish(key(), Some(Arc::new(view())));
    let requests = RequestCounts::new(|| vec![("patch", "scaledobjects".to_owned(), 3)]);
    (Arc::clone(&snapshot), Telemetry::new(snapshot, requests))
}

fn poll(telemetry: &Telemetry) {
    let trigger = Trigger {
        id: "shop/web/1".to_owned(),
        trigger_type: "redis".to_owned(),
        metric_type: None,
        settings: Vec::new(),
    };
    let failure = Failure::new(FailureKind::Transient, Blame::Source, "refused", "no");
    telemetry.polled(&[Arc::new(trigger)], &[Err(failure)], Duration::from_millis(250));
}

#[test]
fn a_dashboard_of_keda_finds_its_series() {
    let (_snapshot, telemetry) = telemetry();
    poll(&telemetry);
    let text = telemetry.text().unwrap();
    let labels = r#"{namespace="shop",metric="s1-redis-jobs",scaledObject="web",scaler="redisScaler",triggerIndex="1",type="scaledobject"}"#;
    for line in [
        format!("keda_scaler_active{labels} 1.0"),
        format!("keda_scaler_metrics_value{labels} 90.5"),
        format!("keda_scaler_metrics_latency_seconds{labels} 0.25"),
        format!("keda_scaler_detail_errors_total{labels} 1"),
        r#"keda_scaled_object_errors_total{namespace="shop",scaledObject="web"} 1"#.to_owned(),
        r#"keda_resource_registered_total{type="scaled_object",namespace="shop"} 1"#.to_owned(),
        r#"keda_trigger_registered_total{type="redis"} 1"#.to_owned(),
        r#"bellows_api_requests_total{verb="patch",resource="scaledobjects"} 3"#.to_owned(),
        r#"bellows_polls_total{outcome="transient",blame="source"} 1"#.to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn series_end_with_their_object() {
    let (snapshot, telemetry) = telemetry();
    poll(&telemetry);
    snapshot.publish(key(), None);
    telemetry.gone(&key());
    assert!(!telemetry.text().unwrap().contains("scaledObject=\"web\""));
    snapshot.publish(key(), Some(Arc::new(view())));
    let none = r#"keda_scaled_object_errors_total{namespace="shop",scaledObject="web"} 0"#;
    assert!(telemetry.text().unwrap().lines().any(|line| line == none), "a namesake begins at 0");
}

#[test]
fn a_poll_is_in_flight_as_long_as_it_is_held() {
    let (_snapshot, telemetry) = telemetry();
    let held = telemetry.poll_begins();
    assert!(telemetry.text().unwrap().contains("bellows_polls_in_flight 1\n"));
    drop(held);
    assert!(telemetry.text().unwrap().contains("bellows_polls_in_flight 0\n"));
}
