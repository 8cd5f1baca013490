//! Readings × bounds × now → what to do with the replicas, and why; "nothing, because…" included.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::activate::{Clip, first_step};
use crate::workload::Workload;

/// What a trigger says, as far as replicas are concerned.
#[derive(Debug, Clone, PartialEq)]
pub enum Say {
    /// Its last reading stands and is active. `wanted`: the count that it wants, if its metric says.
    Active {
        /// Replicas wanted.
        wanted: Option<u32>,
        /// Metric, value and target, for people.
        evidence: Arc<str>,
    },
    /// Its last poll was good, and inactive.
    Inactive,
    /// It could not be read, and no active reading stands. Text: why.
    Unread(Arc<str>),
    /// It cannot be read, and the fallback answers in its place.
    Fallback {
        /// Replicas that it answers. 0 is a wish for rest, anything else keeps the target from it.
        replicas: u32,
        /// Which trigger, and what is answered, for people.
        evidence: Arc<str>,
    },
    /// Kubernetes measures it.
    Native,
}

/// How long an object must be idle, and for how long it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cooldown {
    /// Proven idle for long enough.
    Passed(Duration),
    /// So much is still to be proven, of so much.
    Left(Duration, Duration),
}

/// What to do with the replicas.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing.
    Hold(Why),
    /// Up from rest.
    Start {
        /// Replicas now.
        from: u32,
        /// Replicas then.
        to: u32,
        /// Replicas that the readings want, if they say.
        wanted: Option<u32>,
        /// What clipped it.
        clip: Clip,
        /// The trigger that wants most, with its value.
        evidence: Arc<str>,
    },
    /// Up to the lower bound, whatever is measured.
    Raise {
        /// Replicas now.
        from: u32,
        /// Replicas then.
        to: u32,
    },
    /// Down to rest.
    Rest {
        /// Replicas now.
        from: u32,
        /// Replicas then.
        to: u32,
        /// How long it was idle.
        idle: Duration,
        /// What a fallback answered in place of a reading.
        instead: Option<Arc<str>>,
    },
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// Something is active and replicas run: the HPA has them.
    HpaScales(Arc<str>),
    /// Only Kubernetes measures: the HPA has the replicas.
    NativeOnly,
    /// Idle, but not for long enough.
    Cooling(Duration),
    /// Something could not be read, so nothing is lowered.
    Unread(Arc<str>),
    /// Something cannot be read, and the fallback answers in its place that the target is to run.
    Fallback(Arc<str>),
    /// Idle and at rest.
    AtRest(u32),
    /// Idle, and the lower bound keeps the rest running.
    Minimum(u32),
    /// The target's replicas are not known yet.
    ReplicasUnknown,
}

impl Decision {
    /// The replicas to set, if any.
    pub fn change(&self) -> Option<(u32, u32)> {
        match self {
            Self::Hold(_) => None,
            Self::Start { from, to, .. } | Self::Raise { from, to } | Self::Rest { from, to, .. } => Some((*from, *to)),
        }
    }
}

/// Decides. `says` has one entry for each trigger.
pub fn decide(workload: &Workload, replicas: Option<u32>, says: &[Say], cooldown: Cooldown) -> Decision {
    let Some(from) = replicas else { return Decision::Hold(Why::ReplicasUnknown) };
    let bounds = workload.bounds;
    let at_rest = from == 0 || (bounds.idle.is_some() && from < bounds.min);
    let kept = says.iter().find_map(Say::kept_by_fallback);
    if let Some((wanted, evidence)) = most_wanted(says, if at_rest { from } else { 0 }) {
        if at_rest {
            let (to, clip) = first_step(from, wanted, bounds, workload.first_step, workload.scale_up.as_ref());
            return Decision::Start { from, to, wanted, clip, evidence };
        }
        return Decision::Hold(kept.map_or(Why::HpaScales(evidence), Why::Fallback));
    }
    if bounds.idle.is_none() && from < bounds.min {
        return Decision::Raise { from, to: bounds.min };
    }
    if says.iter().all(|say| *say == Say::Native) {
        return match from {
            0 => Decision::Raise { from, to: bounds.running_min() },
            _ => Decision::Hold(Why::NativeOnly),
        };
    }
    if let Some(cause) =
        says.iter().find_map(|say| if let Say::Unread(cause) = say { Some(cause.clone()) } else { None })
    {
        return Decision::Hold(Why::Unread(cause));
    }
    if let Some(evidence) = kept {
        return Decision::Hold(Why::Fallback(evidence));
    }
    match (bounds.rest(), cooldown) {
        (Some(rest), _) if from <= rest => Decision::Hold(Why::AtRest(from)),
        (Some(rest), Cooldown::Passed(idle)) => {
            let instead = says.iter().find_map(|say| match say {
                Say::Fallback { evidence, .. } => Some(evidence.clone()),
                _ => None,
            });
            Decision::Rest { from, to: rest, idle, instead }
        }
        (Some(_), Cooldown::Left(_, whole)) => Decision::Hold(Why::Cooling(whole)),
        (None, _) => Decision::Hold(Why::Minimum(bounds.min)),
    }
}

impl Say {
    /// Whether it keeps the object active.
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. }) || self.kept_by_fallback().is_some()
    }

    fn kept_by_fallback(&self) -> Option<Arc<str>> {
        match self {
            Self::Fallback { replicas: 1.., evidence } => Some(evidence.clone()),
            _ => None,
        }
    }
}

/// The say that wants most. A fallback that answers no more replicas than the target rests with wants it to stay there.
fn most_wanted(says: &[Say], resting: u32) -> Option<(Option<u32>, Arc<str>)> {
    says.iter()
        .filter_map(|say| match say {
            Say::Active { wanted, evidence } => Some((*wanted, evidence.clone())),
            Say::Fallback { replicas, evidence } if *replicas > resting => Some((Some(*replicas), evidence.clone())),
            _ => None,
        })
        .max_by_key(|(wanted, _)| *wanted)
}

impl fmt::Display for Decision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold(why) => write!(out, "{why}"),
            Self::Start { from, to, wanted, clip, evidence } => {
                write!(out, "{from} → {to}: {evidence}")?;
                match (wanted, clip) {
                    (_, Clip::None) => Ok(()),
                    (Some(wanted), Clip::Policy) => write!(
                        out,
                        ", {wanted} wanted; the scale-up policy allows {to} at first, the HPA goes on from there"
                    ),
                    (Some(wanted), Clip::Max) => write!(out, ", {wanted} wanted, clipped by maxReplicaCount {to}"),
                    (Some(wanted), Clip::Min) => write!(out, ", {wanted} wanted, raised to the lower bound {to}"),
                    _ => write!(out, ", started with the least; the HPA goes on from there"),
                }
            }
            Self::Raise { from, to } => write!(out, "{from} → {to}: below the lower bound"),
            Self::Rest { from, to, idle, instead } => {
                write!(out, "{from} → {to}: every trigger inactive, idle for {} s by readings", idle.as_secs())?;
                instead.as_ref().map_or(Ok(()), |instead| write!(out, "; {instead}"))
            }
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HpaScales(_) => write!(out, "hold: active, the HPA scales between the bounds"),
            Self::NativeOnly => write!(out, "hold: Kubernetes measures every metric, the HPA scales"),
            Self::Cooling(whole) => {
                write!(out, "hold: inactive, until {} s are proven idle by readings", whole.as_secs())
            }
            Self::Unread(cause) => write!(out, "hold: nothing is lowered because {cause}"),
            Self::Fallback(evidence) => write!(out, "hold: {evidence}"),
            Self::AtRest(replicas) => write!(out, "hold: inactive, at rest with {replicas}"),
            Self::Minimum(replicas) => write!(out, "hold: inactive, minReplicaCount keeps {replicas}"),
            Self::ReplicasUnknown => write!(out, "hold: the target's replicas are not known yet"),
        }
    }
}

/// One decision with the time it was first taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When, for people.
    pub date: jiff::Timestamp,
    /// What and why, in one sentence.
    pub text: Arc<str>,
}
