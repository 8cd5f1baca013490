//! Which cluster has the machine's one real node.
//!
//! Owns the claim, a file that says whose it is and how the machine was before. Refuses a second claim while the first
//! one's owner lives, and removes what is left of a dead one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::remove;
use crate::process::Record;

/// Outside the checkout: two checkouts have one machine.
const CLAIM: &str = "/run/bellows-node.claim";

/// Settings of the kernel that the node's processes change.
const SETTINGS: [&str; 12] = [
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
];

/// Folders that containerd and kubelet make wherever they run; those that were not there before go again.
const FOLDERS: [&str; 7] = [
    "/run/containerd",
    "/opt/containerd",
    "/opt/cni",
    "/etc/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/lib/cni",
];

/// A claim as it was taken.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) directory: PathBuf,
    owner: Option<Record>,
    /// Kernel settings as they were.
    pub(super) settings: BTreeMap<String, String>,
    /// Folders that were not there.
    pub(super) absent: Vec<String>,
}

impl Claim {
    /// Takes the claim for the cluster in `directory`.
    pub(super) fn take(directory: &Path) -> Result<()> {
        if let Some(claim) = Self::read()? {
            if claim.alive() {
                bail!(
                    "this machine has a real node already, of the cluster in {}; there can be one at a time",
                    claim.directory.display()
                );
            }
            println!("removing what is left of an earlier real node");
            remove::remove(&claim)?;
        }
        if remove::pod_cgroups().iter().any(|cgroup| cgroup.exists()) {
            bail!("this machine is a Kubernetes node already: it has cgroups named kubepods");
        }
        let present = |name: &&str| Path::new("/proc/sys").join(name).exists();
        let settings: BTreeMap<&str, String> = SETTINGS
            .into_iter()
            .filter(present)
            .map(|name| (name, fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default()))
            .collect();
        let absent: Vec<&str> = FOLDERS.into_iter().filter(|folder| !Path::new(folder).exists()).collect();
        let owner = Record::of(std::process::id()).map(|record| record.to_string());
        let text = json!({"directory": directory, "owner": owner, "settings": settings, "absent": absent}).to_string();
        // A link appears with all of its content, or not at all if somebody else was first.
        let draft = format!("{CLAIM}.{}", std::process::id());
        fs::write(&draft, text).with_context(|| format!("write {draft}"))?;
        let linked = fs::hard_link(&draft, CLAIM);
        fs::remove_file(&draft).with_context(|| format!("remove {draft}"))?;
        linked.context("claim the machine's one real node (somebody else just did)")
    }

    /// The claim that is there.
    pub(super) fn read() -> Result<Option<Self>> {
        let text = match fs::read_to_string(CLAIM) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {CLAIM}")),
        };
        let value: Value = serde_json::from_str(&text).with_context(|| format!("understand {CLAIM}"))?;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let field = |name: &str| value.get(name).cloned().unwrap_or_default();
        let settings =
            field("settings").as_object().into_iter().flatten().map(|(name, was)| (name.clone(), word(was))).collect();
        Ok(Some(Self {
            directory: PathBuf::from(word(&field("directory"))),
            owner: Record::parse(&word(&field("owner"))),
            settings,
            absent: field("absent").as_array().into_iter().flatten().map(word).collect(),
        }))
    }

    /// Whether its owner lives, or any process of its node, which may live on its own.
    fn alive(&self) -> bool {
        let runs = |name: &&str| Record::read(&self.directory, name).is_some_and(Record::runs);
        self.owner.is_some_and(Record::runs) || remove::PROCESSES.iter().any(runs)
    }

    /// Gives it back.
    pub(super) fn release() -> Result<()> {
        fs::remove_file(CLAIM).with_context(|| format!("remove {CLAIM}"))
    }
}
