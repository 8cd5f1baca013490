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
use bellows_core::workload::{ObjectKey, WhenAbsent, Workload, WorkloadTrigger};

use super::Oracle;

/// A trigger under way: object, index, generation.
pub(crate) type Watched = (ObjectKey, usize, u64);

/// What a poll gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Active,
    Inactive,
    Failed(FailureKind),
    /// The source says that the thing does not exist, and that is no failure.
    Held,
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
    /// Since when it is in force.
    pub(crate) since: Duration,
    /// It replaced one of which nothing was known, so that it began without failures.
    pub(crate) unburdened: bool,
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
    pub(crate) fn hears(&mut self, outcome: Option<&Outcome>, absent: WhenAbsent, interval: Duration, now: Now) {
        self.free_since = now.steady;
        let heard = match outcome {
            None => Heard::Failed(FailureKind::Transient),
            Some(Err(failure)) => match (failure.kind, absent) {
                (FailureKind::Absent, WhenAbsent::Hold) => {
                    self.good = None;
                    Heard::Held
                }
                (FailureKind::Absent, WhenAbsent::Zero) => {
                    let nothing = self.external().iter().map(|name| Reading::new(*name, 0.0, false)).collect();
                    self.good = Some((now.steady, nothing));
                    Heard::Inactive
                }
                (kind, _) => Heard::Failed(kind),
            },
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
                Heard::Failed(_) | Heard::Held => {
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
    /// Settings of it were in force in this process and these hands.
    pub(crate) was_resolved: bool,
    /// A fallback may have kept it active.
    pub(crate) may_have_been_active: bool,
    /// A fallback of it might answer 0.
    pub(crate) may_rest: bool,
    /// Its age when it was first seen, and when that was.
    pub(crate) age: (Duration, Duration),
    pub(crate) view: Option<Arc<View>>,
    /// Replicas and ready pods of the target as each source told them last: a read or a write of `/scale`, what the HPA
    /// found, what it asked for; and the ready pods.
    pub(crate) counts: [Option<u32>; 3],
    pub(crate) ready: Option<u32>,
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
            may_have_been_active: false,
            may_rest: false,
            was_resolved: manifest.remembered.failures.is_empty(),
            manifest,
            unreadable: false,
            epoch,
            refused: None,
            workload: None,
            triggers: Vec::new(),
            age: (age, now.steady),
            view: None,
            counts: [None; 3],
            ready: None,
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
        self.was_resolved = false;
        self.was_served = true;
        if !self.unreadable {
            self.refused = None;
        }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.workload.as_ref().map(|workload| workload.interval).unwrap_or_default()
    }

    pub(crate) fn when_absent(&self) -> WhenAbsent {
        self.workload.as_ref().map_or(WhenAbsent::Hold, |workload| workload.when_absent)
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
                    // What an earlier process or owner counted is not in the books.
                    let unburdened = old.is_none() && record.was_resolved;
                    record.triggers.push(in_force(old, spec, next, unburdened, now));
                }
                record.counts[0] = Some(resolution.replicas);
                record.ready = resolution.ready;
                record.workload = Some(resolution.workload.clone());
                record.in_force_since = now.steady;
                record.was_resolved = true;
                record.notes_rest();
                record.notes_activity(now);
            }
        }
    }
}

fn in_force(old: Option<Trigger>, spec: &WorkloadTrigger, generation: u64, unburdened: bool, now: Now) -> Trigger {
    match old {
        Some(old) if old.spec == *spec => old,
        old => {
            let unburdened = unburdened || old.as_ref().is_some_and(|old| !measures(old, spec));
            let same = old.filter(|old| measures(old, spec));
            let good = same.and_then(|old| old.good);
            let (outcomes, since) = (Vec::new(), now.steady);
            Trigger { spec: spec.clone(), generation, outcomes, good, free_since: now.steady, since, unburdened }
        }
    }
}

fn measures(old: &Trigger, spec: &WorkloadTrigger) -> bool {
    old.spec.kind == spec.kind && old.spec.metrics == spec.metrics
}
