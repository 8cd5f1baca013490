//! What is written for a scrape, name by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellows_core::Now;
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::metric::{MetricView, Taken, View};
use bellows_core::scaler::Trigger;
use bellows_core::tally::Tally;
use bellows_core::workload::ObjectKey;
use bellows_wasm::Exchange;

use super::table::{ALL, Kind};
use super::{Counts, Exposition, Review, Sources, Telemetry};
use crate::serve::snapshot::Snapshot;

fn key() -> ObjectKey {
    ObjectKey::new("shop", "web")
}

fn errors(count: u32) -> Tally {
    let mut tally = Tally::default();
    (0..count).for_each(|_| tally.failed());
    tally
}

fn trigger() -> Arc<Trigger> {
    Arc::new(Trigger {
        id: "shop/web/1".to_owned(),
        trigger_type: "redis".to_owned(),
        metric_type: None,
        settings: Vec::new(),
    })
}

/// An object with a trigger that Kubernetes measures and one that gave no value twice.
fn view() -> View {
    let metric = MetricView {
        index: 1,
        target: 10.0,
        last: Some(Taken { value: 90.5, at: Duration::ZERO, date: jiff::Timestamp::UNIX_EPOCH }),
        active: true,
        errors: errors(2),
        ..MetricView::new("s1-redis-jobs", "redis")
    };
    View { kinds: vec!["cpu".into(), "redis".into()], errors: errors(2), metrics: vec![metric], ..View::new(key()) }
}

struct Bench {
    snapshot: Arc<Snapshot>,
    now: Arc<Mutex<Duration>>,
    telemetry: Telemetry,
}

impl Bench {
    fn new(legacy_names: bool) -> Self {
        let snapshot = Arc::new(Snapshot::default());
        snapshot.publish(key(), Some(Arc::new(view())));
        let now = Arc::new(Mutex::new(Duration::ZERO));
        let read = Arc::clone(&now);
        let telemetry = Telemetry::new(Sources {
            snapshot: Arc::clone(&snapshot),
            clock: Arc::new(move || Now { steady: *read.lock().unwrap(), wall: jiff::Timestamp::UNIX_EPOCH }),
            requests: Counts::new(|| vec![("patch", "scaledobjects".to_owned(), 3)]),
            authentications: Counts::new(|| vec![("trigger_authentication", "shop".to_owned(), 2)]),
            legacy_names,
        });
        Self { snapshot, now, telemetry }
    }

    /// One of everything.
    fn everything(legacy_names: bool) -> Self {
        let bench = Self::new(legacy_names);
        drop(bench.telemetry.poll_begins(Duration::from_millis(3)));
        bench.poll();
        bench.exchange(Some(200));
        bench.telemetry.stepped(Duration::from_micros(7));
        bench.telemetry.waiting("events", 0);
        bench.telemetry.reviewed(Review::Allowed);
        bench.telemetry.metric_answered(200);
        bench
    }

    fn poll(&self) {
        let failure = Failure::new(FailureKind::Transient, Blame::Source, "refused", "no");
        let (took, late) = (Duration::from_millis(250), Duration::from_millis(500));
        self.telemetry.polled(&[trigger()], &[Err(failure)], took, late);
    }

    fn exchange(&self, status: Option<u16>) {
        let exchange = Exchange { status, took: Duration::from_millis(20) };
        self.telemetry.exchanged("shop", &[trigger()], &[exchange]);
    }

    fn text(&self) -> String {
        self.telemetry.text(Exposition::Text).unwrap()
    }

    #[track_caller]
    fn tells(&self, lines: &[&str]) {
        let text = self.text();
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
        }
    }
}

#[test]
fn a_dashboard_of_keda_finds_its_series() {
    let bench = Bench::new(false);
    bench.poll();
    let labels = r#"{namespace="shop",metric="s1-redis-jobs",scaledObject="web",scaler="redisScaler",triggerIndex="1",type="scaledobject"}"#;
    bench.tells(&[
        &format!("keda_scaler_active{labels} 1"),
        &format!("keda_scaler_metrics_value{labels} 90.5"),
        &format!("keda_scaler_metrics_latency_seconds{labels} 0.25"),
        &format!("keda_scaler_detail_errors_total{labels} 2"),
        r#"keda_scaled_object_errors_total{namespace="shop",scaledObject="web"} 2"#,
        r#"keda_scaled_object_paused{namespace="shop",scaledObject="web"} 0"#,
        r#"keda_internal_scale_loop_latency_seconds{namespace="shop",type="scaledobject",resource="web"} 0.5"#,
        r#"keda_resource_registered_total{type="scaled_object",namespace="shop"} 1"#,
        r#"keda_resource_registered_total{type="trigger_authentication",namespace="shop"} 2"#,
        r#"keda_trigger_registered_total{type="cpu"} 1"#,
        r#"keda_trigger_registered_total{type="redis"} 1"#,
        r#"bellows_api_requests_total{verb="patch",resource="scaledobjects"} 3"#,
        r#"bellows_polls_total{outcome="transient",blame="source"} 1"#,
    ]);
    assert!(!bench.text().contains("keda_metrics_adapter"), "older names are told only where they are asked for");
}

#[test]
fn the_name_of_a_trigger_is_its_label() {
    let bench = Bench::new(false);
    let mut view = view();
    view.metrics[0].trigger = Some("orders".into());
    bench.snapshot.publish(key(), Some(Arc::new(view)));
    assert!(bench.text().contains(r#"scaledObject="web",scaler="orders",triggerIndex="1""#));
}

#[test]
fn alerts_of_keda_2_10_find_their_series() {
    let bench = Bench::new(true);
    let labels = r#"{namespace="shop",metric="s1-redis-jobs",scaledObject="web",scaler="redisScaler",scalerIndex="1"}"#;
    bench.tells(&[
        &format!("keda_metrics_adapter_scaler_metrics_value{labels} 90.5"),
        &format!("keda_metrics_adapter_scaler_errors{labels} 2"),
        "keda_metrics_adapter_scaler_errors_total 2",
        r#"keda_metrics_adapter_scaled_object_errors{namespace="shop",scaledObject="web"} 2"#,
        r#"keda_metrics_adapter_scaled_object_error_totals{namespace="shop",scaledObject="web"} 2"#,
    ]);
    bench.snapshot.publish(key(), None);
    bench.tells(&["keda_metrics_adapter_scaler_errors_total 2"]);
    bench.snapshot.publish(key(), Some(Arc::new(View { errors: errors(1), ..view() })));
    bench.tells(&["keda_metrics_adapter_scaler_errors_total 3"]);
}

#[test]
fn what_cannot_be_asked_at_all_counts_by_the_time() {
    let bench = Bench::new(false);
    let mut view = view();
    view.errors.block(true, Duration::from_secs(30), Duration::ZERO);
    bench.snapshot.publish(key(), Some(Arc::new(view)));
    *bench.now.lock().unwrap() = Duration::from_secs(95);
    bench.tells(&[r#"keda_scaled_object_errors_total{namespace="shop",scaledObject="web"} 5"#]);
}

#[test]
fn series_end_with_their_object() {
    let bench = Bench::new(true);
    bench.poll();
    bench.snapshot.publish(key(), None);
    bench.telemetry.gone(&key());
    assert!(!bench.text().contains("web"));
    bench.snapshot.publish(key(), Some(Arc::new(view())));
    assert!(!bench.text().contains("keda_scaler_metrics_latency_seconds{"), "a namesake was not polled yet");
}

#[test]
fn requests_over_http_are_told_by_type_and_status_and_end_with_their_namespace() {
    let bench = Bench::new(false);
    [Some(200), Some(200), None].into_iter().for_each(|status| bench.exchange(status));
    let labels = r#"namespace="shop",scaled_resource="",scaler="redis",trigger_name="",metric_name="""#;
    bench.tells(&[
        &format!(r#"keda_scaler_http_requests_total{{{labels},status_code="200"}} 2"#),
        &format!(r#"keda_scaler_http_requests_total{{{labels},status_code="error"}} 1"#),
        r#"keda_scaler_http_request_duration_seconds_count{scaler="redis",status_code="200"} 2"#,
    ]);
    bench.snapshot.publish(key(), None);
    assert!(!bench.text().contains("keda_scaler_http_requests_total{"));
}

#[test]
fn a_poll_is_in_flight_as_long_as_it_is_held() {
    let bench = Bench::new(false);
    let held = bench.telemetry.poll_begins(Duration::ZERO);
    bench.tells(&["bellows_polls_in_flight 1"]);
    drop(held);
    bench.tells(&["bellows_polls_in_flight 0"]);
}

/// Names with their types and labels, as they are written in the older text.
fn exported(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families = BTreeMap::<String, (String, BTreeSet<String>)>::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            current = name.to_owned();
            assert!(families.insert(current.clone(), (kind.to_owned(), BTreeSet::new())).is_none(), "{name} twice");
        } else if !line.starts_with('#') {
            let end = line.find(['{', ' ']).unwrap();
            let suffixed = ["_bucket", "_sum", "_count"].map(|suffix| format!("{current}{suffix}"));
            assert!(line[..end] == current || suffixed.contains(&line[..end].to_owned()), "{line} is of no family");
            let labels = line.split('{').nth(1).map_or("", |rest| rest.split('}').next().unwrap());
            let names = labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
            families.get_mut(&current).unwrap().1.extend(names.filter(|name| name != "le"));
        }
    }
    families
}

#[test]
fn what_is_exported_is_what_the_table_says() {
    let expected: BTreeMap<_, _> = ALL
        .iter()
        .map(|row| {
            let kind = match row.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
                Kind::Unknown => "untyped",
            };
            let labels = row.labels.iter().map(|label| (*label).to_owned()).collect();
            (row.name.to_owned(), (kind.to_owned(), labels))
        })
        .collect();
    assert_eq!(exported(&Bench::everything(true).text()), expected);
}

#[test]
fn units_are_told_where_the_form_has_them() {
    let text = Bench::everything(false).telemetry.text(Exposition::OpenMetrics).unwrap();
    assert!(text.contains("# UNIT bellows_poll_duration_seconds seconds\n") && text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("# TYPE keda_scaler_detail_errors counter\n"), "{text}");
}

#[test]
fn people_read_the_same_table() {
    let written = include_str!("../../METRICS.md");
    for row in ALL {
        let labels = row.labels.join(", ");
        let line =
            format!("| `{}` | {} | {labels} | {} |", row.name, format!("{:?}", row.kind).to_lowercase(), row.help);
        assert!(written.lines().any(|found| found == line), "host/METRICS.md needs this line:\n{line}");
    }
    // Of the metrics that are not there a row says only why.
    let rows = written.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() >= 3);
    assert_eq!(rows.count(), ALL.len(), "host/METRICS.md tells of a metric that is not there");
}
