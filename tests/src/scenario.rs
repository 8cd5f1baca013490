//! Whole workloads, as people have them, from their manifests to the end of their work; for the demo and for tests.
//!
//! Owns one folder for each, and how Bellows is started for them. Refuses to change the manifests of a workload, but for
//! what only its cluster knows.

pub mod rabbitmq;
pub mod redis;
mod watch;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::chart::RELEASE;
use crate::cluster::Cluster;
use crate::services::{Bellows, BellowsOptions, Deployed, free_port, install, trust, wait_for_external_metrics};
use crate::wait::Stop;

/// Where Bellows of a scenario runs.
enum Host {
    /// In a pod, installed by its chart.
    Pod(Deployed),
    /// As a process of this machine, where pods are played.
    Process(Box<Bellows>),
}

impl Host {
    /// Installs Bellows into a cluster, trusting the certificates in a folder, and waits until the cluster asks it for
    /// metrics.
    fn start(cluster: &Cluster, authorities: Option<PathBuf>, stop: &Stop) -> Result<Self> {
        if cluster.node().is_some() {
            let trusted = authorities.map(|folder| trust(cluster, RELEASE, &folder)).transpose()?;
            let values: Vec<&Path> = trusted.iter().map(PathBuf::as_path).collect();
            return Ok(Self::Pod(Deployed::install(cluster, RELEASE, &values)?));
        }
        println!("installing Bellows: definitions, RBAC, external metrics API");
        let port = free_port(Ipv4Addr::LOCALHOST.into())?;
        install(cluster, port)?;
        let options = BellowsOptions {
            ca_dir: authorities,
            metrics_port: Some(port),
            life: cluster.life(),
            ..BellowsOptions::default()
        };
        let mut bellows = Bellows::start(cluster, &options)?;
        bellows.wait_until_ready(stop, Duration::from_secs(60))?;
        wait_for_external_metrics(cluster, Duration::from_secs(60), || bellows.process().check())?;
        Ok(Self::Process(Box::new(bellows)))
    }

    /// Fails where it did not run all the time.
    fn check(&mut self, cluster: &Cluster) -> Result<()> {
        match self {
            Self::Pod(deployed) => deployed.check(cluster),
            Self::Process(bellows) => bellows.process().check(),
        }
    }

    /// Ends it, and says how that went.
    fn end(&mut self, cluster: &Cluster) -> Result<()> {
        match self {
            Self::Pod(deployed) => println!("uninstalling Bellows: {}", deployed.uninstall(cluster)?.trim()),
            Self::Process(bellows) => println!("Bellows ended with {}", bellows.terminate()?),
        }
        Ok(())
    }
}
