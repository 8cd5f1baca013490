//! The controller of HPAs in miniature: each round asks for every metric, wants the largest, and does not scale down while
//! one has no value. Nothing is stabilised, so that whatever it is told shows at once.

use super::bench::{Bench, key};
use crate::Now;
use crate::event::{Event, HpaView};
use crate::scaler::TargetType;

/// What is near enough to its target is left alone.
const TOLERANCE: f64 = 0.1;

impl Bench {
    /// Lets time pass, with a round of the controller each 15 s.
    pub(super) fn live(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.run(15.0);
            self.round();
        }
    }

    /// Replicas of the target.
    pub(super) fn now_has(&self) -> u32 {
        self.replicas.get(&key()).copied().unwrap_or_default()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and not negative")]
    fn round(&mut self) {
        let found = self.now_has();
        let (mut wanted, mut unknown) = (None, false);
        let view = self.view().unwrap();
        for metric in &view.metrics {
            let now = Now { steady: self.steady, wall: self.wall };
            let Ok(taken) = metric.answer(now) else {
                unknown = true;
                continue;
            };
            let (pods, of) = match metric.target_type {
                TargetType::AverageValue => (f64::from(found), 1.0),
                _ => (1.0, f64::from(found.saturating_sub(self.unready))),
            };
            let near = (taken.value / (metric.target * pods) - 1.0).abs() <= TOLERANCE;
            let count = if near { found } else { (taken.value / metric.target * of).ceil() as u32 };
            wanted = wanted.max(Some(count));
        }
        let bounds = view.bounds.unwrap();
        let wanted = wanted.unwrap_or(found).max(if unknown { found } else { 0 });
        let allowed = (found * 2).max(found + 4);
        let to = if found == 0 { 0 } else { wanted.min(allowed).clamp(bounds.running_min(), bounds.max) };
        self.replicas.insert(key(), to);
        let (scaling, reason) = if found == 0 { (false, "ScalingDisabled") } else { (true, "ValidMetricFound") };
        let hpa = HpaView {
            name: "keda-hpa-web".into(),
            fingerprint: self.fingerprint,
            replicas: Some(found),
            desired: Some(to),
            scaling: Some((scaling, reason.into(), "".into())),
        };
        self.step(Event::HpaObserved { key: key(), hpa: Some(hpa) });
    }
}
