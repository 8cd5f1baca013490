//! What the answers to requests change in an object, and what the HPA is seen to do.

use std::time::Duration;

use super::object::Object;
use super::report::SPACING;
use super::tell::tell;
use crate::Now;
use crate::effect::Effect;
use crate::event::{ApiFailure, HpaView};
use crate::status::Tone;

/// Least time between two writes of one HPA that follow from nothing but how it looks: the watch shows what was written
/// a moment later, and another writer who insists is not fought faster than this.
const HPA_SPACING: Duration = Duration::from_secs(5);

impl Object {
    /// The HPA, as the watch shows it.
    pub(super) fn hpa_observed(&mut self, hpa: Option<HpaView>, now: Now) {
        let before = self.hpa.seen.as_ref();
        let (old, old_wish) = (before.and_then(|hpa| hpa.replicas), before.and_then(|hpa| hpa.desired));
        match &hpa {
            None => {
                self.hpa.applied = None;
                self.hpa.doubted = self.asks.hpa.in_flight();
                self.asks.hpa.hurry();
            }
            Some(hpa) => {
                // An HPA that repeats an old count must not overrule what we set or read since.
                if hpa.replicas.is_some() && hpa.replicas != old {
                    self.replicas = hpa.replicas;
                }
                if let (Some(from), Some(to)) = (old_wish, hpa.desired)
                    && from != to
                {
                    self.remember(format!("the HPA: {from} → {to}"), now);
                }
            }
        }
        self.hpa.seen = hpa;
    }

    pub(super) fn hpa_applied(&mut self, result: Result<u64, ApiFailure>, now: Now) -> Option<Effect> {
        let applying = self.hpa.applying.take();
        match result {
            Ok(fingerprint) => {
                self.asks.hpa.succeeded(now.steady + HPA_SPACING);
                self.hpa.failure = None;
                self.hpa.name = applying.as_ref().map(|workload| workload.hpa.name.clone());
                let gone = std::mem::take(&mut self.hpa.doubted) && self.hpa.seen.is_none();
                self.hpa.applied = applying.filter(|_| !gone).map(|workload| (workload, fingerprint));
                if self.hpa.applied.is_some() && self.hpa_is_outdated() {
                    self.asks.hpa.hurry();
                }
            }
            Err(failure) => {
                self.asks.hpa.failed(now.steady, failure.retry);
                self.hpa.failure = Some(failure);
            }
        }
        None
    }

    /// The target had other replicas than the decision rested on.
    pub(super) fn scale_read(&mut self, replicas: u32, now: Now) -> Option<Effect> {
        self.asks.scale.succeeded(now.steady);
        self.scale_is_about_target().then(|| self.count(replicas, now));
        None
    }

    pub(super) fn scaled(&mut self, to: u32, result: Result<(), ApiFailure>, now: Now) -> Option<Effect> {
        let scaling = self.scaling.clone();
        let about = self.scale_is_about_target();
        let (up, what) = scaling.map_or((true, "the target".to_owned()), |(target, decision)| {
            let up = decision.change().is_none_or(|(from, to)| to > from);
            let namespace = &self.manifest.key.namespace;
            (up, format!("{}.{} {namespace}/{}: {decision}", target.api_version(), target.kind, target.name))
        });
        let (tone, reason, message) = match (&result, up) {
            (Ok(()), true) => (Tone::Normal, "KEDAScaleTargetActivated", format!("Scaled {what}")),
            (Ok(()), false) => (Tone::Normal, "KEDAScaleTargetDeactivated", format!("Scaled {what}")),
            (Err(failure), true) => (Tone::Warning, "KEDAScaleTargetActivationFailed", failure.message.clone()),
            (Err(failure), false) => (Tone::Warning, "KEDAScaleTargetDeactivationFailed", failure.message.clone()),
        };
        match result {
            Ok(()) => {
                self.asks.scale.succeeded(now.steady);
                if about {
                    self.count(to, now);
                }
            }
            Err(failure) => self.asks.scale.failed(now.steady, failure.retry),
        }
        Some(tell(&self.manifest.key, tone, reason, &message))
    }

    /// Whether the answer to a scale request is about what is scaled now. Takes the question away.
    fn scale_is_about_target(&mut self) -> bool {
        self.scaling.take().is_some_and(|(target, _)| self.target.as_ref() == Some(&target))
    }

    pub(super) fn adopted(&mut self, result: Result<(), ApiFailure>, now: Now) -> Option<Effect> {
        match result {
            Ok(()) => {
                self.asks.adopt.succeeded(now.steady);
                self.manifest.adopted = true;
            }
            Err(failure) => self.asks.adopt.failed(now.steady, failure.retry),
        }
        None
    }

    pub(super) fn reported(&mut self, result: Result<(), ApiFailure>, now: Now) -> Option<Effect> {
        match result {
            Ok(()) => self.asks.report.succeeded(now.steady + SPACING),
            Err(failure) => {
                self.asks.report.failed(now.steady, failure.retry);
                self.reported = None;
            }
        }
        None
    }

    pub(super) fn released(&mut self, result: Result<(), ApiFailure>, now: Now) -> Option<Effect> {
        match result {
            Ok(()) => {
                self.asks.release.succeeded(Duration::MAX);
                self.released = true;
            }
            Err(failure) => self.asks.release.failed(now.steady, failure.retry),
        }
        None
    }
}
