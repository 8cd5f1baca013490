//! The cluster's binaries, built from Go modules.
//!
//! Owns when they are built: when a binary is missing, or when its module or the compiler changed. Refuses to use a binary
//! of another build than the module names.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::image::hex;
use crate::paths;
use crate::process::output;

/// Kubernetes stamps its version with the linker, and says v0.0.0 without. It must be the module's.
const KUBERNETES: &[&str] = &[
    "k8s.io/component-base/version.gitVersion=v1.36.3",
    "k8s.io/component-base/version.gitMajor=1",
    "k8s.io/component-base/version.gitMinor=36",
];
/// helm takes every cluster that it cannot ask for 1.20 without these, and would refuse charts for newer ones.
const KUBERNETES_OF_HELM: &[&str] = &[
    "helm.sh/helm/v3/internal/version.version=v3.22.0",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36",
];

/// A Go module and the binaries that come from it.
pub(super) struct Set {
    /// Its folder.
    module: &'static str,
    binaries: &'static [&'static str],
    /// What `go build` is to build: the tools that `go.mod` names, or the module's own main package.
    what: Build,
    /// What the linker writes into variables.
    stamps: &'static [&'static str],
    /// Build tags of Go.
    tags: &'static str,
    /// How long a first build takes.
    takes: &'static str,
}

enum Build {
    Tools,
    Main(&'static str),
}

pub(super) const CONTROL_PLANE: Set = Set {
    module: "control-plane",
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
    what: Build::Tools,
    stamps: KUBERNETES,
    tags: "",
    takes: "6 minutes on two cores",
};
pub(super) const NODE: Set = Set {
    module: "node",
    binaries: &["containerd", "containerd-shim-runc-v2", "ctr"],
    what: Build::Tools,
    stamps: &[],
    tags: "",
    takes: "2 minutes on two cores",
};
pub(super) const DNS: Set = Set {
    module: "dns",
    binaries: &["coredns"],
    what: Build::Main("coredns"),
    stamps: &[],
    tags: "",
    takes: "a minute on two cores",
};
pub(super) const HELM: Set = Set {
    module: "helm",
    binaries: &["helm"],
    what: Build::Tools,
    stamps: KUBERNETES_OF_HELM,
    tags: "",
    takes: "a minute and a half on two cores",
};
/// It does not belong in the control plane's module, whose dependencies it would raise.
pub(super) const METRICS_SERVER: Set = Set {
    module: "metrics-server",
    binaries: &["metrics-server"],
    what: Build::Tools,
    stamps: &[],
    tags: "",
    takes: "2 minutes on two cores",
};
/// Without the tag it wants modules of every place where services can be discovered; files suffice here.
pub(super) const PROMETHEUS: Set = Set {
    module: "prometheus",
    binaries: &["prometheus", "promtool"],
    what: Build::Tools,
    stamps: &[],
    tags: "remove_all_sd",
    takes: "2 minutes on two cores",
};
/// Plays the programs in the images of KEDA's tests.
pub(super) const STAND_INS: Set = Set {
    module: "stand-ins",
    binaries: &["stand-ins"],
    what: Build::Main("stand-ins"),
    stamps: &[],
    tags: "",
    takes: "some seconds",
};

/// Puts artifacts into registries, and takes them out, as others do.
pub(super) const ORAS: Set =
    Set { module: "oras", binaries: &["oras"], what: Build::Tools, stamps: &[], tags: "", takes: "some seconds" };
/// A registry that keeps lists of referrers.
pub(super) const REFERRERS: Set = Set {
    module: "referrers",
    binaries: &["referrers"],
    what: Build::Main("referrers"),
    stamps: &[],
    tags: "",
    takes: "some seconds",
};
/// Signs and verifies as others do. Its dependencies are those of four clouds, whatever tags there are.
pub(super) const COSIGN: Set = Set {
    module: "cosign",
    binaries: &["cosign"],
    what: Build::Tools,
    stamps: &[],
    tags: "",
    takes: "2 minutes on two cores",
};

/// Builds a set if it is missing or out of date.
pub(super) fn build(set: &Set) -> Result<()> {
    let stamp = paths::binaries().join(format!(".{}.stamp", set.module));
    let present = set.binaries.iter().all(|name| paths::binary(name).is_file());
    let key = key(set)?;
    let built = fs::read_to_string(&stamp).ok();
    if present && built.as_deref() == Some(&key) {
        return Ok(());
    }
    let logs = paths::cluster_output().join("log");
    for folder in [&logs, &paths::binaries()] {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let log = logs.join(format!("{}.log", set.module));
    println!("building {} (the first time {}); log: {}", set.binaries.join(", "), set.takes, log.display());
    let began = Instant::now();
    run(set, &log)?;
    if set.binaries.contains(&"etcd") {
        // Go names a tool after the last part of its package, and etcd's is "server".
        fs::rename(paths::binary("server"), paths::binary("etcd")).context("rename etcd")?;
    }
    fs::write(&stamp, key).with_context(|| format!("write {}", stamp.display()))?;
    println!("built in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// What a set is built from: its module and the compiler.
fn key(set: &Set) -> Result<String> {
    let folder = paths::cluster_sources().join(set.module);
    let mut digest = Sha256::new();
    let entries = fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?.flatten();
    let mut sources: Vec<_> = entries.map(|entry| entry.path()).collect();
    sources.sort();
    for path in sources {
        digest.update(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
    }
    let mut version = Command::new("go");
    let version = output(version.args(["env", "GOVERSION"]).current_dir(&folder));
    digest
        .update(version.context("find Go 1.26 or later (see https://go.dev/dl), which builds the cluster's binaries")?);
    Ok(hex(&digest.finalize()))
}

fn run(set: &Set, log: &std::path::Path) -> Result<()> {
    let stamps: String = set.stamps.iter().map(|stamp| format!(" -X {stamp}")).collect();
    let linker = format!("-s -w{stamps}");
    let (into, what) = match set.what {
        Build::Tools => (format!("{}/", paths::binaries().display()), "tool"),
        Build::Main(name) => (paths::binary(name).display().to_string(), "."),
    };
    let file = File::create(log).with_context(|| format!("make {}", log.display()))?;
    let mut command = Command::new("go");
    command.args(["build", "-tags", set.tags, "-ldflags", &linker, "-o", &into, what]);
    command.current_dir(paths::cluster_sources().join(set.module)).env("CGO_ENABLED", "0");
    command.stdin(Stdio::null()).stdout(file.try_clone().context("share the log")?).stderr(file);
    let status = command.status().context("run go build")?;
    if !status.success() {
        bail!("go build of {} ended with {status}; see {}", set.module, log.display());
    }
    Ok(())
}
