//! What all trials share: a control plane, Bellows with the rights of its service account, two Redis servers, a RabbitMQ
//! that speaks with and without TLS, and a server whose certificate nobody believes.
//!
//! Owns them as long as trials run. Refuses to let a trial touch the source of another.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::services::{
    Bellows, BellowsOptions, RabbitMq, RabbitMqOptions, Redis, RedisOptions, free_port, install,
};
use bellows_tests::wait::{self, Stop};
use bellows_tests::{guests, paths, setup};
use serde_json::{Value, json};

use crate::api::Api;
use crate::seen::{Seen, Workload};

/// Of all workloads.
pub(crate) const NAMESPACE: &str = "faults";
/// Of all queues: a name that has to be encoded twice to go wrong once (keda#6963).
pub(crate) const VHOST: &str = "a b/c";
/// On a busy machine the first look at the components takes a compilation.
const START_MAX: Duration = Duration::from_secs(120);
/// Longest wait for what should take a moment, while forty trials do the same.
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    _bellows: Bellows,
    pub(crate) redis: Redis,
    /// With TLS.
    pub(crate) secured: Redis,
    /// With TLS, by an authority that Bellows does not know.
    pub(crate) stranger: Redis,
    pub(crate) rabbitmq: RabbitMq,
    pub(crate) api: Arc<Api>,
    pub(crate) seen: Arc<Seen>,
    /// Sources that are broken now.
    pub(crate) broken: AtomicUsize,
    /// What became of each row, for the table.
    pub(crate) lines: Mutex<Vec<String>>,
    cluster: Cluster,
}

impl Stage {
    pub(crate) fn start() -> Result<Self> {
        setup::prepare(setup::Needs { components: true, services: true, ..setup::Needs::default() })?;
        guests::build_all()?;
        let cluster = Cluster::start(Options::default())?;
        let authorities = cluster.directory().join("authorities");
        fs::create_dir_all(&authorities).context("make a folder for authorities")?;
        let believe = |name: &str, authority: Option<&std::path::Path>| {
            let authority = authority.with_context(|| format!("{name} has an authority"))?;
            fs::copy(authority, authorities.join(name)).with_context(|| format!("copy the authority of {name}"))
        };
        let tls = RedisOptions { tls: true, ..RedisOptions::default() };
        let (secured, stranger) = (Redis::start(tls.clone())?, Redis::start(tls)?);
        believe("redis.crt", secured.authority())?;
        let rabbitmq = RabbitMq::start(RabbitMqOptions { tls: true, ..RabbitMqOptions::default() })?;
        believe("rabbitmq.crt", rabbitmq.authority())?;
        rabbitmq.add_vhost(VHOST)?;

        let port = free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        install(&cluster, port)?;
        let options = BellowsOptions {
            ca_dir: Some(authorities),
            metrics_port: Some(port),
            log: "info,bellows=debug".to_owned(),
            ..BellowsOptions::default()
        };
        let mut bellows = Bellows::start(&cluster, &options)?;
        bellows.wait_until_ready(&Stop::default(), START_MAX)?;
        let api = Arc::new(Api::new(cluster.admin_kubeconfig())?);
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        api.apply("namespaces", &manifest)?;
        let seen = Seen::begin(Arc::clone(&api), NAMESPACE);
        let (broken, lines) = (AtomicUsize::new(0), Mutex::default());
        let redis = Redis::start(RedisOptions::default())?;
        Ok(Self { _bellows: bellows, redis, secured, stranger, rabbitmq, api, seen, broken, lines, cluster })
    }

    /// A Deployment at rest and its ScaledObject: polled each second, cooled down after 2. `change` edits its `spec`.
    pub(crate) fn workload(
        &self,
        name: &str,
        env: &[Value],
        triggers: &[Value],
        change: impl FnOnce(&mut Value),
    ) -> Result<()> {
        let labels = json!({"app": name});
        let containers = json!([{"name": "worker", "image": "worker", "env": env}]);
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "replicas": 0, "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": containers, "terminationGracePeriodSeconds": 0},
                },
            },
        });
        self.api.apply("deployments", &deployment)?;
        let mut spec = json!({
            "scaleTargetRef": {"name": name},
            "pollingInterval": 1, "cooldownPeriod": 2, "maxReplicaCount": 10,
            "triggers": triggers,
        });
        change(&mut spec);
        let object = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
        });
        self.api.apply("scaledobjects", &object).map(drop)
    }

    /// Waits until there is an answer.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        wait::until(&Stop::default(), what, SOON, look)
    }

    /// Waits until `bellows why` is told what is wanted, asking once a second: forty trials ask at the same time.
    pub(crate) fn until_told<T>(
        &self,
        what: &str,
        name: &str,
        mut look: impl FnMut(&Value) -> Result<Option<T>>,
    ) -> Result<T> {
        let (mut next, mut last) = (Instant::now(), String::new());
        self.until(what, || {
            if Instant::now() < next {
                bail!("{last}");
            }
            next = Instant::now() + Duration::from_secs(1);
            let looked = self.why(name).and_then(|why| look(&why));
            looked.inspect_err(|error| last = format!("{error:#}"))
        })
    }

    pub(crate) fn until_replicas(&self, name: &str, count: u64) -> Result<Workload> {
        self.until(&format!("{name} has {count} replicas"), || {
            let workload = self.seen.of(name)?;
            ensure!(workload.replicas == count, "it has {}; {:?}", workload.replicas, workload.ready);
            Ok(Some(workload))
        })
    }

    pub(crate) fn until_ready(&self, name: &str) -> Result<()> {
        self.until(&format!("{name} is ready"), || {
            let ready = self.seen.of(name)?.ready;
            ensure!(ready.0 == "True", "it is {ready:?}");
            Ok(Some(()))
        })
    }

    /// What `bellows why` is told of an object.
    pub(crate) fn why(&self, name: &str) -> Result<Value> {
        let query = format!("labelSelector=scaledobject.keda.sh%2Fname%3D{name}");
        let path = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/why.bellows.dev?{query}");
        let answer = self.api.ask(http::Request::get(path).body(Vec::new())?)?;
        answer.with_context(|| format!("nobody explains {name}"))
    }

    /// Keeps the log, which goes with the cluster's folder otherwise.
    pub(crate) fn keep_log(&self) -> Result<PathBuf> {
        let (from, folder) = (self.cluster.directory().join("bellows.log"), paths::cluster_output().join("log"));
        fs::create_dir_all(&folder).context("make a folder for logs")?;
        let kept = folder.join("fault-trials-bellows.log");
        fs::copy(&from, &kept).with_context(|| format!("keep {}", from.display()))?;
        Ok(kept)
    }
}
