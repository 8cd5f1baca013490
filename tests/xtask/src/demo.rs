//! `cargo xtask demo`: the Celery workers of KEDA's manifests, scaled by Bellows on this machine.
//!
//! Owns the order of events and the timeline at the end; the stage is set in `stage`, and what happens on it is watched in
//! `watch`. Refuses to change the manifests that it shows: only the host of Redis is filled in.

mod stage;
mod watch;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::process::Life;
use bellows_tests::services::{Bellows, BellowsOptions, free_port, install};
use bellows_tests::setup::{Needs, is_root, prepare};
use bellows_tests::wait::Stop;
use bellows_tests::{guests, node, paths};
use clap::{Args, ValueEnum};

use stage::Broker;
use watch::{Moments, Watch};

/// Tasks that the producer sends: twelve replicas' worth, which the object's ten have to share.
const TASKS: usize = 120;

/// Work has to be noticed within one polling interval and to be done by at most ten workers: 120 tasks of 2 s are 24 s for
/// ten and 240 s for one. The cooldown of 200 s and a minute of slack come on top.
const LIMIT: Duration = Duration::from_secs(240 + 200 + 160);

/// What to show.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave everything running at the end; `cargo xtask cluster down` ends it.
    #[arg(long)]
    keep: bool,
    /// Let stand-ins play the pods, even where real ones are possible.
    #[arg(long)]
    stand_in: bool,
    /// Which workload.
    #[arg(long, value_enum, default_value_t = Scenario::Redis)]
    scenario: Scenario,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scenario {
    /// Celery workers on a Redis list, with TLS and a password.
    Redis,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Scenario::Redis = arguments.scenario;
    let real = is_root() && !arguments.stand_in;
    prepare(Needs { components: true, real_node: real, services: true })?;
    let possible = if arguments.stand_in { Err("as asked for".to_owned()) } else { node::available() };
    if let Err(reason) = &possible {
        println!("no real pods here ({reason}): stand-ins play them, and the demo itself takes the work from the list");
    }
    println!("building Bellows and its scalers");
    build()?;
    guests::build_all()?;
    println!("starting a cluster");
    let mut cluster = Cluster::start(Options {
        // Kubernetes' own defaults, as on anybody's cluster.
        hpa_sync_period: Duration::from_secs(15),
        downscale_stabilization: Duration::from_secs(300),
        stand_in_nodes: usize::from(possible.is_err()),
        real_node: possible.is_ok(),
        life: if arguments.keep { Life::OnItsOwn } else { Life::WithUs },
        directory: arguments.keep.then(|| paths::cluster_output().join("dev")),
        stop: stop.clone(),
    })?;
    let shown = show(&mut cluster, possible.is_ok(), arguments.keep, stop);
    if arguments.keep {
        println!("everything is left running; `cargo xtask cluster down` ends it");
        println!("export KUBECONFIG={}", cluster.admin_kubeconfig().display());
    } else {
        println!("removing everything");
    }
    shown
}

fn show(cluster: &mut Cluster, real: bool, keep: bool, stop: &Stop) -> Result<()> {
    let broker = if real { Broker::pod(cluster)? } else { Broker::process()? };
    let mut bellows = start_bellows(cluster, &broker, real, keep, stop)?;
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
    tell(&moments)?;
    if keep {
        return Ok(());
    }
    let status = bellows.terminate()?;
    println!("Bellows ended with {status}");
    Ok(())
}

fn start_bellows(cluster: &Cluster, broker: &Broker, real: bool, keep: bool, stop: &Stop) -> Result<Bellows> {
    println!("installing Bellows: definitions, RBAC, external metrics API");
    let port = free_port(std::net::Ipv4Addr::LOCALHOST.into())?;
    install(cluster, port)?;
    let mut bellows = Bellows::start(
        cluster,
        &BellowsOptions {
            ca_dir: Some(broker.authority()?),
            dns_server: real.then(|| node::DNS_SERVER.to_owned()),
            metrics_port: Some(port),
            life: if keep { Life::OnItsOwn } else { Life::WithUs },
            ..BellowsOptions::default()
        },
    )?;
    bellows.wait_until_ready(stop, Duration::from_secs(60))?;
    let available = ["wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout=1s"];
    cluster.wait_for("the external metrics API is available", Duration::from_secs(60), || {
        bellows.process().check()?;
        Ok(Some(cluster.kubectl(&available)?))
    })?;
    Ok(bellows)
}

/// Builds what the demo runs. The whole workspace is named, so that libraries have the same features as in tests, and are
/// built once.
fn build() -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(paths::root())
        .status()
        .context("run cargo build")?;
    if !status.success() {
        bail!("cargo build ended with {status}");
    }
    Ok(())
}

/// Prints when what happened, and fails if something did not.
fn tell(moments: &Moments) -> Result<()> {
    let Some(arrived) = moments.arrived else { bail!("no work was ever seen in the list") };
    let after = |moment: Option<Instant>| moment.map(|moment| moment.saturating_duration_since(arrived).as_secs_f64());
    let lines = [
        ("first scale from zero", moments.scaled),
        ("first worker ready", moments.ready),
        (&format!("all {} wanted workers ready", moments.wanted_most), moments.all_ready),
        ("all work taken from the list", moments.drained),
        ("stopped again", moments.stopped),
    ];
    println!("\nlooked at once a second:\n{:<32}    0.0 s", "work arrived at");
    for (what, moment) in lines {
        match after(moment) {
            Some(seconds) => println!("{what:<32} {seconds:>6.1} s"),
            None => bail!("\"{what}\" was never seen"),
        }
    }
    Ok(())
}

/// A folder with only the certificate that Bellows is to trust.
fn trusted(directory: &std::path::Path, certificate: &std::path::Path) -> Result<PathBuf> {
    let folder = directory.join("trusted");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    std::fs::copy(certificate, folder.join("ca.crt")).context("copy the certificate of Redis' authority")?;
    Ok(folder)
}
