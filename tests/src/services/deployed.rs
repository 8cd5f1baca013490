//! Bellows as people run it: its image in the node's registry, its chart installed by helm, its pod.
//!
//! Owns the release in its namespace, from the image to the uninstallation. Refuses any other image than that of this
//! checkout's build.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::wait_for_external_metrics;
use crate::chart::{RELEASE, chart, helm_in};
use crate::cluster::Cluster;
use crate::image::bellows::Release;

/// A pull from the same machine, and the first compilation of all components by what a pod may use of it.
const START_MAX: &str = "5m";

/// An installed Bellows. It stays until [`Deployed::uninstall`], or until its cluster goes.
#[derive(Debug)]
pub struct Deployed {
    namespace: String,
}

impl Deployed {
    /// Pushes the image, installs the chart with these values, and waits until the API server asks it for metrics.
    ///
    /// # Errors
    /// There is no real node, the image cannot be made, helm refuses, or the pod does not become Ready.
    pub fn install(cluster: &Cluster, namespace: &str, values: &[&Path]) -> Result<Self> {
        let node = cluster.node().context("only a real node runs an image")?;
        let (image, digest) = Release::of_tests().assemble()?;
        node.registry()?.push(&image)?;
        println!("installing the chart of Bellows with the image {} ({digest})", image.name);
        let deployed = Self { namespace: namespace.to_owned() };
        deployed.helm(cluster, &["install", RELEASE, &chart(), "--create-namespace"], values)?;
        deployed.wait_until_available(cluster)?;
        Ok(deployed)
    }

    /// Brings the release to these values.
    ///
    /// # Errors
    /// helm refuses, or the new pod does not become Ready.
    pub fn upgrade(&self, cluster: &Cluster, values: &[&Path]) -> Result<()> {
        self.helm(cluster, &["upgrade", RELEASE, &chart()], values)?;
        self.wait_until_available(cluster)
    }

    fn helm(&self, cluster: &Cluster, what: &[&str], values: &[&Path]) -> Result<()> {
        let mut arguments = what.to_vec();
        let namespace = format!("--namespace={}", self.namespace);
        let files: Vec<String> = values.iter().map(|file| format!("--values={}", file.display())).collect();
        let timeout = format!("--timeout={START_MAX}");
        arguments.extend([namespace.as_str(), "--wait", &timeout]);
        arguments.extend(files.iter().map(String::as_str));
        let done = helm_in(cluster, &arguments);
        done.with_context(|| self.last_words(cluster)).map(drop)
    }

    fn wait_until_available(&self, cluster: &Cluster) -> Result<()> {
        let available = wait_for_external_metrics(cluster, Duration::from_secs(60), || Ok(()));
        available.with_context(|| self.last_words(cluster))
    }

    /// By what kubectl finds its pods.
    fn selection(&self) -> [String; 2] {
        [format!("--namespace={}", self.namespace), format!("--selector=app.kubernetes.io/instance={RELEASE}")]
    }

    /// What its pods are and wrote last.
    fn last_words(&self, cluster: &Cluster) -> String {
        let [namespace, selector] = self.selection();
        let say = |arguments: &[&str]| cluster.kubectl(arguments).unwrap_or_else(|error| format!("{error:#}"));
        let pods = say(&["describe", "pods", &namespace, &selector]);
        let log = say(&["logs", &namespace, &selector, "--tail=20"]);
        format!("its pods:\n{pods}\nand their log:\n{log}")
    }

    /// Its pods, as the API server has them.
    ///
    /// # Errors
    /// The API server cannot be asked.
    pub fn pods(&self, cluster: &Cluster) -> Result<Vec<Value>> {
        let [namespace, selector] = self.selection();
        let list = cluster.kubectl(&["get", "pods", &namespace, &selector, "--output=json"])?;
        let list: Value = serde_json::from_str(&list).context("read the pods")?;
        Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Fails where its pod is not there or was started more than once, with what it wrote.
    ///
    /// # Errors
    /// As above.
    pub fn check(&self, cluster: &Cluster) -> Result<()> {
        let pods = self.pods(cluster)?;
        let restarts = pods.iter().map(|pod| pod.pointer("/status/containerStatuses/0/restartCount").cloned());
        if pods.len() != 1 || restarts.into_iter().any(|count| count != Some(json!(0))) {
            bail!("Bellows did not run all the time; {}", self.last_words(cluster));
        }
        Ok(())
    }

    /// All that its pods wrote.
    ///
    /// # Errors
    /// The API server cannot be asked.
    pub fn log(&self, cluster: &Cluster) -> Result<String> {
        let [namespace, selector] = self.selection();
        cluster.kubectl(&["logs", &namespace, &selector, "--tail=-1"])
    }

    /// Uninstalls it, and says what helm said.
    ///
    /// # Errors
    /// helm refuses, or something stays.
    pub fn uninstall(&self, cluster: &Cluster) -> Result<String> {
        let namespace = format!("--namespace={}", self.namespace);
        let done = helm_in(cluster, &["uninstall", RELEASE, &namespace, "--wait", "--timeout=3m"]);
        done.with_context(|| self.last_words(cluster))
    }
}

/// Makes Bellows trust what is in a folder: a ConfigMap in its namespace, and a file with the values that mount it.
///
/// # Errors
/// The namespace or the ConfigMap cannot be made.
pub fn trust(cluster: &Cluster, namespace: &str, authorities: &Path) -> Result<std::path::PathBuf> {
    cluster.kubectl(&["create", "namespace", namespace])?;
    let from = format!("--from-file={}", authorities.display());
    let of = format!("--namespace={namespace}");
    cluster.kubectl(&["create", "configmap", "authorities", &of, &from])?;
    let values = json!({
        "certificates": {"operator": {"caDirs": ["/custom/ca"]}},
        "volumes": {"keda": {
            "extraVolumes": [{"name": "authorities", "configMap": {"name": "authorities"}}],
            "extraVolumeMounts": [{"name": "authorities", "mountPath": "/custom/ca", "readOnly": true}],
        }},
    });
    let file = cluster.directory().join("trust.json");
    fs::write(&file, values.to_string()).with_context(|| format!("write {}", file.display()))?;
    Ok(file)
}
