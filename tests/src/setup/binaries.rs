//! The cluster's binaries, built from Go modules: all of them from one list of versions, so that what several are made of is
//! compiled once.
//!
//! Owns when they are built: when a binary is missing, or when the list, its own sources or the compiler changed. Refuses to
//! use a binary of another build than the list names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::image::hex;
use crate::paths;
use crate::process::{output, run_with_log};

/// Kubernetes stamps its version with the linker, and says v0.0.0 without. It must be the module's.
const KUBERNETES: &[&str] = &[
    "k8s.io/component-base/version.gitVersion=v1.36.3",
    "k8s.io/component-base/version.gitMajor=1",
    "k8s.io/component-base/version.gitMinor=36",
];
/// helm takes every cluster that it cannot ask for 1.20 without these, and would refuse charts for newer ones.
const KUBERNETES_OF_HELM: &[&str] = &[
    "helm.sh/helm/v3/internal/version.version=v3.21.4",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36",
];

/// Binaries that are built together.
pub(super) struct Set {
    /// What they are for.
    name: &'static str,
    /// What `go build` is to build: main packages of other modules, which `go.mod` lists as tools, or a folder of ours.
    packages: &'static [&'static str],
    binaries: &'static [&'static str],
    /// What the linker writes into variables.
    stamps: &'static [&'static str],
    /// Build tags of Go.
    tags: &'static str,
    /// How long a first build takes.
    takes: &'static str,
}

pub(super) const CONTROL_PLANE: Set = Set {
    name: "control-plane",
    packages: &[
        "go.etcd.io/etcd/server/v3",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-proxy",
        "k8s.io/kubernetes/cmd/kube-scheduler",
        "k8s.io/kubernetes/cmd/kubectl",
        "k8s.io/kubernetes/cmd/kubelet",
        "sigs.k8s.io/kwok/cmd/kwok",
    ],
    binaries: &[
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
        "kwok",
    ],
    stamps: KUBERNETES,
    tags: "",
    takes: "6 minutes on two cores",
};
pub(super) const NODE: Set = Set {
    name: "node",
    packages: &[
        "github.com/containerd/containerd/v2/cmd/containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/ctr",
    ],
    binaries: &["containerd", "containerd-shim-runc-v2", "ctr"],
    takes: "a minute on two cores",
    ..PLAIN
};
pub(super) const DNS: Set =
    Set { name: "dns", packages: &["./coredns"], binaries: &["coredns"], takes: "half a minute on two cores", ..PLAIN };
pub(super) const HELM: Set = Set {
    name: "helm",
    packages: &["helm.sh/helm/v3/cmd/helm"],
    binaries: &["helm"],
    stamps: KUBERNETES_OF_HELM,
    takes: "half a minute on two cores",
    ..PLAIN
};
pub(super) const METRICS_SERVER: Set = Set {
    name: "metrics-server",
    packages: &["sigs.k8s.io/metrics-server/cmd/metrics-server"],
    binaries: &["metrics-server"],
    takes: "half a minute on two cores",
    ..PLAIN
};
/// Without the tag it wants modules of every place where services can be discovered; files suffice here.
pub(super) const PROMETHEUS: Set = Set {
    name: "prometheus",
    packages: &["github.com/prometheus/prometheus/cmd/prometheus", "github.com/prometheus/prometheus/cmd/promtool"],
    binaries: &["prometheus", "promtool"],
    tags: "remove_all_sd",
    takes: "2 minutes on two cores",
    ..PLAIN
};
/// Plays the programs in the images of KEDA's tests.
pub(super) const STAND_INS: Set =
    Set { name: "stand-ins", packages: &["./stand-ins"], binaries: &["stand-ins"], ..PLAIN };
/// Puts artifacts into registries, and takes them out, as others do.
pub(super) const ORAS: Set = Set { name: "oras", packages: &["oras.land/oras/cmd/oras"], binaries: &["oras"], ..PLAIN };
/// A registry that keeps lists of referrers.
pub(super) const REFERRERS: Set =
    Set { name: "referrers", packages: &["./referrers"], binaries: &["referrers"], ..PLAIN };
/// Signs and verifies as others do. Its dependencies are those of four clouds, whatever tags there are.
pub(super) const COSIGN: Set = Set {
    name: "cosign",
    packages: &["github.com/sigstore/cosign/v3/cmd/cosign"],
    binaries: &["cosign"],
    takes: "2 minutes on two cores",
    ..PLAIN
};
/// What most of them have in common.
const PLAIN: Set = Set { name: "", packages: &[], binaries: &[], stamps: &[], tags: "", takes: "some seconds" };

/// Builds those sets that are missing or out of date.
pub(super) fn build_all(sets: &[&Set]) -> Result<()> {
    let versions = versions()?;
    let mut due = Vec::new();
    for set in sets {
        due.extend(outdated(set, versions.clone())?.map(|key| (*set, key)));
    }
    let sets: Vec<&Set> = due.iter().map(|(set, _)| *set).collect();
    let _downloads = Downloads::begin(&sets)?;
    due.into_iter().try_for_each(|(set, key)| build(set, &key))
}

/// What a set is to be built from, unless it was built from that.
fn outdated(set: &Set, versions: Sha256) -> Result<Option<String>> {
    let present = set.binaries.iter().all(|name| paths::binary(name).is_file());
    let (key, built) = (key(set, versions)?, fs::read_to_string(stamp(set)).ok());
    Ok(if present && built.as_deref() == Some(&key) { None } else { Some(key) })
}

fn stamp(set: &Set) -> PathBuf {
    paths::binaries().join(format!(".{}.stamp", set.name))
}

/// Fetches the sources of all sets while the first of them is compiled: the one waits for the network, the other for
/// processors. What it cannot fetch the build asks for again, and says why.
struct Downloads(Option<Child>);

impl Downloads {
    fn begin(sets: &[&Set]) -> Result<Self> {
        if sets.len() < 2 {
            return Ok(Self(None));
        }
        let mut command = Command::new("go");
        // The one tag that there is leaves files of one set out, and concerns no other.
        command.args(["list", "-deps", "-tags", PROMETHEUS.tags]);
        command.args(sets.iter().flat_map(|set| set.packages)).current_dir(paths::cluster_sources());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Some).map(Self).context("run go list")
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It has ended already, unless a build failed.
            let _ended = child.kill();
            let _code = child.wait();
        }
    }
}

fn build(set: &Set, key: &str) -> Result<()> {
    let binaries = paths::binaries();
    fs::create_dir_all(&binaries).with_context(|| format!("make {}", binaries.display()))?;
    let log = paths::cluster_output().join(format!("log/{}.log", set.name));
    println!("building {} (the first time {}); log: {}", set.binaries.join(", "), set.takes, log.display());
    let began = Instant::now();
    go_build(set, &log)?;
    if set.binaries.contains(&"etcd") {
        // Go names a tool after the last part of its package, and etcd's is "server".
        fs::rename(paths::binary("server"), paths::binary("etcd")).context("rename etcd")?;
    }
    let stamp = stamp(set);
    fs::write(&stamp, key).with_context(|| format!("write {}", stamp.display()))?;
    println!("built in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// What all sets are built from: the list of versions, and the compiler.
fn versions() -> Result<Sha256> {
    let folder = paths::cluster_sources();
    let mut digest = Sha256::new();
    for list in ["go.mod", "go.sum"] {
        digest_file(&mut digest, &folder.join(list))?;
    }
    let mut version = Command::new("go");
    let version = output(version.args(["env", "GOVERSION"]).current_dir(&folder));
    digest
        .update(version.context("find Go 1.26 or later (see https://go.dev/dl), which builds the cluster's binaries")?);
    Ok(digest)
}

/// What a set is built from: that, and its own sources.
fn key(set: &Set, mut versions: Sha256) -> Result<String> {
    for own in set.packages.iter().filter(|package| package.starts_with("./")) {
        let own = paths::cluster_sources().join(own);
        let entries = fs::read_dir(&own).with_context(|| format!("list {}", own.display()))?.flatten();
        let mut sources: Vec<_> = entries.map(|entry| entry.path()).collect();
        sources.sort();
        sources.iter().try_for_each(|source| digest_file(&mut versions, source))?;
    }
    Ok(hex(&versions.finalize()))
}

fn digest_file(digest: &mut Sha256, path: &Path) -> Result<()> {
    digest.update(fs::read(path).with_context(|| format!("read {}", path.display()))?);
    Ok(())
}

fn go_build(set: &Set, log: &Path) -> Result<()> {
    let stamps: String = set.stamps.iter().map(|stamp| format!(" -X {stamp}")).collect();
    let linker = format!("-s -w{stamps}");
    // The linker leaves out what a debugger would want; that the compiler does not make it saves an eighth of the time.
    let compiler = "all=-dwarf=false";
    let into = format!("{}/", paths::binaries().display());
    let mut command = Command::new("go");
    command
        .args(["build", "-tags", set.tags, "-gcflags", compiler, "-ldflags", &linker, "-o", &into])
        .args(set.packages);
    command.current_dir(paths::cluster_sources()).env("CGO_ENABLED", "0");
    run_with_log(&mut command, log)
}
