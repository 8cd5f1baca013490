//! A trigger of an object as the machine remembers it: what it is, what it last said, and when it is asked next.

use std::sync::Arc;
use std::time::Duration;

use crate::Now;
use crate::activate::IdleProof;
use crate::decide::Say;
use crate::event::PollId;
use crate::failure::{Blame, Failure, FailureKind};
use crate::metric::{Answered, MetricView, Taken, quantity};
use crate::reading::{Outcome, Reading, stands_for};
use crate::scaler::{Metric, TargetType};
use crate::tally::Tally;
use crate::workload::{WhenAbsent, WorkloadTrigger};

/// A trigger and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) spec: WorkloadTrigger,
    /// The last good readings, in the order of the metrics, and when.
    pub(super) last: Option<(Vec<Reading>, Duration, jiff::Timestamp)>,
    /// Why the last poll gave none, and since when polls give none.
    pub(super) failure: Option<(Failure, jiff::Timestamp)>,
    /// The first failure of this kind since then, for the status: its words do not change while it stays of one kind.
    pub(super) words: Option<Failure>,
    /// Failed polls since the last good one.
    pub(super) failures: u32,
    /// How often polls gave none.
    pub(super) errors: Tally,
    pub(super) idle: IdleProof,
    pub(super) in_flight: Option<PollId>,
    /// When it is asked next; absent while it is asked, waits for its endpoint, or can never be answered.
    pub(super) due: Option<Duration>,
    /// When it was to be asked, once that time has come and until it is.
    pub(super) expected: Option<Duration>,
}

impl Trigger {
    /// One that was not asked yet. If `before` measured the same over another connection, its readings stand for the
    /// HPA, and a failure stands until there is an answer; but it must be proven idle anew.
    pub(super) fn new(spec: WorkloadTrigger, before: Option<&Self>) -> Self {
        Self {
            spec,
            last: before.and_then(|before| before.last.clone()),
            failure: before.and_then(|before| before.failure.clone()),
            words: before.and_then(|before| before.words.clone()),
            failures: before.map_or(0, |before| before.failures),
            errors: before.map(|before| before.errors).unwrap_or_default(),
            idle: IdleProof::default(),
            in_flight: None,
            due: None,
            expected: None,
        }
    }

    /// Whether readings of this one are readings of `spec`, though they may come over other connections.
    pub(super) fn measures_the_same(&self, spec: &WorkloadTrigger) -> bool {
        self.spec.kind == spec.kind && self.spec.metrics == spec.metrics
    }

    /// Whether Kubernetes measures it, so that nobody is asked.
    pub(super) fn is_native(&self) -> bool {
        !self.spec.metrics.iter().any(|metric| matches!(metric.metric, Metric::External { .. }))
    }

    /// Whether nobody asks again until the settings change.
    pub(super) fn is_invalid(&self) -> bool {
        self.failure.as_ref().is_some_and(|(failure, _)| failure.kind == FailureKind::Invalid)
    }

    /// When its last readings cease to stand.
    pub(super) fn stale_at(&self, interval: Duration) -> Option<Duration> {
        self.last.as_ref().map(|(_, at, _)| *at + stands_for(interval) + Duration::from_millis(1))
    }

    /// Takes the outcome of a poll in. `pace`: how long the wait for it was to be at most; `rests`: whether a fallback
    /// answers so many failures with 0 replicas.
    pub(super) fn take(
        &mut self,
        outcome: Outcome,
        when_absent: WhenAbsent,
        pace: Duration,
        now: Now,
        rests: impl FnOnce(&Self) -> bool,
    ) {
        match outcome.and_then(|readings| self.complete(readings)) {
            Ok(readings) => self.read(readings, pace, now),
            Err(failure) if failure.kind == FailureKind::Absent && when_absent == WhenAbsent::Zero => {
                let nothing = self.external().map(|name| Reading::new(name, 0.0, false)).collect();
                self.read(nothing, pace, now);
            }
            Err(failure) => {
                // The source answered, so nothing is wrong with it; and what it said overrules the last value.
                let held = failure.kind == FailureKind::Absent && when_absent == WhenAbsent::Hold;
                if held {
                    self.last = None;
                }
                self.failures = if held { 0 } else { self.failures.saturating_add(1) };
                // What went wrong may change its words at each poll; since when it does, does not.
                let since = self.failure.take().map_or(now.wall, |(_, since)| since);
                let kind = |failure: &Failure| (failure.kind, failure.blame, failure.code.clone());
                self.words = self.words.take().filter(|words| kind(words) == kind(&failure)).or(Some(failure.clone()));
                self.failure = Some((failure, since));
                if !held {
                    self.errors.failed();
                }
                // A configured 0 stands in for an inactive reading; otherwise nobody knows.
                if rests(self) {
                    self.idle.inactive(now.steady, pace);
                } else {
                    self.idle.missed();
                }
            }
        }
        self.errors.block(self.is_invalid(), pace, now.steady);
    }

    fn read(&mut self, readings: Vec<Reading>, pace: Duration, now: Now) {
        if readings.iter().any(|reading| reading.active) {
            self.idle.active();
        } else {
            self.idle.inactive(now.steady, pace);
        }
        self.last = Some((readings, now.steady, now.wall));
        (self.failure, self.words, self.failures) = (None, None, 0);
    }

    /// Whether polls of it fail, as people understand it: that a thing does not exist may be as it should.
    pub(super) fn fails(&self, when_absent: WhenAbsent) -> bool {
        let failure = self.failure.as_ref().map(|(failure, _)| failure.kind);
        failure.is_some_and(|kind| kind != FailureKind::Absent || when_absent == WhenAbsent::Error)
    }

    /// Names of its external metrics, as the scaler knows them.
    fn external(&self) -> impl Iterator<Item = &String> {
        self.spec.metrics.iter().filter_map(|metric| match &metric.metric {
            Metric::External { name, .. } => Some(name),
            Metric::Resource { .. } => None,
        })
    }

    /// What it says at `now`.
    pub(super) fn say(&self, interval: Duration, now: Now) -> Say {
        if self.is_native() {
            return Say::Native;
        }
        let standing = self.last.as_ref().filter(|(_, at, _)| now.steady.saturating_sub(*at) <= stands_for(interval));
        let active = standing.and_then(|(readings, _, _)| self.active_evidence(readings));
        match (active, &self.failure) {
            (Some((wanted, evidence)), _) => Say::Active { wanted, evidence },
            (None, Some((failure, _))) => Say::Unread(format!("{} cannot be read: {failure}", self.name()).into()),
            (None, None) if standing.is_some() && self.idle.is_running() => Say::Inactive,
            (None, None) if self.last.is_some() => Say::Unread(format!("{} was not read lately", self.name()).into()),
            (None, None) => Say::Unread(format!("{} was not read yet", self.name()).into()),
        }
    }

    /// The name of its first metric, for messages.
    pub(super) fn name(&self) -> &str {
        self.spec.metrics.first().map_or(&*self.spec.kind, |metric| &*metric.name)
    }

    /// Its external metrics, as they are shown. `index`: its place in the object; `answer`: what a fallback answers for a
    /// metric of that target.
    pub(super) fn views(
        &self,
        index: usize,
        interval: Duration,
        answer: impl Fn(f64, TargetType) -> Option<Answered>,
    ) -> impl Iterator<Item = MetricView> {
        self.spec.metrics.iter().filter_map(move |metric| {
            let Metric::External { name, target, target_type } = &metric.metric else { return None };
            let reading = self.last.as_ref().and_then(|(readings, at, date)| {
                readings.iter().find(|reading| reading.metric == *name).map(|reading| (reading, *at, *date))
            });
            Some(MetricView {
                name: metric.name.clone(),
                kind: self.spec.kind.clone(),
                trigger: self.spec.name.clone(),
                index,
                target: *target,
                target_type: *target_type,
                last: reading.map(|(reading, at, date)| Taken { value: reading.value, at, date }),
                active: reading.is_some_and(|(reading, ..)| reading.active),
                stands_for: stands_for(interval),
                failure: self.failure.as_ref().map(|(failure, _)| failure.clone()),
                fallback: answer(*target, *target_type),
                errors: self.errors,
            })
        })
    }

    /// What the readings say, if any is active: the one that wants most.
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

    /// The readings, if each external metric has exactly one and nothing else is there.
    fn complete(&self, readings: Vec<Reading>) -> Outcome {
        let wrong =
            |code: &str, message: String| Err(Failure::new(FailureKind::Transient, Blame::Scaler, code, message));
        if let Some(stranger) = readings.iter().find(|reading| !self.external().any(|name| *name == reading.metric)) {
            let message = format!("the scaler reported {:?}, which it did not plan", stranger.metric);
            return wrong("undeclared-metric", message);
        }
        for name in self.external() {
            match readings.iter().filter(|reading| reading.metric == *name).count() {
                1 => {}
                0 => return wrong("missing-reading", format!("the scaler reported no value of {name:?}")),
                _ => return wrong("doubled-reading", format!("the scaler reported {name:?} more than once")),
            }
        }
        Ok(readings)
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
