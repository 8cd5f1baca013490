//! **Pure**: what the watches of authentications delivered → what the machine is told. Nothing of what they say is kept.

use std::collections::HashMap;

use bellows_core::authentication::{AuthenticationKey, AuthenticationKind, AuthenticationView};
use bellows_core::event::Event;
use kube::api::DynamicObject;

use crate::kube::FINALIZER;
use crate::kube::authentication::fingerprint;

/// The authentications of one kind: some 300 bytes each, and the names of its users.
#[derive(Debug)]
pub(super) struct Authentications {
    kind: AuthenticationKind,
    /// Other hosts may serve objects that use them.
    shared: bool,
    /// What was told of each, and whether it was there since the last list began.
    told: HashMap<AuthenticationKey, (AuthenticationView, bool)>,
    listed: bool,
}

impl Authentications {
    pub(super) fn new(kind: AuthenticationKind, shared: bool) -> Self {
        Self { kind, shared, told: HashMap::new(), listed: false }
    }

    /// A list begins.
    pub(super) fn relist(&mut self) {
        self.told.values_mut().for_each(|(_, present)| *present = false);
    }

    /// One as the cluster has it: news, if it differs from what was told.
    pub(super) fn observe(&mut self, object: &DynamicObject) -> Option<Event> {
        let key = self.key(object);
        let before = self.told.get(&key).map(|(view, _)| view);
        let view = self.view(object, before);
        let news = before != Some(&view);
        self.told.insert(key.clone(), (view.clone(), true));
        news.then_some(Event::AuthenticationObserved { key, view: Some(view) })
    }

    /// One is gone.
    pub(super) fn deleted(&mut self, object: &DynamicObject) -> Option<Event> {
        let key = self.key(object);
        self.told.remove(&key).map(|_| Event::AuthenticationObserved { key, view: None })
    }

    /// A list ended: what it did not show is gone.
    pub(super) fn listed(&mut self) -> Vec<Event> {
        self.listed = true;
        let absent = self.told.iter().filter(|(_, (_, present))| !present).map(|(key, _)| key.clone());
        let absent: Vec<AuthenticationKey> = absent.collect();
        let gone = absent.into_iter().filter_map(|key| {
            self.told.remove(&key)?;
            Some(Event::AuthenticationObserved { key, view: None })
        });
        gone.collect()
    }

    fn key(&self, object: &DynamicObject) -> AuthenticationKey {
        let metadata = &object.metadata;
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        AuthenticationKey::new(self.kind, namespace, metadata.name.as_deref().unwrap_or_default())
    }

    fn view(&self, object: &DynamicObject, before: Option<&AuthenticationView>) -> AuthenticationView {
        let metadata = &object.metadata;
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let users = object.data.pointer("/status/scaledobjects").and_then(serde_json::Value::as_str);
        AuthenticationView {
            uid: uid.into(),
            fingerprint: fingerprint(metadata),
            deleting: metadata.deletion_timestamp.is_some(),
            held: metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER),
            // Stays what it was, so that the next event is no news by it.
            fresh: before.filter(|before| *before.uid == *uid).map_or(self.listed, |before| before.fresh),
            shared: self.shared,
            users: users.unwrap_or_default().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(change: impl FnOnce(&mut serde_json::Value)) -> DynamicObject {
        let mut value = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication",
            "metadata": { "name": "login", "namespace": "shop", "uid": "u1", "generation": 1, "resourceVersion": "1" },
            "spec": { "secretTargetRef": "cannot be read" },
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    fn all() -> Authentications {
        Authentications::new(AuthenticationKind::Namespaced, false)
    }

    fn view(event: Option<Event>) -> Option<AuthenticationView> {
        let event = event.expect("it is news");
        let Event::AuthenticationObserved { key, view } = event else { panic!("{event:?}") };
        assert_eq!(key.to_string(), "TriggerAuthentication shop/login");
        view
    }

    #[test]
    fn one_that_cannot_be_read_is_told_like_any_other_and_so_is_its_change() {
        let mut all = all();
        let first = view(all.observe(&object(|_| ()))).unwrap();
        assert!(all.observe(&object(|value| value["metadata"]["resourceVersion"] = json!("2"))).is_none());
        let second = view(all.observe(&object(|value| value["metadata"]["generation"] = json!(2)))).unwrap();
        assert_ne!(first.fingerprint, second.fingerprint);
        let third = view(all.observe(&object(|value| value["metadata"]["uid"] = json!("u2")))).unwrap();
        assert_ne!(first.fingerprint, third.fingerprint);
    }

    #[test]
    fn what_the_machine_needs_is_told() {
        let told = view(all().observe(&object(|value| {
            value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            value["metadata"]["finalizers"] = json!(["other", FINALIZER]);
            value["status"] = json!({ "scaledobjects": "web,api" });
        })));
        let told = told.unwrap();
        assert_eq!((told.deleting, told.held, told.fresh, &*told.users), (true, true, false, "web,api"));
    }

    #[test]
    fn only_what_comes_after_the_first_list_is_fresh_and_what_a_later_list_lacks_is_gone() {
        let mut all = all();
        assert!(!view(all.observe(&object(|_| ()))).unwrap().fresh);
        assert!(all.listed().is_empty());
        let again = view(all.observe(&object(|value| value["metadata"]["uid"] = json!("u2"))));
        assert!(again.unwrap().fresh);
        all.relist();
        assert_eq!(view(all.listed().pop()), None);
        assert!(all.deleted(&object(|_| ())).is_none());
    }
}
