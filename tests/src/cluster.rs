//! A Kubernetes control plane for tests: etcd, API server, controllers, scheduler, and nodes that stand in for real ones.
//!
//! Owns its processes, its certificates and its folder below `target/cluster`, and ends all of them when dropped. A real
//! node joins when asked for ([`crate::node`]). Refuses to outlive the process that started it, unless told to.

mod control_plane;
mod end;
mod kubeconfig;
mod options;
mod stand_in;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::authority::Authority;
use crate::node::{self, Node};
use crate::paths;
use crate::process::{self, Life, Process, Record};
use crate::wait;
use control_plane::ControlPlane;
pub use end::end;
pub use options::Options;

/// A running cluster. Dropping it ends it, unless it lives on its own.
#[derive(Debug)]
pub struct Cluster {
    // Fields end in this order: first what needs the API server, then itself, etcd last.
    node: Option<Node>,
    control_plane: ControlPlane,
    authority: Authority,
    front_proxy: Authority,
    directory: PathBuf,
    admin_kubeconfig: PathBuf,
    options: Options,
}

impl Cluster {
    /// Starts a cluster and waits until it serves; about 4 s, with a real node 10 s.
    ///
    /// # Errors
    /// A binary is missing (see [`crate::setup`]), a process fails, or a real node is impossible here.
    pub fn start(options: Options) -> Result<Self> {
        for name in ["etcd", "kube-apiserver", "kubectl"] {
            if !paths::binary(name).is_file() {
                bail!("{} is missing: run `cargo xtask cluster up` once", paths::binary(name).display());
            }
        }
        let directory = options.directory.clone().unwrap_or_else(|| paths::own_directory("cluster"));
        if control_plane::ORDER_OF_ENDS.iter().any(|name| Record::read(&directory, name).is_some_and(Record::runs)) {
            bail!("a cluster runs in {} already; `cargo xtask cluster down` ends it", directory.display());
        }
        // Whatever a failed or killed one left behind.
        end(&directory)?;
        paths::sweep();
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        // The claim comes first: it makes the address to which everything below binds.
        let node = options.real_node.then(|| Node::claim(&directory, options.life)).transpose()?;
        let address = if node.is_some() { node::ADDRESS } else { Ipv4Addr::LOCALHOST };
        let keys = directory.join("keys");
        let authority = Authority::create(&keys, "ca")?;
        let front_proxy = Authority::create(&keys, "front-proxy-ca")?;
        let control_plane = ControlPlane::prepare(&directory, address, &options, &authority, &front_proxy)?;
        let admin_kubeconfig = directory.join("admin.kubeconfig");
        let mut cluster = Self { node, control_plane, authority, front_proxy, directory, admin_kubeconfig, options };
        if let Err(error) = cluster.bring_up() {
            // What was to live on its own has not begun to.
            cluster.options.life = Life::WithUs;
            cluster.node.iter_mut().for_each(Node::end_with_us);
            return Err(error);
        }
        Ok(cluster)
    }

    fn bring_up(&mut self) -> Result<()> {
        self.kubeconfig_for("admin", &["system:masters"])?;
        self.control_plane.start_storage()?;
        self.start_api_server()?;
        self.control_plane.start_controllers()?;
        if self.options.stand_in_nodes > 0 {
            self.add_kwok_nodes(self.options.stand_in_nodes)?;
        }
        if let Some(mut node) = self.node.take() {
            let joined = node.join(self);
            // It goes back first, so that a failed start is torn down too.
            self.node = Some(node);
            joined?;
        }
        self.wait_for_account("default")
    }

    /// Waits until controllers have given a namespace its account: before that its pods are refused.
    pub(crate) fn wait_for_account(&self, namespace: &str) -> Result<()> {
        let account = ["get", "serviceaccount", "default", "--namespace", namespace];
        let what = format!("controllers have made the account of {namespace}");
        self.wait_for(&what, Duration::from_secs(60), || self.kubectl(&account).map(Some)).map(drop)
    }

    /// Nodes that run nothing: their pods are Ready in a fraction of a second, Jobs complete.
    ///
    /// # Errors
    /// kwok cannot be started, or the nodes do not become Ready.
    pub fn add_kwok_nodes(&mut self, count: usize) -> Result<()> {
        self.control_plane.start_stand_in()?;
        let first = self.kubectl(&["get", "nodes", "--selector=type=kwok", "--output=name"])?.lines().count();
        self.apply(&stand_in::nodes(first, count))?;
        let ready = ["wait", "--for=condition=Ready", "nodes", "--selector=type=kwok", "--timeout=1s"];
        self.wait_for("stand-in nodes are Ready", Duration::from_secs(60), || Ok(Some(self.kubectl(&ready)?)))?;
        Ok(())
    }

    /// Where it keeps everything: logs are `NAME.log` there.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The API server's address, as `https://ADDRESS:PORT`.
    #[must_use]
    pub fn api_url(&self) -> String {
        self.control_plane.url()
    }

    /// The authority of servers and users.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The authority of the API server's requests to aggregated API servers.
    #[must_use]
    pub fn front_proxy(&self) -> &Authority {
        &self.front_proxy
    }

    /// The real node, if it was asked for.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// How long what belongs to it may live.
    #[must_use]
    pub fn life(&self) -> Life {
        self.options.life
    }

    /// The kubeconfig of an administrator.
    #[must_use]
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// A kubeconfig of any user, by a client certificate. A service account is the user
    /// `system:serviceaccount:NAMESPACE:NAME` in the groups of [`Cluster::kubeconfig_for_account`].
    ///
    /// # Errors
    /// There are more than two groups, or a file cannot be written.
    pub fn kubeconfig_for(&self, user: &str, groups: &[&str]) -> Result<PathBuf> {
        kubeconfig::write(&self.directory, &self.api_url(), &self.authority, user, groups)
    }

    /// A kubeconfig with the identity of a service account.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn kubeconfig_for_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let group = format!("system:serviceaccounts:{namespace}");
        let user = format!("system:serviceaccount:{namespace}:{name}");
        self.kubeconfig_for(&user, &["system:serviceaccounts", &group])
    }

    /// Runs `kubectl` as the administrator and returns what it printed.
    ///
    /// # Errors
    /// It failed; the error holds what it said.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        process::output(&mut self.kubectl_command(arguments))
    }

    /// The command that [`Cluster::kubectl`] runs.
    #[must_use]
    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(paths::binary("kubectl"));
        command.arg("--kubeconfig").arg(&self.admin_kubeconfig);
        command.arg("--cache-dir").arg(self.directory.join("kubectl-cache")).args(arguments);
        command
    }

    /// Applies manifests, server-side.
    ///
    /// # Errors
    /// One was refused; the error says why.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        let path = self.directory.join(format!("applied-{}.yaml", paths::next_number()));
        fs::write(&path, manifests).with_context(|| format!("write {}", path.display()))?;
        let file = path.display().to_string();
        self.kubectl(&["apply", "--server-side", "--force-conflicts", "--filename", &file])
    }

    /// Looks until there is an answer, for at most `limit`; see [`wait::until`].
    ///
    /// # Errors
    /// The time is up, or a stop was requested.
    pub fn wait_for<T>(&self, what: &str, limit: Duration, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        wait::until(&self.options.stop, what, limit, look)
    }

    /// Kills the API server, as a crash would.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_api_server(&mut self) -> Result<()> {
        self.control_plane.api_server()?.kill().map(drop)
    }

    /// Starts the API server and waits until it is ready.
    ///
    /// # Errors
    /// It runs already, or does not become ready.
    pub fn start_api_server(&mut self) -> Result<()> {
        self.control_plane.start_api_server()?;
        let stop = self.options.stop.clone();
        let mut ready = self.kubectl_command(&["get", "--raw", "/readyz"]);
        ready.stdout(Stdio::null());
        wait::until(&stop, "the API server is ready", Duration::from_secs(90), || {
            // A dead process ends the wait with its log, by way of the outer result.
            let alive = self.control_plane.api_server().and_then(Process::check);
            match alive {
                Err(error) => Ok(Some(Err(error))),
                Ok(()) => process::output(&mut ready).map(|_| Some(Ok(()))),
            }
        })?
    }

    /// Kills and starts the API server.
    ///
    /// # Errors
    /// See [`Cluster::start_api_server`].
    pub fn restart_api_server(&mut self) -> Result<()> {
        self.kill_api_server()?;
        self.start_api_server()
    }

    /// Leaves a cluster that lives on its own running; [`end`] ends it.
    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.options.life == Life::OnItsOwn && !std::thread::panicking() {
            return;
        }
        // Pods go first, while the API server can still be asked; then everything in the order of its fields.
        drop(self.node.take());
        self.control_plane.end();
        if !std::thread::panicking() {
            // A folder of a failed test stays for whoever looks for the reason.
            let _kept = fs::remove_dir_all(&self.directory);
        }
    }
}
