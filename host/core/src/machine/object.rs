//! One object as the machine remembers it: what was asked for, what was measured, what the cluster has.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::ask::Ask;
use crate::Now;
use crate::activate::IdleProof;
use crate::decide::{Cooldown, Decision, Entry, Say};
use crate::event::{ApiFailure, HpaView, Manifest, PollId, Refusal, Resolution};
use crate::failure::Failure;
use crate::metric::{MetricView, Taken, View, quantity};
use crate::reading::{Reading, stands_for};
use crate::scaler::{Metric, TargetType};
use crate::status::Report;
use crate::workload::{Workload, WorkloadTrigger};

/// Decisions kept for `bellows why`: at some 200 bytes each, 1.6 KiB for an object.
const DECISIONS_MAX: usize = 8;
/// Target and environment are read again this often even if nothing seems wrong, because they are not watched.
pub(super) const REFRESH: Duration = Duration::from_secs(600);

/// A trigger and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) spec: WorkloadTrigger,
    /// The last good readings, in the order of the metrics, and when.
    pub(super) last: Option<(Vec<Reading>, Duration, jiff::Timestamp)>,
    /// Why the last poll gave none, and since when polls give none.
    pub(super) failure: Option<(Failure, jiff::Timestamp)>,
    pub(super) idle: IdleProof,
    pub(super) in_flight: Option<PollId>,
    /// When it is asked next; absent while it is asked, waits for its endpoint, or can never be answered.
    pub(super) due: Option<Duration>,
}

/// The HPA of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Hpa {
    pub(super) ask: Ask,
    /// What it is being made to follow.
    pub(super) applying: Option<Arc<Workload>>,
    /// For which workload it was applied, and what the cluster had then.
    pub(super) applied: Option<(Arc<Workload>, u64)>,
    pub(super) failure: Option<ApiFailure>,
    pub(super) seen: Option<HpaView>,
}

/// An object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) manifest: Manifest,
    pub(super) owned: bool,
    /// Age of the object when this process first saw it, and when that was.
    seen: (Duration, Duration),
    /// No process served it before.
    pub(super) fresh: bool,
    pub(super) adopt: Ask,
    pub(super) resolve: Ask,
    pub(super) attempt: u64,
    /// When it was first resolved, and when last.
    pub(super) resolved: Option<Duration>,
    pub(super) resolved_last: Duration,
    pub(super) refusal: Option<Refusal>,
    pub(super) workload: Option<Arc<Workload>>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) replicas: Option<u32>,
    pub(super) original: Option<u32>,
    pub(super) hpa: Hpa,
    pub(super) scale: Ask,
    pub(super) release: Ask,
    pub(super) report: Ask,
    pub(super) reported: Option<Report>,
    pub(super) last_active: Option<jiff::Timestamp>,
    pub(super) active: bool,
    pub(super) decided: Option<Decision>,
    pub(super) decisions: VecDeque<Entry>,
    pub(super) view: Option<Arc<View>>,
    pub(super) timer: Option<Duration>,
}

impl Object {
    pub(super) fn new(manifest: Manifest, owned: bool, now: Now) -> Self {
        let age = now.wall.duration_since(manifest.created);
        let remembered = manifest.remembered.clone();
        Self {
            seen: (Duration::try_from(age).unwrap_or_default(), now.steady),
            fresh: remembered.hpa_name.is_none(),
            last_active: remembered.last_active,
            original: remembered.original_replicas,
            manifest,
            owned,
            adopt: Ask::default(),
            resolve: Ask::default(),
            attempt: 0,
            resolved: None,
            resolved_last: now.steady,
            refusal: None,
            workload: None,
            triggers: Vec::new(),
            replicas: None,
            hpa: Hpa::default(),
            scale: Ask::default(),
            release: Ask::default(),
            report: Ask::default(),
            reported: None,
            active: false,
            decided: None,
            decisions: VecDeque::new(),
            view: None,
            timer: None,
        }
    }

    /// Takes a resolution in. Triggers that are the same keep what is known of them; one whose connection changed keeps
    /// its readings, for the HPA, but must be proven idle anew.
    pub(super) fn resolved(&mut self, resolution: Resolution, now: Now) -> (Vec<Trigger>, Vec<usize>) {
        let workload = Arc::new(resolution.workload);
        let mut old: Vec<Option<Trigger>> = std::mem::take(&mut self.triggers).into_iter().map(Some).collect();
        let (mut fresh, mut removed) = (Vec::new(), Vec::new());
        for (index, spec) in workload.triggers.iter().enumerate() {
            let before = old.get_mut(index).and_then(|slot| slot.take_if(|trigger| same_metrics(&trigger.spec, spec)));
            let trigger = match before {
                Some(trigger) if trigger.spec == *spec => trigger,
                before => {
                    fresh.push(index);
                    let last = before.as_ref().and_then(|trigger| trigger.last.clone());
                    removed.extend(before);
                    Trigger {
                        spec: spec.clone(),
                        last,
                        failure: None,
                        idle: IdleProof::default(),
                        in_flight: None,
                        due: None,
                    }
                }
            };
            self.triggers.push(trigger);
        }
        self.replicas = Some(resolution.replicas);
        self.original = self.original.or(Some(resolution.replicas));
        self.resolved = self.resolved.or(Some(now.steady));
        self.resolved_last = now.steady;
        self.refusal = None;
        if self.workload.as_deref() != Some(&*workload) {
            self.workload = Some(workload);
            self.hpa.ask.hurry();
        }
        removed.extend(old.into_iter().flatten());
        (removed, fresh)
    }

    /// What each trigger says at `now`.
    pub(super) fn says(&self, now: Now) -> Vec<Say> {
        let interval = self.workload.as_ref().map(|workload| workload.interval).unwrap_or_default();
        self.triggers.iter().map(|trigger| trigger.say(interval, now)).collect()
    }

    /// Whether the object was proven idle for long enough.
    pub(super) fn cooldown(&self, now: Now) -> Cooldown {
        let Some(workload) = &self.workload else { return Cooldown::Left(Duration::MAX, Duration::MAX) };
        let externals = self.triggers.iter().filter(|trigger| !trigger.is_native());
        let proven = externals.map(|trigger| trigger.idle.proven()).min().unwrap_or_default();
        if self.last_active.is_none() && self.fresh {
            // Counted on the steady clock from the age at first sight, so that a jump of the date cannot end it early.
            let (age, since) = self.seen;
            let age = age + now.steady.saturating_sub(since);
            let whole = workload.initial_cooldown;
            return if age >= whole {
                Cooldown::Passed(proven)
            } else {
                Cooldown::Left(whole.saturating_sub(age), whole)
            };
        }
        let whole = workload.cooldown;
        if proven >= whole { Cooldown::Passed(proven) } else { Cooldown::Left(whole.saturating_sub(proven), whole) }
    }

    /// How long to wait for the next poll at most.
    pub(super) fn pace(&self, now: Now) -> Duration {
        let Some(workload) = &self.workload else { return REFRESH };
        let running = self.replicas.is_none_or(|replicas| replicas > 0);
        let left = match self.cooldown(now) {
            Cooldown::Left(left, _) if !self.active => left,
            _ => Duration::MAX,
        };
        crate::schedule::pace(workload.interval, running.then_some(left))
    }

    /// Remembers a decision, if it is another than before.
    pub(super) fn remember(&mut self, text: String, now: Now) {
        if self.decisions.back().is_some_and(|entry| *entry.text == *text) {
            return;
        }
        if self.decisions.len() == DECISIONS_MAX {
            self.decisions.pop_front();
        }
        self.decisions.push_back(Entry { date: now.wall, text: text.into() });
    }

    /// What is shown of the object.
    pub(super) fn show(&self) -> View {
        let workload = self.workload.as_ref();
        let interval = workload.map(|workload| workload.interval).unwrap_or_default();
        let says = self.hpa.seen.as_ref().and_then(|hpa| hpa.scaling.as_ref());
        View {
            key: self.manifest.key.clone(),
            hpa: workload.map(|workload| workload.hpa.name.as_str().into()),
            bounds: workload.map(|workload| workload.bounds),
            replicas: self.replicas,
            hpa_says: says.map(|(_, reason, message)| format!("{reason}: {message}").into()),
            metrics: self.triggers.iter().flat_map(|trigger| trigger.views(interval)).collect(),
            decisions: self.decisions.clone(),
        }
    }
}

fn same_metrics(old: &WorkloadTrigger, new: &WorkloadTrigger) -> bool {
    old.kind == new.kind && old.metrics == new.metrics
}

impl Trigger {
    /// Whether Kubernetes measures it, so that nobody is asked.
    pub(super) fn is_native(&self) -> bool {
        !self.spec.metrics.iter().any(|metric| matches!(metric.metric, Metric::External { .. }))
    }

    /// What the last readings say, if they stand and are active.
    fn active_evidence(&self, readings: &[Reading]) -> Option<(Option<u32>, Arc<str>)> {
        let metrics = self.spec.metrics.iter().filter_map(|metric| match &metric.metric {
            Metric::External { name, target, target_type } => Some((&metric.name, name, *target, *target_type)),
            Metric::Resource { .. } => None,
        });
        let active = metrics.filter_map(|(full, name, target, target_type)| {
            let reading = readings.iter().find(|reading| reading.metric == *name && reading.active)?;
            let wanted = (target_type == TargetType::AverageValue).then(|| replicas_for(reading.value, target));
            let evidence =
                format!("{full} is {}, target {} ({})", quantity(reading.value), quantity(target), target_type.label());
            Some((wanted, Arc::from(evidence)))
        });
        active.max_by_key(|(wanted, _)| *wanted)
    }

    fn say(&self, interval: Duration, now: Now) -> Say {
        if self.is_native() {
            return Say::Native;
        }
        let standing = self.last.as_ref().filter(|(_, at, _)| now.steady.saturating_sub(*at) <= stands_for(interval));
        let active = standing.and_then(|(readings, _, _)| self.active_evidence(readings));
        match (active, &self.failure, standing) {
            (Some((wanted, evidence)), _, _) => Say::Active { wanted, evidence },
            (None, Some((failure, _)), _) => Say::Unread(format!("{} cannot be read: {failure}", self.name()).into()),
            (None, None, Some(_)) => Say::Inactive,
            (None, None, None) => Say::Unread(format!("{} was not read yet", self.name()).into()),
        }
    }

    /// The name of its first metric, for messages.
    pub(super) fn name(&self) -> &str {
        self.spec.metrics.first().map_or(&*self.spec.kind, |metric| &*metric.name)
    }

    fn views(&self, interval: Duration) -> impl Iterator<Item = MetricView> {
        self.spec.metrics.iter().filter_map(move |metric| {
            let Metric::External { name, target, target_type } = &metric.metric else { return None };
            let reading = self.last.as_ref().and_then(|(readings, at, date)| {
                readings.iter().find(|reading| reading.metric == *name).map(|reading| (reading, *at, *date))
            });
            Some(MetricView {
                name: metric.name.clone(),
                kind: self.spec.kind.clone(),
                target: *target,
                target_type: *target_type,
                last: reading.map(|(reading, at, date)| Taken { value: reading.value, at, date }),
                active: reading.is_some_and(|(reading, ..)| reading.active),
                stands_for: stands_for(interval),
                failure: self.failure.as_ref().map(|(failure, _)| failure.clone()),
            })
        })
    }
}

/// Replicas that share `value` so that each has at most `target`. Beyond `u32` it is `u32::MAX`, and bounds clip it.
fn replicas_for(value: f64, target: f64) -> u32 {
    let count = (value / target).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and NaN is 0, which is what is wanted"
    )]
    if target > 0.0 { count as u32 } else { u32::MAX }
}
