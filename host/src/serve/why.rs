//! The explanation of one object, as it travels from the host to `bellows why`.
//!
//! Owns the form. What is in it was decided elsewhere; ages are counted here, on the clock on which readings are.

use bellows_core::Now;
use bellows_core::metric::{MetricView, View};
use serde::{Deserialize, Serialize};

/// `kind` of the explanation.
pub const KIND: &str = "Why";
/// Its `apiVersion`.
pub const API_VERSION: &str = "bellows.dev/v1alpha1";

/// Everything that is known of one ScaledObject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// [`KIND`].
    pub kind: String,
    /// [`API_VERSION`].
    pub api_version: String,
    /// Namespace of the ScaledObject.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// When this was true.
    pub date: jiff::Timestamp,
    /// Name of its HPA.
    pub hpa: Option<String>,
    /// What the HPA last said of itself.
    pub hpa_says: Option<String>,
    /// Its bounds.
    pub bounds: Option<Bounds>,
    /// Replicas of the target as last heard.
    pub replicas: Option<u32>,
    /// Its external metrics.
    pub metrics: Vec<Metric>,
    /// The last decisions, oldest first.
    pub decisions: Vec<Decision>,
}

/// How many replicas the target may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Lower bound while active.
    pub min: u32,
    /// Upper bound.
    pub max: u32,
    /// Replicas while idle, where idle mode is on.
    pub idle: Option<u32>,
}

/// One external metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// As the HPA asks for it.
    pub name: String,
    /// `triggers[].type`.
    pub trigger: String,
    /// The last good value, whether or not it still stands.
    pub value: Option<f64>,
    /// How old it is.
    pub age_seconds: Option<u64>,
    /// How old it may be to be relied upon.
    pub stands_for_seconds: u64,
    /// Whether it is relied upon.
    pub stands: bool,
    /// Whether the trigger called itself active then.
    pub active: bool,
    /// What the HPA compares the value with.
    pub target: f64,
    /// How it compares.
    pub target_type: String,
    /// Why the last poll gave none, if it did not.
    pub failure: Option<Failure>,
    /// What the HPA is told instead, where the fallback answers.
    #[serde(default)]
    pub fallback: Option<Fallback>,
}

/// What a fallback answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fallback {
    /// The value that the HPA is told.
    pub value: f64,
    /// The replicas that it wants for it.
    pub replicas: u32,
}

/// Why a poll gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What is done about it.
    pub kind: String,
    /// Whose it is.
    pub blame: String,
    /// A word.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When it was first taken.
    pub date: jiff::Timestamp,
    /// What and why.
    pub text: String,
}

impl Why {
    /// Explains `view` as it is now.
    pub fn of(view: &View, now: Now) -> Self {
        let text = |text: &std::sync::Arc<str>| text.as_ref().to_owned();
        Self {
            kind: KIND.to_owned(),
            api_version: API_VERSION.to_owned(),
            namespace: text(&view.key.namespace),
            name: text(&view.key.name),
            date: now.wall,
            hpa: view.hpa.as_ref().map(text),
            hpa_says: view.hpa_says.as_ref().map(text),
            bounds: view.bounds.map(|bounds| Bounds { min: bounds.min, max: bounds.max, idle: bounds.idle }),
            replicas: view.replicas,
            metrics: view.metrics.iter().map(|metric| Metric::of(metric, now)).collect(),
            decisions: (view.decisions.iter())
                .map(|entry| Decision { date: entry.date, text: text(&entry.text) })
                .collect(),
        }
    }
}

impl Metric {
    fn of(metric: &MetricView, now: Now) -> Self {
        Self {
            name: metric.name.as_ref().to_owned(),
            trigger: metric.kind.as_ref().to_owned(),
            value: metric.last.map(|taken| taken.value),
            age_seconds: metric.last.map(|taken| now.steady.saturating_sub(taken.at).as_secs()),
            stands_for_seconds: metric.stands_for.as_secs(),
            stands: metric.value(now).is_some(),
            active: metric.active,
            target: metric.target,
            target_type: metric.target_type.label().to_owned(),
            failure: metric.failure.as_ref().map(|failure| Failure {
                kind: failure.kind.label().to_owned(),
                blame: failure.blame.label().to_owned(),
                code: failure.code.clone(),
                message: failure.message.clone(),
            }),
            fallback: metric.fallback.map(|answer| Fallback { value: answer.value, replicas: answer.replicas }),
        }
    }
}
