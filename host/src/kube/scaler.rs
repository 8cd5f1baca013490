//! Scalers of the cluster: a watch that tells what is wished, the registry's Secret, and the status.
//!
//! Decides nothing: how far a Scaler came is told by the supply.

use std::collections::HashSet;
use std::time::Duration;

use bellows_core::name::is_name;
use bellows_core::supply::{self, Halt, Step};
use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc;

use super::FIELD_MANAGER;
use super::call::{call, if_found};
use super::watch::{WATCH_SECONDS, heard, patient};
use crate::crd::{self, Scaler};
use crate::supply::{Desk, News, PullPolicy, Told, Wish};

/// The key of a Secret of type `kubernetes.io/dockerconfigjson`.
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// Watches until nobody listens any more.
pub async fn watch(client: Client, news: mpsc::Sender<News>) {
    let api: Api<DeserializeGuard<Scaler>> = Api::all(client);
    let mut stream = std::pin::pin!(patient(api, watcher::Config::default().timeout(WATCH_SECONDS)));
    let (mut known, mut listed) = (HashSet::new(), HashSet::new());
    while let Some(result) = stream.next().await {
        let told = match heard("Scalers", result) {
            None => Vec::new(),
            Some(watcher::Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Some(watcher::Event::InitApply(object)) => {
                listed.insert(object.name_any());
                known.insert(object.name_any());
                wanted(object).into_iter().collect()
            }
            Some(watcher::Event::Apply(object)) => {
                known.insert(object.name_any());
                wanted(object).into_iter().collect()
            }
            Some(watcher::Event::Delete(object)) => {
                known.remove(&object.name_any());
                vec![News::Gone(object.name_any())]
            }
            Some(watcher::Event::InitDone) => {
                let gone: Vec<String> = known.difference(&listed).cloned().collect();
                known.retain(|name| listed.contains(name));
                gone.into_iter().map(News::Gone).collect()
            }
        };
        for told in told {
            if news.send(told).await.is_err() {
                return;
            }
        }
    }
}

/// What an object wishes. One that cannot be read, or is being deleted, wishes nothing new.
fn wanted(DeserializeGuard(object): DeserializeGuard<Scaler>) -> Option<News> {
    let object = match object {
        Ok(object) => object,
        Err(invalid) => {
            tracing::warn!(scaler = ?invalid.metadata.name, error = %invalid.error, "this Scaler cannot be read");
            return None;
        }
    };
    let (name, metadata, spec) = (object.name_any(), object.metadata, object.spec);
    if metadata.deletion_timestamp.is_some() {
        return Some(News::Gone(name));
    }
    let created = metadata.creation_timestamp.map_or(jiff::Timestamp::MIN, |time| time.0);
    Some(News::Wanted(Box::new(Wish {
        rank: (created, name),
        uid: metadata.uid.unwrap_or_default(),
        generation: metadata.generation,
        image: spec.image,
        policy: policy(spec.pull_policy),
        interval: spec.interval.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
        pull_secret: spec.pull_secret,
        verification: spec.verification,
        granted: spec.grants.capabilities.clone(),
        grants: crd::scaler::draft(spec.grants, spec.limits),
        allowed: crd::scaler::audience(spec.allowed_namespaces, spec.allowed_namespace_selector),
        pinned_only: spec.pinned_only,
        rollout: spec.rollout.draft(),
    })))
}

fn policy(written: Option<String>) -> Result<PullPolicy, String> {
    let Some(written) = written else { return Ok(PullPolicy::Always) };
    written.parse().map_err(|()| written)
}

/// The cluster as the supply needs it.
pub struct ScalerDesk {
    client: Client,
    namespace: String,
}

impl ScalerDesk {
    /// Reads pull Secrets in `namespace`, the host's own.
    #[must_use]
    pub fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    async fn read_secret(&self, name: &str) -> Result<Vec<u8>, Halt> {
        let place = format!("spec.pullSecret: Secret {}/{name}", self.namespace);
        let wrong = |reason: &str, why: &str| Halt::passing(Step::Resolved, reason, format!("{place} {why}"));
        if !is_name(name) {
            return Err(Halt::lasting(Step::Resolved, "InvalidPullSecret", format!("{place}: that is no name")));
        }
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = if_found(call(secrets.get(name)).await)
            .map_err(|error| wrong("PullSecretUnread", &format!("cannot be read: {}", error.reason())))?
            .ok_or_else(|| wrong("PullSecretMissing", "does not exist"))?;
        let mut data = secret.data.unwrap_or_default();
        let why = "has no key .dockerconfigjson: its type must be kubernetes.io/dockerconfigjson";
        data.remove(DOCKER_CONFIG).map(|bytes| bytes.0).ok_or_else(|| wrong("PullSecretInvalid", why))
    }

    async fn write(&self, wish: &Wish, told: &Told) -> bool {
        let conditions: Vec<_> = supply::conditions(&told.progress)
            .into_iter()
            .map(|condition| {
                json!({
                    "type": condition.kind,
                    "status": condition.status.label(),
                    "reason": condition.reason,
                    "message": condition.message,
                })
            })
            .collect();
        let joined = |list: &[String]| Some(list.join(",")).filter(|list| !list.is_empty());
        let status = json!({ "status": {
            "observedGeneration": wish.generation,
            "digest": told.progress.digest,
            "servingDigest": told.progress.serving,
            "rollout": told.progress.rollout.as_ref().map(|rolling| json!({
                "digest": rolling.digest,
                "percent": rolling.percent,
                "asked": rolling.tally.asked,
                "lost": rolling.tally.lost,
                "different": rolling.tally.different,
            })),
            "triggerTypes": joined(&told.trigger_types),
            "imports": joined(&told.imports),
            "rights": told.rights,
            "conditions": conditions,
        }});
        let api: Api<Scaler> = Api::all(self.client.clone());
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let name = &wish.rank.1;
        let written = if_found(call(api.patch_status(name, &parameters, &Patch::Merge(&status))).await);
        written
            .inspect_err(|error| tracing::warn!(scaler = name, error = error.reason(), "its status cannot be written"))
            .is_ok()
    }
}

impl Desk for ScalerDesk {
    fn pull_secret<'call>(&'call self, name: &'call str) -> BoxFuture<'call, Result<Vec<u8>, Halt>> {
        Box::pin(self.read_secret(name))
    }

    fn report<'call>(&'call self, wish: &'call Wish, told: &'call Told) -> BoxFuture<'call, bool> {
        Box::pin(self.write(wish, told))
    }
}
