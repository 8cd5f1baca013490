//! What is scaled: its kind as the cluster knows it, the object itself, and its `/scale`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bellows_core::draft::TargetDraft;
use bellows_core::event::Refusal;
use bellows_core::problem::Problem;
use bellows_core::workload::{ObjectKey, Target};
use kube::api::{DynamicObject, GroupVersionKind};
use kube::core::{ApiResource, TypeMeta};
use kube::{Api, Client, discovery};

use super::call::{CallError, call, if_found};

/// KEDA's words, which dashboards look for.
const NOT_FOUND: &str = "Target resource doesn't exist";
const NOT_SCALABLE: &str = "Target resource doesn't expose /scale subresource";
const KIND_FIELD: &str = "spec.scaleTargetRef.kind";
const NAME_FIELD: &str = "spec.scaleTargetRef.name";
/// Kinds that are remembered: far more than a cluster has of scalable ones. Beyond it they are looked up each time.
const KINDS_MAX: usize = 1_000;

/// Finds targets. Remembers the resources of kinds, which do not change while a cluster runs.
pub(super) struct Targets {
    client: Client,
    kinds: Mutex<HashMap<GroupVersionKind, String>>,
}

impl Targets {
    pub(super) fn new(client: Client) -> Self {
        Self { client, kinds: Mutex::default() }
    }

    /// The target, and the object that it is at this moment.
    pub(super) async fn find(&self, key: &ObjectKey, draft: &TargetDraft) -> Result<(Target, DynamicObject), Refusal> {
        let target = self.target(draft).await?;
        let object = if_found(call(api(&self.client, key, &target).get(&target.name)).await);
        let object =
            object.map_err(|error| refuse(NAME_FIELD, &format!("cannot read {}", name(key, &target)), &error))?;
        object.map(|object| (target.clone(), object)).ok_or_else(|| {
            let (kind, name, namespace) = (&target.kind, &target.name, &key.namespace);
            missing(NAME_FIELD, format!("{NOT_FOUND}: there is no {kind} {name} in namespace {namespace}"))
        })
    }

    async fn target(&self, draft: &TargetDraft) -> Result<Target, Refusal> {
        let api_version = draft.api_version.as_deref().unwrap_or("apps/v1");
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let kind = draft.kind.as_deref().unwrap_or("Deployment");
        let wanted = GroupVersionKind::gvk(group, version, kind);
        // These two need no look-up, as in KEDA, whatever their group.
        let resource = match kind {
            "Deployment" => "deployments".to_owned(),
            "StatefulSet" => "statefulsets".to_owned(),
            _ => self.resource(&wanted).await?,
        };
        let GroupVersionKind { group, version, kind } = wanted;
        Ok(Target { group, version, kind, resource, name: draft.name.clone() })
    }

    async fn resource(&self, wanted: &GroupVersionKind) -> Result<String, Refusal> {
        let known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(wanted).cloned();
        if let Some(resource) = known {
            return Ok(resource);
        }
        let place = wanted.api_version();
        let unknown = || missing(KIND_FIELD, format!("the cluster has no kind {} in {place}", wanted.kind));
        let (resource, capabilities) = match call(discovery::pinned_kind(&self.client, wanted)).await {
            Ok(found) => found,
            Err(CallError::Unasked(error)) if matches!(*error, kube::Error::Discovery(_)) => return Err(unknown()),
            Err(error) if error.code() == 404 => return Err(unknown()),
            Err(error) => return Err(refuse(KIND_FIELD, &format!("cannot look up the kinds of {place}"), &error)),
        };
        if !capabilities.subresources.iter().any(|(sub, _)| sub.plural == "scale") {
            return Err(missing(KIND_FIELD, format!("{NOT_SCALABLE}: {} in {place} has none", wanted.kind)));
        }
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() < KINDS_MAX {
            kinds.insert(wanted.clone(), resource.plural.clone());
        }
        Ok(resource.plural)
    }

    /// The replicas that `object` asks for. For the two kinds whose document is known it says so itself.
    pub(super) async fn replicas(
        &self,
        key: &ObjectKey,
        target: &Target,
        object: &DynamicObject,
    ) -> Result<u32, Refusal> {
        if target.group == "apps" && matches!(target.kind.as_str(), "Deployment" | "StatefulSet") {
            let replicas = object.data.pointer("/spec/replicas").and_then(serde_json::Value::as_u64);
            return Ok(replicas.and_then(|replicas| u32::try_from(replicas).ok()).unwrap_or(1));
        }
        let scale = if_found(call(api(&self.client, key, target).get_scale(&target.name)).await);
        let scale = scale
            .map_err(|error| refuse(NAME_FIELD, &format!("cannot read the scale of {}", name(key, target)), &error))?
            .ok_or_else(|| missing(KIND_FIELD, format!("{NOT_SCALABLE}: {} has none", name(key, target))))?;
        Ok(replicas(scale.spec.and_then(|spec| spec.replicas)))
    }
}

/// How many pods of the target are ready. Kinds whose status has no such count do not say; a zero is left out by those
/// that have it.
pub(super) fn ready(object: &DynamicObject) -> Option<u32> {
    let status = object.data.pointer("/status")?;
    match status.get("readyReplicas") {
        Some(ready) => ready.as_u64().and_then(|ready| u32::try_from(ready).ok()),
        None => object.types.as_ref().is_some_and(counts_ready).then_some(0),
    }
}

fn counts_ready(types: &TypeMeta) -> bool {
    types.api_version == "apps/v1" && ["Deployment", "StatefulSet", "ReplicaSet"].contains(&types.kind.as_str())
}

/// Replicas as `/scale` tells them; a zero may be left out there.
pub(super) fn replicas(count: Option<i32>) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

/// The endpoint of a target.
pub(super) fn api(client: &Client, key: &ObjectKey, target: &Target) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk(&target.group, &target.version, &target.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &target.resource);
    Api::namespaced_with(client.clone(), &key.namespace, &resource)
}

/// A target, for messages.
pub(super) fn name(key: &ObjectKey, target: &Target) -> String {
    format!("{} {}/{}", target.kind, key.namespace, target.name)
}

fn missing(field: &str, message: String) -> Refusal {
    Refusal { problems: vec![Problem::new(field, message)], retry: true }
}

fn refuse(field: &str, tried: &str, error: &CallError) -> Refusal {
    missing(field, format!("{tried}: {}", error.reason()))
}
