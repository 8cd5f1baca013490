//! KEDA itself, from its module, in pods: what it does with its own tests is what Bellows is held to.
//!
//! Owns its programs, its images and its installation by its own manifests. Refuses to patch any of them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{go_build, output_folder, source};
use crate::cluster::Cluster;
use crate::image::Contents;
use crate::paths;
use crate::process::output;
use crate::services::wait_for_external_metrics;

/// Package, image, and program: as KEDA's own image files have them.
const PROGRAMS: [(&str, &str, &str); 3] = [
    ("operator", "ghcr.io/kedacore/keda:main", "keda"),
    ("adapter", "ghcr.io/kedacore/keda-metrics-apiserver:main", "keda-adapter"),
    ("webhooks", "ghcr.io/kedacore/keda-admission-webhooks:main", "keda-admission-webhooks"),
];

/// It starts twice by design: the first time it has no certificate yet.
const INSTALLED_MAX: Duration = Duration::from_secs(240);
/// Its certificate is made after it has started.
const AVAILABLE_MAX: Duration = Duration::from_secs(180);

fn program(package: &str) -> PathBuf {
    output_folder().join("bin").join(package)
}

/// Builds its programs, where they are not there yet.
pub(super) fn build() -> Result<()> {
    for (package, ..) in PROGRAMS {
        let program = program(package);
        if program.is_file() {
            continue;
        }
        println!("building KEDA's {package} (the first time some ten minutes on two cores)");
        // Under another name until it is whole.
        let half = program.with_extension("new");
        let into = half.display().to_string();
        go_build(package, &["build", "-ldflags", "-s -w", "-o", &into, &format!("./cmd/{package}")])?;
        std::fs::rename(&half, &program).with_context(|| format!("name {}", program.display()))?;
    }
    Ok(())
}

/// Installs it and waits until it is there.
pub(super) fn install(cluster: &Cluster) -> Result<()> {
    println!("installing KEDA");
    let registry = cluster.node().context("there is a real node")?.registry()?;
    for (package, image, name) in PROGRAMS {
        let contents = Contents {
            name: image.to_owned(),
            programs: vec![(format!("/{name}"), program(package))],
            entrypoint: vec![format!("/{name}")],
            user: Some("65532".to_owned()),
            ..Contents::default()
        };
        registry.push(&contents.assemble()?)?;
    }
    let mut render = Command::new(paths::binary("kubectl"));
    render.args(["kustomize", "config/default"]).current_dir(source()?);
    cluster.apply(&output(&mut render).context("render KEDA's manifests")?)?;
    let rolled_out = ["wait", "--for=condition=Available", "deployments", "--all", "--namespace=keda", "--timeout=1s"];
    cluster.wait_for("KEDA runs", INSTALLED_MAX, || Ok(Some(cluster.kubectl(&rolled_out)?)))?;
    wait_for_external_metrics(cluster, AVAILABLE_MAX, || Ok(()))
}

/// What its operator wrote.
pub(super) fn log(cluster: &Cluster) -> Result<String> {
    cluster.kubectl(&["logs", "deployment/keda-operator", "--namespace=keda", "--tail=-1"])
}
