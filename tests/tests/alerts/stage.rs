//! What the trials share: a control plane, Bellows with older names of metrics, a Prometheus, two Redis servers and an
//! object on each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::guests;
use bellows_tests::services::{Alert, Bellows, BellowsOptions, Prometheus, Redis, RedisOptions, free_port, install};
use bellows_tests::wait::{self, Stop};
use serde_json::json;

/// As they were published.
const RULES: &str = include_str!("rules.yaml");
/// The job that the rules name.
const JOB: &str = "keda-operator-metrics-apiserver";
/// On a busy machine the first look at the components takes a compilation.
const START_MAX: Duration = Duration::from_secs(60);
/// The rules' copy looks 10 s back and waits for 2 s.
const SOON: Duration = Duration::from_secs(40);

pub(crate) struct Stage {
    pub(crate) bellows: Bellows,
    pub(crate) prometheus: Prometheus,
    /// Of the object `victim`.
    pub(crate) redis: Redis,
    /// Of all others.
    others: Redis,
    cluster: Cluster,
}

/// The published rules with seconds for minutes.
fn quick_rules() -> Result<String> {
    ensure!(RULES.matches("for: 1m").count() == 3 && RULES.matches("[5m]").count() == 2, "the rules are others");
    Ok(RULES.replace("for: 1m", "for: 2s").replace("[5m]", "[10s]"))
}

impl Stage {
    pub(crate) fn start() -> Result<Self> {
        guests::build_all()?;
        let cluster = Cluster::start(Options::default())?;
        let (redis, others) = (Redis::start(RedisOptions::default())?, Redis::start(RedisOptions::default())?);
        let port = free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        install(&cluster, port)?;
        let options = BellowsOptions {
            metrics_port: Some(port),
            arguments: vec!["--legacy-metric-names".to_owned()],
            ..BellowsOptions::default()
        };
        let bellows = Bellows::start(&cluster, &options)?;
        let prometheus = Prometheus::start(JOB, &quick_rules()?)?;
        let mut stage = Self { bellows, prometheus, redis, others, cluster };
        stage.bellows.wait_until_ready(&Stop::default(), START_MAX)?;
        stage.prometheus.discover(&[stage.bellows.admin()])?;
        stage.deployment("victim")?;
        stage.scaled("victim", stage.redis.address(), "listName")?;
        stage.workload("healthy", "listName")?;
        Ok(stage)
    }

    /// A Deployment and its ScaledObject, on the Redis of the others.
    pub(crate) fn workload(&self, name: &str, field: &str) -> Result<()> {
        self.deployment(name)?;
        self.scaled(name, self.others.address(), field)
    }

    fn deployment(&self, name: &str) -> Result<()> {
        let labels = json!({"app": name});
        let container = json!({"name": "worker", "image": "worker"});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        });
        self.cluster.apply(&deployment.to_string()).map(drop)
    }

    /// An object whose list is named in `field`, which may be misspelt.
    fn scaled(&self, name: &str, redis: SocketAddr, field: &str) -> Result<()> {
        let metadata = json!({"address": redis.to_string(), field: name, "listLength": "10"});
        let object = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "scaleTargetRef": {"name": name},
                "pollingInterval": 1, "minReplicaCount": 1,
                "triggers": [{"type": "redis", "metadata": metadata}],
            },
        });
        self.cluster.apply(&object.to_string()).map(drop)
    }

    /// Waits until Prometheus knows both objects and nothing fires; then says which process it is.
    pub(crate) fn quiet(&mut self) -> Result<Option<u32>> {
        self.until_quiet("all is well")?;
        Ok(self.bellows.process().id())
    }

    /// Waits until nothing fires, and says so of what Prometheus knows: that it reads Bellows and counts no errors.
    pub(crate) fn until_quiet(&self, why: &str) -> Result<()> {
        wait::until(&Stop::default(), &format!("nothing fires, because {why}"), SOON, || {
            let alerts = self.prometheus.alerts()?;
            ensure!(alerts.is_empty(), "these are there: {alerts:?}");
            for name in ["victim", "healthy"] {
                let known =
                    self.prometheus.query(&format!("keda_scaled_object_errors_total{{scaledObject={name:?}}}"))?;
                ensure!(!known.is_empty(), "{name} is not known");
            }
            Ok(Some(()))
        })
    }

    /// Fails if there is any alert of another object.
    pub(crate) fn alone(&self, object: &str) -> Result<()> {
        let alerts = self.prometheus.alerts()?;
        let others: Vec<_> = alerts.iter().filter(|alert| alert.label("scaledObject") != object).collect();
        ensure!(others.is_empty(), "others than {object} suffer: {others:?}");
        Ok(())
    }

    /// Waits until an alert fires for an object, or for none.
    pub(crate) fn until_firing(&self, name: &str, object: &str) -> Result<Alert> {
        wait::until(&Stop::default(), &format!("{name} fires for {object:?}"), SOON, || {
            let alerts = self.prometheus.alerts()?;
            let wanted =
                |alert: &&Alert| alert.name == name && alert.state == "firing" && alert.label("scaledObject") == object;
            match alerts.iter().find(wanted) {
                Some(alert) => Ok(Some(alert.clone())),
                None => bail!("there is {alerts:?}"),
            }
        })
    }

    /// Waits until a counter has reached a value.
    pub(crate) fn until_grown(&self, expression: &str, value: f64) -> Result<()> {
        wait::until(&Stop::default(), &format!("{expression} is {value}"), SOON, || {
            let series = self.prometheus.query(expression)?;
            let found = series.first().and_then(|one| one.pointer("/value/1")?.as_str()?.parse::<f64>().ok());
            let found = found.with_context(|| format!("there is {series:?}"))?;
            ensure!(found >= value, "it is {found}");
            Ok(Some(()))
        })
    }

    /// Starts Bellows again after it was killed, and has Prometheus find it.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.bellows.process().start_again()?;
        self.bellows.wait_until_ready(&Stop::default(), START_MAX)?;
        self.prometheus.discover(&[self.bellows.admin()])
    }

    /// Fails if Bellows is another process than before: an alert must not resolve by a restart.
    pub(crate) fn same_process(&mut self, before: Option<u32>) -> Result<()> {
        let now = self.bellows.process().id();
        ensure!(before.is_some() && now == before, "Bellows is another process: {before:?}, {now:?}");
        Ok(())
    }
}
