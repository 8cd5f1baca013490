//! The API server as the administrator asks it: documents in, documents out.
//!
//! Owns one client for all trials, because a `kubectl` costs a fiftieth of a second of a core and trials look ten times a
//! second. Refuses to hide a refusal: it becomes an error with the server's own words.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

/// Where kinds of the trials live: plural, path before the namespace.
const PLACES: [(&str, &str); 13] = [
    ("deployments", "/apis/apps/v1"),
    ("scaledobjects", "/apis/keda.sh/v1alpha1"),
    ("triggerauthentications", "/apis/keda.sh/v1alpha1"),
    ("clustertriggerauthentications", "/apis/keda.sh/v1alpha1"),
    ("scalers", "/apis/bellows.dev/v1alpha1"),
    ("horizontalpodautoscalers", "/apis/autoscaling/v2"),
    ("events", "/apis/events.k8s.io/v1"),
    ("customresourcedefinitions", "/apis/apiextensions.k8s.io/v1"),
    ("secrets", "/api/v1"),
    ("configmaps", "/api/v1"),
    ("namespaces", "/api/v1"),
    ("clusterroles", "/apis/rbac.authorization.k8s.io/v1"),
    ("pods", "/api/v1"),
];

pub(crate) struct Api {
    runtime: Runtime,
    client: Client,
}

/// The path of one document, or of a list where `name` is empty. Without a namespace where that is empty.
fn path(plural: &str, namespace: &str, name: &str) -> Result<String> {
    let place = PLACES.iter().find(|(known, _)| *known == plural).map(|(_, place)| place);
    let place = place.with_context(|| format!("{plural} have no place"))?;
    let scope = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let name = if name.is_empty() { String::new() } else { format!("/{name}") };
    Ok(format!("{place}{scope}/{plural}{name}"))
}

impl Api {
    pub(crate) fn new(kubeconfig: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let file = Kubeconfig::read_from(kubeconfig).context("read the kubeconfig")?;
        let client = runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
            Ok::<_, anyhow::Error>(Client::try_from(config)?)
        })?;
        Ok(Self { runtime, client })
    }

    /// Any request; nothing where there is no such thing.
    pub(crate) fn ask(&self, request: http::Request<Vec<u8>>) -> Result<Option<Value>> {
        let shown = format!("{} {}", request.method(), request.uri());
        match self.runtime.block_on(self.client.request(request)) {
            Ok(answer) => Ok(Some(answer)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(kube::Error::Api(status)) => bail!("{shown}: {} {}", status.code, status.message),
            Err(error) => Err(error).context(shown),
        }
    }

    pub(crate) fn find(&self, plural: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
        self.ask(http::Request::get(path(plural, namespace, name)?).body(Vec::new())?)
    }

    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Result<Value> {
        let found = self.find(plural, namespace, name)?;
        found.with_context(|| format!("there is no {namespace}/{name} among the {plural}"))
    }

    pub(crate) fn list(&self, plural: &str, namespace: &str) -> Result<Vec<Value>> {
        let list = self.get(plural, namespace, "")?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Makes it be as written: what an earlier call of ours said and this one does not is removed.
    pub(crate) fn apply(&self, plural: &str, manifest: &Value) -> Result<Value> {
        let text = |field: &str| manifest["metadata"][field].as_str().unwrap_or_default();
        let path = path(plural, text("namespace"), text("name"))?;
        let request = http::Request::patch(format!("{path}?fieldManager=trial&force=true"));
        let request =
            request.header("content-type", "application/apply-patch+yaml").body(manifest.to_string().into())?;
        self.ask(request)?.with_context(|| format!("nowhere to put {path}"))
    }

    /// Changes a part of it: a merge patch.
    pub(crate) fn merge(&self, plural: &str, namespace: &str, name: &str, patch: &Value) -> Result<Value> {
        let request = http::Request::patch(path(plural, namespace, name)?);
        let request = request.header("content-type", "application/merge-patch+json").body(patch.to_string().into())?;
        self.ask(request)?.with_context(|| format!("there is no {namespace}/{name} among the {plural}"))
    }

    /// Deletes it, and does not wait until it is gone.
    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) -> Result<()> {
        self.ask(http::Request::delete(path(plural, namespace, name)?).body(Vec::new())?).map(drop)
    }
}
