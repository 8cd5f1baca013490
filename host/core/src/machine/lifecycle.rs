//! How an object comes, changes, is resolved, changes hands and goes.

use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::ask::Ask;
use super::object::{Object, REFRESH};
use super::report;
use crate::Now;
use crate::effect::Effect;
use crate::event::{ApiFailure, Manifest, Refusal, Resolution};
use crate::member::Membership;
use crate::status::{Notice, Tone};
use crate::workload::ObjectKey;

impl Machine {
    pub(super) fn applied(&mut self, manifest: Manifest, now: Now, effects: &mut Vec<Effect>) {
        let key = manifest.key.clone();
        self.unreadable.remove(&key);
        if self.objects.get(&key).is_some_and(|object| object.manifest.uid != manifest.uid) {
            self.forget(&key, effects);
        }
        let owned = self.membership.owns(&key);
        match self.objects.get_mut(&key) {
            None => _ = self.objects.insert(key.clone(), Object::new(manifest, owned, now)),
            Some(object) => {
                let deleted = manifest.deleting && !object.manifest.deleting;
                if manifest.fingerprint != object.manifest.fingerprint || deleted {
                    object.attempt += 1;
                    object.resolve = Ask::default();
                }
                object.manifest = manifest;
            }
        }
        self.settle(&key, now, effects);
    }

    pub(super) fn unreadable(&mut self, key: ObjectKey, message: String, effects: &mut Vec<Effect>) {
        if !self.membership.owns(&key) || self.unreadable.get(&key) == Some(&message) {
            return;
        }
        let report = Box::new(report::refused(&message));
        effects.push(Effect::Report { key: key.clone(), report });
        let notice = Notice { tone: Tone::Warning, reason: "ScaledObjectCheckFailed", message: message.clone() };
        effects.push(Effect::Tell { key: key.clone(), notice });
        self.unreadable.insert(key, message);
    }

    /// Drops all that is known of an object. What is under way for it comes back to nobody.
    pub(super) fn forget(&mut self, key: &ObjectKey, effects: &mut Vec<Effect>) {
        self.unreadable.remove(key);
        self.stop(key, effects);
        if let Some(object) = self.objects.remove(key)
            && let Some(at) = object.timer
        {
            self.timers.remove(&(at, key.clone()));
        }
    }

    /// Stops asking for an object and showing it.
    pub(super) fn stop(&mut self, key: &ObjectKey, effects: &mut Vec<Effect>) {
        self.unqueue(key);
        let Some(object) = self.objects.get_mut(key) else { return };
        let triggers = std::mem::take(&mut object.triggers);
        object.workload = None;
        if object.view.take().is_some() {
            effects.push(Effect::Publish { key: key.clone(), view: None });
        }
        self.retire(&triggers);
    }

    pub(super) fn resolved(
        &mut self,
        key: &ObjectKey,
        attempt: u64,
        result: Result<Box<Resolution>, Refusal>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(object) = self.objects.get_mut(key).filter(|object| object.attempt == attempt) else { return };
        match result {
            Ok(resolution) if object.manifest.deleting => {
                object.resolve.succeeded(Duration::MAX);
                object.workload = Some(Arc::new(resolution.workload));
            }
            Ok(resolution) => {
                object.resolve.succeeded(now.steady + REFRESH);
                self.exchange(key, *resolution, now);
            }
            Err(refusal) => {
                object.resolve.failed(now.steady, refusal.retry);
                if !refusal.retry {
                    object.resolve.succeeded(Duration::MAX);
                }
                object.refusal = Some(refusal);
            }
        }
        self.settle(key, now, effects);
    }

    pub(super) fn released(
        &mut self,
        key: &ObjectKey,
        result: Result<(), ApiFailure>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.with(key, now, effects, |object| match result {
            Ok(()) => {
                object.release.succeeded(Duration::MAX);
                object.manifest.adopted = false;
            }
            Err(failure) => object.release.failed(now.steady, failure.retry),
        });
    }

    pub(super) fn scalers_changed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let keys: Vec<ObjectKey> = self.objects.keys().cloned().collect();
        for key in keys {
            self.with(&key, now, effects, |object| {
                object.attempt += 1;
                object.resolve = Ask::default();
            });
        }
    }

    pub(super) fn members(&mut self, membership: Membership, now: Now, effects: &mut Vec<Effect>) {
        self.membership = membership;
        let keys: Vec<ObjectKey> = self.objects.keys().cloned().collect();
        for key in keys {
            let owned = self.membership.owns(&key);
            let Some(object) = self.objects.get(&key).filter(|object| object.owned != owned) else { continue };
            // What is gained is like what is found after a start; what is lost is dropped with all that is under way.
            let manifest = object.manifest.clone();
            let attempt = object.attempt + 1;
            self.forget(&key, effects);
            let mut object = Object::new(manifest, owned, now);
            (object.fresh, object.attempt) = (false, attempt);
            self.objects.insert(key.clone(), object);
            self.settle(&key, now, effects);
        }
    }
}
