//! KEDA's metrics of objects, read from the snapshot when they are asked for.
//!
//! Owns what the snapshot cannot tell: how long polls took and how late they were. Some 100 bytes for each object; ends
//! with it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellows_core::metric::{MetricView, View};
use bellows_core::workload::ObjectKey;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::exchanges::Exchanges;
use super::older::Older;
use super::scaler_names::scaler_name;
use super::table;
use super::write::{counters, gauges};

/// What was seen of the polls of each object.
#[derive(Debug, Default)]
pub(super) struct Timings(Mutex<HashMap<ObjectKey, Timing>>);

/// The index of a trigger is bounded by the machine's own bound on triggers; this is far beyond it.
const TRIGGERS_MAX: usize = 1024;

#[derive(Debug, Clone, Default)]
struct Timing {
    late: Duration,
    /// How long the last poll of a trigger took, by its index.
    took: Vec<Option<Duration>>,
}

impl Timings {
    /// Takes note of one poll of the trigger with this identity, `NAMESPACE/NAME/INDEX`.
    pub(super) fn polled(&self, trigger: &str, took: Duration, late: Duration) {
        let mut parts = trigger.splitn(3, '/');
        let (Some(namespace), Some(name), Some(index)) = (parts.next(), parts.next(), parts.next()) else { return };
        let Some(index) = index.parse().ok().filter(|index| *index < TRIGGERS_MAX) else { return };
        let mut timings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let timing = timings.entry(ObjectKey::new(namespace, name)).or_default();
        timing.late = late;
        if timing.took.len() <= index {
            timing.took.resize(index + 1, None);
        }
        if let Some(last) = timing.took.get_mut(index) {
            *last = Some(took);
        }
    }

    pub(super) fn gone(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// A copy of what was seen of these objects. What was seen of others is let go.
    fn of(&self, views: &[Arc<View>]) -> HashMap<ObjectKey, Timing> {
        let shown: HashSet<&ObjectKey> = views.iter().map(|view| &view.key).collect();
        let mut timings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        timings.retain(|key, _| shown.contains(key));
        timings.clone()
    }
}

/// Reads and writes them.
#[derive(Debug)]
pub(super) struct Objects {
    sources: Sources,
    timings: Arc<Timings>,
    exchanges: Arc<Exchanges>,
    older: Option<Older>,
}

/// One metric of one object, as all four series of it are told apart.
pub(super) struct Series<'view> {
    key: &'view ObjectKey,
    pub(super) metric: &'view MetricView,
    index: String,
    scaler: Cow<'view, str>,
    took: Option<Duration>,
}

impl<'view> Series<'view> {
    /// Namespace, metric, object, scaler and index: what KEDA has always told series apart by.
    pub(super) fn labels(&self) -> [&str; 5] {
        [&self.key.namespace, &self.metric.name, &self.key.name, &self.scaler, &self.index]
    }

    fn labels_with_type(&self) -> [&str; 6] {
        let [namespace, metric, object, scaler, index] = self.labels();
        [namespace, metric, object, scaler, index, "scaledobject"]
    }

    fn all(views: &'view [Arc<View>], timings: &HashMap<ObjectKey, Timing>) -> Vec<Self> {
        let of_view = |view: &'view Arc<View>| {
            let timing = timings.get(&view.key);
            view.metrics.iter().map(move |metric| Self {
                key: &view.key,
                metric,
                index: metric.index.to_string(),
                scaler: metric.trigger.as_deref().map_or_else(|| scaler_name(&metric.kind), Cow::Borrowed),
                took: timing.and_then(|timing| timing.took.get(metric.index).copied().flatten()),
            })
        };
        views.iter().flat_map(of_view).collect()
    }
}

impl Objects {
    pub(super) fn new(sources: Sources, timings: Arc<Timings>, exchanges: Arc<Exchanges>) -> Self {
        let older = sources.legacy_names.then(Older::default);
        Self { sources, timings, exchanges, older }
    }
}

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let views = self.sources.snapshot.views();
        let now = (self.sources.clock)().steady;
        let timings = self.timings.of(&views);
        let all = Series::all(&views, &timings);
        build_info(encoder)?;
        let active = all.iter().map(|one| (one.labels_with_type(), i64::from(one.metric.active)));
        gauges(encoder, table::ACTIVE, active)?;
        // The value stays when it no longer stands: an alert on it would resolve itself, and errors tell the outage.
        let values = all.iter().filter_map(|one| Some((one.labels_with_type(), one.metric.last?.value)));
        gauges(encoder, table::VALUE, values)?;
        let took = all.iter().filter_map(|one| Some((one.labels_with_type(), one.took?.as_secs_f64())));
        gauges(encoder, table::LATENCY, took)?;
        let errors = all.iter().map(|one| (one.labels_with_type(), one.metric.errors.at(now)));
        counters(encoder, table::DETAIL_ERRORS, errors)?;
        let errors = views.iter().map(|view| (object(view), view.errors.at(now)));
        counters(encoder, table::OBJECT_ERRORS, errors)?;
        gauges(encoder, table::PAUSED, views.iter().map(|view| (object(view), i64::from(view.paused))))?;
        let late = views.iter().filter_map(|view| {
            let labels = [&*view.key.namespace, "scaledobject", &*view.key.name];
            Some((labels, timings.get(&view.key)?.late.as_secs_f64()))
        });
        gauges(encoder, table::LOOP_LATENCY, late)?;
        registered(encoder, &views, &(self.sources.authentications.0)())?;
        if let Some(older) = &self.older {
            older.encode(encoder, &views, &all, now)?;
        }
        self.exchanges.encode(encoder, &views)?;
        let requests = (self.sources.requests.0)();
        let requests = requests.iter().map(|(verb, resource, count)| ([*verb, &**resource], *count));
        counters(encoder, table::REQUESTS, requests)
    }
}

/// Namespace and name.
pub(super) fn object(view: &View) -> [&str; 2] {
    [&view.key.namespace, &view.key.name]
}

fn build_info(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels = [env!("CARGO_PKG_VERSION"), "", "", std::env::consts::OS, architecture];
    gauges(encoder, table::BUILD_INFO, [(labels, 1_i64)])
}

/// How many objects and triggers there are. `others`: objects of other kinds, by kind and namespace.
fn registered(
    encoder: &mut DescriptorEncoder<'_>,
    views: &[Arc<View>],
    others: &[(&'static str, String, u64)],
) -> fmt::Result {
    let (mut objects, mut triggers) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
    for view in views {
        *objects.entry(&view.key.namespace).or_default() += 1;
        for kind in &view.kinds {
            *triggers.entry(kind).or_default() += 1;
        }
    }
    let objects = objects.into_iter().map(|(namespace, count)| (["scaled_object", namespace], count));
    let others = others.iter().map(|(kind, namespace, count)| ([*kind, &**namespace], *count));
    gauges(encoder, table::RESOURCES, objects.chain(others))?;
    gauges(encoder, table::TRIGGERS, triggers.into_iter().map(|(kind, count)| ([kind], count)))
}
