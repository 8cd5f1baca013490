//! Authentications that objects refer to: people create, change and delete them, the watch tells it, and objects are
//! resolved with what they say at that moment.
//!
//! Has a random of its own, so that worlds without them are what they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bellows_core::authentication::{AuthenticationDraft, AuthenticationKey, AuthenticationKind, AuthenticationView};
use bellows_core::draft::Draft;
use bellows_core::event::{ApiFailure, Event, Refusal};
use bellows_core::problem::Problem;
use bellows_core::workload::ObjectKey;

use crate::oracle::{Judgement, broken};
use crate::random::Random;
use crate::world::{Item, World};

const LAW: &str = "authentications_agree";
/// The watch tells them after the objects, which it tells within two seconds.
const AFTER_OBJECTS: Duration = Duration::from_millis(2_100);

/// All authentications of a world.
#[derive(Debug)]
pub(crate) struct Authentications {
    random: Random,
    /// Whether there are any in this world.
    any: bool,
    stored: BTreeMap<AuthenticationKey, AuthenticationView>,
    /// What each object was last resolved with.
    read: BTreeMap<ObjectKey, BTreeMap<AuthenticationKey, u64>>,
    versions: u64,
    told: Duration,
}

fn keys() -> [AuthenticationKey; 3] {
    let (own, cluster) = (AuthenticationKind::Namespaced, AuthenticationKind::Cluster);
    [(own, "x"), (own, "y"), (cluster, "x")].map(|(kind, name)| AuthenticationKey::new(kind, "shop", name))
}

impl Authentications {
    /// Those of a seed. Seeds that once broke a law have none.
    pub(crate) fn new(seed: u64) -> Self {
        let (stored, read) = (BTreeMap::new(), BTreeMap::new());
        let any = [1, 2].contains(&(seed % 8));
        Self { random: Random::new(seed ^ 0x5eed), any, stored, read, versions: 0, told: Duration::ZERO }
    }

    /// Some triggers refer to one.
    pub(crate) fn adorn(&mut self, draft: &mut Draft) {
        for trigger in draft.triggers.iter_mut().filter(|_| self.any) {
            let key = self.random.pick(&keys());
            let reference = AuthenticationDraft { kind: Some(key.kind.label().into()), name: key.name.to_string() };
            trigger.authentication = self.random.per_mille(500).then_some(reference);
        }
    }

    /// What the authentications of a draft say, or that one is not there.
    pub(crate) fn read(&mut self, key: &ObjectKey, draft: &Draft) -> Result<BTreeMap<AuthenticationKey, u64>, Refusal> {
        let mut read = BTreeMap::new();
        for named in draft.authentications(&key.namespace) {
            let Some(view) = self.stored.get(&named) else {
                let problems = vec![Problem::new("spec.triggers", format!("there is no {named}"))];
                return Err(Refusal { problems, retry: true });
            };
            read.insert(named, view.fingerprint);
        }
        self.read.insert(key.clone(), read.clone());
        Ok(read)
    }

    fn write(&mut self, key: &AuthenticationKey, calm: bool) {
        self.versions += 1;
        let (fresh, shared) = (!calm, false);
        let uid: Arc<str> = format!("uid-{}", self.versions).into();
        let new = AuthenticationView {
            uid,
            fingerprint: 0,
            deleting: false,
            held: self.random.per_mille(300),
            fresh,
            shared,
            users: "".into(),
        };
        let stored = self.stored.entry(key.clone()).or_insert(new);
        stored.fingerprint = self.versions;
    }
}

impl World {
    /// Somebody creates, changes or deletes one.
    pub(crate) fn authentications_change(&mut self) {
        let all = &mut self.authentications;
        if !all.any || !all.random.per_mille(150) {
            return;
        }
        let key = all.random.pick(&keys());
        let deletes = all.random.per_mille(300);
        match all.stored.get_mut(&key) {
            Some(stored) if stored.deleting => return,
            Some(stored) if deletes && stored.held => stored.deleting = true,
            Some(_) if deletes => _ = all.stored.remove(&key),
            _ => all.write(&key, false),
        }
        self.tell_authentication(&key);
    }

    fn tell_authentication(&mut self, key: &AuthenticationKey) {
        let lag = Duration::from_millis(self.authentications.random.below(200));
        let at = (self.steady + lag).max(self.authentications.told);
        self.authentications.told = at;
        let view = self.authentications.stored.get(key).cloned();
        let event = Event::AuthenticationObserved { key: key.clone(), view };
        self.plan(at - self.steady, Item::Hear(event));
    }

    /// A new watch lists those that are there.
    pub(crate) fn list_authentications(&mut self) {
        self.authentications.told = self.steady + AFTER_OBJECTS;
        let listed: Vec<_> = self.authentications.stored.keys().cloned().collect();
        listed.iter().for_each(|key| self.tell_authentication(key));
    }

    /// The status is written.
    pub(crate) fn write_users(&mut self, key: &AuthenticationKey, users: Arc<str>) -> Result<(), ApiFailure> {
        self.ask_for_authentication(key)?;
        if let Some(stored) = self.authentications.stored.get_mut(key) {
            stored.users = users;
        }
        self.tell_authentication(key);
        Ok(())
    }

    /// The finalizer is taken off.
    pub(crate) fn release_authentication(&mut self, key: &AuthenticationKey) -> Result<(), ApiFailure> {
        self.ask_for_authentication(key)?;
        if self.authentications.stored.get(key).is_some_and(|stored| stored.deleting) {
            self.authentications.stored.remove(key);
            self.tell_authentication(key);
        }
        Ok(())
    }

    fn ask_for_authentication(&mut self, key: &AuthenticationKey) -> Result<(), ApiFailure> {
        let fails = self.api_down || (!self.sources.calm && self.authentications.random.per_mille(100));
        let gone = !self.authentications.stored.contains_key(key);
        let message = "the API server is away".to_owned();
        if fails || gone { Err(ApiFailure { message, retry: fails }) } else { Ok(()) }
    }

    /// All are there from now on, and each is changed once more.
    pub(crate) fn authentications_calm_down(&mut self) {
        if self.authentications.any {
            for key in keys() {
                let deleting = self.authentications.stored.get(&key).is_some_and(|stored| stored.deleting);
                if deleting {
                    self.authentications.stored.remove(&key);
                    self.tell_authentication(&key);
                }
                self.authentications.write(&key, true);
                self.tell_authentication(&key);
            }
        }
    }

    /// Whether each names its users, and each user was resolved with what it says.
    pub(crate) fn authentications_agree(&self) -> Judgement {
        // What one that cannot be read refers to is what it referred to before, if that is known.
        if !self.authentications.any || self.cluster.objects.values().any(|stored| !stored.readable) {
            return Ok(());
        }
        let mut users: BTreeMap<AuthenticationKey, BTreeSet<&str>> = BTreeMap::new();
        for (key, stored) in self.cluster.objects.iter().filter(|(_, stored)| !stored.manifest.deleting) {
            let draft = &stored.manifest.draft;
            for named in draft.authentications(&key.namespace) {
                users.entry(named.clone()).or_default().insert(&key.name);
                let now = self.authentications.stored.get(&named).map(|view| view.fingerprint);
                let read = self.authentications.read.get(key).and_then(|read| read.get(&named)).copied();
                if draft.problems(key).is_empty() && !draft.pauses() && read != now {
                    return broken(LAW, format!("{key} was resolved with {named} at {read:?}, not at {now:?}"));
                }
            }
        }
        for (key, view) in &self.authentications.stored {
            let named: BTreeSet<&str> = view.users.split(',').filter(|name| !name.is_empty()).collect();
            let expected = users.get(key).cloned().unwrap_or_default();
            if named != expected {
                return broken(LAW, format!("{key} names {named:?}, not {expected:?}"));
            }
        }
        Ok(())
    }
}
