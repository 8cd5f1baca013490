//! Removing a real node from the machine.
//!
//! Owns the way back to the machine as it was: pods, processes, rules, mounts, bridge, address, kernel settings, folders.
//! Works from the claim alone, so that it can clear up after a run that was killed. Refuses to touch anything when there
//! is no claim.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::claim::Claim;
use super::{ADDRESS, RUN};
use crate::paths;
use crate::process::{Record, output};
use crate::services::REGISTRY;
use crate::wait::{self, Stop};

/// The node's processes in the order in which they end: first what starts pods and rules, containerd after its pods.
pub(super) const PROCESSES: [&str; 5] = ["kubelet", "kube-proxy", "coredns", "containerd", REGISTRY];

/// The longest that a killed process, a cgroup or a bridge takes to go on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Removes the real node of the cluster in `directory`; does nothing where that cluster has none.
///
/// # Errors
/// Something cannot be removed; the claim stays, and the next start tries again.
pub fn tear_down(directory: &Path) -> Result<()> {
    match Claim::read()? {
        Some(claim) if claim.directory == directory => remove(&claim),
        _ => Ok(()),
    }
}

/// Removes everything that belongs to a claim, and then the claim.
pub(super) fn remove(claim: &Claim) -> Result<()> {
    end(&claim.directory, "kubelet")?;
    end_pods()?;
    for name in PROCESSES {
        end(&claim.directory, name)?;
    }
    remove_rules()?;
    remove_mounts(&claim.directory)?;
    remove_cgroups()?;
    if Path::new("/sys/class/net/cnr0").exists() {
        output(Command::new("ip").args(["link", "delete", "cnr0"])).context("remove the pods' bridge")?;
    }
    if output(Command::new("ip").args(["-brief", "address", "show", "lo"]))?.contains(&format!("{ADDRESS}/32")) {
        let remove = ["address", "delete", &format!("{ADDRESS}/32"), "dev", "lo"];
        output(Command::new("ip").args(remove)).context("remove the node's address")?;
    }
    for (name, was) in &claim.settings {
        let path = format!("/proc/sys/{name}");
        if fs::read_to_string(&path).is_ok_and(|is| is != *was) {
            fs::write(&path, was.trim()).with_context(|| format!("set {name} as it was"))?;
        }
    }
    let own =
        ["containerd-root", "kubelet", "pod-logs", "addresses", "registry"].map(|name| claim.directory.join(name));
    let absent = claim.absent.iter().map(PathBuf::from);
    for folder in own.into_iter().chain(absent).chain([PathBuf::from(RUN)]) {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", folder.display()));
            }
            _ => {}
        }
    }
    Claim::release()
}

fn end(directory: &Path, name: &str) -> Result<()> {
    let Some(record) = Record::read(directory, name) else { return Ok(()) };
    record.signal(Signal::KILL);
    let gone = || Ok((!record.runs()).then_some(()));
    wait::until(&Stop::default(), &format!("{name} is gone"), PATIENCE, gone)
}

/// The cgroups under which kubelet puts all pods, one for each hierarchy.
pub(super) fn pod_cgroups() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut cgroups: Vec<PathBuf> =
        entries.map(|entry| entry.path().join("kubepods")).filter(|path| path.is_dir()).collect();
    cgroups.push(root.join("kubepods"));
    cgroups.retain(|path| path.is_dir());
    cgroups
}

/// All cgroups below one, the deepest first.
fn below(cgroup: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cgroup).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut all: Vec<PathBuf> = folders.flat_map(|folder| below(&folder)).collect();
    all.push(cgroup.to_path_buf());
    all
}

/// Kills every process in the pods' cgroups, and the shims that watch over them.
fn end_pods() -> Result<()> {
    wait::until(&Stop::default(), "all pods are gone", PATIENCE, || {
        let cgroups = pod_cgroups().into_iter().flat_map(|cgroup| below(&cgroup));
        let listed = cgroups.filter_map(|cgroup| fs::read_to_string(cgroup.join("cgroup.procs")).ok());
        let ids: Vec<i32> =
            listed.flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>()).collect();
        let ids = ids.into_iter().chain(shims());
        let mut none_left = true;
        for id in ids.filter_map(Pid::from_raw) {
            none_left = false;
            // One that ends by itself meanwhile is what we want.
            let _gone = kill_process(id, Signal::KILL);
        }
        Ok(none_left.then_some(()))
    })
}

/// containerd's shims of this node: those that report to its socket.
fn shims() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    let ours = |id: &i32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains("containerd-shim-runc-v2") && line.contains(&format!("{RUN}/containerd.sock"))
    };
    ids.filter(ours).collect()
}

/// Removes the rules of kube-proxy and kubelet: all chains that begin with `KUBE-`.
fn remove_rules() -> Result<()> {
    let mut cleanup = Command::new(paths::binary("kube-proxy"));
    cleanup.arg("--cleanup").env("PATH", paths::search_path());
    // It reports what it did not find, too, so what counts is the look that follows.
    let _noise = output(&mut cleanup);
    for command in ["iptables", "ip6tables"] {
        let save =
            output(Command::new(format!("{command}-save")).env("PATH", paths::search_path())).unwrap_or_default();
        let mut restore = String::new();
        for table in save.split("\n*").filter(|table| table.contains("KUBE-")) {
            let name = table.trim_start_matches('*').lines().find(|line| !line.starts_with('#')).unwrap_or_default();
            restore.push_str(&format!("*{}\n", name.trim_start_matches('*')));
            let lines = || table.lines();
            let chains: Vec<&str> =
                lines().filter_map(|line| line.strip_prefix(":KUBE-")?.split_whitespace().next()).collect();
            let foreign = lines().filter(|line| line.starts_with("-A ") && !line.starts_with("-A KUBE-"));
            for rule in foreign.filter(|line| line.contains("KUBE-")) {
                restore.push_str(&format!("{}\n", rule.replacen("-A ", "-D ", 1)));
            }
            restore.extend(chains.iter().map(|chain| format!("-F KUBE-{chain}\n")));
            restore.extend(chains.iter().map(|chain| format!("-X KUBE-{chain}\n")));
            restore.push_str("COMMIT\n");
        }
        if !restore.is_empty() {
            let script = format!("{command}-restore --noflush <<'RULES'\n{restore}RULES\n");
            output(Command::new("sh").args(["-c", &script])).context("remove the rules of Services")?;
        }
    }
    Ok(())
}

fn remove_mounts(directory: &Path) -> Result<()> {
    let text = fs::read_to_string("/proc/self/mounts").context("list mounts")?;
    let mut points: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(directory) || point.starts_with(RUN))
        .collect();
    // What was mounted later may lie inside what was mounted before.
    points.reverse();
    for point in points {
        output(Command::new("umount").arg("--lazy").arg(&point)).context("unmount")?;
    }
    Ok(())
}

fn remove_cgroups() -> Result<()> {
    wait::until(&Stop::default(), "the pods' cgroups are gone", PATIENCE, || {
        for cgroup in pod_cgroups().iter().flat_map(|cgroup| below(cgroup)) {
            fs::remove_dir(&cgroup).with_context(|| format!("remove {}", cgroup.display()))?;
        }
        Ok(Some(()))
    })
}
