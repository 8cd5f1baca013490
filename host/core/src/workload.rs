//! A [`Workload`]: a ScaledObject that can be served. Every value of it is consistent, so later code cannot fail on it.
//!
//! The only way to one is [`crate::draft::Draft::parse`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::BatchKey;
use crate::connection::Connection;
use crate::fallback::Fallback;
use crate::problem::Problem;
use crate::scaler::{Metric, Trigger};

/// `NAMESPACE/NAME` of a ScaledObject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Namespace of the object, its target, its HPA and everything it may name.
    pub namespace: Arc<str>,
    /// Name of the object.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// A key from its two parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}

/// How fast an HPA may add replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleUp {
    /// Which of the policies counts.
    pub select: Select,
    /// The policies, in the order written.
    pub policies: Vec<Policy>,
}

/// `selectPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// The one that allows most.
    Max,
    /// The one that allows least.
    Min,
    /// None: the HPA never scales up.
    Disabled,
}

/// One scaling policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// So many pods in a period.
    Pods(u32),
    /// So many percent of the present replicas in a period.
    Percent(u32),
}

impl Default for ScaleUp {
    /// What Kubernetes fills in where a `behavior` has no `scaleUp`: the larger of 4 pods and 100 %.
    fn default() -> Self {
        Self { select: Select::Max, policies: vec![Policy::Pods(4), Policy::Percent(100)] }
    }
}

/// What the cluster said of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// API group, empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Plural name of the resource, as in a URL.
    pub resource: String,
    /// Name of the target.
    pub name: String,
}

impl Target {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// A trigger that a scaler planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Digest of the component that planned it and will be asked.
    pub scaler: Arc<str>,
    /// Its settings.
    pub trigger: Trigger,
    /// Its connections.
    pub connections: BTreeMap<String, Connection>,
    /// Its metrics.
    pub metrics: Vec<Metric>,
    /// What works and should be written otherwise; fields below the trigger.
    pub warnings: Vec<Problem>,
}

/// How many replicas the target may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Lower bound while active; 0 lets the target be stopped.
    pub min: u32,
    /// Upper bound, at least `min` and at least 1.
    pub max: u32,
    /// Replicas while idle, less than `min`; `None` where idle mode is off.
    pub idle: Option<u32>,
}

impl Bounds {
    /// What an HPA may not go below: it cannot go to 0 itself.
    pub fn running_min(self) -> u32 {
        self.min.max(1)
    }

    /// Where the target rests when nothing is active, if it may rest below the HPA's bounds.
    pub fn rest(self) -> Option<u32> {
        self.idle.or((self.min == 0).then_some(0))
    }
}

/// How far the first step up from rest goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstStep {
    /// As far as the HPA's own scale-up policy would.
    Policy,
    /// To the count that the readings want, at once.
    Wanted,
    /// To the lower bound, as KEDA does.
    One,
}

/// What it means that a source says that the thing measured does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenAbsent {
    /// There is no value: nothing is lowered, and nothing is wrong.
    Hold,
    /// An inactive 0.
    Zero,
    /// A failure like any other, fallback included.
    Error,
}

/// The HPA's own part: copied, not decided.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaShape {
    /// Its name.
    pub name: String,
    /// The ScaledObject's labels, minus those excluded.
    pub labels: BTreeMap<String, String>,
    /// The ScaledObject's annotations.
    pub annotations: BTreeMap<String, String>,
    /// `behavior`, as JSON.
    pub behavior: Option<Arc<str>>,
}

/// A metric of a workload, under the name that the HPA asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadMetric {
    /// `s<i>-<normalised>` for an external metric, `cpu` or `memory` for a native one.
    pub name: Arc<str>,
    /// What is watched.
    pub metric: Metric,
}

/// A trigger of a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadTrigger {
    /// `type`, for labels and messages.
    pub kind: Arc<str>,
    /// `name`, where given.
    pub name: Option<Arc<str>>,
    /// With whom it travels.
    pub batch: Arc<BatchKey>,
    /// What enters the component.
    pub trigger: Arc<Trigger>,
    /// What the HPA watches of it.
    pub metrics: Vec<WorkloadMetric>,
}

/// A ScaledObject that can be served. Every value of it is consistent: bounds in order, names distinct and short enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Whose it is.
    pub key: ObjectKey,
    /// What is scaled.
    pub target: Target,
    /// How far.
    pub bounds: Bounds,
    /// `pollingInterval`.
    pub interval: Duration,
    /// `cooldownPeriod`.
    pub cooldown: Duration,
    /// `initialCooldownPeriod`.
    pub initial_cooldown: Duration,
    /// The first step up from rest.
    pub first_step: FirstStep,
    /// Limits of that step, where the manifest has a `behavior`.
    pub scale_up: Option<ScaleUp>,
    /// Restore the replicas found at first when the object is deleted.
    pub restore_original: bool,
    /// What is answered in place of a source that cannot be read.
    pub fallback: Option<Fallback>,
    /// What a thing that does not exist means.
    pub when_absent: WhenAbsent,
    /// The HPA.
    pub hpa: HpaShape,
    /// The triggers, at least one.
    pub triggers: Vec<WorkloadTrigger>,
    /// What works and should be written otherwise.
    pub warnings: Vec<Problem>,
}

impl Workload {
    /// The distinct types of the triggers, in order of appearance.
    pub fn trigger_types(&self) -> Vec<&str> {
        let mut types: Vec<&str> = Vec::new();
        for trigger in &self.triggers {
            if !types.contains(&&*trigger.kind) {
                types.push(&trigger.kind);
            }
        }
        types
    }
}
