//! `Effect::ApplyHpa`: the HPA becomes as the workload says. One that is not ours is never touched.
//!
//! Server-side apply, so that labels which others added stay theirs; nothing is written that would change nothing.

use bellows_core::event::ApiFailure;
use bellows_core::workload::{ObjectKey, Workload};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::json;

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
        Some(present) if hpa::is_as_wanted(&present, &wanted) => Ok(present),
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
    let written = written.map_err(|error| error.failure(format_args!("apply {shown}")))?;
    Ok(hpa::fingerprint(&written))
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

/// An HPA that KEDA wrote holds our fields in KEDA's name; what we no longer apply would stay for ever. So KEDA's claims
/// are dropped once, before the first apply.
async fn take_over(api: &Api<HorizontalPodAutoscaler>, name: &str, metadata: &ObjectMeta) -> Result<(), CallError> {
    let Some(kept) = without_keda(metadata.managed_fields.as_deref().unwrap_or_default()) else { return Ok(()) };
    let version = &metadata.resource_version;
    let patch = json!({ "metadata": { "resourceVersion": version, "managedFields": kept } });
    call(api.patch(name, &PatchParams::default(), &Patch::Merge(patch))).await.map(drop)
}

/// The claims of all but KEDA; `None` if KEDA has none.
fn without_keda(entries: &[ManagedFieldsEntry]) -> Option<Vec<ManagedFieldsEntry>> {
    let is_keda = |entry: &ManagedFieldsEntry| {
        entry.operation.as_deref() == Some("Update")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
            && entry.manager.as_deref().is_some_and(|manager| manager.starts_with("keda"))
    };
    let mut kept: Vec<_> = entries.iter().filter(|entry| !is_keda(entry)).cloned().collect();
    if kept.len() == entries.len() {
        return None;
    }
    if kept.is_empty() {
        // The API server reads one empty entry as "none"; no entry at all would leave them as they are.
        kept.push(ManagedFieldsEntry::default());
    }
    Some(kept)
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
    fn only_the_claims_of_keda_are_dropped() {
        let status = entry("kube-controller-manager", "Update", Some("status"));
        let keda = entry("keda", "Update", None);
        assert_eq!(without_keda(&[keda.clone(), status.clone()]), Some(vec![status.clone()]));
        assert_eq!(without_keda(&[keda]), Some(vec![ManagedFieldsEntry::default()]));
        assert_eq!(without_keda(&[entry(FIELD_MANAGER, "Apply", None), status]), None);
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
