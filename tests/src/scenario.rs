//! Whole workloads, as people have them, from their manifests to the end of their work; for the demo and for tests.
//!
//! Owns one folder for each, and how Bellows is started for them. Refuses to change the manifests of a workload, but for
//! what only its cluster knows.

pub mod rabbitmq;
pub mod redis;
mod watch;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::cluster::Cluster;
use crate::node;
use crate::services::{Bellows, BellowsOptions, free_port, install};
use crate::wait::Stop;

/// Installs Bellows into a cluster and waits until the cluster asks it for metrics.
fn start_bellows(cluster: &Cluster, authorities: Option<PathBuf>, stop: &Stop) -> Result<Bellows> {
    println!("installing Bellows: definitions, RBAC, external metrics API");
    let port = free_port(Ipv4Addr::LOCALHOST.into())?;
    install(cluster, port)?;
    let options = BellowsOptions {
        ca_dir: authorities,
        dns_server: cluster.node().map(|_| node::DNS_SERVER.to_owned()),
        metrics_port: Some(port),
        life: cluster.life(),
        ..BellowsOptions::default()
    };
    let mut bellows = Bellows::start(cluster, &options)?;
    bellows.wait_until_ready(stop, Duration::from_secs(60))?;
    let available = ["wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout=1s"];
    cluster.wait_for("the external metrics API is available", Duration::from_secs(60), || {
        bellows.process().check()?;
        Ok(Some(cluster.kubectl(&available)?))
    })?;
    Ok(bellows)
}
