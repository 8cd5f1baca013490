//! KEDA's example of Celery workers on a Redis list with TLS and a password: work arrives at zero, and is done.
//!
//! Owns the order of events; the stage is set in `stage`, and what is seen on it becomes `moments`. Refuses to change the
//! manifests: only the host of Redis is filled in.

mod moments;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Host;
use super::watch::{Row, Watch, Workload};
use crate::cluster::{Cluster, Options};
use crate::paths;
use crate::process::Life;
use crate::wait::Stop;
pub use moments::Moments;
use stage::Broker;

/// Tasks that the producer sends: twelve replicas' worth, which the object's ten have to share.
const TASKS: usize = 120;

/// Work has to be noticed within one polling interval and to be done by at most ten workers: 120 tasks of 2 s are 24 s for
/// ten and 240 s for one. The cooldown of 200 s and a minute of slack come on top.
const LIMIT: Duration = Duration::from_secs(240 + 200 + 160);

/// What is watched.
const WORKLOAD: Workload = Workload {
    namespace: "default",
    object: "redis-scaledobject",
    deployment: "celery-worker",
    waiting: &[("list", 4)],
    autoscaler: 24,
};

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
        stand_in_nodes: usize::from(!setting.real),
        real_node: setting.real,
        life: life(setting),
        directory: setting.keep.then(|| paths::cluster_output().join("dev")),
        stop: setting.stop.clone(),
        ..Options::as_anywhere()
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
    let mut bellows = Host::start(cluster, Some(broker.authority()?), stop)?;
    println!("applying the Secret, the Deployment and the ScaledObject");
    stage::apply_workload(cluster, &broker)?;
    let mut watch = Watch::new(cluster, WORKLOAD, &broker);
    println!("waiting until Bellows has stopped the idle worker (there is no work yet)");
    watch.until(stop, LIMIT, "the worker is stopped", Row::stopped)?;
    println!("sending {TASKS} tasks; at the end the cooldown of 200 s passes, so all of it takes four to five minutes");
    stage::send_work(cluster, &broker, TASKS)?;
    let mut moments = Moments::default();
    watch.until(stop, LIMIT, "all work is done and the workers are stopped", |now| {
        moments.note(now);
        moments.drained.is_some() && now.stopped()
    })?;
    bellows.check(cluster)?;
    if !setting.keep {
        bellows.end(cluster)?;
    }
    Ok(moments)
}

/// A folder with only the certificate that Bellows is to trust.
fn trusted(directory: &Path, certificate: &Path) -> Result<PathBuf> {
    let folder = directory.join("trusted");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    fs::copy(certificate, folder.join("ca.crt")).context("copy the certificate of Redis' authority")?;
    Ok(folder)
}
