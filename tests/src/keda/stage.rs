//! The stage of KEDA's tests: a real node, metrics-server, images, and whoever is tested.
//!
//! Owns all of it until dropped, and the environment in which a test runs. Refuses to name one that is tested ready before
//! the external metrics API is.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{images, logs, oracle, output_folder};
use crate::cluster::{Cluster, Options};
use crate::services::{Bellows, BellowsOptions, MetricsServer, free_port, install};
use crate::wait::Stop;
use crate::{node, paths};

/// Whoever is tested.
enum Subject {
    Bellows(Box<Bellows>),
    /// In pods, which end with the node.
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
            Subject::Bellows(Box::new(start_bellows(&cluster, stop)?))
        };
        let available =
            ["wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout=1s"];
        cluster.wait_for("the external metrics API is available", Duration::from_secs(180), || {
            Ok(Some(cluster.kubectl(&available)?))
        })?;
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
    pub(super) fn check(&mut self) -> Result<()> {
        match &mut self.subject {
            Subject::Bellows(bellows) => bellows.process().check(),
            Subject::Keda => Ok(()),
        }
    }

    /// Keeps what whoever is tested wrote.
    pub(super) fn keep_log(&mut self) -> Result<PathBuf> {
        let (name, text) = match &mut self.subject {
            Subject::Bellows(bellows) => {
                let log = bellows.process().log();
                ("bellows.log", std::fs::read_to_string(&log).context("read Bellows' log")?)
            }
            Subject::Keda => ("keda-operator.log", oracle::log(&self.cluster)?),
        };
        let kept = logs().join(name);
        std::fs::write(&kept, text).with_context(|| format!("write {}", kept.display()))?;
        Ok(kept)
    }
}

fn start_bellows(cluster: &Cluster, stop: &Stop) -> Result<Bellows> {
    println!("installing Bellows");
    let port = free_port(Ipv4Addr::LOCALHOST.into())?;
    install(cluster, port)?;
    let options = BellowsOptions {
        dns_server: Some(node::DNS_SERVER.to_owned()),
        metrics_port: Some(port),
        log: "info,bellows=debug".to_owned(),
        ..BellowsOptions::default()
    };
    let mut bellows = Bellows::start(cluster, &options)?;
    bellows.wait_until_ready(stop, Duration::from_secs(60))?;
    Ok(bellows)
}
