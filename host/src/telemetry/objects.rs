//! KEDA's metrics of objects, read from the snapshot when they are asked for.
//!
//! Owns what the snapshot cannot tell: how often polls of a trigger failed, and how long the last one took. Some 100
//! bytes for each object; ends with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellows_core::metric::{MetricView, View};
use bellows_core::workload::ObjectKey;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::RequestCounts;
use super::scaler_names::scaler_name;
use super::table::{self, Row};
use crate::serve::snapshot::Snapshot;

/// What is counted of each trigger of each object, by its index.
#[derive(Debug, Default)]
pub(super) struct PollCounts(Mutex<HashMap<ObjectKey, Vec<TriggerCounts>>>);

/// The index of a trigger is bounded by the machine's own bound on triggers; this is far beyond it.
const TRIGGERS_MAX: usize = 1024;

#[derive(Debug, Clone, Copy, Default)]
struct TriggerCounts {
    failures: u64,
    last_seconds: f64,
}

impl PollCounts {
    /// Takes note of one poll of the trigger with this identity, `NAMESPACE/NAME/INDEX`.
    pub(super) fn polled(&self, trigger: &str, failed: bool, took: Duration) {
        let mut parts = trigger.splitn(3, '/');
        let (Some(namespace), Some(name), Some(index)) = (parts.next(), parts.next(), parts.next()) else { return };
        let Some(index) = index.parse().ok().filter(|index| *index < TRIGGERS_MAX) else { return };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(ObjectKey::new(namespace, name)).or_default();
        if counts.len() <= index {
            counts.resize(index + 1, TriggerCounts::default());
        }
        if let Some(count) = counts.get_mut(index) {
            count.failures += u64::from(failed);
            count.last_seconds = took.as_secs_f64();
        }
    }

    pub(super) fn gone(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Reads and writes them.
#[derive(Debug)]
pub(super) struct Objects {
    snapshot: Arc<Snapshot>,
    counts: Arc<PollCounts>,
    requests: RequestCounts,
}

/// One metric of one object, as all four series of it are told apart.
struct Series {
    view: Arc<View>,
    metric: usize,
    index: String,
    scaler: String,
    counts: TriggerCounts,
}

impl Objects {
    pub(super) fn new(snapshot: Arc<Snapshot>, counts: Arc<PollCounts>, requests: RequestCounts) -> Self {
        Self { snapshot, counts, requests }
    }

    /// Everything shown, and the errors of each object. What was counted of objects that are not shown is let go.
    fn read(&self, views: &[Arc<View>]) -> (Vec<Series>, Vec<(ObjectKey, u64)>) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut all, mut errors) = (Vec::new(), Vec::new());
        for view in views {
            let of_object = counts.get(&view.key).map(Vec::as_slice).unwrap_or_default();
            errors.push((view.key.clone(), of_object.iter().map(|count| count.failures).sum()));
            for (position, metric) in view.metrics.iter().enumerate() {
                let index = trigger_index(metric);
                all.push(Series {
                    view: Arc::clone(view),
                    metric: position,
                    index: index.to_string(),
                    scaler: scaler_name(&metric.kind),
                    counts: of_object.get(index).copied().unwrap_or_default(),
                });
            }
        }
        let shown: BTreeSet<&ObjectKey> = views.iter().map(|view| &view.key).collect();
        counts.retain(|key, _| shown.contains(key));
        (all, errors)
    }
}

/// `i` of `s<i>-…`.
fn trigger_index(metric: &MetricView) -> usize {
    let digits = metric.name.strip_prefix('s').and_then(|rest| rest.split('-').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

impl Series {
    fn metric(&self) -> Option<&MetricView> {
        self.view.metrics.get(self.metric)
    }

    fn labels<'a>(&'a self, metric: &'a MetricView) -> [(&'static str, &'a str); 6] {
        [
            ("namespace", &self.view.key.namespace),
            ("metric", &metric.name),
            ("scaledObject", &self.view.key.name),
            ("scaler", &self.scaler),
            ("triggerIndex", &self.index),
            ("type", "scaledobject"),
        ]
    }
}

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let views = self.snapshot.views();
        let (series, errors) = self.read(&views);
        build_info(&mut encoder)?;
        gauges(&mut encoder, table::ACTIVE, &series, |_, metric| Some(if metric.active { 1.0 } else { 0.0 }))?;
        // The value stays when it no longer stands: an alert on it would resolve itself, and errors tell the outage.
        gauges(&mut encoder, table::VALUE, &series, |_, metric| metric.last.map(|taken| taken.value))?;
        gauges(&mut encoder, table::LATENCY, &series, |one, _| Some(one.counts.last_seconds))?;
        let failures = series.iter().filter_map(|one| Some((one.labels(one.metric()?), one.counts.failures)));
        counters(&mut encoder, table::DETAIL_ERRORS, failures)?;
        let errors = errors
            .iter()
            .map(|(key, errors)| ([("namespace", &*key.namespace), ("scaledObject", &*key.name)], *errors));
        counters(&mut encoder, table::OBJECT_ERRORS, errors)?;
        registered(&mut encoder, &views)?;
        let requests = (self.requests.0)();
        let requests =
            requests.iter().map(|(verb, resource, count)| ([("verb", *verb), ("resource", resource)], *count));
        counters(&mut encoder, table::REQUESTS, requests)
    }
}

fn build_info(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("git_commit", ""),
        ("goversion", ""),
        ("goos", std::env::consts::OS),
        ("goarch", architecture),
    ];
    let Row { name, help } = table::BUILD_INFO;
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_family(&labels)?.encode_gauge(&1_i64)
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    Row { name, help }: Row,
    series: &[Series],
    value: impl Fn(&Series, &MetricView) -> Option<f64>,
) -> fmt::Result {
    let mut out = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for one in series {
        if let Some(metric) = one.metric()
            && let Some(value) = value(one, metric)
        {
            out.encode_family(&one.labels(metric))?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

fn counters<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    Row { name, help }: Row,
    counts: impl Iterator<Item = ([(&'static str, &'a str); LABELS], u64)>,
) -> fmt::Result {
    let mut out = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in counts {
        out.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
    }
    Ok(())
}

/// How many objects and triggers there are. Triggers whose metrics Kubernetes itself measures are not shown here.
fn registered(encoder: &mut DescriptorEncoder<'_>, views: &[Arc<View>]) -> fmt::Result {
    let (mut objects, mut triggers) = (BTreeMap::<&str, i64>::new(), BTreeMap::<&str, i64>::new());
    for view in views {
        *objects.entry(&view.key.namespace).or_default() += 1;
        let distinct: BTreeSet<(usize, &str)> =
            view.metrics.iter().map(|metric| (trigger_index(metric), &*metric.kind)).collect();
        for (_, kind) in distinct {
            *triggers.entry(kind).or_default() += 1;
        }
    }
    let Row { name, help } = table::RESOURCES;
    let mut out = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (namespace, count) in objects {
        out.encode_family(&[("type", "scaled_object"), ("namespace", namespace)])?.encode_gauge(&count)?;
    }
    let Row { name, help } = table::TRIGGERS;
    let mut out = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (kind, count) in triggers {
        out.encode_family(&[("type", kind)])?.encode_gauge(&count)?;
    }
    Ok(())
}
