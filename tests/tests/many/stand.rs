//! What the trials stand on: a cluster, a Redis, a black hole and Bellows, and the crowds made so far.
//!
//! Owns all of it, ended when dropped. Refuses to go on once Bellows has ended by itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::services::{
    Bellows, BellowsOptions, BlackHole, Redis, RedisOptions, free_port, install, wait_for_external_metrics,
};
use bellows_tests::wait::Stop;
use bellows_tests::{guests, setup};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Runtime;

use crate::crowd::{self, Key, Kind, Shape};
use crate::{figure, watch};

/// What HPAs are evaluated in; Kubernetes' default.
pub(crate) const PERIOD: Duration = Duration::from_secs(15);
/// Between two polls of an object, here.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);
/// Longest wait for a crowd to be served: a build without optimisation serves some tens of objects a second, and the
/// largest crowd has a thousand.
const SERVED_MAX: Duration = Duration::from_secs(120);

/// See above.
pub(crate) struct Stand {
    // Fields end in this order: Bellows before what it uses.
    pub(crate) bellows: Bellows,
    pub(crate) client: Client,
    pub(crate) runtime: Runtime,
    cluster: Cluster,
    pub(crate) redis: Redis,
    hole: BlackHole,
    healthy: Vec<Key>,
    dark: Vec<Key>,
}

impl Stand {
    pub(crate) fn start() -> Result<Self> {
        setup::prepare(setup::Needs { components: true, services: true, ..setup::Needs::default() })?;
        guests::build_all()?;
        let redis = Redis::start(RedisOptions::default())?;
        let hole = BlackHole::make()?;
        let cluster = Cluster::start(Options {
            hpa_sync_period: PERIOD,
            downscale_stabilization: Duration::from_secs(300),
            ..Options::default()
        })?;
        let port = free_port(std::net::Ipv4Addr::LOCALHOST.into())?;
        install(&cluster, port)?;
        let options = BellowsOptions { metrics_port: Some(port), ..BellowsOptions::default() };
        let mut bellows = Bellows::start(&cluster, &options)?;
        bellows.wait_until_ready(&Stop::default(), Duration::from_secs(60))?;
        wait_for_external_metrics(&cluster, Duration::from_secs(60), || bellows.process().check())?;
        let runtime = Runtime::new().context("start a runtime")?;
        // Another provider can only be this one, of another client in this process.
        let _first = rustls::crypto::ring::default_provider().install_default();
        let client = runtime.block_on(connect(cluster.admin_kubeconfig()))?;
        runtime.block_on(crowd::spread(&client))?;
        Ok(Self { bellows, client, runtime, cluster, redis, hole, healthy: Vec::new(), dark: Vec::new() })
    }

    /// Whether everything still runs.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.bellows.process().check()
    }

    /// How healthy objects are: one replica, polled every five seconds.
    pub(crate) fn shape(&self) -> Shape {
        let interval = usize::try_from(INTERVAL.as_secs()).unwrap_or(usize::MAX);
        Shape { address: self.redis.address().to_string(), replicas_min: 1, interval }
    }

    /// That many healthy objects, made as far as they are missing, with their HPAs.
    pub(crate) fn healthy(&mut self, count: usize) -> Result<Vec<Key>> {
        let missing: Vec<Key> = (self.healthy.len()..count).map(|number| Key::numbered("healthy", number)).collect();
        let took = self.serve(&missing, &self.shape(), true)?;
        if !missing.is_empty() {
            figure::seconds(&format!("{} new objects ready with HPA", missing.len()), took);
        }
        self.healthy.extend(missing);
        Ok(self.healthy.iter().take(count).cloned().collect())
    }

    /// That many objects whose Redis is behind the black hole, made as far as they are missing; each has its HPA, and has
    /// been asked for in vain.
    pub(crate) fn dark(&mut self, count: usize) -> Result<Vec<Key>> {
        let missing: Vec<Key> = (self.dark.len()..count).map(|number| Key::numbered("dark", number)).collect();
        let shape = Shape { address: format!("{}:6379", self.hole.address()), ..self.shape() };
        self.serve(&missing, &shape, false)?;
        self.cluster.wait_for("every dark object was asked for in vain", SERVED_MAX, || {
            let text = self.metrics()?;
            let failed = |key: &Key| {
                let (namespace, name) = (&key.namespace, &key.name);
                let labels = format!(r#"{{namespace="{namespace}",scaledObject="{name}"}}"#);
                text.get(&format!("keda_scaled_object_errors_total{labels}")).is_some_and(|count| *count > 0.0)
            };
            Ok(missing.iter().all(failed).then_some(()))
        })?;
        self.dark.extend(missing);
        Ok(self.dark.iter().take(count).cloned().collect())
    }

    /// Makes Deployments, then ScaledObjects, and waits until every one has its HPA and, `ready`, says that it is. How
    /// long the latter took.
    pub(crate) fn serve(&self, keys: &[Key], shape: &Shape, ready: bool) -> Result<Duration> {
        let (client, limit) = (&self.client, SERVED_MAX);
        self.runtime.block_on(async {
            crowd::create_each(client, Kind::Deployment, keys, |key| crowd::deployment(key, shape.replicas_min))
                .await?;
            let began = Instant::now();
            let wanted = || keys.iter().cloned();
            let condition = if ready { watch::ready } else { watch::exists };
            tokio::try_join!(
                crowd::create_each(client, Kind::ScaledObject, keys, |key| crowd::scaled_object(key, shape)),
                watch::until(client, Kind::ScaledObject, wanted(), condition, limit),
                watch::until(client, Kind::Autoscaler, wanted(), watch::exists, limit),
            )?;
            Ok(began.elapsed())
        })
    }

    /// What Bellows counts, by name and labels.
    pub(crate) fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let (_, text) = self.bellows.get("/metrics")?;
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect())
    }

    /// Requests to the API server so far, without those that only read.
    pub(crate) fn writes(&self) -> Result<BTreeMap<String, f64>> {
        let mut counts = self.metrics()?;
        counts.retain(|name, _| {
            let reads = [r#"verb="get""#, r#"verb="watch""#];
            name.starts_with("bellows_api_requests_total") && !reads.iter().any(|verb| name.contains(verb))
        });
        Ok(counts)
    }
}

/// A client that asks once: by default it would ask again, for minutes, where the answer is that there is no value.
async fn connect(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig).context("read the kubeconfig")?;
    let mut config =
        Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.context("use the kubeconfig")?;
    config.default_retry = false;
    Client::try_from(config).context("make a client")
}
