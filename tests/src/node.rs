//! A real node of this machine: containerd, kubelet, kube-proxy and DNS, with real pods behind one private address.
//!
//! Owns that address, the pods' bridge and cgroups, its processes and mounts, and removes all of them again; what a killed
//! run left behind goes before the next start. Refuses to be a second node on the same machine, or one where Kubernetes
//! runs already.

mod claim;
mod files;
mod remove;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cluster::Cluster;
use crate::image::{self, Image};
use crate::paths;
use crate::process::{Life, Process, Recipe, output};
use crate::services::{REGISTRY, Registry};
use claim::Claim;
pub use remove::tear_down;

/// The node's address, on the loopback interface: no network card knows it, pods reach it. The API server, kubelet and
/// DNS listen here, and so may anything of the machine that pods are to reach.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// Where the cluster's DNS server listens, for programs of the machine; pods use the Service's address.
pub const DNS_SERVER: &str = "10.99.0.1:53";
/// All addresses of Services, pods and the node.
pub const CLUSTER_RANGE: &str = "10.96.0.0/12";
/// The node's name.
const NAME: &str = "real";
/// Short paths for sockets, which Linux limits to 107 bytes.
const RUN: &str = "/run/bellows-node";

/// A real node. Dropping it removes all of it, unless it lives on its own.
#[derive(Debug)]
pub struct Node {
    directory: PathBuf,
    life: Life,
    processes: Vec<Process>,
    registry: Option<Registry>,
    snapshotter: &'static str,
}

/// Says why there can be no real node here.
///
/// # Errors
/// The reason, and what would help.
pub fn available() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("a real node needs root".to_owned());
    }
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() && !Path::new("/sys/fs/cgroup/memory").exists() {
        return Err("a real node needs cgroups, and none are mounted at /sys/fs/cgroup".to_owned());
    }
    for (name, package) in [
        ("runc", "runc"),
        ("iptables", "iptables"),
        ("ip", "iproute2"),
        ("unshare", "util-linux"),
        (REGISTRY, REGISTRY),
    ] {
        if paths::program(name).is_none() {
            return Err(format!("{name} is missing: apt-get install {package}"));
        }
    }
    if !Path::new("/usr/lib/cni/bridge").is_file() {
        return Err("/usr/lib/cni/bridge is missing: apt-get install containernetworking-plugins".to_owned());
    }
    for name in ["containerd", "containerd-shim-runc-v2", "ctr", "kubelet", "kube-proxy", "coredns"] {
        if !paths::binary(name).is_file() {
            return Err(format!("{name} has not been built: `cargo xtask cluster up --node` does"));
        }
    }
    if let Err(error) = output(Command::new("unshare").args(["--mount", "--net", "true"])) {
        return Err(format!("this machine makes no namespaces: {error:#}"));
    }
    // Without this file the kernel's module for filtering bridged packets is not there; loading it may be allowed.
    if !Path::new("/proc/sys/net/bridge").exists() && output(Command::new("modprobe").arg("br_netfilter")).is_err() {
        return Err("the kernel has no br_netfilter, so Services would not work".to_owned());
    }
    Ok(())
}

impl Node {
    /// Makes this cluster the one with a real node, and makes the node's address.
    ///
    /// # Errors
    /// There can be no real node here, or there is one already.
    pub(crate) fn claim(directory: &Path, life: Life) -> Result<Self> {
        if let Err(reason) = available() {
            bail!("{reason}");
        }
        Claim::take(directory)?;
        // From here on, dropping it gives the claim back.
        let mut node = Self {
            directory: directory.to_path_buf(),
            life,
            processes: Vec::new(),
            registry: None,
            snapshotter: "native",
        };
        if let Err(error) = node.prepare_machine() {
            node.end_with_us();
            return Err(error);
        }
        Ok(node)
    }

    fn prepare_machine(&mut self) -> Result<()> {
        fs::create_dir_all(RUN).with_context(|| format!("make {RUN}"))?;
        output(Command::new("ip").args(["address", "replace", &format!("{ADDRESS}/32"), "dev", "lo"]))
            .context("make the node's address")?;
        for name in ["net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"] {
            fs::write(format!("/proc/sys/{name}"), "1").with_context(|| format!("set {name}"))?;
        }
        self.snapshotter = if overlays(&self.directory) { "overlayfs" } else { "native" };
        Ok(())
    }

    /// Removes it when dropped, whatever it was started for.
    pub(crate) fn end_with_us(&mut self) {
        self.life = Life::WithUs;
    }

    /// Starts the node's processes and waits until it is Ready.
    ///
    /// # Errors
    /// A process fails, or the node does not become Ready.
    pub(crate) fn join(&mut self, cluster: &Cluster) -> Result<()> {
        let registry = Registry::start(ADDRESS.into(), &self.directory, self.life)?;
        files::write(&self.directory, self.snapshotter, registry.address())?;
        self.registry = Some(registry);
        let directory = self.directory.clone();
        let file = |name: &str| directory.join(name).display().to_string();
        let kubeconfig = cluster.admin_kubeconfig().display().to_string();
        let (containerd, kubelet, proxy, dns) =
            (file("containerd.toml"), file("kubelet.yaml"), file("kube-proxy.yaml"), file("Corefile"));
        let kubelet_folder = file("kubelet");
        self.start("containerd", &["--config", &containerd])?;
        cluster.wait_for("containerd answers", Duration::from_secs(20), || Ok(Some(self.ctr(&["version"])?)))?;
        self.import(&image::pause()?)?;
        let certificates = file("kubelet/keys");
        let kubelet_arguments = [
            "--config",
            &kubelet,
            "--kubeconfig",
            &kubeconfig,
            "--hostname-override",
            NAME,
            "--node-ip",
            &ADDRESS.to_string(),
            "--root-dir",
            &kubelet_folder,
            "--cert-dir",
            &certificates,
        ];
        self.start("kubelet", &kubelet_arguments)?;
        self.start("coredns", &["-conf", &dns])?;
        cluster.apply(files::DNS_SERVICE)?;
        self.start("kube-proxy", &["--config", &proxy])?;
        cluster.wait_for("the real node is Ready", Duration::from_secs(60), || {
            for process in &mut self.processes {
                process.check()?;
            }
            Ok(Some(cluster.kubectl(&["wait", "--for=condition=Ready", &format!("node/{NAME}"), "--timeout=1s"])?))
        })?;
        Ok(())
    }

    fn start(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        self.processes.push(Process::start(Recipe {
            name: name.to_owned(),
            program: paths::binary(name),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: vec![("KUBECONFIG".to_owned(), self.directory.join("admin.kubeconfig").display().to_string())],
            directory: self.directory.clone(),
            life: self.life,
        })?);
        Ok(())
    }

    fn ctr(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(paths::binary("ctr"));
        command.args(["--address", &format!("{RUN}/containerd.sock"), "--namespace", "k8s.io"]);
        output(command.args(arguments))
    }

    /// Where the node gets images from, whatever registry their names begin with.
    ///
    /// # Errors
    /// The node was never started.
    pub fn registry(&self) -> Result<&Registry> {
        self.registry.as_ref().context("the real node has no registry: it was never started")
    }

    /// Puts an image on the node, under its name.
    ///
    /// # Errors
    /// containerd refuses the archive.
    pub fn import(&self, image: &Image) -> Result<()> {
        let archive = image.archive.display().to_string();
        let imported = self.ctr(&["images", "import", "--snapshotter", self.snapshotter, &archive]);
        imported.with_context(|| format!("put the image {} on the node", image.name)).map(drop)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.life == Life::OnItsOwn && !std::thread::panicking() {
            return;
        }
        if let Err(error) = tear_down(&self.directory) {
            eprintln!("the real node could not be removed completely: {error:#}");
        }
    }
}

/// Whether containerd can lay layers over each other here; otherwise it copies every one.
fn overlays(directory: &Path) -> bool {
    let try_it = "mkdir -p \"$1/lower\" \"$1/upper\" \"$1/work\" \"$1/merged\" && mount -t overlay overlay \
                  -o \"lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work\" \"$1/merged\" && umount \"$1/merged\"";
    let folder = directory.join("overlay-test");
    let works = output(Command::new("sh").args(["-c", try_it, "sh"]).arg(&folder)).is_ok();
    // It only held empty folders.
    let _left = fs::remove_dir_all(&folder);
    works
}
