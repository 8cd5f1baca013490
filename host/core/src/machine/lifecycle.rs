//! How an object comes, changes, is resolved, changes hands and goes.

use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::ask::{Ask, Asks};
use super::object::{Object, REFRESH};
use crate::Now;
use crate::draft::Draft;
use crate::effect::Effect;
use crate::event::{Manifest, Refusal, Remembered, Resolution};
use crate::member::Membership;
use crate::problem::Problem;
use crate::workload::ObjectKey;

impl Machine {
    pub(super) fn applied(&mut self, manifest: Manifest, now: Now, effects: &mut Vec<Effect>) {
        let key = manifest.key.clone();
        if self.objects.get(&key).is_some_and(|object| object.manifest.uid != manifest.uid) {
            self.forget(&key, effects);
        }
        let pauses = manifest.draft.pauses();
        match self.objects.get_mut(&key) {
            None => self.found(manifest, now),
            Some(object) => {
                let deleted = manifest.deleting && !object.manifest.deleting;
                let readable = std::mem::take(&mut object.unreadable);
                if manifest.fingerprint != object.manifest.fingerprint || deleted || readable {
                    object.resolve_anew();
                }
                object.manifest = manifest;
            }
        }
        if pauses {
            // Who asks for a pause asks for no step more, whatever becomes of the other settings.
            self.stop(&key, effects);
        }
        self.settle(&key, now, effects);
        self.refer(&key, now, effects);
    }

    /// An object whose fields cannot be read. One that is served already stays as it is and says so.
    pub(super) fn unreadable(&mut self, key: &ObjectKey, message: String, now: Now, effects: &mut Vec<Effect>) {
        if !self.objects.contains_key(key) {
            let manifest = Manifest {
                key: key.clone(),
                uid: "".into(),
                fingerprint: 0,
                created: now.wall,
                deleting: false,
                // Nothing is done for it, so nothing is to be undone.
                adopted: true,
                draft: Arc::new(Draft::default()),
                remembered: Remembered::default(),
            };
            self.found(manifest, now);
        }
        self.with(key, now, effects, |object| {
            object.unreadable = true;
            object.resolve_anew();
            object.refusal = Some(Refusal { problems: vec![Problem::new("", message)], retry: false });
        });
    }

    fn found(&mut self, manifest: Manifest, now: Now) {
        let key = manifest.key.clone();
        let asks = self.orphans.remove(&key).unwrap_or_default();
        let object = Object::new(manifest, self.membership.owns(&key), asks, now);
        self.objects.insert(key, object);
    }

    /// Drops all that is known of an object. What is under way for it comes back to nobody.
    pub(super) fn forget(&mut self, key: &ObjectKey, effects: &mut Vec<Effect>) {
        self.stop(key, effects);
        let Some(object) = self.objects.remove(key) else { return };
        if let Some(at) = object.timer {
            self.timers.remove(&(at, key.clone()));
        }
        let mut asks = object.asks.disowned();
        if asks.any_in_flight() {
            self.orphans.insert(key.clone(), asks);
        }
    }

    /// Stops asking for an object and showing it.
    pub(super) fn stop(&mut self, key: &ObjectKey, effects: &mut Vec<Effect>) {
        let Some(object) = self.objects.get_mut(key) else { return };
        let triggers = std::mem::take(&mut object.triggers);
        object.workload = None;
        object.decided = None;
        if object.view.take().is_some() {
            effects.push(Effect::Publish { key: key.clone(), view: None });
        }
        self.retire(key, &triggers.into_iter().enumerate().collect::<Vec<_>>());
    }

    pub(super) fn resolved(
        &mut self,
        key: &ObjectKey,
        attempt: u64,
        result: Result<Box<Resolution>, Refusal>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let agrees = result.as_ref().is_ok_and(|resolution| self.authentications.agree_with(resolution));
        let Some(object) = self.answered(key, |asks| &mut asks.resolve) else {
            return self.settle(key, now, effects);
        };
        if object.attempt != attempt {
            return;
        }
        let outdated = std::mem::take(&mut object.outdated);
        match result {
            Ok(resolution) if object.manifest.deleting => {
                object.asks.resolve.succeeded(Duration::MAX);
                object.target = Some(resolution.workload.target);
            }
            Ok(resolution) => {
                object.asks.resolve.succeeded(now.steady + REFRESH);
                if outdated && !agrees {
                    object.asks.resolve.hurry();
                }
                self.exchange(key, *resolution, now);
            }
            Err(refusal) => {
                object.asks.resolve.failed(now.steady, refusal.retry);
                object.resolved_last = now.steady;
                if !refusal.retry {
                    object.asks.resolve.succeeded(Duration::MAX);
                }
                if outdated {
                    object.asks.resolve.hurry();
                }
                object.refusal = Some(refusal);
            }
        }
        self.settle(key, now, effects);
    }

    /// The object to which an answer belongs, if it is to be heard.
    pub(super) fn answered(&mut self, key: &ObjectKey, kind: impl Fn(&mut Asks) -> &mut Ask) -> Option<&mut Object> {
        if let Some(asks) = self.orphans.get_mut(key) {
            kind(asks).heard();
            if !asks.any_in_flight() {
                self.orphans.remove(key);
            }
        }
        let object = self.objects.get_mut(key)?;
        if kind(&mut object.asks).heard() { Some(object) } else { None }
    }

    /// The objects of one namespace or of all are resolved again, because who serves them or what that may do has changed.
    pub(super) fn resolve_anew(&mut self, namespace: Option<&str>, now: Now, effects: &mut Vec<Effect>) {
        let concerned = |key: &&ObjectKey| namespace.is_none_or(|namespace| *key.namespace == *namespace);
        let keys: Vec<ObjectKey> = self.objects.keys().filter(concerned).cloned().collect();
        for key in keys {
            self.with(&key, now, effects, Object::resolve_anew);
        }
    }

    pub(super) fn members(&mut self, membership: Membership, now: Now, effects: &mut Vec<Effect>) {
        self.membership = membership;
        let keys: Vec<ObjectKey> = self.objects.keys().cloned().collect();
        for key in keys {
            let owned = self.membership.owns(&key);
            let Some(before) = self.objects.get(&key).filter(|object| object.owned != owned).cloned() else { continue };
            // What is gained is like what is found after a start; what is lost is dropped with all that is under way.
            self.forget(&key, effects);
            let asks = self.orphans.remove(&key).unwrap_or_default();
            self.objects.insert(key.clone(), before.handed(owned, asks, now));
            self.settle(&key, now, effects);
        }
        self.authentications_handed(now, effects);
    }
}

impl Object {
    /// The object as it begins in other hands: with what the status should say by now, and what the cluster says of it.
    fn handed(self, owned: bool, asks: Asks, now: Now) -> Self {
        let mut manifest = self.manifest.clone();
        manifest.remembered = Remembered {
            last_active: self.last_active.or(manifest.remembered.last_active),
            original_replicas: self.original.or(manifest.remembered.original_replicas),
            hpa_name: self.hpa.name.clone().or(manifest.remembered.hpa_name),
            failures: if self.resolved.is_some() { self.failures() } else { manifest.remembered.failures },
        };
        let mut object = Self::new(manifest, owned, asks, now);
        (object.fresh, object.attempt) = (false, self.attempt);
        object.hpa.seen = self.hpa.seen;
        if self.unreadable {
            (object.unreadable, object.refusal) = (true, self.refusal);
        }
        object
    }
}
