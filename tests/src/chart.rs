//! The Helm chart: rendered, compared with what was rendered before, installed as a user does.
//!
//! Owns the calls of helm, which keeps nothing outside `target`, and the renderings under version control, so that a
//! change of the chart is seen as what it changes in a cluster. Tests that install without helm take the first of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cluster::Cluster;
use crate::paths;
use crate::process::output;

/// The name of a release, as the README has it.
pub const RELEASE: &str = "bellows";

/// Values and the manifests that they make.
#[derive(Clone, Copy, Debug)]
pub struct Rendering {
    /// Names its files below `tests/tests/chart`: `NAME-values.yaml`, and `NAME.yaml` for what comes out.
    pub name: &'static str,
    /// The namespace of the release.
    pub namespace: &'static str,
}

/// All that are kept. The definitions of the kinds are not in them: they are `files/crds.yaml`.
pub const RENDERINGS: [Rendering; 3] = [
    Rendering { name: "default", namespace: "bellows" },
    Rendering { name: "article", namespace: "keda" },
    Rendering { name: "everything", namespace: "bellows" },
];

impl Rendering {
    /// Its values.
    #[must_use]
    pub fn values(&self) -> PathBuf {
        folder().join(format!("{}-values.yaml", self.name))
    }

    /// What came out when it was last written.
    #[must_use]
    pub fn kept(&self) -> PathBuf {
        folder().join(format!("{}.yaml", self.name))
    }

    /// What comes out now.
    ///
    /// # Errors
    /// helm refuses the values or the chart.
    pub fn render(&self) -> Result<String> {
        let values = self.values().display().to_string();
        let namespace = format!("--namespace={}", self.namespace);
        helm(&["template", RELEASE, &chart(), &namespace, "--set=crds.install=false", "--values", &values])
    }
}

fn folder() -> PathBuf {
    paths::root().join("tests/tests/chart")
}

/// The definitions that the chart installs.
#[must_use]
pub fn definitions() -> PathBuf {
    Path::new(&chart()).join("files/crds.yaml")
}

/// The chart's folder, for helm.
#[must_use]
pub fn chart() -> String {
    paths::root().join("charts/bellows").display().to_string()
}

/// Runs helm and returns what it printed.
///
/// # Errors
/// It failed; the error holds what it said.
pub fn helm(arguments: &[&str]) -> Result<String> {
    output(&mut command(arguments))
}

/// Runs helm as the administrator of a cluster.
///
/// # Errors
/// It failed; the error holds what it said.
pub fn helm_in(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    output(command(arguments).arg("--kubeconfig").arg(cluster.admin_kubeconfig()))
}

fn command(arguments: &[&str]) -> Command {
    let own = paths::cluster_output().join("helm");
    let mut command = Command::new(paths::binary("helm"));
    command.args(arguments).env_remove("KUBECONFIG").env_remove("HELM_NAMESPACE");
    for kind in ["CACHE", "CONFIG", "DATA"] {
        command.env(format!("HELM_{kind}_HOME"), own.join(kind.to_lowercase()));
    }
    command
}

/// Writes the definitions and all renderings anew, as the chart and the program are now.
///
/// # Errors
/// The program is missing, or helm refuses the chart.
pub fn write() -> Result<()> {
    let printed = output(Command::new(paths::bellows()).arg("crds")).context("print Bellows' definitions")?;
    let path = definitions();
    fs::write(&path, printed).with_context(|| format!("write {}", path.display()))?;
    for rendering in RENDERINGS {
        let path = rendering.kept();
        fs::write(&path, rendering.render()?).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
