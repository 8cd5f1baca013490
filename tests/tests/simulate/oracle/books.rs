//! What is known of each object and each trigger: what was asked for, what is in force, and every outcome since.

use std::sync::Arc;
use std::time::Duration;

use bellows_core::Now;
use bellows_core::event::{Manifest, Refusal, Resolution};
use bellows_core::failure::FailureKind;
use bellows_core::metric::View;
use bellows_core::problem::sentence;
use bellows_core::reading::{Outcome, Reading};
use bellows_core::scaler::Metric;
use bellows_core::workload::{ObjectKey, Workload, WorkloadTrigger};

use super::Oracle;

/// A trigger under way: object, index, generation.
pub(crate) type Watched = (ObjectKey, usize, u64);

/// What a poll gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Active,
    Inactive,
    Failed(FailureKind),
}

/// A trigger in force.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) spec: WorkloadTrigger,
    /// Another number for any other spec and any other time in force.
    pub(crate) generation: u64,
    /// Every outcome while it was in force, with its time and the interval of that time; the oldest are dropped.
    pub(crate) outcomes: Vec<(Duration, Heard, Duration)>,
    /// The last good readings of the same metrics, also from before a connection changed.
    pub(crate) good: Option<(Duration, Vec<Reading>)>,
    /// Since when nobody asks it.
    pub(crate) free_since: Duration,
}

impl Trigger {
    /// Names of its external metrics, as the scaler knows them.
    pub(crate) fn external(&self) -> Vec<&str> {
        let name = |metric: &Metric| matches!(metric, Metric::External { .. });
        self.spec
            .metrics
            .iter()
            .filter(|metric| name(&metric.metric))
            .map(|metric| match &metric.metric {
                Metric::External { name, .. } | Metric::Resource { name, .. } => name.as_str(),
            })
            .collect()
    }

    pub(crate) fn is_native(&self) -> bool {
        self.external().is_empty()
    }

    /// The outcome of a poll; `None` where the answer came without it.
    pub(crate) fn hears(&mut self, outcome: Option<&Outcome>, interval: Duration, now: Now) {
        self.free_since = now.steady;
        let heard = match outcome {
            None => Heard::Failed(FailureKind::Transient),
            Some(Err(failure)) => Heard::Failed(failure.kind),
            Some(Ok(readings)) => {
                let mut reported: Vec<&str> = readings.iter().map(|reading| reading.metric.as_str()).collect();
                reported.sort_unstable();
                let mut planned = self.external();
                planned.sort_unstable();
                if reported != planned {
                    Heard::Failed(FailureKind::Transient)
                } else {
                    self.good = Some((now.steady, readings.clone()));
                    if readings.iter().any(|reading| reading.active) { Heard::Active } else { Heard::Inactive }
                }
            }
        };
        if self.outcomes.len() > 400 {
            self.outcomes.drain(..200);
        }
        self.outcomes.push((now.steady, heard, interval));
    }

    /// How long it was idle at most, by its outcomes: from the last one back, over gaps in which nobody can have missed
    /// more than a poll, to the last active one or the last outage.
    pub(crate) fn idle_for(&self) -> Duration {
        let mut proven = Duration::ZERO;
        let mut later: Option<(Duration, Duration)> = None;
        let mut misses = 0;
        for (at, heard, interval) in self.outcomes.iter().rev() {
            match heard {
                Heard::Active => break,
                Heard::Failed(_) => {
                    misses += 1;
                    later = None;
                    if misses == 2 {
                        break;
                    }
                }
                Heard::Inactive => {
                    if let Some((later, interval)) = later {
                        let gap = later - *at;
                        if gap > interval + Duration::from_secs(20) {
                            break;
                        }
                        proven += gap;
                    }
                    (later, misses) = (Some((*at, *interval)), 0);
                }
            }
        }
        proven
    }

    /// Whether its last outcome was inactive, and stands.
    pub(crate) fn is_inactive(&self, interval: Duration, now: Now) -> bool {
        matches!(self.outcomes.last(), Some((at, Heard::Inactive, _)) if stands(*at, interval, now))
    }

    /// Whether the last good readings stand and are active.
    pub(crate) fn is_active(&self, interval: Duration, now: Now) -> bool {
        let standing = self.good.as_ref().filter(|(at, _)| stands(*at, interval, now));
        standing.is_some_and(|(_, readings)| readings.iter().any(|reading| reading.active))
    }

    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self.outcomes.last(), Some((_, Heard::Failed(FailureKind::Invalid), _)))
    }
}

/// Three missed polls and five seconds.
pub(crate) fn stands(at: Duration, interval: Duration, now: Now) -> bool {
    now.steady.saturating_sub(at) <= interval * 3 + Duration::from_secs(5)
}

/// An object.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) manifest: Manifest,
    pub(crate) unreadable: bool,
    /// Only the answer to a resolution asked for in this epoch counts.
    pub(crate) epoch: u64,
    pub(crate) refused: Option<String>,
    pub(crate) workload: Option<Workload>,
    pub(crate) triggers: Vec<Trigger>,
    /// It was active since somebody first knew of it.
    pub(crate) was_active: bool,
    pub(crate) was_served: bool,
    /// Its age when it was first seen, and when that was.
    pub(crate) age: (Duration, Duration),
    pub(crate) view: Option<Arc<View>>,
    /// Since when it is shown with replicas.
    pub(crate) running_since: Option<Duration>,
    /// Since when the settings are in force.
    pub(crate) in_force_since: Duration,
}

impl Record {
    pub(crate) fn new(manifest: Manifest, epoch: u64, now: Now) -> Self {
        let age = Duration::try_from(now.wall.duration_since(manifest.created)).unwrap_or_default();
        Self {
            was_active: manifest.remembered.last_active.is_some(),
            was_served: manifest.remembered.hpa_name.is_some(),
            manifest,
            unreadable: false,
            epoch,
            refused: None,
            workload: None,
            triggers: Vec::new(),
            age: (age, now.steady),
            view: None,
            running_since: None,
            in_force_since: now.steady,
        }
    }

    /// Nothing is asked or scaled for it from here on.
    pub(crate) fn ends(&mut self) {
        self.workload = None;
        self.triggers.clear();
    }

    pub(crate) fn changes_hands(&mut self) {
        self.ends();
        self.was_served = true;
        if !self.unreadable {
            self.refused = None;
        }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.workload.as_ref().map(|workload| workload.interval).unwrap_or_default()
    }

    pub(crate) fn notes_activity(&mut self, now: Now) {
        let interval = self.interval();
        let native = !self.triggers.is_empty() && self.triggers.iter().all(Trigger::is_native);
        self.was_active |= native || self.triggers.iter().any(|trigger| trigger.is_active(interval, now));
    }

    pub(crate) fn shown(&mut self, view: Option<Arc<View>>, now: Now) {
        let runs = view.as_ref().is_some_and(|view| view.replicas.is_some_and(|replicas| replicas > 0));
        self.running_since = if runs { self.running_since.or(Some(now.steady)) } else { None };
        self.view = view;
    }
}

impl Oracle {
    pub(super) fn resolved(
        &mut self,
        key: &ObjectKey,
        attempt: u64,
        result: &Result<Box<Resolution>, Refusal>,
        now: Now,
    ) {
        let asked = self.requests.resolved(key, attempt);
        self.touched.insert(key.clone());
        let next = self.generation();
        let Some(record) = self.records.get_mut(key).filter(|record| asked == Some(record.epoch)) else { return };
        match result {
            Err(refusal) => record.refused = Some(sentence(&refusal.problems)),
            Ok(_) if record.manifest.deleting => {}
            Ok(resolution) => {
                record.refused = None;
                let mut before: Vec<Option<Trigger>> =
                    std::mem::take(&mut record.triggers).into_iter().map(Some).collect();
                for (index, spec) in resolution.workload.triggers.iter().enumerate() {
                    let old = before.get_mut(index).and_then(Option::take);
                    record.triggers.push(in_force(old, spec, next, now));
                }
                record.workload = Some(resolution.workload.clone());
                record.in_force_since = now.steady;
                record.notes_activity(now);
            }
        }
    }
}

fn in_force(old: Option<Trigger>, spec: &WorkloadTrigger, generation: u64, now: Now) -> Trigger {
    match old {
        Some(old) if old.spec == *spec => old,
        old => {
            let same = old.filter(|old| old.spec.kind == spec.kind && old.spec.metrics == spec.metrics);
            let good = same.and_then(|old| old.good);
            Trigger { spec: spec.clone(), generation, outcomes: Vec::new(), good, free_since: now.steady }
        }
    }
}
