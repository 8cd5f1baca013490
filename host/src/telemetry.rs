//! Logs and metrics: how they are written, and the one place that counts.
//!
//! Owns every counter. What can be told from what is shown of the objects is not counted a second time: it is read from
//! the snapshot when somebody asks, so a series ends with its object. Decides nothing, and nothing reads it but people.

mod exchanges;
mod exposition;
mod objects;
mod older;
mod scaler_names;
mod table;
mod write;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bellows_core::reading::Outcome;
use bellows_core::scaler::Trigger;
use bellows_core::workload::ObjectKey;
use bellows_wasm::Exchange;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::serve::Clock;
use crate::serve::snapshot::Snapshot;
use exchanges::Exchanges;
pub use exposition::Exposition;
use objects::{Objects, Timings};
pub use scaler_names::scaler_name;
use write::add;

/// The form of logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text for people.
    #[default]
    Text,
    /// A line of JSON for programs.
    Json,
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(TelemetryError::Format(text.to_owned())),
        }
    }
}

/// Logs or metrics cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// No such form.
    #[error("logs are written as text or json, not as {0:?}")]
    Format(String),
    /// No such filter.
    #[error("cannot read {filter:?} as a filter of logs, such as info or info,bellows=debug")]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody else writes logs already.
    #[error("cannot begin to write logs")]
    Begin(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The text of metrics.
    #[error("cannot write metrics as text")]
    Encode(#[source] fmt::Error),
}

/// Begins to write logs to standard error. Called once, by `main`.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    // The AMQP library calls each queue that is missing an error of its own, once a poll; the host says what it means.
    let filter = EnvFilter::try_new(format!("lapin=off,{filter}"))
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Begin)
}

/// How an access review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// It was answered from memory.
    Remembered,
    /// The API server said yes.
    Allowed,
    /// The API server said no.
    Denied,
    /// The API server said nothing.
    Failed,
}

/// What is read when somebody asks, instead of being counted.
pub struct Sources {
    /// The objects.
    pub snapshot: Arc<Snapshot>,
    /// The time: some errors are counted by it.
    pub clock: Clock,
    /// Requests to the API server, by verb and resource.
    pub requests: Counts,
    /// Authentications that are there, by kind and namespace.
    pub authentications: Counts,
    /// Whether the names that KEDA's metrics had up to 2.10 are told as well.
    pub legacy_names: bool,
}

impl Sources {
    /// Objects and the time, and nothing else.
    pub fn of(snapshot: Arc<Snapshot>, clock: Clock) -> Self {
        Self {
            snapshot,
            clock,
            requests: Counts::new(Vec::new),
            authentications: Counts::new(Vec::new),
            legacy_names: false,
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sources").field("legacy_names", &self.legacy_names).finish_non_exhaustive()
    }
}

/// Everything that is counted. Handed to those who record.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    timings: Arc<Timings>,
    exchanges: Arc<Exchanges>,
    polls: Family<[(&'static str, &'static str); 2], Counter>,
    poll_seconds: Histogram,
    poll_lateness: Histogram,
    polls_in_flight: Gauge,
    step_seconds: Histogram,
    queue_depth: Family<[(&'static str, &'static str); 1], Gauge>,
    reviews: Family<[(&'static str, &'static str); 1], Counter>,
    metric_answers: Family<[(&'static str, u16); 1], Counter>,
}

/// A poll in flight, for as long as it is held.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Telemetry {
    /// Nothing counted yet.
    pub fn new(sources: Sources) -> Self {
        let (timings, exchanges) = (Arc::new(Timings::default()), Arc::new(Exchanges::default()));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Objects::new(sources, Arc::clone(&timings), Arc::clone(&exchanges))));
        let telemetry = Self {
            registry,
            timings,
            exchanges,
            polls: Family::default(),
            // 1 ms (an answer from memory) doubled up to 16 s (beyond every deadline).
            poll_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 15)),
            // The same: one that waits for 16 s misses a whole period of the HPA.
            poll_lateness: Histogram::new(exponential_buckets(0.001, 2.0, 15)),
            polls_in_flight: Gauge::default(),
            // 1 µs (nothing to do) times four up to 262 ms (something is wrong).
            step_seconds: Histogram::new(exponential_buckets(0.000_001, 4.0, 10)),
            queue_depth: Family::default(),
            reviews: Family::default(),
            metric_answers: Family::default(),
        };
        telemetry.registered()
    }

    fn registered(mut self) -> Self {
        add(&mut self.registry, table::POLLS, &self.polls);
        add(&mut self.registry, table::POLL_SECONDS, &self.poll_seconds);
        add(&mut self.registry, table::POLL_LATENESS, &self.poll_lateness);
        add(&mut self.registry, table::HTTP_SECONDS, self.exchanges.seconds());
        add(&mut self.registry, table::POLLS_IN_FLIGHT, &self.polls_in_flight);
        add(&mut self.registry, table::STEP_SECONDS, &self.step_seconds);
        add(&mut self.registry, table::QUEUE_DEPTH, &self.queue_depth);
        add(&mut self.registry, table::REVIEWS, &self.reviews);
        add(&mut self.registry, table::METRIC_ANSWERS, &self.metric_answers);
        self
    }

    /// A call of a scaler begins, so much later than planned; it lasts as long as what is returned is held.
    #[must_use]
    pub fn poll_begins(&self, late: Duration) -> InFlight {
        self.poll_lateness.observe(late.as_secs_f64());
        self.polls_in_flight.inc();
        InFlight(self.polls_in_flight.clone())
    }

    /// A call of a scaler ended: its triggers, an outcome for each, how long it took for all of them, and how much later
    /// than planned it began.
    pub fn polled(&self, triggers: &[Arc<Trigger>], outcomes: &[Outcome], took: Duration, late: Duration) {
        self.poll_seconds.observe(took.as_secs_f64());
        for (trigger, outcome) in triggers.iter().zip(outcomes) {
            let labels = match outcome {
                Ok(_) => ["read", ""],
                Err(failure) => [failure.kind.label(), failure.blame.label()],
            };
            let [outcome_label, blame] = labels;
            self.polls.get_or_create(&[("outcome", outcome_label), ("blame", blame)]).inc();
            self.timings.polled(&trigger.id, took, late);
        }
    }

    /// A call of a scaler for these triggers, of one namespace and one component, made requests over HTTP.
    pub fn exchanged(&self, namespace: &str, triggers: &[Arc<Trigger>], exchanges: &[Exchange]) {
        // A request is made for all triggers of a batch; their component is the same, and nearly always their type.
        let Some(scaler) = triggers.first().map(|trigger| &*trigger.trigger_type) else { return };
        exchanges.iter().for_each(|exchange| self.exchanges.made(namespace, scaler, *exchange));
    }

    /// An object is no longer shown: what was counted of it goes.
    pub fn gone(&self, key: &ObjectKey) {
        self.timings.gone(key);
    }

    /// The machine took a step.
    pub fn stepped(&self, took: Duration) {
        self.step_seconds.observe(took.as_secs_f64());
    }

    /// So much waits in a queue.
    pub fn waiting(&self, queue: &'static str, depth: usize) {
        self.queue_depth.get_or_create(&[("queue", queue)]).set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// An access review ended.
    pub fn reviewed(&self, review: Review) {
        let result = match review {
            Review::Remembered => "remembered",
            Review::Allowed => "allowed",
            Review::Denied => "denied",
            Review::Failed => "failed",
        };
        self.reviews.get_or_create(&[("result", result)]).inc();
    }

    /// A request for a metric was answered with this HTTP code.
    pub fn metric_answered(&self, code: u16) {
        self.metric_answers.get_or_create(&[("code", code)]).inc();
    }

    /// All of it.
    pub fn text(&self, form: Exposition) -> Result<String, TelemetryError> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).map_err(TelemetryError::Encode)?;
        Ok(match form {
            Exposition::OpenMetrics => text,
            Exposition::Text => exposition::older_text(&text),
        })
    }
}

/// What others count, by two labels.
pub struct Counts(Box<dyn Fn() -> Vec<(&'static str, String, u64)> + Send + Sync>);

impl fmt::Debug for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Counts")
    }
}

impl Counts {
    /// Counts that `read` tells.
    pub fn new(read: impl Fn() -> Vec<(&'static str, String, u64)> + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }
}

#[cfg(test)]
mod tests;
