//! The machine's view of an object → KEDA's status and the texts of Events.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::workload::Target;

/// `status` of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

impl Truth {
    /// As written in a condition.
    pub fn label(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// One of KEDA's conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `Ready`, `Active`, `Fallback`, `Paused` or `HPAActive`.
    pub kind: &'static str,
    /// Whether it holds.
    pub status: Truth,
    /// KEDA's word for why; an HPA's own word is passed through.
    pub reason: Arc<str>,
    /// A sentence for people.
    pub message: Arc<str>,
}

/// What the status of an object should be. Two equal reports need one write.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Conditions, in KEDA's order.
    pub conditions: Vec<Condition>,
    /// Kind of the target, once it was found.
    pub target: Option<Target>,
    /// Replicas that the target had when it was first seen.
    pub original_replicas: Option<u32>,
    /// The last time that a trigger was active; moved when activity begins or ends, not at each poll.
    pub last_active: Option<jiff::Timestamp>,
    /// Name of the HPA.
    pub hpa_name: Option<String>,
    /// Names of external metrics.
    pub external_metrics: Vec<String>,
    /// Names of native metrics.
    pub resource_metrics: Vec<String>,
    /// How reading each external metric is going, where a fallback counts it.
    pub health: BTreeMap<String, Health>,
    /// Distinct trigger types, joined by commas, in the order of the triggers.
    pub trigger_types: String,
    /// Distinct names of authentications, in the same way.
    pub authentications: String,
    /// Whether each external metric is active.
    pub activity: BTreeMap<String, bool>,
}

/// How reading one metric is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Failed polls in a row, as [`crate::fallback::Fallback::shown`] tells it.
    pub failures: u32,
    /// Whether the last poll gave a reading.
    pub happy: bool,
}

/// How loud an Event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As expected.
    Normal,
    /// Somebody should look.
    Warning,
}

/// A Kubernetes Event, with KEDA's reasons. Of any length: the one who sends it cuts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How loud.
    pub tone: Tone,
    /// KEDA's word: `ScaledObjectReady`, `KEDAScaleTargetActivated`…
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// Whether nothing is lost without it: it says what the status and other Events say too.
    pub detail: bool,
}
