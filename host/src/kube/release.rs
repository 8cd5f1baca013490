//! `bellows release`: our finalizer comes off every object that was served, once no host is left to do it.
//!
//! Changes nothing else of them, and no replicas. A host that still runs would put the finalizer back, so its pods are
//! waited for first, where the caller says which they are.

use std::time::Duration;

use bellows_core::authentication::AuthenticationKind;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};

use super::call::{CallError, call, if_found};
use super::{FINALIZER, Scope, authentication, finalizer};
use crate::crd::ScaledObject;

/// Objects in one answer: some 4 KiB each, so 2 MiB.
const PAGE: u32 = 500;
/// Writes under way: as many as a host has, and an API server takes without noticing.
const WRITES_AT_ONCE: usize = 16;
/// The host ends within its grace period, which is 30 s; deleting its pod takes a moment more.
const HOSTS_GONE_WITHIN: Duration = Duration::from_secs(90);
/// Between two looks at them.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Which pods are hosts: those with these labels in this namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// Their namespace.
    pub namespace: String,
    /// Label selector.
    pub selector: String,
}

/// Why not every object could be released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The API server did not do its part.
    #[error("cannot {what}: {why}")]
    Api {
        /// What was asked for.
        what: String,
        /// What it answered.
        why: String,
    },
    /// A host still runs, and would put the finalizer back.
    #[error("the pods {selector} in the namespace {namespace} are still there after {} s: end the host first", HOSTS_GONE_WITHIN.as_secs())]
    HostRuns {
        /// Where they are.
        namespace: String,
        /// What they have.
        selector: String,
    },
}

fn refused(what: impl Into<String>) -> impl FnOnce(CallError) -> ReleaseError {
    move |error| ReleaseError::Api { what: what.into(), why: error.reason() }
}

/// Waits until no host is left.
pub async fn wait_for_the_end(client: &Client, hosts: &Hosts) -> Result<(), ReleaseError> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &hosts.namespace);
    let parameters = ListParams::default().labels(&hosts.selector);
    let began = tokio::time::Instant::now();
    loop {
        let pods = call(api.list_metadata(&parameters)).await.map_err(refused("list the pods of the host"))?;
        if pods.items.is_empty() {
            return Ok(());
        }
        if began.elapsed() > HOSTS_GONE_WITHIN {
            let Hosts { namespace, selector } = hosts.clone();
            return Err(ReleaseError::HostRuns { namespace, selector });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Takes our finalizer off all ScaledObjects of `scope`, and says off how many objects. Where all are meant, those that KEDA
/// left on authentications go too: a host takes them off when one is deleted, and there is no host.
pub async fn release(client: &Client, scope: &Scope) -> Result<usize, ReleaseError> {
    let mut released = release_kind(client, scope, &ApiResource::erase::<ScaledObject>(&())).await?;
    if scope.selector.is_none() {
        released += release_kind(client, scope, &authentication::resource(AuthenticationKind::Namespaced)).await?;
        if scope.namespace.is_none() {
            released += release_kind(client, scope, &authentication::resource(AuthenticationKind::Cluster)).await?;
        }
    }
    Ok(released)
}

async fn release_kind(client: &Client, scope: &Scope, resource: &ApiResource) -> Result<usize, ReleaseError> {
    let api: Api<DynamicObject> = match &scope.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let mut parameters = ListParams::default().limit(PAGE);
    parameters.label_selector.clone_from(&scope.selector);
    let mut released = 0;
    loop {
        let listed = if_found(call(api.list_metadata(&parameters)).await);
        // No such kind: the definitions went with all objects.
        let Some(page) = listed.map_err(refused(format!("list {}", resource.plural)))? else { return Ok(released) };
        let held = page.items.into_iter().filter(|object| object.finalizers().iter().any(|name| name == FINALIZER));
        let writes = held.map(|object| release_one(client, resource, object.namespace(), object.name_any()));
        let done: Vec<()> = stream::iter(writes).buffer_unordered(WRITES_AT_ONCE).try_collect().await?;
        released += done.len();
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(released),
        }
    }
}

async fn release_one(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<String>,
    name: String,
) -> Result<(), ReleaseError> {
    let (api, path) = match namespace {
        Some(namespace) => (Api::namespaced_with(client.clone(), &namespace, resource), format!("{namespace}/{name}")),
        None => (Api::all_with(client.clone(), resource), name.clone()),
    };
    let taken = if_found(finalizer::take_off(&api, &name).await);
    taken.map(drop).map_err(refused(format!("take the finalizer off {} {path}", resource.kind)))
}
