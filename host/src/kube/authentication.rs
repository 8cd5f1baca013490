//! `Effect::ReportAuthentication` and `Effect::ReleaseAuthentication`: who uses an authentication goes into its status,
//! and a finalizer that KEDA left comes off one that is being deleted. None is put on: nothing has to be undone.

use std::hash::{DefaultHasher, Hash, Hasher};

use bellows_core::authentication::{AuthenticationKey, AuthenticationKind};
use bellows_core::event::ApiFailure;
use kube::api::{DynamicObject, ObjectMeta, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::json;

use super::FIELD_MANAGER;
use super::call::{call, if_found};
use super::finalizer::take_off;
use crate::crd::{ClusterTriggerAuthentication, TriggerAuthentication};

/// The resource of a kind.
pub(super) fn resource(kind: AuthenticationKind) -> ApiResource {
    match kind {
        AuthenticationKind::Namespaced => ApiResource::erase::<TriggerAuthentication>(&()),
        AuthenticationKind::Cluster => ApiResource::erase::<ClusterTriggerAuthentication>(&()),
    }
}

/// Authentications as documents: one that cannot be read as more is written like any other.
pub(super) fn api(client: &Client, key: &AuthenticationKey) -> Api<DynamicObject> {
    let resource = resource(key.kind);
    match key.kind {
        AuthenticationKind::Namespaced => Api::namespaced_with(client.clone(), &key.namespace, &resource),
        AuthenticationKind::Cluster => Api::all_with(client.clone(), &resource),
    }
}

/// Another number after each change of what an authentication says: the API server counts them, and a re-created one has
/// another uid.
pub(super) fn fingerprint(metadata: &ObjectMeta) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&metadata.uid, metadata.generation).hash(&mut hasher);
    hasher.finish()
}

/// Writes who uses it.
pub(super) async fn report(client: &Client, key: &AuthenticationKey, users: &str) -> Result<(), ApiFailure> {
    let users = Some(users).filter(|users| !users.is_empty());
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "status": { "scaledobjects": users } }));
    let written = call(api(client, key).patch_status(&key.name, &parameters, &patch)).await;
    written.map(drop).map_err(|error| error.failure(format_args!("write the status of {key}")))
}

/// Takes KEDA's finalizer off. What is gone already is no obstacle.
pub(super) async fn release(client: &Client, key: &AuthenticationKey) -> Result<(), ApiFailure> {
    let released = if_found(take_off(&api(client, key), &key.name).await);
    released.map(drop).map_err(|error| error.failure(format_args!("take the finalizer off {key}")))
}
