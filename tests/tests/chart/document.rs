//! Reading manifests, of ours and of Prometheus' operator.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bellows_tests::cluster::Cluster;
use bellows_tests::process::output;
use bellows_tests::setup::{self, Needs};
use serde::Deserialize;
use serde_json::Value;

/// The definitions of Prometheus' operator, by version and checksum.
const MODULE: (&str, &str) =
    ("github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=");

/// Tests of several threads want helm at the same moment.
pub(crate) fn prepare() -> Result<()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    setup::prepare(Needs { helm: true, ..Needs::default() })
}

/// All documents of a stream of YAML.
pub(crate) fn parse(stream: &str) -> Result<Vec<Value>> {
    let documents = serde_yaml_ng::Deserializer::from_str(stream);
    let read = documents.map(|document| Value::deserialize(document).context("read a manifest"));
    Ok(read.collect::<Result<Vec<_>>>()?.into_iter().filter(|value| !value.is_null()).collect())
}

/// The documents of one kind.
pub(crate) fn of_kind(documents: &[Value], kind: &str) -> Vec<Value> {
    documents.iter().filter(|document| document["kind"] == kind).cloned().collect()
}

/// The one document of a kind.
pub(crate) fn only(documents: &[Value], kind: &str) -> Result<Value> {
    let mut found = of_kind(documents, kind);
    ensure!(found.len() == 1, "{} of the kind {kind}", found.len());
    Ok(found.remove(0))
}

/// Has a cluster know what Prometheus' operator would: without it the chart's monitors are of no kind.
pub(crate) fn define_prometheus(cluster: &Cluster) -> Result<()> {
    let folder = definitions_of_prometheus()?;
    for kind in ["podmonitors", "servicemonitors", "prometheusrules"] {
        let file = folder.join(format!("monitoring.coreos.com_{kind}.yaml"));
        cluster.kubectl(&["create", "--filename", &file.display().to_string()])?;
    }
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]).map(drop)
}

/// The folder with the definitions of Prometheus' operator, downloaded once.
fn definitions_of_prometheus() -> Result<PathBuf> {
    let (module, checksum) = MODULE;
    let mut download = Command::new("go");
    download.args(["mod", "download", "-json", module]).current_dir(std::env::temp_dir());
    let answer: Value = serde_json::from_str(&output(&mut download)?).context("understand what Go says")?;
    ensure!(answer["Sum"] == checksum, "{module} is another one than this test was written against");
    Ok(Path::new(answer["Dir"].as_str().unwrap_or_default()).join("example/prometheus-operator-crd"))
}
