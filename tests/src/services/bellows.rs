//! Bellows under test: installed into a cluster, run as a process of this machine.
//!
//! Owns its flags, its log and its end. It runs with the identity of its service account, so its own RBAC is what it gets.
//! Refuses to run any other build than this checkout's.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::free_port;
use crate::chart;
use crate::cluster::Cluster;
use crate::paths;
use crate::process::{Life, Process, Recipe, output};
use crate::wait::{self, Stop};

/// Its namespace, service account and Service, all of this name, as its manifests have them.
const NAME: &str = "bellows";

/// How long the answer of `/readyz` may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How Bellows is to run.
#[derive(Clone, Debug)]
pub struct BellowsOptions {
    /// Names its log and its record: `bellows` unless there are several.
    pub name: String,
    /// Components to serve; those of this checkout by default.
    pub scalers: PathBuf,
    /// Certificates of authorities to trust.
    pub ca_dir: Option<PathBuf>,
    /// Addresses that triggers may reach, besides public ones.
    pub allow_egress: Vec<String>,
    /// The cluster's DNS server.
    pub dns_server: Option<String>,
    /// The port of its external metrics; a free one by default.
    pub metrics_port: Option<u16>,
    /// What to log.
    pub log: String,
    /// Further arguments of `bellows run`.
    pub arguments: Vec<String>,
    /// How long it may live.
    pub life: Life,
}

impl Default for BellowsOptions {
    /// May reach this machine's loopback addresses and the cluster's.
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            scalers: paths::scalers(),
            ca_dir: None,
            allow_egress: vec!["127.0.0.0/8".to_owned(), "10.96.0.0/12".to_owned()],
            dns_server: None,
            metrics_port: None,
            log: "info".to_owned(),
            arguments: Vec::new(),
            life: Life::WithUs,
        }
    }
}

/// A running Bellows. Dropping it kills it.
#[derive(Debug)]
pub struct Bellows {
    process: Process,
    admin: SocketAddr,
    metrics: SocketAddr,
}

impl Bellows {
    /// Starts it against a cluster; [`Bellows::wait_until_ready`] waits for it.
    ///
    /// # Errors
    /// It has not been built, or cannot be run.
    pub fn start(cluster: &Cluster, options: &BellowsOptions) -> Result<Self> {
        let program = paths::bellows();
        if !program.is_file() {
            bail!("{} is missing: cargo build", program.display());
        }
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let admin = SocketAddr::new(local, free_port(local)?);
        let metrics = SocketAddr::new(local, options.metrics_port.map_or_else(|| free_port(local), Ok)?);
        let kubeconfig = cluster.kubeconfig_for_account(NAME, NAME)?;
        let cache = cluster.directory().join(format!("{}-cache", options.name));
        let mut arguments = vec!["run".to_owned()];
        let mut flag = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
        flag("kubeconfig", kubeconfig.display().to_string());
        flag("scalers", options.scalers.display().to_string());
        flag("cache", cache.display().to_string());
        flag("cluster-domain", "cluster.local".to_owned());
        flag("metrics-api", metrics.to_string());
        flag("admin", admin.to_string());
        flag("service-name", NAME.to_owned());
        flag("service-namespace", NAME.to_owned());
        flag("log", options.log.clone());
        if let Some(folder) = &options.ca_dir {
            flag("ca-dir", folder.display().to_string());
        }
        if let Some(server) = &options.dns_server {
            flag("dns-server", server.clone());
        }
        for range in &options.allow_egress {
            flag("allow-egress", range.clone());
        }
        arguments.extend(options.arguments.iter().cloned());
        let process = Process::start(Recipe {
            name: options.name.clone(),
            program,
            arguments,
            environment: Vec::new(),
            directory: cluster.directory().to_path_buf(),
            life: options.life,
        })?;
        Ok(Self { process, admin, metrics })
    }

    /// Waits until `/readyz` says so.
    ///
    /// # Errors
    /// It ended, or is not ready in time.
    pub fn wait_until_ready(&mut self, stop: &Stop, limit: Duration) -> Result<()> {
        wait::until(stop, "Bellows is ready", limit, || {
            if let Err(error) = self.process.check() {
                return Ok(Some(Err(error)));
            }
            match self.get("/readyz")? {
                (200, _) => Ok(Some(Ok(()))),
                (status, body) => bail!("/readyz: {status} {}", body.trim()),
            }
        })?
    }

    /// Asks its admin listener: the status and the body.
    ///
    /// # Errors
    /// It does not answer.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&self.admin, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            // The old protocol version asks for a plain body and a closed connection.
            write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.admin)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().with_context(|| format!("ask {} for {path}", self.admin))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let Some(status) = status else { bail!("{} answered {path} with no status", self.admin) };
        Ok((status, body.to_owned()))
    }

    /// Where it serves `/livez`, `/readyz` and `/metrics`.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where it serves external metrics.
    #[must_use]
    pub fn metrics(&self) -> SocketAddr {
        self.metrics
    }

    /// The process: its log, its id, its signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it, as a crash would. [`Process::start_again`] starts it with the same flags.
    ///
    /// # Errors
    /// It does not run.
    pub fn sigkill(&mut self) -> Result<ExitStatus> {
        self.process.kill()
    }

    /// Asks it to end and says how it did.
    ///
    /// # Errors
    /// It does not run.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.process.terminate(Duration::from_secs(20))
    }
}

/// Installs what Bellows needs in a cluster, as its chart has it: its definitions, its RBAC, and an external metrics API
/// that leads to `port` on this machine. The caller runs the process.
///
/// # Errors
/// Manifests are missing or refused.
pub fn install(cluster: &Cluster, port: u16) -> Result<()> {
    let definitions = output(Command::new(paths::bellows()).arg("crds")).context("print Bellows' definitions")?;
    cluster.apply(&definitions)?;
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"])?;
    let mut items = manifests(cluster)?;
    items.retain(|item| !is(item, "Deployment"));
    for item in &mut items {
        if is(item, "Service") {
            // The API server follows an external name to this machine, without a pod.
            set(item, "spec", json!({"type": "ExternalName", "externalName": "localhost"}));
        }
        if is(item, "APIService")
            && let Some(service) = item.pointer_mut("/spec/service")
        {
            set(service, "port", json!(port));
        }
    }
    apply(cluster, items)
}

/// Waits until the API server asks whoever is registered for external metrics; `alive` fails where that has ended.
///
/// # Errors
/// It does not become available in time; the error says why, and what `alive` said.
pub fn wait_for_external_metrics(
    cluster: &Cluster,
    limit: Duration,
    mut alive: impl FnMut() -> Result<()>,
) -> Result<()> {
    let registration = "apiservice/v1beta1.external.metrics.k8s.io";
    let available = ["wait", "--for=condition=Available", registration, "--timeout=1s"];
    cluster.wait_for("the external metrics API is available", limit, || {
        alive()?;
        cluster.kubectl(&available).map(|_| Some(()))
    })
}

/// Installs the identity of Bellows and its rights, and nothing else.
///
/// # Errors
/// See [`install`].
pub fn install_rights(cluster: &Cluster) -> Result<()> {
    let mut items = manifests(cluster)?;
    let kinds = ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    items.retain(|item| kinds.iter().any(|kind| is(item, kind)));
    apply(cluster, items)
}

/// What the chart renders by default, with its namespace in front and without what happens at the end.
fn manifests(cluster: &Cluster) -> Result<Vec<Value>> {
    let [default, ..] = chart::RENDERINGS;
    let file = default.kept().display().to_string();
    // kubectl reads YAML, so we need not.
    let read = cluster.kubectl(&["apply", "--dry-run=client", "--output=json", "--filename", &file])?;
    let list: Value = serde_json::from_str(&read).context("read the manifests as JSON")?;
    let rendered = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}});
    let mut items = vec![namespace];
    items.extend(rendered.into_iter().filter(|item| item.pointer("/metadata/annotations/helm.sh~1hook").is_none()));
    Ok(items)
}

fn apply(cluster: &Cluster, items: Vec<Value>) -> Result<()> {
    cluster.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).map(drop)
}

fn is(item: &Value, kind: &str) -> bool {
    item.get("kind").and_then(Value::as_str) == Some(kind)
}

fn set(item: &mut Value, field: &str, value: Value) {
    if let Some(fields) = item.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}
