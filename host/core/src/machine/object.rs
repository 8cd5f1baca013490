//! One object as the machine remembers it: what was asked for, what was measured, what the cluster has.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ask::Asks;
use super::fallback::{READY_REREAD, stand_in};
use super::tell::Told;
use super::trigger::Trigger;
use crate::Now;
use crate::authentication::AuthenticationKey;
use crate::decide::{Cooldown, Decision, Entry, Say};
use crate::event::{ApiFailure, HpaView, Manifest, Refusal, Resolution};
use crate::failure::{Blame, FailureKind};
use crate::metric::View;
use crate::reading::Outcome;
use crate::status::Report;
use crate::tally::Tally;
use crate::workload::{Target, Workload};

/// Decisions kept for `bellows why`: at some 200 bytes each, 1.6 KiB for an object.
const DECISIONS_MAX: usize = 8;
/// Target and environment are read again this often even if nothing seems wrong, because they are not watched.
pub(super) const REFRESH: Duration = Duration::from_secs(600);
/// While the HPA counts other replicas than we do, they are read again this often: four periods, enough to come round.
const DISAGREEMENT: Duration = Duration::from_secs(60);
/// After a failure that new credentials could mend, they are read again at most this often: a Denied one at once, at the
/// pace of polls but not faster than this. What is read then and differs is asked with at once; what does not differ
/// waits for its slot. A resolution is some four reads by name, so a wrong password costs one object 0.8 requests a second
/// at most, and 0.3 at the pace of 15 s that polls have while replicas run; a thousand objects that share it 270 a second,
/// of which at most 32 are under way at once. A poll that finds its endpoint refused asks nobody, so the source hears of
/// it once in 15 s, however many they are,
const DENIED_REREAD: Duration = Duration::from_secs(5);
/// and any other once a minute.
const FAILED_REREAD: Duration = Duration::from_secs(60);

/// The HPA of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Hpa {
    /// The name it had when it was last applied, by this process or an earlier one.
    pub(super) name: Option<String>,
    /// What it is being made to follow.
    pub(super) applying: Option<Arc<Workload>>,
    /// For which workload it was applied, and what the cluster had then.
    pub(super) applied: Option<(Arc<Workload>, u64)>,
    /// It went while it was being applied, before or after: nobody knows.
    pub(super) doubted: bool,
    pub(super) failure: Option<ApiFailure>,
    pub(super) seen: Option<HpaView>,
}

/// An object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) manifest: Manifest,
    pub(super) owned: bool,
    /// Why the cluster's version of it is not a ScaledObject; `manifest` is an older one then, or an empty one.
    pub(super) unreadable: bool,
    /// Age of the object when this process first saw it, and when that was.
    seen: (Duration, Duration),
    /// No process served it before.
    pub(super) fresh: bool,
    pub(super) asks: Asks,
    /// Number of the last resolution asked for.
    pub(super) attempt: u64,
    /// The authentications that the last resolution read, by what they said.
    pub(super) authentications: BTreeMap<AuthenticationKey, u64>,
    /// One of them changed while a resolution was under way, which may have read it before.
    pub(super) outdated: bool,
    /// When it was first resolved, and when it was last tried.
    pub(super) resolved: Option<Duration>,
    pub(super) resolved_last: Duration,
    pub(super) refusal: Option<Refusal>,
    pub(super) workload: Option<Arc<Workload>>,
    /// What was last resolved to be scaled; kept when the object stops being served.
    pub(super) target: Option<Target>,
    pub(super) triggers: Vec<Trigger>,
    /// How often polls of any trigger, present or past, gave nothing.
    pub(super) errors: Tally,
    /// Replicas of the target, and when they were last read or set by us.
    pub(super) replicas: Option<u32>,
    pub(super) replicas_at: Duration,
    /// Pods of the target that were ready when it was last read, where it says so.
    pub(super) ready: Option<u32>,
    pub(super) original: Option<u32>,
    pub(super) hpa: Hpa,
    /// What is being scaled, and why.
    pub(super) scaling: Option<(Target, Decision)>,
    /// People were told that the object is being deleted; its finalizer was taken off.
    pub(super) parting: bool,
    pub(super) released: bool,
    pub(super) reported: Option<Report>,
    /// What people last heard of it.
    pub(super) told: Told,
    pub(super) last_active: Option<jiff::Timestamp>,
    pub(super) active: bool,
    pub(super) decided: Option<Decision>,
    pub(super) decisions: VecDeque<Entry>,
    pub(super) view: Option<Arc<View>>,
    pub(super) timer: Option<Duration>,
}

impl Object {
    pub(super) fn new(manifest: Manifest, owned: bool, asks: Asks, now: Now) -> Self {
        let age = now.wall.duration_since(manifest.created);
        let remembered = manifest.remembered.clone();
        Self {
            seen: (Duration::try_from(age).unwrap_or_default(), now.steady),
            fresh: remembered.hpa_name.is_none(),
            last_active: remembered.last_active,
            original: remembered.original_replicas,
            hpa: Hpa { name: remembered.hpa_name, ..Hpa::default() },
            manifest,
            owned,
            unreadable: false,
            asks,
            attempt: 0,
            authentications: BTreeMap::new(),
            outdated: false,
            resolved: None,
            resolved_last: now.steady,
            refusal: None,
            workload: None,
            target: None,
            triggers: Vec::new(),
            errors: Tally::default(),
            replicas: None,
            replicas_at: now.steady,
            ready: None,
            scaling: None,
            parting: false,
            released: false,
            reported: None,
            told: Told::default(),
            active: false,
            decided: None,
            decisions: VecDeque::new(),
            view: None,
            timer: None,
        }
    }

    /// Takes a resolution in, and says which triggers it removed and which are new. Those that are the same keep what is
    /// known of them.
    pub(super) fn resolved(&mut self, resolution: Resolution, now: Now) -> (Vec<(usize, Trigger)>, Vec<usize>) {
        let workload = Arc::new(resolution.workload);
        let mut old: Vec<Option<Trigger>> = std::mem::take(&mut self.triggers).into_iter().map(Some).collect();
        let (mut fresh, mut removed) = (Vec::new(), Vec::new());
        for (index, spec) in workload.triggers.iter().enumerate() {
            let trigger = match old.get_mut(index).and_then(Option::take) {
                Some(trigger) if trigger.spec == *spec => trigger,
                before => {
                    fresh.push(index);
                    let same = before.as_ref().filter(|before| before.measures_the_same(spec));
                    let mut trigger = Trigger::new(spec.clone(), same);
                    if self.resolved.is_none() {
                        trigger.failures = self.remembered_failures(&trigger);
                    }
                    removed.extend(before.map(|before| (index, before)));
                    trigger
                }
            };
            self.triggers.push(trigger);
        }
        removed.extend(old.into_iter().enumerate().filter_map(|(index, before)| before.map(|before| (index, before))));
        self.count(resolution.replicas, now);
        self.ready = resolution.ready;
        self.original = self.original.or(Some(resolution.replicas));
        self.resolved = self.resolved.or(Some(now.steady));
        self.resolved_last = now.steady;
        self.authentications = resolution.authentications;
        self.refusal = None;
        self.target = Some(workload.target.clone());
        if self.workload.as_deref() != Some(&*workload) {
            self.workload = Some(workload);
            self.asks.hpa.hurry();
        }
        (removed, fresh)
    }

    /// The replicas of the target were read or set.
    pub(super) fn count(&mut self, replicas: u32, now: Now) {
        (self.replicas, self.replicas_at) = (Some(replicas), now.steady);
    }

    /// Asks anew what the manifest means: an answer that is under way is about an older one.
    pub(super) fn resolve_anew(&mut self) {
        self.asks.resolve.disown();
    }

    /// An authentication that a trigger names is another one by now, or none.
    pub(super) fn authentication_observed(&mut self, key: &AuthenticationKey, fingerprint: Option<u64>) {
        if self.asks.resolve.in_flight() {
            self.outdated = true;
        } else if self.refusal.is_some() || self.authentications.get(key).copied() != fingerprint {
            self.resolve_anew();
        }
    }

    /// When target and environment are to be read again, unless that is under way.
    pub(super) fn resolve_at(&self) -> Option<Duration> {
        let at = self.asks.resolve.at().filter(|_| !self.unreadable)?;
        let counted = self.hpa.seen.as_ref().and_then(|hpa| hpa.replicas);
        let disagree =
            self.workload.is_some() && self.refusal.is_none() && counted.is_some() && counted != self.replicas;
        Some(if disagree { at.min(self.replicas_at + DISAGREEMENT) } else { at })
    }

    /// What each trigger says at `now`, or what the fallback says in its place.
    pub(super) fn says(&self, now: Now) -> Vec<Say> {
        let interval = self.workload.as_ref().map(|workload| workload.interval).unwrap_or_default();
        let say = |trigger: &Trigger| self.substitute(trigger).unwrap_or_else(|| trigger.say(interval, now));
        self.triggers.iter().map(say).collect()
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

    /// Takes the outcome of one poll of one trigger in, and has Secrets and environment read again if that may mend it.
    pub(super) fn take(&mut self, index: usize, outcome: Outcome, now: Now) {
        let (pace, current) = (self.pace(now), self.current());
        let Some(workload) = &self.workload else { return };
        let Some(trigger) = self.triggers.get_mut(index) else { return };
        let rests = |trigger: &Trigger| stand_in(workload.fallback, trigger, current) == Some(0);
        trigger.take(outcome, workload.when_absent, pace, now, rests);
        if trigger.fails(workload.when_absent) {
            self.errors.failed();
        }
        let after = trigger.failure.as_ref().and_then(|(failure, _)| match failure.kind {
            FailureKind::Denied => Some(DENIED_REREAD),
            FailureKind::Transient if failure.blame != Blame::Scaler => Some(FAILED_REREAD),
            _ => None,
        });
        let after = after.into_iter().chain(trigger.needs_ready(workload.fallback).then_some(READY_REREAD)).min();
        if let Some(after) = after {
            self.asks.resolve.by((self.resolved_last + after).max(now.steady));
        }
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
        let triggers = self.triggers.iter().enumerate();
        let views = triggers.flat_map(|(index, trigger)| trigger.views(index, interval, self.answers(trigger)));
        View {
            key: self.manifest.key.clone(),
            hpa: workload.map(|workload| workload.hpa.name.as_str().into()),
            bounds: workload.map(|workload| workload.bounds),
            replicas: self.replicas,
            hpa_says: says.map(|(_, reason, message)| format!("{reason}: {message}").into()),
            paused: self.manifest.draft.pauses(),
            kinds: self.triggers.iter().map(|trigger| trigger.spec.kind.clone()).collect(),
            errors: self.errors,
            metrics: views.collect(),
            decisions: self.decisions.clone(),
        }
    }
}
