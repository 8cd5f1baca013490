//! 0 ↔ N: how long a trigger was proven idle, and how far the first step up goes.
//!
//! Time without a reading is not idle time. After an outage the proof starts anew, so a source that comes back empty for
//! a moment costs no worker.

use std::time::Duration;

use crate::workload::{Bounds, FirstStep, Policy, ScaleUp, Select};

/// How long a trigger was idle, by readings alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdleProof {
    proven: Duration,
    last: Option<Duration>,
    misses: u32,
}

/// So many failed polls in a row are an outage. One lost poll only fails to count: its gap proves nothing.
const OUTAGE_MISSES: u32 = 2;
/// A reading may come this much later than planned and still prove the time since the one before: the batch window and
/// the deadline of a call.
const SLACK: Duration = Duration::from_secs(15);

impl IdleProof {
    /// A good reading that says inactive.
    pub fn inactive(&mut self, now: Duration, interval: Duration) {
        if let Some(last) = self.last {
            let gap = now.saturating_sub(last);
            // A longer gap is one in which nobody looked.
            self.proven = if gap <= interval + SLACK { self.proven + gap } else { Duration::ZERO };
        }
        (self.last, self.misses) = (Some(now), 0);
    }

    /// A good reading that says active.
    pub fn active(&mut self) {
        *self = Self::default();
    }

    /// A poll that gave no reading.
    pub fn missed(&mut self) {
        self.last = None;
        self.misses = self.misses.saturating_add(1);
        if self.misses >= OUTAGE_MISSES {
            self.proven = Duration::ZERO;
        }
    }

    /// Whether the last outcome was an inactive reading.
    pub fn is_running(&self) -> bool {
        self.last.is_some()
    }

    /// How long the trigger was idle.
    pub fn proven(&self) -> Duration {
        self.proven
    }
}

/// What kept the first step from being what the readings want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clip {
    /// Nothing did.
    None,
    /// The scale-up policy of the HPA.
    Policy,
    /// The upper bound.
    Max,
    /// The lower bound.
    Min,
    /// The readings do not say how many, or the manifest asks for the least.
    Least,
}

/// The first step up from `from`: how far, and what clipped it. `wanted`: the count that the readings want, if they say.
pub fn first_step(
    from: u32,
    wanted: Option<u32>,
    bounds: Bounds,
    mode: FirstStep,
    scale_up: Option<&ScaleUp>,
) -> (u32, Clip) {
    let least = bounds.running_min();
    let Some(wanted) = wanted.filter(|_| mode != FirstStep::One) else { return (least, Clip::Least) };
    let allowed = if mode == FirstStep::Wanted { u32::MAX } else { allowed(from, scale_up) };
    let to = wanted.min(allowed).clamp(least, bounds.max);
    let clip = match to {
        _ if to == wanted => Clip::None,
        _ if to > wanted => Clip::Min,
        _ if to == bounds.max => Clip::Max,
        _ => Clip::Policy,
    };
    (to, clip)
}

/// What an HPA would allow from `from` in its first round. Without a `behavior`, Kubernetes allows the larger of double
/// and 4; with one, its policies count, and double of nothing is nothing.
fn allowed(from: u32, scale_up: Option<&ScaleUp>) -> u32 {
    let Some(rules) = scale_up else { return from.saturating_mul(2).max(4) };
    let reach = |policy: &Policy| match policy {
        Policy::Pods(pods) => from.saturating_add(*pods),
        Policy::Percent(percent) => {
            let grown = (u64::from(from) * (100 + u64::from(*percent))).div_ceil(100);
            u32::try_from(grown).unwrap_or(u32::MAX)
        }
    };
    match rules.select {
        Select::Disabled => from,
        Select::Max => rules.policies.iter().map(reach).max().unwrap_or(from),
        Select::Min => rules.policies.iter().map(reach).min().unwrap_or(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn bounds(min: u32, max: u32) -> Bounds {
        Bounds { min, max, idle: None }
    }

    fn after(story: &[(u64, &str)]) -> Duration {
        let mut proof = IdleProof::default();
        for (at, what) in story {
            match *what {
                "inactive" => proof.inactive(seconds(*at), seconds(15)),
                "active" => proof.active(),
                _ => proof.missed(),
            }
        }
        proof.proven()
    }

    #[test]
    fn idle_time_is_proven_between_two_inactive_readings_only() {
        for (story, proven) in [
            (vec![(0, "inactive")], 0),
            (vec![(0, "inactive"), (15, "inactive"), (30, "inactive")], 30),
            (vec![(0, "inactive"), (15, "active"), (30, "inactive"), (45, "inactive")], 15),
            // One lost poll: the 30 seconds around it are not counted, the 15 before are.
            (vec![(0, "inactive"), (15, "inactive"), (30, "missed"), (45, "inactive"), (60, "inactive")], 30),
            // Two in a row are an outage.
            (
                vec![
                    (0, "inactive"),
                    (15, "inactive"),
                    (30, "missed"),
                    (45, "missed"),
                    (60, "inactive"),
                    (75, "inactive"),
                ],
                15,
            ),
            // Nobody looked for five minutes.
            (vec![(0, "inactive"), (15, "inactive"), (315, "inactive")], 0),
        ] {
            assert_eq!(after(&story), seconds(proven), "{story:?}");
        }
    }

    #[test]
    fn the_first_step_is_what_the_hpa_would_allow_clipped_by_the_bounds() {
        let pods =
            |count| Some(ScaleUp { select: Select::Max, policies: vec![Policy::Pods(count), Policy::Percent(900)] });
        let disabled = Some(ScaleUp { select: Select::Disabled, policies: vec![Policy::Pods(9)] });
        for (wanted, bounds, mode, scale_up, expected) in [
            (Some(9), bounds(0, 10), FirstStep::Policy, None, (4, Clip::Policy)),
            (Some(3), bounds(0, 10), FirstStep::Policy, None, (3, Clip::None)),
            (Some(9), bounds(0, 10), FirstStep::Wanted, None, (9, Clip::None)),
            (Some(15), bounds(0, 10), FirstStep::Wanted, None, (10, Clip::Max)),
            (Some(15), bounds(0, 3), FirstStep::Policy, None, (3, Clip::Max)),
            (Some(1), bounds(2, 10), FirstStep::Policy, None, (2, Clip::Min)),
            (Some(9), bounds(6, 10), FirstStep::Policy, None, (6, Clip::Policy)),
            (Some(9), bounds(0, 10), FirstStep::One, None, (1, Clip::Least)),
            (None, bounds(0, 10), FirstStep::Policy, None, (1, Clip::Least)),
            (Some(9), bounds(0, 10), FirstStep::Policy, pods(2), (2, Clip::Policy)),
            (Some(9), bounds(0, 10), FirstStep::Policy, disabled, (1, Clip::Policy)),
        ] {
            assert_eq!(
                first_step(0, wanted, bounds, mode, scale_up.as_ref()),
                expected,
                "{wanted:?} {bounds:?} {mode:?} {scale_up:?}"
            );
        }
    }
}
