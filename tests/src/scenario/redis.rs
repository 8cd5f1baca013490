//! KEDA's example of Celery workers on a Redis list with TLS and a password: work arrives at zero, and is done.
//!
//! Owns the order of events; the stage is set in `stage`, and what happens on it is watched in `watch`. Refuses to change
//! the manifests: only the host of Redis is filled in.

mod stage;
mod watch;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cluster::{Cluster, Options};
use crate::process::Life;
use crate::services::{Bellows, BellowsOptions, free_port, install};
use crate::wait::Stop;
use crate::{node, paths};
use stage::Broker;
pub use watch::Moments;
use watch::Watch;

/// Tasks that the producer sends: twelve replicas' worth, which the object's ten have to share.
const TASKS: usize = 120;

/// Work has to be noticed within one polling interval and to be done by at most ten workers: 120 tasks of 2 s are 24 s for
/// ten and 240 s for one. The cooldown of 200 s and a minute of slack come on top.
const LIMIT: Duration = Duration::from_secs(240 + 200 + 160);

/// How it is played.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Real pods, on a real node. Otherwise stand-ins play them, and we take the work from the list ourselves.
    pub real: bool,
    /// Everything is left running at the end, in `target/cluster/dev`.
    pub keep: bool,
    /// Ends it early.
    pub stop: Stop,
}

/// Plays it from a new cluster to the last worker's end, some five minutes, and says when what was first seen.
///
/// # Errors
/// Something cannot be started, or does not happen in time.
pub fn play(setting: &Setting) -> Result<Moments> {
    println!("starting a cluster");
    let mut cluster = Cluster::start(Options {
        // Kubernetes' own defaults, as on anybody's cluster.
        hpa_sync_period: Duration::from_secs(15),
        downscale_stabilization: Duration::from_secs(300),
        stand_in_nodes: usize::from(!setting.real),
        real_node: setting.real,
        life: life(setting),
        directory: setting.keep.then(|| paths::cluster_output().join("dev")),
        stop: setting.stop.clone(),
    })?;
    let shown = show(&mut cluster, setting);
    if setting.keep {
        println!("everything is left running; `cargo xtask cluster down` ends it");
        println!("export KUBECONFIG={}", cluster.admin_kubeconfig().display());
    } else {
        println!("removing everything");
    }
    shown
}

fn life(setting: &Setting) -> Life {
    if setting.keep { Life::OnItsOwn } else { Life::WithUs }
}

fn show(cluster: &mut Cluster, setting: &Setting) -> Result<Moments> {
    let stop = &setting.stop;
    let broker = if setting.real { Broker::pod(cluster)? } else { Broker::process()? };
    let mut bellows = start_bellows(cluster, &broker, setting)?;
    println!("applying the Secret, the Deployment and the ScaledObject");
    stage::apply_workload(cluster, &broker)?;
    let mut watch = Watch::new(cluster, &broker);
    println!("waiting until Bellows has stopped the idle worker (there is no work yet)");
    watch.until(stop, LIMIT, "the worker is stopped", |now, _| now.stopped())?;
    println!("sending {TASKS} tasks; at the end the cooldown of 200 s passes, so all of it takes four to five minutes");
    stage::send_work(cluster, &broker, TASKS)?;
    let moments = watch.until(stop, LIMIT, "all work is done and the workers are stopped", |now, moments| {
        moments.drained.is_some() && now.stopped()
    })?;
    bellows.process().check()?;
    if !setting.keep {
        let status = bellows.terminate()?;
        println!("Bellows ended with {status}");
    }
    Ok(moments)
}

fn start_bellows(cluster: &Cluster, broker: &Broker, setting: &Setting) -> Result<Bellows> {
    println!("installing Bellows: definitions, RBAC, external metrics API");
    let port = free_port(Ipv4Addr::LOCALHOST.into())?;
    install(cluster, port)?;
    let options = BellowsOptions {
        ca_dir: Some(broker.authority()?),
        dns_server: setting.real.then(|| node::DNS_SERVER.to_owned()),
        metrics_port: Some(port),
        life: life(setting),
        ..BellowsOptions::default()
    };
    let mut bellows = Bellows::start(cluster, &options)?;
    bellows.wait_until_ready(&setting.stop, Duration::from_secs(60))?;
    let available = ["wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout=1s"];
    cluster.wait_for("the external metrics API is available", Duration::from_secs(60), || {
        bellows.process().check()?;
        Ok(Some(cluster.kubectl(&available)?))
    })?;
    Ok(bellows)
}

/// A folder with only the certificate that Bellows is to trust.
fn trusted(directory: &Path, certificate: &Path) -> Result<PathBuf> {
    let folder = directory.join("trusted");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    fs::copy(certificate, folder.join("ca.crt")).context("copy the certificate of Redis' authority")?;
    Ok(folder)
}
