//! A release on a real node, from the image in its registry to nothing left: with the values of the article, unchanged.
//!
//! Takes two minutes or so. Left out, with the reason in the output, where a real node is impossible.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bellows_tests::chart::RENDERINGS;
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::plain_http::get;
use bellows_tests::services::{Deployed, Redis, RedisOptions};
use bellows_tests::setup::{self, Needs};
use bellows_tests::{guests, node};
use serde_json::Value;

use crate::document::define_prometheus;

const NAMESPACE: &str = "keda";
const SOON: Duration = Duration::from_secs(60);

/// A workload whose list is on the node's own Redis.
const WORKLOAD: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: worker, image: "docker.io/bellows/pause:1"}]
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker, namespace: shop}
spec:
  scaleTargetRef: {name: worker}
  pollingInterval: 1
  maxReplicaCount: 4
  triggers:
  - type: redis
    metadata: {address: "$REDIS", listName: jobs, listLength: "5"}
"#;

#[test]
fn a_release_is_installed_upgraded_and_uninstalled_and_leaves_nothing_terminating() -> Result<()> {
    if let Err(reason) = node::available() {
        eprintln!("left out: {reason}");
        return Ok(());
    }
    setup::prepare(Needs { components: true, real_node: true, services: true, helm: true, ..Needs::default() })?;
    guests::build_all()?;
    let cluster = Cluster::start(Options { stand_in_nodes: 0, real_node: true, ..Options::default() })?;
    let redis = Redis::start(RedisOptions { address: IpAddr::V4(node::ADDRESS), ..RedisOptions::default() })?;
    define_prometheus(&cluster)?;
    let [_, article, _] = RENDERINGS;
    let values = article.values();
    let deployed = Deployed::install(&cluster, NAMESPACE, &[&values])?;
    metrics_are_served_where_the_service_says(&cluster, &deployed).context("the metrics of the article")?;

    let workload = WORKLOAD.replace("$REDIS", &redis.address().to_string());
    cluster.apply(&workload)?;
    wait(&cluster, "scaledobject/worker", "condition=Ready")?;
    redis.push("jobs", 20)?;
    wait(&cluster, "deployment/worker", "jsonpath={.spec.replicas}=4")?;

    let before = name_of_the_pod(&deployed, &cluster)?;
    let another = cluster.directory().join("another.yaml");
    fs::write(&another, "logging: {operator: {level: \"info,bellows=debug\"}}\n")?;
    deployed.upgrade(&cluster, &[&values, &another])?;
    ensure!(name_of_the_pod(&deployed, &cluster)? != before, "a changed value did not make a new pod");
    deployed.check(&cluster)?;

    // What would keep the object from ever being deleted.
    let finalizers = ["get", "scaledobject/worker", "--namespace=shop", "--output=jsonpath={.metadata.finalizers}"];
    assert_eq!(cluster.kubectl(&finalizers)?, r#"["finalizer.keda.sh"]"#);
    println!("{}", deployed.uninstall(&cluster)?);
    the_workload_is_as_it_was_and_free(&cluster)?;
    nothing_of_the_release_is_left(&cluster)?;
    // The definitions stayed, and belong to whoever installs again.
    let again = Deployed::install(&cluster, NAMESPACE, &[&values])?;
    wait(&cluster, "scaledobject/worker", "condition=Ready")?;
    again.uninstall(&cluster)?;
    for namespace in ["shop", NAMESPACE] {
        cluster.kubectl(&["delete", "namespace", namespace, "--timeout=60s"])?;
    }
    Ok(())
}

fn wait(cluster: &Cluster, what: &str, condition: &str) -> Result<()> {
    let until = format!("--for={condition}");
    let looked = cluster.kubectl(&["wait", what, "--namespace=shop", &until, "--timeout=60s"]);
    looked.map(drop).with_context(|| {
        let seen = cluster.kubectl(&["get", "scaledobjects,hpa,deployments", "--namespace=shop", "--output=yaml"]);
        seen.unwrap_or_else(|error| format!("{error:#}"))
    })
}

fn name_of_the_pod(deployed: &Deployed, cluster: &Cluster) -> Result<String> {
    let pods = deployed.pods(cluster)?;
    let running: Vec<&Value> = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect();
    ensure!(running.len() == 1, "{} pods", running.len());
    Ok(running[0]["metadata"]["name"].as_str().unwrap_or_default().to_owned())
}

/// `prometheus.io/port` says 9022, where KEDA's metrics were when the article was written.
fn metrics_are_served_where_the_service_says(cluster: &Cluster, deployed: &Deployed) -> Result<()> {
    let pods = deployed.pods(cluster)?;
    let address = pods[0]["status"]["podIP"].as_str().context("the pod has an address")?.to_owned();
    assert_eq!(pods[0]["spec"]["priorityClassName"], "system-cluster-critical");
    for port in [9022, 8080] {
        let socket: SocketAddr = format!("{address}:{port}").parse()?;
        TcpStream::connect_timeout(&socket, Duration::from_secs(5)).with_context(|| format!("connect to {socket}"))?;
        let text = get(&socket.to_string(), "/metrics")?;
        ensure!(text.contains("\nkeda_build_info{"), "port {port} has other metrics: {text}");
    }
    // Health is told at one port alone.
    match get(&format!("{address}:9022"), "/livez") {
        Err(error) if error.to_string().contains("404") => Ok(()),
        other => bail!("/livez at 9022: {other:?}"),
    }
}

/// The object, its HPA and its replicas are there as before, and nothing holds them.
fn the_workload_is_as_it_was_and_free(cluster: &Cluster) -> Result<()> {
    let look = |what: &str, path: &str| {
        cluster.kubectl(&["get", what, "--namespace=shop", &format!("--output=jsonpath={path}")])
    };
    assert_eq!(look("scaledobject/worker", "{.metadata.finalizers}")?, "");
    assert_eq!(look("scaledobject/worker", "{.metadata.deletionTimestamp}")?, "");
    assert_eq!(look("hpa/keda-hpa-worker", "{.metadata.name}")?, "keda-hpa-worker");
    assert_eq!(look("deployment/worker", "{.spec.replicas}")?, "4");
    Ok(())
}

/// Everything that helm made is gone but the definitions, which hold people's objects.
fn nothing_of_the_release_is_left(cluster: &Cluster) -> Result<()> {
    let kinds = "deployments,pods,services,serviceaccounts,configmaps,jobs,roles,rolebindings,clusterroles,\
                 clusterrolebindings,apiservices,podmonitors,prometheusrules,networkpolicies";
    let selector = "--selector=app.kubernetes.io/managed-by=Helm";
    cluster.wait_for("nothing of the release is left", SOON, || {
        let left = cluster.kubectl(&["get", kinds, "--all-namespaces", selector, "--output=name"])?;
        ensure!(left.trim().is_empty(), "{}", left.trim());
        Ok(Some(()))
    })?;
    let definitions = cluster.kubectl(&["get", "crds", selector, "--output=name"])?;
    assert_eq!(definitions.lines().count(), bellows::crd::all().len(), "{definitions}");
    Ok(())
}
