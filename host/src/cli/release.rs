//! `bellows release`: the end of a host's service. Takes its finalizer off the ScaledObjects, so that they can be deleted
//! when no host is there; the chart runs it after `helm uninstall`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::kube::release::{Hosts, release, wait_for_the_end};
use crate::kube::{Requests, Scope, connect};

/// Arguments of `bellows release`.
#[derive(Debug, clap::Args)]
pub struct ReleaseArguments {
    /// Kubeconfig; the pod's service account where absent
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// One namespace only, as for `run`
    #[arg(long, value_name = "NAMESPACE")]
    watch_namespace: Option<String>,
    /// ScaledObjects with these labels only, as for `run`
    #[arg(long, value_name = "LABEL=VALUE,…")]
    selector: Option<String>,
    /// Wait first, 90 s at most, until the pods with these labels are gone: a host that runs puts the finalizer back
    #[arg(long, value_name = "NAMESPACE/LABEL=VALUE,…", value_parser = hosts)]
    hosts: Option<Hosts>,
}

fn hosts(text: &str) -> anyhow::Result<Hosts> {
    // Labels have a slash of their own, a namespace has none.
    match text.split_once('/') {
        Some((namespace, selector)) if !namespace.is_empty() && selector.contains('=') => {
            Ok(Hosts { namespace: namespace.to_owned(), selector: selector.to_owned() })
        }
        _ => bail!("write NAMESPACE/LABEL=VALUE,…, such as bellows/app.kubernetes.io/name=bellows"),
    }
}

/// Releases all of them and says how many there were.
pub fn run(arguments: ReleaseArguments) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        let requests = Arc::new(Requests::default());
        let client = connect(arguments.kubeconfig.as_deref(), requests).await.context("cannot reach Kubernetes")?;
        if let Some(hosts) = &arguments.hosts {
            wait_for_the_end(&client, hosts).await?;
        }
        let scope = Scope { namespace: arguments.watch_namespace, selector: arguments.selector };
        let released = release(&client, &scope).await?;
        println!("took the finalizer off {released} objects");
        Ok(ExitCode::SUCCESS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_a_namespace_and_labels() {
        let parsed = hosts("keda/app.kubernetes.io/name=bellows,a=b").unwrap();
        let wanted = Hosts { namespace: "keda".to_owned(), selector: "app.kubernetes.io/name=bellows,a=b".to_owned() };
        assert_eq!(parsed, wanted);
        for text in ["keda", "a=b", "/a=b"] {
            assert!(hosts(text).unwrap_err().to_string().starts_with("write NAMESPACE/LABEL=VALUE"), "{text}");
        }
    }
}
