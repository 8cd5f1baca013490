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
const KUBERNETES: (&str, &str, &str) = ("v1.36.3", "1", "36");

/// A Go module and the binaries that come from it.
pub(super) struct Set {
    /// Its folder.
    module: &'static str,
    binaries: &'static [&'static str],
    /// What `go build` is to build: the tools that `go.mod` names, or the module's own main package.
    what: Build,
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
    takes: "6 minutes on two cores",
};
pub(super) const NODE: Set = Set {
    module: "node",
    binaries: &["containerd", "containerd-shim-runc-v2", "ctr"],
    what: Build::Tools,
    takes: "2 minutes on two cores",
};
pub(super) const DNS: Set =
    Set { module: "dns", binaries: &["coredns"], what: Build::Main("coredns"), takes: "a minute on two cores" };

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
    for name in ["go.mod", "go.sum", "main.go"] {
        match fs::read(folder.join(name)) {
            Ok(bytes) => digest.update(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("read {name} of {}", set.module)),
        }
    }
    let mut version = Command::new("go");
    let version = output(version.args(["env", "GOVERSION"]).current_dir(&folder));
    digest
        .update(version.context("find Go 1.26 or later (see https://go.dev/dl), which builds the cluster's binaries")?);
    Ok(hex(&digest.finalize()))
}

fn run(set: &Set, log: &std::path::Path) -> Result<()> {
    let (version, major, minor) = KUBERNETES;
    let package = "k8s.io/component-base/version";
    let linker =
        format!("-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}");
    let (into, what) = match set.what {
        Build::Tools => (format!("{}/", paths::binaries().display()), "tool"),
        Build::Main(name) => (paths::binary(name).display().to_string(), "."),
    };
    let file = File::create(log).with_context(|| format!("make {}", log.display()))?;
    let mut command = Command::new("go");
    command.args(["build", "-ldflags", &linker, "-o", &into, what]);
    command.current_dir(paths::cluster_sources().join(set.module)).env("CGO_ENABLED", "0");
    command.stdin(Stdio::null()).stdout(file.try_clone().context("share the log")?).stderr(file);
    let status = command.status().context("run go build")?;
    if !status.success() {
        bail!("go build of {} ended with {status}; see {}", set.module, log.display());
    }
    Ok(())
}
