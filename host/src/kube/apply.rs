//! `Effect::ApplyHpa`: the HPA becomes as the workload says. One that is not ours is never touched.
//!
//! Server-side apply, so that labels which others added stay theirs; nothing is written that would change nothing.

use bellows_core::event::ApiFailure;
use bellows_core::workload::{ObjectKey, Workload};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use super::call::{CallError, call, if_found};
use super::hpa;

/// Makes the HPA be as `workload` says, where `uid` is its ScaledObject's. A fingerprint of what the cluster has then.
pub(super) async fn apply(
    client: &Client,
    key: &ObjectKey,
    uid: &str,
    workload: &Workload,
    replaces: Option<&str>,
) -> Result<u64, ApiFailure> {
    let mut wanted = hpa::build(workload, uid).map_err(|error| ApiFailure {
        message: std::error::Error::source(&error).map_or(error.to_string(), |source| format!("{error}: {source}")),
        retry: false,
    })?;
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), &key.namespace);
    let name = workload.hpa.name.as_str();
    let shown = format!("HorizontalPodAutoscaler {}/{name}", key.namespace);
    let present = if_found(call(api.get(name)).await);
    let present = present.map_err(|error| error.failure(format_args!("read {shown}")))?;
    if let Some(present) = &present {
        check_owner(&shown, &present.metadata, uid)?;
    }
    // Only once the new name is known to be free: two HPAs on one target would stop each other.
    if let Some(older) = replaces.filter(|older| *older != name) {
        remove(&api, key, older, uid).await?;
    }
    let written = match present {
        Some(present) if hpa::is_as_wanted(&present, &wanted) => return Ok(hpa::fingerprint(&present)),
        Some(present) => {
            take_over(&api, name, &present.metadata)
                .await
                .map_err(|error| error.failure(format_args!("take over {shown}")))?;
            // Names the object that was read, so that one made by another meanwhile is a conflict.
            wanted.metadata.uid = present.metadata.uid;
            call(api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&wanted))).await
        }
        // Not forced: an HPA that another made since we looked differs somewhere, and that is a conflict.
        None => call(api.patch(name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(&wanted))).await,
    };
    let failed = |error: CallError| error.failure(format_args!("apply {shown}"));
    let mut written = written.map_err(failed)?;
    if !hpa::is_same_behavior(&written, &wanted) {
        written = replace_behavior(&api, name, &written, &wanted).await.map_err(failed)?;
    }
    Ok(hpa::fingerprint(&written))
}

/// An apply leaves alone what others put where we say nothing. Everything else of a spec we do say, or it is one whole.
async fn replace_behavior(
    api: &Api<HorizontalPodAutoscaler>,
    name: &str,
    present: &HorizontalPodAutoscaler,
    wanted: &HorizontalPodAutoscaler,
) -> Result<HorizontalPodAutoscaler, CallError> {
    let patch = serde_json::from_value(json!([
        { "op": "test", "path": "/metadata/uid", "value": present.metadata.uid },
        { "op": "add", "path": "/spec/behavior", "value": wanted.spec.behavior },
    ]));
    let patch = patch.map_err(|error| CallError::Unasked(Box::new(kube::Error::SerdeError(error))))?;
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    call(api.patch(name, &parameters, &Patch::Json::<()>(patch))).await
}

/// Refuses an HPA that is not the one of the ScaledObject `uid`. It may go away, if only by the collection of garbage.
fn check_owner(shown: &str, metadata: &ObjectMeta, uid: &str) -> Result<(), ApiFailure> {
    let owner = hpa::controller(metadata);
    if metadata.deletion_timestamp.is_some() {
        return Err(ApiFailure { message: format!("{shown} is being deleted: waiting until it is gone"), retry: true });
    }
    if owner.is_some_and(|owner| owner.uid == uid) {
        return Ok(());
    }
    let whose = owner.map_or("nobody's".to_owned(), |owner| format!("{} {}'s", owner.kind, owner.name));
    let message = format!(
        "{shown} exists and is {whose}, so it is left alone: delete it, or give another name in \
         spec.advanced.horizontalPodAutoscalerConfig.name"
    );
    Err(ApiFailure { message, retry: true })
}

/// Deletes an HPA under an older name, if it is ours.
async fn remove(api: &Api<HorizontalPodAutoscaler>, key: &ObjectKey, name: &str, uid: &str) -> Result<(), ApiFailure> {
    let shown = format!("HorizontalPodAutoscaler {}/{name}", key.namespace);
    let failed = |error: CallError| error.failure(format_args!("delete {shown}"));
    let Some(present) = if_found(call(api.get(name)).await).map_err(failed)? else { return Ok(()) };
    if check_owner(&shown, &present.metadata, uid).is_err() {
        return Ok(());
    }
    let same = Preconditions { uid: present.metadata.uid, resource_version: None };
    let parameters = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
    if_found(call(api.delete(name, &parameters)).await).map(drop).map_err(failed)
}

/// An HPA that KEDA wrote holds our fields in KEDA's name, and what we no longer apply of them would stay for ever. So
/// KEDA's claims become ours, once, before the first apply.
async fn take_over(api: &Api<HorizontalPodAutoscaler>, name: &str, metadata: &ObjectMeta) -> Result<(), CallError> {
    let Some(claims) = claimed(metadata.managed_fields.as_deref().unwrap_or_default()) else { return Ok(()) };
    let version = &metadata.resource_version;
    let patch = json!({ "metadata": { "resourceVersion": version, "managedFields": claims } });
    call(api.patch(name, &PatchParams::default(), &Patch::Merge(patch))).await.map(drop)
}

/// The claims with KEDA's as ours; `None` if KEDA has none.
fn claimed(entries: &[ManagedFieldsEntry]) -> Option<Vec<ManagedFieldsEntry>> {
    let is_ours = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
    };
    let is_keda = |entry: &ManagedFieldsEntry| {
        entry.operation.as_deref() == Some("Update")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
            && entry.manager.as_deref().is_some_and(|manager| manager.starts_with("keda"))
    };
    let (taken, mut claims): (Vec<_>, Vec<_>) =
        entries.iter().cloned().partition(|entry| is_keda(entry) || is_ours(entry));
    if !taken.iter().any(is_keda) {
        return None;
    }
    let mut ours = ManagedFieldsEntry::default();
    for entry in taken {
        let mut fields = ours.fields_v1.take().map_or_else(|| json!({}), |fields| fields.0);
        merge(&mut fields, entry.fields_v1.clone().map(|fields| fields.0).unwrap_or_default());
        ours = ManagedFieldsEntry { fields_v1: Some(FieldsV1(fields)), ..entry };
    }
    ours.manager = Some(FIELD_MANAGER.to_owned());
    ours.operation = Some("Apply".to_owned());
    claims.push(ours);
    Some(claims)
}

/// The fields of both. A document is at most some levels deep, as the spec of an HPA is.
fn merge(fields: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (fields, more) {
        for (name, below) in more {
            merge(fields.entry(name).or_insert_with(|| json!({})), below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, subresource: Option<&str>) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.into()),
            operation: Some(operation.into()),
            subresource: subresource.map(str::to_owned),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn the_claims_of_keda_become_ours_and_others_stay() {
        let with = |mut entry: ManagedFieldsEntry, fields: Value| {
            entry.fields_v1 = Some(FieldsV1(fields));
            entry
        };
        let status = entry("kube-controller-manager", "Update", Some("status"));
        let keda = with(entry("keda", "Update", None), json!({ "f:spec": { "f:behavior": {} } }));
        let ours = with(entry(FIELD_MANAGER, "Apply", None), json!({ "f:spec": { "f:metrics": {} } }));
        let both = json!({ "f:spec": { "f:behavior": {}, "f:metrics": {} } });
        let expected = vec![status.clone(), with(entry(FIELD_MANAGER, "Apply", None), both)];
        assert_eq!(claimed(&[ours.clone(), keda, status.clone()]), Some(expected));
        assert_eq!(claimed(&[ours, status]), None);
    }

    #[test]
    fn an_hpa_of_another_is_named_with_its_owner_and_left_alone() {
        let mut hpa = hpa::build(&hpa::tests::workload(), "u1").unwrap().metadata;
        assert_eq!(check_owner("HPA", &hpa, "u1"), Ok(()));
        let told = |metadata: &ObjectMeta| check_owner("HPA", metadata, "u2").unwrap_err().message;
        assert!(told(&hpa).starts_with("HPA exists and is ScaledObject web's, so it is left alone"));
        hpa.owner_references = None;
        assert!(told(&hpa).starts_with("HPA exists and is nobody's, so it is left alone"));
    }
}
