//! `Effect::Adopt` and `Effect::Release`: our finalizer goes on and comes off, and nobody else's is disturbed.

use bellows_core::event::ApiFailure;
use bellows_core::workload::{ObjectKey, Target};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::call::{CallError, call, if_found};
use super::scale;
use super::store::{Known, Store};
use super::{FIELD_MANAGER, FINALIZER};
use crate::crd::ScaledObject;

/// Attempts while others change the finalizers at the same time; each but the first reads them anew.
const ATTEMPTS_MAX: usize = 4;

/// ScaledObjects as documents: one that cannot be read as more is written like any other.
pub(super) fn api(client: &Client, key: &ObjectKey) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<ScaledObject>(&());
    Api::namespaced_with(client.clone(), &key.namespace, &resource)
}

/// Puts our finalizer on.
pub(super) async fn adopt(client: &Client, store: &Store, key: &ObjectKey) -> Result<(), ApiFailure> {
    let adopted = edit(client, store, key, addition).await;
    adopted.map_err(|error| error.failure(format_args!("put the finalizer on ScaledObject {key}")))
}

/// Restores replicas if asked, then takes our finalizer off. What is gone already is no obstacle.
pub(super) async fn release(
    client: &Client,
    store: &Store,
    key: &ObjectKey,
    restore: Option<(Target, u32)>,
) -> Result<(), ApiFailure> {
    if let Some((target, replicas)) = restore {
        scale::restore(client, key, &target, replicas).await?;
    }
    let released = if_found(edit(client, store, key, removal).await);
    released.map(drop).map_err(|error| error.failure(format_args!("take the finalizer off ScaledObject {key}")))
}

/// Takes our finalizer off any object, whatever it is.
pub(super) async fn take_off(api: &Api<DynamicObject>, name: &str) -> Result<(), CallError> {
    apply(api, name, None, removal).await
}

type Edit = fn(&str, &[String]) -> Option<Value>;

async fn edit(client: &Client, store: &Store, key: &ObjectKey, edit: Edit) -> Result<(), CallError> {
    apply(&api(client, key), &key.name, store.get(key), edit).await
}

/// Applies an edit that holds only for the finalizers it was made for, and makes it anew when it did not hold.
async fn apply(api: &Api<DynamicObject>, name: &str, mut known: Option<Known>, edit: Edit) -> Result<(), CallError> {
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let mut attempt = 1;
    loop {
        let (uid, finalizers) = match known.take() {
            Some(Known { uid, finalizers, .. }) => (uid.to_string(), finalizers),
            None => {
                let metadata = call(api.get(name)).await?.metadata;
                (metadata.uid.unwrap_or_default(), metadata.finalizers.unwrap_or_default())
            }
        };
        let Some(operations) = edit(&uid, &finalizers) else { return Ok(()) };
        let patch = serde_json::from_value(operations)
            .map_err(|error| CallError::Unasked(Box::new(kube::Error::SerdeError(error))))?;
        match call(api.patch(name, &parameters, &Patch::Json::<()>(patch))).await {
            Ok(_) => return Ok(()),
            // 422: a test of the patch did not hold, because the finalizers are others by now. 409: a write in between.
            Err(error) if matches!(error.code(), 409 | 422) && attempt < ATTEMPTS_MAX => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A JSON patch that adds our finalizer; `None` if it is there.
fn addition(uid: &str, finalizers: &[String]) -> Option<Value> {
    let same_object = json!({ "op": "test", "path": "/metadata/uid", "value": uid });
    if finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        None
    } else if finalizers.is_empty() {
        Some(json!([
            same_object,
            { "op": "test", "path": "/metadata/finalizers", "value": null },
            { "op": "add", "path": "/metadata/finalizers", "value": [FINALIZER] },
        ]))
    } else {
        Some(json!([same_object, { "op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER }]))
    }
}

/// A JSON patch that removes our finalizer; `None` if it is not there.
fn removal(uid: &str, finalizers: &[String]) -> Option<Value> {
    let index = finalizers.iter().position(|finalizer| finalizer == FINALIZER)?;
    let path = format!("/metadata/finalizers/{index}");
    Some(json!([
        { "op": "test", "path": "/metadata/uid", "value": uid },
        { "op": "test", "path": path, "value": FINALIZER },
        { "op": "remove", "path": path },
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(finalizers: &[&str]) -> Vec<String> {
        finalizers.iter().map(|finalizer| (*finalizer).to_owned()).collect()
    }

    #[test]
    fn a_finalizer_is_added_beside_those_of_others_and_only_once() {
        let add = |finalizers: &[&str]| addition("u1", &list(finalizers)).map(|patch| patch[1].clone());
        assert_eq!(add(&[]), Some(json!({ "op": "test", "path": "/metadata/finalizers", "value": null })));
        assert_eq!(add(&["a"]), Some(json!({ "op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER })));
        assert_eq!(add(&["a", FINALIZER]), None);
    }

    #[test]
    fn only_our_own_finalizer_is_removed() {
        let remove = |finalizers: &[&str]| removal("u1", &list(finalizers)).map(|patch| patch[2].clone());
        assert_eq!(remove(&["a", FINALIZER]), Some(json!({ "op": "remove", "path": "/metadata/finalizers/1" })));
        assert_eq!(remove(&["a"]), None);
    }
}
