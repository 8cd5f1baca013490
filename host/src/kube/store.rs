//! What writers need to know of each ScaledObject: its uid, its finalizers, the status it has. Not the objects.
//!
//! The watch fills it, writers read it; nobody holds its lock while waiting. Some 1.5 KiB for an object, most of it the
//! status.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bellows_core::authentication::{AuthenticationKey, AuthenticationKind};
use bellows_core::workload::ObjectKey;

/// What is known of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Tells a re-created object from an edited one.
    pub uid: Arc<str>,
    /// All finalizers, in order.
    pub finalizers: Vec<String>,
    /// The status as JSON; `None` where it could not be read.
    pub status: Option<Arc<str>>,
    /// Equal for what would be told to the machine in equal words.
    pub told: u64,
}

/// All ScaledObjects that are watched.
#[derive(Debug, Default)]
pub struct Store {
    objects: Mutex<HashMap<ObjectKey, Known>>,
    /// Authentications that are there, to be counted; some 100 bytes each.
    authentications: Mutex<HashSet<AuthenticationKey>>,
}

impl Store {
    fn objects(&self) -> MutexGuard<'_, HashMap<ObjectKey, Known>> {
        // Every change of the map is one call, so a panic elsewhere leaves it whole.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of `key`.
    pub fn get(&self, key: &ObjectKey) -> Option<Known> {
        self.objects().get(key).cloned()
    }

    /// The uid of `key`.
    pub fn uid(&self, key: &ObjectKey) -> Option<Arc<str>> {
        self.objects().get(key).map(|known| known.uid.clone())
    }

    /// Whether `told` is news of the object `uid`.
    pub(super) fn is_news(&self, key: &ObjectKey, uid: &str, told: u64) -> bool {
        self.objects().get(key).is_none_or(|known| *known.uid != *uid || known.told != told)
    }

    /// Takes in what the cluster has. The status is taken once for an object: from then on we are the ones who write it,
    /// and an older one may still be on its way here.
    pub(super) fn observe(&self, key: &ObjectKey, mut known: Known) {
        let mut objects = self.objects();
        if let Some(before) = objects.get_mut(key).filter(|before| before.uid == known.uid) {
            known.status = before.status.take().or(known.status);
        }
        objects.insert(key.clone(), known);
    }

    /// We wrote the status of the object `uid`.
    pub(super) fn wrote_status(&self, key: &ObjectKey, uid: &str, status: Arc<str>) {
        if let Some(known) = self.objects().get_mut(key).filter(|known| *known.uid == *uid) {
            known.status = Some(status);
        }
    }

    /// The object is gone. Whether it was known.
    pub(super) fn forget(&self, key: &ObjectKey) -> bool {
        self.objects().remove(key).is_some()
    }

    /// An authentication is there, or no longer.
    pub(super) fn authentication(&self, key: &AuthenticationKey, present: bool) {
        let mut authentications = self.authentications.lock().unwrap_or_else(PoisonError::into_inner);
        if present {
            authentications.insert(key.clone());
        } else {
            authentications.remove(key);
        }
    }

    /// How many authentications there are: kind and namespace as KEDA's metrics name them, and the number.
    pub fn authentications(&self) -> Vec<(&'static str, String, u64)> {
        let authentications = self.authentications.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = BTreeMap::<(&'static str, &str), u64>::new();
        for key in authentications.iter() {
            let labels = match key.kind {
                AuthenticationKind::Namespaced => ("trigger_authentication", &*key.namespace),
                AuthenticationKind::Cluster => ("cluster_trigger_authentication", "default"),
            };
            *counts.entry(labels).or_default() += 1;
        }
        counts.into_iter().map(|((kind, namespace), count)| (kind, namespace.to_owned(), count)).collect()
    }

    /// All that are known.
    pub(super) fn keys(&self) -> Vec<ObjectKey> {
        self.objects().keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(uid: &str, status: &str) -> Known {
        Known { uid: uid.into(), finalizers: Vec::new(), status: Some(status.into()), told: 1 }
    }

    fn status_after(second: Known) -> Option<Arc<str>> {
        let (store, key) = (Store::default(), ObjectKey::new("shop", "web"));
        store.observe(&key, known("u1", "{}"));
        store.wrote_status(&key, "u1", "written".into());
        store.observe(&key, second);
        store.get(&key).and_then(|known| known.status)
    }

    #[test]
    fn a_status_that_was_on_its_way_does_not_undo_the_one_that_we_wrote() {
        assert_eq!(status_after(known("u1", "{}")), Some("written".into()));
    }

    #[test]
    fn an_object_created_anew_has_a_status_of_its_own() {
        assert_eq!(status_after(known("u2", "{}")), Some("{}".into()));
    }
}
