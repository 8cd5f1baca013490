//! Authentications: who uses which, what becomes of their users when one changes, and what its status says.
//!
//! Credentials are not here: what changed is known by a fingerprint, and whoever uses it is resolved anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod entry;

use super::Machine;
use crate::Now;
use crate::authentication::{AuthenticationKey, AuthenticationView};
use crate::effect::Effect;
use crate::event::{ApiFailure, Resolution};
use crate::workload::ObjectKey;
use entry::Entry;

/// All authentications that are there or that an object names.
#[derive(Debug, Default)]
pub(super) struct Authentications {
    entries: BTreeMap<AuthenticationKey, Entry>,
    /// What each object names.
    named: BTreeMap<ObjectKey, Vec<AuthenticationKey>>,
    timers: BTreeSet<(Duration, AuthenticationKey)>,
}

impl Authentications {
    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Whether a resolution read what the cluster was seen to have.
    pub(super) fn agree_with(&self, resolution: &Resolution) -> bool {
        let seen = |key: &AuthenticationKey| self.entries.get(key)?.seen.as_ref().map(|seen| seen.fingerprint);
        let named = self.named.get(&resolution.workload.key);
        named.into_iter().flatten().all(|key| seen(key) == resolution.authentications.get(key).copied())
    }
}

impl Machine {
    /// Takes note of the authentications that an object names by now: none if it is gone or about to go.
    pub(super) fn refer(&mut self, object: &ObjectKey, now: Now, effects: &mut Vec<Effect>) {
        let manifest = self.objects.get(object).map(|object| &object.manifest).filter(|manifest| !manifest.deleting);
        let named = manifest.map(|manifest| manifest.draft.authentications(&object.namespace)).unwrap_or_default();
        let all = &mut self.authentications;
        let before =
            if named.is_empty() { all.named.remove(object) } else { all.named.insert(object.clone(), named.clone()) };
        let before = before.unwrap_or_default();
        let left: Vec<_> = before.iter().filter(|key| !named.contains(key)).cloned().collect();
        for key in &left {
            if let Some(entry) = all.entries.get_mut(key) {
                entry.users.retain(|user| user != object);
                entry.unsure = true;
            }
        }
        let joined: Vec<_> = named.into_iter().filter(|key| !before.contains(key)).collect();
        for key in &joined {
            let entry = all.entries.entry(key.clone()).or_default();
            entry.users.push(object.clone());
            entry.unsure = true;
        }
        for key in left.iter().chain(&joined) {
            self.settle_authentication(key, now, effects);
        }
    }

    /// What the cluster has of one: whoever uses it is resolved anew if that is something else than before.
    pub(super) fn authentication_observed(
        &mut self,
        key: AuthenticationKey,
        view: Option<AuthenticationView>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let owned = self.owns_authentication(&key);
        let after = view.as_ref().map(|view| view.fingerprint);
        let entry = self.authentications.entries.entry(key.clone()).or_default();
        let before = entry.seen.as_ref().map(|seen| seen.fingerprint);
        let told = entry.observe(&key, view, owned);
        effects.extend(told.filter(|_| owned));
        if before != after {
            for user in entry.users.clone() {
                self.with(&user, now, effects, |object| object.authentication_observed(&key, after));
            }
        }
        self.settle_authentication(&key, now, effects);
    }

    pub(super) fn authentication_reported(
        &mut self,
        key: &AuthenticationKey,
        result: &Result<(), ApiFailure>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(entry) = self.authentications.entries.get_mut(key)
            && entry.report.heard()
        {
            entry.reported(result, now);
        }
        self.settle_authentication(key, now, effects);
    }

    pub(super) fn authentication_released(
        &mut self,
        key: &AuthenticationKey,
        result: &Result<(), ApiFailure>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(entry) = self.authentications.entries.get_mut(key)
            && entry.release.heard()
        {
            match result {
                Ok(()) => entry.release.succeeded(Duration::MAX),
                Err(failure) => entry.release.failed(now.steady, failure.retry),
            }
        }
        self.settle_authentication(key, now, effects);
    }

    /// Other members share the work: what became ours may not be as it should be.
    pub(super) fn authentications_handed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let keys: Vec<_> = self.authentications.entries.keys().cloned().collect();
        for key in keys {
            if let Some(entry) = self.authentications.entries.get_mut(&key) {
                entry.unsure = true;
            }
            self.settle_authentication(&key, now, effects);
        }
    }

    /// Settles those whose time has come.
    pub(super) fn ring_authentications(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some((at, key)) = self.authentications.timers.first().cloned() {
            if at > now.steady {
                break;
            }
            self.authentications.timers.remove(&(at, key.clone()));
            if let Some(entry) = self.authentications.entries.get_mut(&key) {
                entry.timer = None;
            }
            self.settle_authentication(&key, now, effects);
        }
    }

    /// Brings one to where it should be, and forgets one that nobody names and that is not there.
    fn settle_authentication(&mut self, key: &AuthenticationKey, now: Now, effects: &mut Vec<Effect>) {
        let owned = self.owns_authentication(key);
        let all = &mut self.authentications;
        let Some(entry) = all.entries.get_mut(key) else { return };
        let timer = if owned { entry.settle(key, now, effects) } else { None };
        let timer = timer.filter(|at| *at < Duration::MAX).map(|at| at.max(now.steady + Duration::from_millis(1)));
        if timer != entry.timer {
            if let Some(at) = std::mem::replace(&mut entry.timer, timer) {
                all.timers.remove(&(at, key.clone()));
            }
            all.timers.extend(timer.map(|at| (at, key.clone())));
        }
        let awaits = entry.report.in_flight() || entry.release.in_flight();
        if entry.users.is_empty() && entry.seen.is_none() && !awaits {
            all.entries.remove(key);
        }
    }

    /// Whether this process writes its status.
    fn owns_authentication(&self, key: &AuthenticationKey) -> bool {
        self.membership.owns(&ObjectKey { namespace: key.namespace.clone(), name: key.name.clone() })
    }
}
