//! The oracle: from what the machine heard and does, and from nothing that the machine says of itself, whether the laws
//! hold. It keeps books of its own, kept otherwise: whole histories of outcomes instead of counters.

pub(crate) mod books;
pub(crate) mod fallbacks;
pub(crate) mod laws;
pub(crate) mod polls;
pub(crate) mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bellows_core::Now;
use bellows_core::effect::Effect;
use bellows_core::event::{Event, Manifest};
use bellows_core::member::Membership;
use bellows_core::status::Report;
use bellows_core::workload::ObjectKey;

use books::Record;
use polls::Polls;
use requests::Requests;

/// A law that was broken.
#[derive(Debug)]
pub(crate) struct Violation {
    /// The function that found it.
    pub(crate) law: &'static str,
    /// What was seen.
    pub(crate) message: String,
}

/// A law that holds, or does not.
pub(crate) type Judgement = Result<(), Violation>;

/// A violation of `law`.
pub(crate) fn broken(law: &'static str, message: impl Into<String>) -> Judgement {
    Err(Violation { law, message: message.into() })
}

/// The oracle.
pub(crate) struct Oracle {
    pub(crate) records: BTreeMap<ObjectKey, Record>,
    pub(crate) membership: Membership,
    pub(crate) requests: Requests,
    pub(crate) polls: Polls,
    /// What the status says as far as this process knows: what was accepted last.
    pub(crate) accepted: BTreeMap<ObjectKey, Report>,
    /// What is shown.
    pub(crate) shown: BTreeSet<ObjectKey>,
    /// What the step touched.
    pub(crate) touched: BTreeSet<ObjectKey>,
    pub(crate) judges_lateness: bool,
    /// Steps that did nothing, since when.
    idle_wakes: (u32, Duration),
    generations: u64,
    turn: usize,
}

impl Oracle {
    /// An oracle of a process that just started.
    pub(crate) fn new(judges_lateness: bool) -> Self {
        Self {
            records: BTreeMap::new(),
            membership: Membership::default(),
            requests: Requests::default(),
            polls: Polls::default(),
            accepted: BTreeMap::new(),
            shown: BTreeSet::new(),
            touched: BTreeSet::new(),
            judges_lateness,
            idle_wakes: (0, Duration::ZERO),
            generations: 0,
            turn: 0,
        }
    }

    /// The process ended, and another began.
    pub(crate) fn restarted(&mut self) {
        *self = Self { generations: self.generations, ..Self::new(self.judges_lateness) };
    }

    /// A number that was never given before.
    pub(crate) fn generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    /// What the machine is about to hear.
    pub(crate) fn hears(&mut self, event: &Event, now: Now) {
        self.requests.answered(event);
        match event {
            Event::Applied(manifest) => self.applied(manifest, now),
            Event::Unreadable { key, .. } => self.unreadable(key, now),
            Event::Gone(key) => {
                self.touched.insert(key.clone());
                self.records.remove(key);
                self.accepted.remove(key);
                self.requests.disown(key);
            }
            Event::Resolved { key, attempt, result } => self.resolved(key, *attempt, result, now),
            Event::Polled { id, endpoint, outcomes } => self.polled(*id, endpoint, outcomes, now),
            Event::Reported { key, result } => {
                let report = self.requests.take_report(key);
                match (result, report) {
                    (Ok(()), Some(report)) => _ = self.accepted.insert(key.clone(), report),
                    _ => _ = self.accepted.remove(key),
                }
            }
            Event::ScalersChanged | Event::NamespaceRelabelled(_) => {
                let keys: Vec<ObjectKey> = self.records.keys().cloned().collect();
                keys.iter().for_each(|key| self.resolves_anew(key));
            }
            Event::Membership { own, members } => self.members(Membership::new(own.clone(), members.clone())),
            Event::HpaObserved { key, hpa } => {
                self.touched.insert(key.clone());
                if let (Some(record), Some(hpa)) = (self.records.get_mut(key), hpa) {
                    record.counts[1] = hpa.replicas.or(record.counts[1]);
                    record.counts[2] = hpa.desired.or(record.counts[2]);
                }
            }
            Event::ScaleRead { key, replicas } | Event::Scaled { key, to: replicas, result: Ok(()) } => {
                self.touched.insert(key.clone());
                if let Some(record) = self.records.get_mut(key) {
                    record.counts[0] = Some(*replicas);
                }
            }
            Event::Adopted { key, .. } | Event::HpaApplied { key, .. } => {
                self.touched.insert(key.clone());
            }
            // Authentications are judged by what is there in the end, in `authentications.rs`.
            _ => {}
        }
        // Endpoints that nobody uses any more are forgotten.
        if let Event::Applied(_) | Event::Gone(_) | Event::Resolved { .. } | Event::Membership { .. } = event {
            let triggers = self.records.values().flat_map(|record| &record.triggers);
            self.polls.retain_used(triggers.map(|trigger| trigger.spec.batch.clone()).collect());
        }
    }

    fn members(&mut self, membership: Membership) {
        let keys: Vec<ObjectKey> = self.records.keys().cloned().collect();
        for key in keys {
            if self.membership.owns(&key) != membership.owns(&key) {
                self.resolves_anew(&key);
                self.requests.disown(&key);
                self.accepted.remove(&key);
                if let Some(record) = self.records.get_mut(&key) {
                    record.changes_hands();
                }
            }
        }
        self.membership = membership;
    }

    fn resolves_anew(&mut self, key: &ObjectKey) {
        let generation = self.generation();
        if let Some(record) = self.records.get_mut(key) {
            record.epoch = generation;
        }
    }

    fn applied(&mut self, manifest: &Manifest, now: Now) {
        let key = &manifest.key;
        self.touched.insert(key.clone());
        if self.records.get(key).is_some_and(|record| record.manifest.uid != manifest.uid) {
            self.records.remove(key);
            self.accepted.remove(key);
            self.requests.disown(key);
        }
        let generation = self.generation();
        let record = self.records.entry(key.clone()).or_insert_with(|| Record::new(manifest.clone(), generation, now));
        let changed = record.manifest.fingerprint != manifest.fingerprint;
        if changed || record.unreadable || manifest.deleting != record.manifest.deleting {
            record.epoch = generation;
        }
        record.unreadable = false;
        record.manifest = manifest.clone();
        if manifest.deleting || manifest.draft.pauses() {
            record.ends();
        }
    }

    fn unreadable(&mut self, key: &ObjectKey, now: Now) {
        let generation = self.generation();
        let placeholder = || {
            let manifest = Manifest {
                key: key.clone(),
                uid: "".into(),
                fingerprint: 0,
                created: now.wall,
                deleting: false,
                adopted: true,
                draft: Arc::default(),
                remembered: bellows_core::event::Remembered::default(),
            };
            Record::new(manifest, generation, now)
        };
        let record = self.records.entry(key.clone()).or_insert_with(placeholder);
        (record.unreadable, record.epoch) = (true, generation);
        record.refused = Some("it cannot be read".to_owned());
        self.touched.insert(key.clone());
    }

    /// What the machine does.
    pub(crate) fn sees(&mut self, effect: &Effect, now: Now) -> Judgement {
        let key = match effect {
            Effect::Poll(poll) => return self.asks(poll),
            Effect::Adopt { key }
            | Effect::Resolve { key, .. }
            | Effect::ApplyHpa { key, .. }
            | Effect::Scale { key, .. }
            | Effect::Publish { key, .. }
            | Effect::Report { key, .. }
            | Effect::Tell { key, .. }
            | Effect::Release { key, .. } => key,
            Effect::ReportAuthentication { .. }
            | Effect::ReleaseAuthentication { .. }
            | Effect::TellAuthentication { .. } => return self.reasons_given(effect),
        };
        self.touched.insert(key.clone());
        self.gone_is_gone(key, effect)?;
        self.acted_by_owner(key, effect)?;
        self.paused_untouched(key, effect)?;
        self.one_request_each(effect)?;
        self.reasons_given(effect)?;
        match effect {
            Effect::Scale { key, target, from, to } => {
                self.within_bounds(key, target, *to)?;
                self.lowered_by_fresh_readings(key, *from, *to, now)?;
                self.lowered_after_cooldown(key, *from, *to, now)?;
                self.raised_for_a_reason(key, *from, *to, now)?;
            }
            Effect::Report { key, report } => {
                self.no_report_repeated(key, report)?;
                self.refusals_are_said(key, report)?;
            }
            Effect::Publish { key, view } => {
                if view.is_some() {
                    self.shown.insert(key.clone())
                } else {
                    self.shown.remove(key)
                };
                if let Some(record) = self.records.get_mut(key) {
                    record.shown(view.clone(), now);
                }
            }
            _ => {}
        }
        let epoch = self.records.get(key).map_or(0, |record| record.epoch);
        self.requests.sent(effect, epoch);
        Ok(())
    }

    /// After a step: what holds at any time.
    pub(crate) fn judges(&mut self, now: Now) -> Judgement {
        let mut keys = std::mem::take(&mut self.touched);
        // One more, in turn: time alone changes objects that nothing happens to.
        self.turn = self.turn.wrapping_add(1);
        keys.extend(self.records.keys().nth(self.turn % self.records.len().max(1)).cloned());
        for key in &keys {
            self.notes_fallback(key);
            self.shown_is_there(key)?;
            let Some(record) = self.records.get(key) else { continue };
            Self::paused_is_silent(record)?;
            Self::answered_from_what_stands(record, now)?;
            self.answered_by_the_fallback(record)?;
            if self.judges_lateness && self.membership.owns(key) {
                self.asked_in_time(key, record, now)?;
            }
        }
        Ok(())
    }

    /// Whether the machine sleeps while it waits: it wants to be woken later than now, and not again and again.
    pub(crate) fn sleeps_while_it_waits(&mut self, idle: bool, wake: Option<Duration>, now: Now) -> Judgement {
        if wake.is_some_and(|wake| wake <= now.steady) {
            return broken(
                "sleeps_while_it_waits",
                format!("it wants to be woken at {wake:?}, and it is {:?}", now.steady),
            );
        }
        if !idle {
            return Ok(());
        }
        let (count, since) = &mut self.idle_wakes;
        if now.steady.saturating_sub(*since) > Duration::from_secs(10) {
            (*count, *since) = (0, now.steady);
        }
        *count += 1;
        // A trigger of a dark endpoint that is due each second is no effect.
        let triggers: usize = self.records.values().map(|record| record.triggers.len().max(3)).sum();
        let most = 10 + 14 * u32::try_from(triggers).unwrap_or(u32::MAX / 80);
        if *count > most {
            return broken("sleeps_while_it_waits", format!("it woke {count} times for nothing since {since:?}"));
        }
        Ok(())
    }
}
