//! The stage: a Redis with TLS and a password, and KEDA's manifests.
//!
//! Owns the files beside it and where Redis runs: in a pod, or as a process where there are no pods. Refuses to touch
//! anything in the manifests but the host of Redis.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::trusted;
use crate::authority::{Authority, Subject};
use crate::cluster::Cluster;
use crate::image;
use crate::process::output;
use crate::scenario::watch::Work;
use crate::services::{Redis, RedisOptions};

/// The password, in the clear; the Secret holds it encoded.
const PASSWORD: &str = "foobared";
/// The list that Celery uses.
pub(super) const LIST: &str = "celery";

/// Where Redis runs.
pub(super) enum Broker {
    /// In a pod, behind the Service `redis`.
    Pod {
        /// The Service's address, which leads there from this machine too.
        address: String,
        /// The certificate of its authority.
        authority: PathBuf,
    },
    /// As a process of this machine.
    Process(Box<Redis>),
}

impl Broker {
    /// Starts it in a pod. Its certificate is good for every form of the Service's name.
    pub(super) fn pod(cluster: &Cluster) -> Result<Self> {
        println!("starting Redis with TLS and a password in a pod");
        let images = [image::redis()?, image::celery()?];
        if let Some(node) = cluster.node() {
            images.iter().try_for_each(|image| node.import(image))?;
        }
        let folder = cluster.directory().join("redis");
        let authority = Authority::create(&folder, "ca")?;
        let hosts = ["redis", "redis.default", "redis.default.svc", "redis.default.svc.cluster.local"];
        authority.issue("redis", &Subject { name: "redis", groups: &[], hosts: &hosts })?;
        fs::write(folder.join("redis.conf"), include_str!("redis.conf")).context("write redis.conf")?;
        let file = |name: &str| format!("--from-file={}", folder.join(name).display());
        let files = ["ca.crt", "redis.crt", "redis.key", "redis.conf"].map(file);
        let mut secret = vec!["create", "secret", "generic", "redis-server", "--namespace=default"];
        secret.extend(files.iter().map(String::as_str));
        cluster.kubectl(&secret)?;
        cluster.kubectl(&["create", "configmap", "redis-authority", "--namespace=default", &file("ca.crt")])?;
        cluster.apply(include_str!("redis.yaml"))?;
        cluster.wait_for("Redis is Ready", Duration::from_secs(60), || {
            Ok(Some(cluster.kubectl(&["wait", "--for=condition=Ready", "pod/redis", "--timeout=1s"])?))
        })?;
        let address = cluster.kubectl(&["get", "service", "redis", "--output=jsonpath={.spec.clusterIP}"])?;
        Ok(Self::Pod { address, authority: authority.certificate })
    }

    /// Starts it as a process.
    pub(super) fn process() -> Result<Self> {
        println!("starting Redis with TLS and a password on this machine");
        let options = RedisOptions { tls: true, password: Some(PASSWORD.to_owned()), ..RedisOptions::default() };
        Ok(Self::Process(Box::new(Redis::start(options)?)))
    }

    /// What the workload knows as REDIS_HOST. In a pod it is the short name, which only the workload's own namespace has.
    fn host(&self) -> String {
        match self {
            Self::Pod { .. } => "redis:6379".to_owned(),
            Self::Process(redis) => redis.address().to_string(),
        }
    }

    /// A folder with the certificate of its authority.
    pub(super) fn authority(&self) -> Result<PathBuf> {
        let certificate = match self {
            Self::Pod { authority, .. } => authority.as_path(),
            Self::Process(redis) => redis.authority().context("a Redis with TLS has an authority")?,
        };
        trusted(certificate.parent().unwrap_or(Path::new(".")), certificate)
    }
}

impl Work for Broker {
    /// How many items wait in the list.
    fn waiting(&self) -> Result<Vec<Option<usize>>> {
        let answer = match self {
            Self::Pod { address, authority } => {
                let mut command = Command::new("timeout");
                command.args([
                    "2",
                    "redis-cli",
                    "-e",
                    "-h",
                    address,
                    "-p",
                    "6379",
                    "--sni",
                    "redis",
                    "--tls",
                    "--cacert",
                ]);
                output(command.arg(authority).env("REDISCLI_AUTH", PASSWORD).args(["LLEN", LIST]))?
            }
            Self::Process(redis) => redis.cli(&["LLEN", LIST])?,
        };
        let length = answer.trim().parse().with_context(|| format!("read the length of the list in {answer:?}"))?;
        Ok(vec![Some(length)])
    }

    /// Takes items from the list as that many workers do in a second, where no worker does it.
    fn turn(&self, workers: usize, turn: usize) -> Result<()> {
        // A task takes two seconds on average: half of the workers finish one in each second.
        let taken = if turn.is_multiple_of(2) { workers.div_ceil(2) } else { workers / 2 };
        match self {
            Self::Process(redis) if taken > 0 => redis.cli(&["LPOP", LIST, &taken.to_string()]).map(drop),
            _ => Ok(()),
        }
    }
}

/// Applies the workload: Secret and ScaledObject as they are, the Deployment with the host of Redis filled in.
pub(super) fn apply_workload(cluster: &Cluster, broker: &Broker) -> Result<()> {
    let folder = cluster.directory().join("program");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for (name, text) in [("tasks.py", include_str!("tasks.py")), ("produce.py", include_str!("produce.py"))] {
        fs::write(folder.join(name), text).with_context(|| format!("write {name}"))?;
    }
    let program = format!("--from-file={}", folder.display());
    cluster.kubectl(&["create", "configmap", "demo-program", "--namespace=default", &program])?;
    cluster.apply(include_str!("secret.yaml"))?;
    cluster.apply(&include_str!("worker.yaml").replace("$REDIS_HOST", &broker.host()))?;
    cluster.apply(include_str!("scaledobject.yaml"))?;
    Ok(())
}

/// Sends the work: by a producer in a pod, or by ourselves.
pub(super) fn send_work(cluster: &Cluster, broker: &Broker, count: usize) -> Result<()> {
    match broker {
        Broker::Process(redis) => redis.push(LIST, count),
        Broker::Pod { .. } => {
            let job = include_str!("producer.yaml").replace("$REDIS_HOST", &broker.host());
            cluster.apply(&job.replace("$COUNT", &count.to_string())).map(drop)
        }
    }
}
