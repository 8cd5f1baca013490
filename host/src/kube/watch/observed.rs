//! **Pure**: what a watch delivered → what is kept of it, and what the machine is told.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bellows_core::draft::Draft;
use bellows_core::event::{Event, HpaView, Manifest, Remembered};
use bellows_core::workload::ObjectKey;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::ObjectMeta;
use kube::core::error_boundary::InvalidObject;

use crate::crd::{self, ScaledObject};
use crate::kube::FINALIZER;
use crate::kube::hpa;
use crate::kube::store::{Known, Store};

pub(super) fn key(metadata: &ObjectMeta) -> ObjectKey {
    ObjectKey::new(metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

/// A ScaledObject that could be read.
pub(super) fn object(object: ScaledObject) -> (Known, Event) {
    let spec = serde_json::to_vec(&object.spec).unwrap_or_default();
    let fingerprint = hash(&(&spec, &object.metadata.labels, &object.metadata.annotations));
    let manifest = manifest(&object.metadata, fingerprint, crd::draft(&object), remembered(&object));
    let status = object.status.as_ref().and_then(|status| serde_json::to_string(status).ok());
    let known = Known {
        uid: manifest.uid.clone(),
        told: hash(&(fingerprint, manifest.deleting, manifest.adopted)),
        status: Some(status.unwrap_or_else(|| "{}".to_owned()).into()),
        finalizers: object.metadata.finalizers.unwrap_or_default(),
    };
    (known, Event::Applied(Box::new(manifest)))
}

/// One that could not. While it is being deleted nothing of it needs to be read: it is released like any other.
pub(super) fn unreadable(invalid: InvalidObject) -> (Known, Event) {
    let InvalidObject { error, metadata } = invalid;
    let told = (&error, metadata.deletion_timestamp.is_some(), &metadata.finalizers);
    let fingerprint = hash(&told);
    let manifest = manifest(&metadata, fingerprint, Draft::default(), Remembered::default());
    let known = Known {
        uid: manifest.uid.clone(),
        told: fingerprint,
        status: None,
        finalizers: metadata.finalizers.unwrap_or_default(),
    };
    let event = if manifest.deleting {
        Event::Applied(Box::new(manifest))
    } else {
        Event::Unreadable { key: manifest.key, message: error }
    };
    (known, event)
}

fn manifest(metadata: &ObjectMeta, fingerprint: u64, draft: Draft, remembered: Remembered) -> Manifest {
    Manifest {
        key: key(metadata),
        uid: metadata.uid.as_deref().unwrap_or_default().into(),
        fingerprint,
        created: metadata.creation_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
        deleting: metadata.deletion_timestamp.is_some(),
        adopted: metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER),
        draft: Arc::new(draft),
        remembered,
    }
}

fn remembered(object: &ScaledObject) -> Remembered {
    let Some(status) = &object.status else { return Remembered::default() };
    Remembered {
        last_active: status.last_active_time.as_ref().map(|time| time.0),
        original_replicas: status.original_replica_count.and_then(|count| u32::try_from(count).ok()),
        hpa_name: status.hpa_name.clone().filter(|name| !name.is_empty()),
        failures: status
            .health
            .iter()
            .filter_map(|(metric, health)| {
                let failures = u32::try_from(health.number_of_failures?).ok().filter(|failures| *failures > 0)?;
                Some((metric.clone(), failures))
            })
            .collect(),
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// One HPA that belongs to a ScaledObject.
#[derive(Debug)]
struct Observed {
    owner: String,
    view: HpaView,
    /// It was there since the last list began.
    present: bool,
    /// The machine heard of it.
    told: bool,
}

/// The HPAs that belong to ScaledObjects: one for each, two for a moment while it gets another name.
#[derive(Debug, Default)]
pub(super) struct Hpas {
    observed: HashMap<ObjectKey, Vec<Observed>>,
    listed: bool,
}

impl Hpas {
    /// A list begins.
    pub(super) fn relist(&mut self) {
        self.observed.values_mut().flatten().for_each(|hpa| hpa.present = false);
    }

    /// An HPA as the cluster has it.
    pub(super) fn observe(&mut self, hpa: &HorizontalPodAutoscaler, store: &Store) -> Vec<Event> {
        let namespace = hpa.metadata.namespace.as_deref().unwrap_or_default();
        let Some(owner) = hpa::owner(&hpa.metadata) else { return self.deleted(&hpa.metadata, store) };
        let key = ObjectKey::new(namespace, owner.name.as_str());
        let view = hpa::view(hpa);
        let hpas = self.observed.entry(key.clone()).or_default();
        let before = hpas.iter().position(|before| before.view.name == view.name).map(|index| hpas.swap_remove(index));
        let news = before.is_none_or(|before| !before.told || before.view != view || before.owner != owner.uid);
        // One whose owner is an older object of that name is about to be collected as garbage.
        let told = store.uid(&key).is_some_and(|uid| *uid == *owner.uid);
        hpas.push(Observed { owner: owner.uid.clone(), view: view.clone(), present: true, told });
        if news && told { vec![Event::HpaObserved { key, hpa: Some(view) }] } else { Vec::new() }
    }

    /// An HPA is gone, or belongs to no ScaledObject any more.
    pub(super) fn deleted(&mut self, metadata: &ObjectMeta, store: &Store) -> Vec<Event> {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        // Normally the label names the owner; if somebody changed it, all are searched.
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(hpa::NAME_LABEL));
        let labelled = label.map(|label| ObjectKey::new(namespace, label.as_str()));
        let has = |hpas: &Vec<Observed>| hpas.iter().any(|hpa| *hpa.view.name == *name);
        let key = labelled.filter(|key| self.observed.get(key).is_some_and(has)).or_else(|| {
            let owners = self.observed.iter().find(|(key, hpas)| *key.namespace == *namespace && has(hpas));
            owners.map(|(key, _)| key.clone())
        });
        key.map(|key| self.remove(&key, |hpa| *hpa.view.name == *name, store)).unwrap_or_default()
    }

    /// A list ended: what it did not show is gone.
    pub(super) fn listed(&mut self, store: &Store) -> Vec<Event> {
        self.listed = true;
        let absent: Vec<ObjectKey> = self
            .observed
            .iter()
            .filter(|(_, hpas)| hpas.iter().any(|hpa| !hpa.present))
            .map(|(key, _)| key.clone())
            .collect();
        absent.iter().flat_map(|key| self.remove(key, |hpa| !hpa.present, store)).collect()
    }

    /// Whether there was a whole list.
    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    fn remove(&mut self, key: &ObjectKey, gone: impl Fn(&Observed) -> bool, store: &Store) -> Vec<Event> {
        let Some(hpas) = self.observed.get_mut(key) else { return Vec::new() };
        let uid = store.uid(key);
        let ours = |hpa: &Observed| uid.as_deref() == Some(hpa.owner.as_str());
        let news = hpas.iter().any(|hpa| gone(hpa) && ours(hpa));
        hpas.retain(|hpa| !gone(hpa));
        let left = hpas.iter().find(|hpa| ours(hpa)).map(|hpa| hpa.view.clone());
        if hpas.is_empty() {
            self.observed.remove(key);
        }
        if news { vec![Event::HpaObserved { key: key.clone(), hpa: left }] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scaled_object(change: impl FnOnce(&mut serde_json::Value)) -> (Known, Event) {
        let mut value = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": { "name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "1" },
            "spec": { "scaleTargetRef": { "name": "worker" }, "triggers": [{ "type": "redis", "metadata": {} }] },
        });
        change(&mut value);
        object(serde_json::from_value(value).unwrap())
    }

    fn store() -> Store {
        let store = Store::default();
        store.observe(&ObjectKey::new("shop", "web"), scaled_object(|_| ()).0);
        store
    }

    fn hpa_of(name: &str, uid: &str) -> HorizontalPodAutoscaler {
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": "shop", "labels": { "scaledobject.keda.sh/name": "web" },
                "ownerReferences": [{
                    "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": uid, "controller": true,
                }],
            },
            "spec": { "maxReplicas": 1, "scaleTargetRef": { "kind": "Deployment", "name": "worker" } },
        }))
        .unwrap()
    }

    fn names(events: &[Event]) -> Vec<Option<&str>> {
        events
            .iter()
            .map(|event| match event {
                Event::HpaObserved { hpa, .. } => hpa.as_ref().map(|hpa| &*hpa.name),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_change_of_spec_or_labels_or_annotations_is_news_and_one_of_the_status_is_not() {
        let told = |change: fn(&mut serde_json::Value)| scaled_object(change).0.told;
        let before = told(|_| ());
        assert_eq!(told(|value| value["status"] = json!({ "hpaName": "x" })), before);
        assert_eq!(told(|value| value["metadata"]["resourceVersion"] = json!("2")), before);
        assert_ne!(told(|value| value["spec"]["pollingInterval"] = json!(5)), before);
        assert_ne!(told(|value| value["metadata"]["labels"] = json!({ "a": "b" })), before);
        assert_ne!(told(|value| value["metadata"]["annotations"] = json!({ "a": "b" })), before);
        assert_ne!(told(|value| value["metadata"]["finalizers"] = json!([FINALIZER])), before);
        assert_ne!(told(|value| value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")), before);
    }

    #[test]
    fn the_status_of_an_earlier_process_is_remembered() {
        let (_, event) = scaled_object(|value| {
            value["status"] = json!({
                "hpaName": "keda-hpa-web", "originalReplicaCount": 3, "lastActiveTime": "2026-01-02T03:04:05Z",
                "health": {
                    "s0-a": { "numberOfFailures": 4, "status": "Failing" },
                    "s1-b": { "numberOfFailures": 0, "status": "Happy" },
                },
            });
        });
        let Event::Applied(manifest) = event else { panic!("{event:?}") };
        let expected = Remembered {
            last_active: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            original_replicas: Some(3),
            hpa_name: Some("keda-hpa-web".into()),
            failures: [("s0-a".to_owned(), 4)].into(),
        };
        assert_eq!(manifest.remembered, expected);
    }

    #[test]
    fn an_unreadable_object_is_reported_and_while_deleted_released() {
        let invalid = |deleted: bool| InvalidObject {
            error: "missing field `triggers`".into(),
            metadata: ObjectMeta {
                name: Some("web".into()),
                namespace: Some("shop".into()),
                deletion_timestamp: deleted.then(|| jiff_epoch().into()),
                finalizers: Some(vec![FINALIZER.into()]),
                ..ObjectMeta::default()
            },
        };
        let (_, event) = unreadable(invalid(false));
        assert!(matches!(event, Event::Unreadable { message, .. } if message == "missing field `triggers`"));
        let (_, event) = unreadable(invalid(true));
        assert!(matches!(event, Event::Applied(manifest) if manifest.deleting && manifest.adopted));
    }

    fn jiff_epoch() -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    #[test]
    fn an_hpa_that_says_nothing_new_is_not_told_again() {
        let (mut hpas, store) = (Hpas::default(), store());
        assert_eq!(names(&hpas.observe(&hpa_of("keda-hpa-web", "u1"), &store)), [Some("keda-hpa-web")]);
        assert_eq!(names(&hpas.observe(&hpa_of("keda-hpa-web", "u1"), &store)), []);
    }

    #[test]
    fn the_hpa_of_an_earlier_object_of_that_name_is_nobodys() {
        let (mut hpas, store) = (Hpas::default(), store());
        assert_eq!(names(&hpas.observe(&hpa_of("keda-hpa-web", "u0"), &store)), []);
        assert_eq!(names(&hpas.deleted(&hpa_of("keda-hpa-web", "u0").metadata, &store)), []);
    }

    #[test]
    fn what_a_new_list_does_not_show_is_gone() {
        let (mut hpas, store) = (Hpas::default(), store());
        hpas.observe(&hpa_of("keda-hpa-web", "u1"), &store);
        hpas.relist();
        assert_eq!(names(&hpas.listed(&store)), [None]);
    }

    #[test]
    fn when_an_hpa_under_an_older_name_goes_the_newer_one_is_told() {
        let (mut hpas, store) = (Hpas::default(), store());
        hpas.observe(&hpa_of("old", "u1"), &store);
        hpas.observe(&hpa_of("new", "u1"), &store);
        assert_eq!(names(&hpas.deleted(&hpa_of("old", "u1").metadata, &store)), [Some("new")]);
    }
}
