//! Zapier's article on KEDA and RabbitMQ: Celery workers on the same queue of two brokers, scaled by both queues and by
//! their processor, between three and ten.
//!
//! Owns the order of events; the stage is set in `stage`. Refuses to change the manifests: they are as printed, indented as
//! YAML needs it, and only the two connection strings are filled in.

mod stage;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Host;
use super::watch::{Row, Watch, Workload};
use crate::cluster::{Cluster, Options};
use crate::paths;
use crate::process::Life;
use crate::services::MetricsServer;
use crate::wait::Stop;
use stage::{Brokers, NAMESPACE, OBJECT, RABBITMQ_1, RABBITMQ_2};

/// What is watched.
const WORKLOAD: Workload = Workload {
    namespace: NAMESPACE,
    object: OBJECT,
    deployment: OBJECT,
    waiting: &[(RABBITMQ_1, 10), (RABBITMQ_2, 10)],
    autoscaler: 46,
};

/// The least and the most replicas of the manifests.
const REST: usize = 3;
const MOST: usize = 10;
/// Five replicas' worth of the 180 messages for each.
const FIRST: usize = 900;
/// Eight and a third.
const SECOND: usize = 1500;
/// Each computes for a minute and a half, with two hundredths of a processor: together more than ten replicas' requests of
/// 50 thousandths, of which the trigger grants 82 %.
const COMPUTING: usize = 30;

/// A queue of 1500 tasks of 3 s is worked off by nine replicas of eight threads in a minute; the polling interval, HPAs, the
/// start of pods and a busy machine come on top.
const SOON: Duration = Duration::from_secs(300);
/// Computing tasks last 90 s, and Kubernetes remembers a higher wish for 300 s.
const BACK: Duration = Duration::from_secs(90 + 300 + 180);

/// How it is played.
#[derive(Clone, Debug)]
pub struct Setting {
    /// HPAs look and forget faster than Kubernetes' defaults let them; the manifests stay as they are.
    pub quick: bool,
    /// Everything is left running at the end, in `target/cluster/dev`.
    pub keep: bool,
    /// Ends it early.
    pub stop: Stop,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// What was first seen, and after how many seconds.
    pub steps: Vec<(String, f64)>,
    /// Replicas that were wanted: at rest, for the first queue, for both, for the processor, and at the end.
    pub wanted: Vec<usize>,
    /// What `kubectl get hpa` showed, from TARGETS to REPLICAS, each once and in the order of the alphabet.
    pub autoscaler: BTreeSet<String>,
    /// What `kubectl describe hpa` showed of all three metrics while both queues were full.
    pub metrics: String,
}

/// Plays it from a new cluster until the workers rest again: some eleven minutes, of which Kubernetes' memory of a higher
/// wish takes five; when quick, some five.
///
/// # Errors
/// Something cannot be started, or does not happen in time.
pub fn play(setting: &Setting) -> Result<Course> {
    println!("starting a cluster");
    let anywhere = Options::as_anywhere();
    let (hpa_sync_period, downscale_stabilization) = if setting.quick {
        (Duration::from_secs(5), Duration::from_secs(20))
    } else {
        (anywhere.hpa_sync_period, anywhere.downscale_stabilization)
    };
    let mut cluster = Cluster::start(Options {
        hpa_sync_period,
        downscale_stabilization,
        stand_in_nodes: 0,
        real_node: true,
        life: if setting.keep { Life::OnItsOwn } else { Life::WithUs },
        directory: setting.keep.then(|| paths::cluster_output().join("dev")),
        stop: setting.stop.clone(),
        ..anywhere
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

fn show(cluster: &mut Cluster, setting: &Setting) -> Result<Course> {
    let brokers = Brokers::start(cluster)?;
    let _metrics = MetricsServer::start(cluster)?;
    let mut bellows = Host::start(cluster, None, &setting.stop)?;
    println!("applying the Secret, the TriggerAuthentications, the ScaledObject and the Deployment");
    stage::apply_workload(cluster, &brokers)?;
    let course = Play { cluster, setting, watch: Watch::new(cluster, WORKLOAD, &brokers), course: Course::default() };
    let course = course.run()?;
    bellows.check(cluster)?;
    if !setting.keep {
        bellows.end(cluster)?;
    }
    Ok(course)
}

struct Play<'a> {
    cluster: &'a Cluster,
    setting: &'a Setting,
    watch: Watch<'a>,
    course: Course,
}

impl Play<'_> {
    fn run(mut self) -> Result<Course> {
        self.step("three replicas rest, and all three metrics are known", SOON, |now| {
            now.at(REST) && !now.autoscaler.is_empty() && !now.autoscaler.contains("unknown")
        })?;
        println!("sending {FIRST} tasks to {RABBITMQ_1}: they wait for somebody else, and leave the processor idle");
        stage::send(self.cluster, RABBITMQ_1, "wait", FIRST)?;
        let first =
            self.step("up for the first queue, all ready", SOON, |now| now.wanted > REST && now.at(now.wanted))?;
        println!("sending {SECOND} tasks to {RABBITMQ_2}");
        stage::send(self.cluster, RABBITMQ_2, "wait", SECOND)?;
        self.step("up for the second queue", SOON, |now| now.wanted > first.wanted)?;
        self.course.metrics = self.cluster.wait_for("kubectl describes all three metrics", SOON, || {
            let told = self.metrics()?;
            // A kubelet that is late once leaves the processor unknown for a while; both queues are full until then.
            ensure!(!told.contains("unknown"), "{told}");
            Ok(Some(told))
        })?;
        println!("{}", self.course.metrics);
        let drained =
            self.step("both queues are empty", SOON, |now| now.waiting.iter().all(|count| *count == Some(0)))?;
        // Whoever forgets fast is back at rest soon; with Kubernetes' defaults the processor takes them further up.
        let before = if self.setting.quick { self.step("at rest again", SOON, |now| now.at(REST))? } else { drained };
        println!("sending {COMPUTING} tasks that compute to {RABBITMQ_1}: no queue to speak of, and a busy processor");
        stage::send(self.cluster, RABBITMQ_1, "compute", COMPUTING)?;
        let least = before.wanted.min(MOST - 1);
        self.step("up for the processor", SOON, |now| now.wanted > least)?;
        println!("waiting until the work is done and the HPA has forgotten its higher wish");
        self.step("three replicas rest again", BACK, |now| now.at(REST))?;
        Ok(self.course)
    }

    fn step(&mut self, what: &str, limit: Duration, mut enough: impl FnMut(&Row) -> bool) -> Result<Row> {
        let course = &mut self.course;
        let row = self.watch.until(&self.setting.stop, limit, what, |now| {
            if !now.autoscaler.is_empty() {
                course.autoscaler.insert(now.autoscaler.clone());
            }
            enough(now)
        })?;
        course.steps.push((what.to_owned(), self.watch.seconds()));
        course.wanted.push(row.wanted);
        Ok(row)
    }

    /// The part of `kubectl describe hpa` that names every metric with its value.
    fn metrics(&self) -> Result<String> {
        let name = format!("keda-hpa-{OBJECT}");
        let told = self.cluster.kubectl(&["describe", "hpa", &name, "--namespace", NAMESPACE])?;
        let from = told.lines().skip_while(|line| !line.starts_with("Metrics:"));
        let lines: Vec<&str> = from.take_while(|line| !line.starts_with("Min replicas:")).collect();
        (!lines.is_empty()).then(|| lines.join("\n")).context("kubectl describes no metrics")
    }
}
