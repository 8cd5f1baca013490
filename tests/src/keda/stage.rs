//! The stage of KEDA's tests: a real node, metrics-server, images, and whoever is tested.
//!
//! Owns all of it until dropped, and the environment in which a test runs. Bellows comes by its chart, KEDA by its own
//! manifests. Refuses to name one that is tested ready before the external metrics API is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::{images, oracle, output_folder};
use crate::cluster::{Cluster, Options};
use crate::paths;
use crate::services::{Deployed, MetricsServer};
use crate::wait::Stop;

/// The namespace of Bellows: the one that KEDA's tests have for KEDA.
const NAMESPACE: &str = "keda";

/// Whoever is tested, in pods, which end with the node.
enum Subject {
    Bellows(Deployed),
    Keda,
}

pub(super) struct Stage {
    // Fields end in this order.
    subject: Subject,
    _metrics: MetricsServer,
    cluster: Cluster,
    path: PathBuf,
    registry: String,
}

impl Stage {
    /// Sets it up, in about a minute.
    pub(super) fn set(keda: bool, stop: &Stop) -> Result<Self> {
        let path = images::write_wrapper()?;
        let cluster = Cluster::start(Options {
            stand_in_nodes: 0,
            real_node: true,
            stop: stop.clone(),
            // As KEDA's tests expect.
            ..Options::as_anywhere()
        })?;
        let registry = cluster.node().context("there is a real node")?.registry()?;
        println!("images and the chart of Redis");
        images::push(registry)?;
        let registry = registry.address().to_string();
        let metrics = MetricsServer::start(&cluster)?;
        let subject = if keda {
            oracle::install(&cluster)?;
            Subject::Keda
        } else {
            Subject::Bellows(install_bellows(&cluster)?)
        };
        Ok(Self { subject, _metrics: metrics, cluster, path, registry })
    }

    /// What a test's process is given.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("KUBECONFIG", self.cluster.admin_kubeconfig().display().to_string()),
            ("PATH", format!("{}:{}", self.path.display(), paths::search_path())),
            ("HELM", paths::binary("helm").display().to_string()),
            ("REGISTRY", self.registry.clone()),
            // Caches of kubectl and helm.
            ("HOME", output_folder().display().to_string()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// Fails when whoever is tested has ended.
    pub(super) fn check(&self) -> Result<()> {
        match &self.subject {
            Subject::Bellows(bellows) => bellows.check(&self.cluster),
            Subject::Keda => Ok(()),
        }
    }

    /// Keeps what whoever is tested wrote.
    pub(super) fn keep_log(&self, folder: &Path) -> Result<PathBuf> {
        let (name, text) = match &self.subject {
            Subject::Bellows(bellows) => ("bellows.log", bellows.log(&self.cluster)?),
            Subject::Keda => ("keda-operator.log", oracle::log(&self.cluster)?),
        };
        let kept = folder.join(name);
        std::fs::write(&kept, text).with_context(|| format!("write {}", kept.display()))?;
        Ok(kept)
    }
}

/// By the chart, with the one event that KEDA writes and a host of a thousand objects would rather not.
fn install_bellows(cluster: &Cluster) -> Result<Deployed> {
    let values = json!({"extraArgs": {"keda": {"events": "all", "log": "info,bellows=debug"}}});
    let file = output_folder().join("values.json");
    std::fs::write(&file, values.to_string()).with_context(|| format!("write {}", file.display()))?;
    Deployed::install(cluster, NAMESPACE, &[&file])
}
