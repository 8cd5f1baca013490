//! metrics-server, which tells HPAs how much processor and memory pods use.
//!
//! Owns the process and its entry in the cluster. It asks the nodes: real ones measure, and stand-in ones say what their
//! pods' annotations say ([`annotations`]). Refuses to invent: a pod is known after two looks, some 20 s.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::free_port;
use crate::cluster::Cluster;
use crate::process::{Process, Recipe};
use crate::{node, paths};

/// Names its binary, its log, its record, and its Service.
pub(crate) const NAME: &str = "metrics-server";

/// Its entry.
const API: &str = "v1beta1.metrics.k8s.io";
/// The API server asks every few seconds whether an aggregated API is there.
const AVAILABLE_MAX: Duration = Duration::from_secs(60);
/// Two looks at all pods, ten seconds apart, which is as often as metrics-server can be made to look.
const FIRST_FIGURES_MAX: Duration = Duration::from_secs(90);

/// A running metrics-server. Dropping it ends it, unless its cluster lives on its own.
#[derive(Debug)]
pub struct MetricsServer {
    process: Process,
}

impl MetricsServer {
    /// Starts one for a cluster and waits until the cluster knows it; figures come later
    /// ([`MetricsServer::wait_for_figures`]).
    ///
    /// # Errors
    /// It has not been built, does not start, or the cluster does not take it.
    pub fn start(cluster: &Cluster) -> Result<Self> {
        let program = paths::binary(NAME);
        if !program.is_file() {
            bail!("{} is missing: `setup::prepare` builds it", program.display());
        }
        // The API server follows an external name to this machine, and Services of a real node lead to its address.
        let real = cluster.node().is_some();
        let address = IpAddr::V4(if real { node::ADDRESS } else { Ipv4Addr::LOCALHOST });
        let address = SocketAddr::new(address, free_port(address)?);
        let keys = cluster.directory().join(NAME);
        fs::create_dir_all(&keys).with_context(|| format!("make {}", keys.display()))?;
        let kubeconfig = cluster.admin_kubeconfig().display().to_string();
        let arguments = vec![
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            format!("--bind-address={}", address.ip()),
            format!("--secure-port={}", address.port()),
            format!("--cert-dir={}", keys.display()),
            "--kubelet-insecure-tls".to_owned(),
            "--kubelet-use-node-status-port".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            // It must be shorter than the pause between two looks, of which ten seconds is the shortest.
            "--kubelet-request-timeout=5s".to_owned(),
            "--metric-resolution=10s".to_owned(),
        ];
        let mut process = Process::start(Recipe {
            name: NAME.to_owned(),
            program,
            arguments,
            environment: Vec::new(),
            directory: cluster.directory().to_path_buf(),
            life: cluster.life(),
        })?;
        cluster.apply(&registration(address, real).to_string())?;
        let available = ["wait", "--for=condition=Available", "apiservice", API, "--timeout=1s"];
        cluster.wait_for("metrics-server is available", AVAILABLE_MAX, || {
            if let Err(error) = process.check() {
                return Ok(Some(Err(error)));
            }
            cluster.kubectl(&available).map(|_| Some(Ok(())))
        })??;
        Ok(Self { process })
    }

    /// Waits until there are figures of every pod of a Deployment's selector, like `app=worker`.
    ///
    /// # Errors
    /// There are none in time.
    pub fn wait_for_figures(&self, cluster: &Cluster, namespace: &str, selector: &str) -> Result<()> {
        cluster.wait_for(&format!("pods {selector} have been measured"), FIRST_FIGURES_MAX, || {
            let line = ["top", "pods", "--namespace", namespace, "--selector", selector, "--no-headers"];
            Ok((!cluster.kubectl(&line)?.trim().is_empty()).then_some(()))
        })
    }

    /// Takes its entry out of a cluster that lives on, and ends it: an API that is registered and not served keeps every
    /// namespace from going.
    ///
    /// # Errors
    /// The cluster does not let it go.
    pub fn leave(self, cluster: &Cluster) -> Result<()> {
        cluster.kubectl(&["delete", "apiservice", API]).map(drop)
    }

    /// The process: its log, its id, its signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// What leads the API server to `address`.
fn registration(address: SocketAddr, real: bool) -> Value {
    let metadata = |name: &str| json!({"name": name, "namespace": "kube-system"});
    let api = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": API},
        "spec": {
            "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true,
            "service": {"name": NAME, "namespace": "kube-system", "port": address.port()},
        },
    });
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata(NAME),
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    });
    let mut items = vec![api];
    if real {
        let port = json!({"name": "https", "port": address.port(), "protocol": "TCP"});
        if let Some(fields) = service.as_object_mut() {
            fields.insert("spec".to_owned(), json!({"ports": [port]}));
        }
        let mut slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata(NAME),
            "addressType": "IPv4", "ports": [port],
            "endpoints": [{"addresses": [address.ip().to_string()], "conditions": {"ready": true}}],
        });
        if let Some(metadata) = slice.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("labels".to_owned(), json!({"kubernetes.io/service-name": NAME}));
        }
        items.push(slice);
    }
    items.push(service);
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Annotations of a stand-in pod by which each of its containers uses this much, in quantities like `200m` and `64Mi`.
#[must_use]
pub fn annotations(cpu: &str, memory: &str) -> Value {
    json!({"usage.bellows.dev/cpu": cpu, "usage.bellows.dev/memory": memory})
}
