//! What the API server holds: ScaledObjects with their status, targets and HPAs; and the controller of HPAs.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bellows_core::Now;
use bellows_core::draft::Draft;
use bellows_core::event::{HpaView, Manifest, Remembered};
use bellows_core::metric::View;
use bellows_core::scaler::{Metric, TargetType};
use bellows_core::status::Report;
use bellows_core::workload::{ObjectKey, Workload};

use crate::random::Random;

/// A ScaledObject.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// As the watch would tell it; `remembered` is its status.
    pub(crate) manifest: Manifest,
    /// Its fields can be read.
    pub(crate) readable: bool,
    /// The last status written.
    pub(crate) status: Option<Report>,
}

/// An HPA.
#[derive(Debug, Clone)]
pub(crate) struct Hpa {
    /// As the watch would tell it.
    pub(crate) view: HpaView,
    /// What it was made of.
    pub(crate) spec: Arc<Workload>,
}

/// What the API server holds.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    /// ScaledObjects.
    pub(crate) objects: BTreeMap<ObjectKey, Stored>,
    /// HPAs, by owner and name.
    pub(crate) hpas: BTreeMap<(ObjectKey, Arc<str>), Hpa>,
    /// Replicas that each target's spec asks for.
    pub(crate) replicas: BTreeMap<String, u32>,
    /// Objects whose HPA's name is taken by somebody else.
    pub(crate) foreign: Vec<ObjectKey>,
    names_given: u64,
}

impl Cluster {
    fn name(&mut self) -> u64 {
        self.names_given += 1;
        self.names_given
    }

    /// Creates an object, or edits the one that is there.
    pub(crate) fn apply(&mut self, key: &ObjectKey, draft: Draft, wall: jiff::Timestamp) {
        let fingerprint = self.name();
        let draft = Arc::new(draft);
        if let Some(stored) = self.objects.get_mut(key) {
            stored.readable = true;
            (stored.manifest.fingerprint, stored.manifest.draft) = (fingerprint, draft);
            return;
        }
        let manifest = Manifest {
            key: key.clone(),
            uid: format!("uid-{fingerprint}").into(),
            fingerprint,
            created: wall,
            deleting: false,
            adopted: false,
            draft,
            remembered: Remembered::default(),
        };
        self.objects.insert(key.clone(), Stored { manifest, readable: true, status: None });
    }

    /// Removes an object for good, and with it its HPAs. True if it was there.
    pub(crate) fn remove(&mut self, key: &ObjectKey) -> bool {
        self.hpas.retain(|(owner, _), _| owner != key);
        self.objects.remove(key).is_some()
    }

    /// Makes an HPA be as the workload says: its fingerprint.
    pub(crate) fn apply_hpa(&mut self, key: &ObjectKey, workload: &Arc<Workload>) -> u64 {
        let fingerprint = fingerprint(workload);
        let name: Arc<str> = workload.hpa.name.as_str().into();
        let fresh = HpaView { name: name.clone(), fingerprint, replicas: None, desired: None, scaling: None };
        let hpa = self.hpas.entry((key.clone(), name)).or_insert(Hpa { view: fresh, spec: workload.clone() });
        (hpa.view.fingerprint, hpa.spec) = (fingerprint, workload.clone());
        fingerprint
    }

    /// The controller's round for one HPA: the new view, if anything changed.
    pub(crate) fn round(
        &mut self,
        id: &(ObjectKey, Arc<str>),
        view: Option<&View>,
        now: Now,
        random: &mut Random,
    ) -> bool {
        let Some(hpa) = self.hpas.get_mut(id) else { return false };
        let replicas = self.replicas.entry(hpa.spec.target.name.clone()).or_default();
        let before = hpa.view.clone();
        if *replicas == 0 {
            hpa.view.replicas = Some(0);
            hpa.view.scaling = Some((false, "ScalingDisabled".into(), "".into()));
            return hpa.view != before;
        }
        let mut wanted = None;
        let mut unknown = false;
        for metric in hpa.spec.triggers.iter().flat_map(|trigger| &trigger.metrics) {
            let value = match &metric.metric {
                Metric::Resource { .. } => Some(u32::try_from(random.below(4)).unwrap_or_default()),
                Metric::External { target, target_type, .. } => {
                    let answer = view.and_then(|view| view.metric(&metric.name).ok()?.answer(now).ok());
                    answer.map(|taken| desired(taken.value, *target, *target_type, *replicas))
                }
            };
            unknown |= value.is_none();
            wanted = wanted.max(value);
        }
        let bounds = hpa.spec.bounds;
        let mut to = wanted.unwrap_or(*replicas);
        if unknown {
            // An HPA that lacks a value does not scale down.
            to = to.max(*replicas);
        }
        *replicas = to.clamp(bounds.running_min(), bounds.max);
        (hpa.view.replicas, hpa.view.desired) = (Some(*replicas), Some(*replicas));
        let reason = if unknown { "FailedGetExternalMetric" } else { random.pick(&["ValidMetricFound", ""]) };
        hpa.view.scaling = Some((!unknown, reason.into(), "".into()));
        hpa.view != before
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "values are small and not negative")]
fn desired(value: f64, target: f64, target_type: TargetType, replicas: u32) -> u32 {
    match target_type {
        TargetType::AverageValue => (value / target).ceil() as u32,
        _ => (f64::from(replicas) * value / target).ceil() as u32,
    }
}

fn fingerprint(workload: &Workload) -> u64 {
    let mut hasher = DefaultHasher::new();
    workload.hpa.name.hash(&mut hasher);
    workload.target.name.hash(&mut hasher);
    (workload.bounds.min, workload.bounds.max).hash(&mut hasher);
    for metric in workload.triggers.iter().flat_map(|trigger| &trigger.metrics) {
        metric.name.hash(&mut hasher);
        let kind = matches!(metric.metric, Metric::External { target_type: TargetType::AverageValue, .. });
        kind.hash(&mut hasher);
    }
    hasher.finish()
}
