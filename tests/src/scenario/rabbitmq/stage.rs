//! The stage: two brokers, and the article's manifests.
//!
//! Owns the files beside it. Refuses to touch anything in the manifests but the two connection strings.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::cluster::Cluster;
use crate::image;
use crate::scenario::watch::Work;
use crate::services::rabbitmq::{Management, encode};

/// Where everything is.
pub(super) const NAMESPACE: &str = "zapier";
/// The ScaledObject, and the Deployment as well.
pub(super) const OBJECT: &str = "zapier-worker-celery";
pub(super) const RABBITMQ_1: &str = "rabbitmq-1";
pub(super) const RABBITMQ_2: &str = "rabbitmq-2";
/// The brokers and their passwords; one has every character that a careless reader of URIs trips over.
const BROKERS: [(&str, &str); 2] = [(RABBITMQ_1, "s3cret/@:%?"), (RABBITMQ_2, "foobared")];
const USER: &str = "zapier";
const VHOST: &str = "zaps";
const QUEUE: &str = "celery";

/// A broker is Ready after 9 s where nothing else runs.
const STARTED_MAX: Duration = Duration::from_secs(180);

/// Two brokers in pods, as their management has them.
pub(super) struct Brokers(Vec<Management>);

impl Brokers {
    /// Starts them and waits until they are Ready.
    pub(super) fn start(cluster: &Cluster) -> Result<Self> {
        println!("starting two RabbitMQ brokers in pods");
        let node = cluster.node().context("there is a real node")?;
        node.import(&image::rabbitmq()?)?;
        node.import(&image::celery()?)?;
        cluster.kubectl(&["create", "namespace", NAMESPACE])?;
        cluster.wait_for_account(NAMESPACE)?;
        for (name, password) in BROKERS {
            let manifest = include_str!("broker.yaml").replace("$BROKER", name).replace("$PASSWORD", password);
            apply(cluster, &format!("{name}.yaml"), &manifest)?;
        }
        let mut brokers = Vec::new();
        for (name, password) in BROKERS {
            cluster.wait_for(&format!("{name} is Ready"), STARTED_MAX, || {
                let ready = ["wait", "--for=condition=Ready", "--namespace", NAMESPACE, "--timeout=1s", "pod", name];
                Ok(Some(cluster.kubectl(&ready)?))
            })?;
            let address = ["get", "service", name, "--namespace", NAMESPACE, "--output=jsonpath={.spec.clusterIP}"];
            let address = cluster.kubectl(&address)?.trim().parse().context("read the address of a Service")?;
            brokers.push(Management {
                address: SocketAddr::new(address, 15672),
                user: USER.to_owned(),
                password: password.to_owned(),
            });
        }
        Ok(Self(brokers))
    }
}

impl Work for Brokers {
    fn waiting(&self) -> Result<Vec<Option<usize>>> {
        // Before a worker has come there is no queue.
        let ready = |broker: &Management| broker.ready(VHOST, QUEUE).ok().and_then(|count| usize::try_from(count).ok());
        Ok(self.0.iter().map(ready).collect())
    }
}

/// Applies the workload: the manifests with the connection strings filled in, and the Deployment.
pub(super) fn apply_workload(cluster: &Cluster, _brokers: &Brokers) -> Result<()> {
    let folder = cluster.directory().join("program");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for (name, text) in [("tasks.py", include_str!("tasks.py")), ("produce.py", include_str!("produce.py"))] {
        fs::write(folder.join(name), text).with_context(|| format!("write {name}"))?;
    }
    let program = format!("--from-file={}", folder.display());
    cluster.kubectl(&["create", "configmap", "program", "--namespace", NAMESPACE, &program])?;
    apply(cluster, "article.yaml", &manifests())?;
    apply(cluster, "worker.yaml", include_str!("worker.yaml"))
}

/// The article's manifests; each connection string takes the place that the article leaves for it.
fn manifests() -> String {
    BROKERS.iter().fold(include_str!("manifests.yaml").to_owned(), |text, (name, password)| {
        // Namespaces are left to the reader, as hosts are: a short name is the workload's.
        let uri = format!("amqp://{USER}:{}@{name}:5672/{VHOST}", encode(password));
        text.replacen("<AMQP URI connection string>", &STANDARD.encode(uri), 1)
    })
}

/// Sends tasks of one kind to a broker, by a producer in a pod.
pub(super) fn send(cluster: &Cluster, broker: &str, task: &str, count: usize) -> Result<()> {
    let name = format!("{task}-{broker}");
    let job = include_str!("producer.yaml").replace("$NAME", &name).replace("$TASK", task);
    let job = job.replace("$BROKER", broker).replace("$COUNT", &count.to_string());
    apply(cluster, &format!("{name}.yaml"), &job)
}

/// Applies manifests that leave their namespace to whoever applies them.
fn apply(cluster: &Cluster, file: &str, manifests: &str) -> Result<()> {
    let path = cluster.directory().join(file);
    fs::write(&path, manifests).with_context(|| format!("write {}", path.display()))?;
    let file = path.display().to_string();
    cluster.kubectl(&["apply", "--server-side", "--namespace", NAMESPACE, "--filename", &file]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_article_has_one_place_for_each_connection_string() {
        let filled = manifests();
        assert!(!filled.contains("connection string>"), "{filled}");
        let second = STANDARD.encode("amqp://zapier:foobared@rabbitmq-2:5672/zaps");
        assert!(filled.contains(&format!("rabbitmq-2: {second} # base64")), "{filled}");
    }
}
