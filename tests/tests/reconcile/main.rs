//! The host's side of the API server against a real one, in the name of the service account and with its role alone:
//! what the watches tell, and what each effect does, writes and answers.
//!
//! The machine is not here: effects are handed in one by one, so that each is seen by itself.

#[cfg(test)]
mod host;
#[cfg(test)]
mod let_go;
#[cfg(test)]
mod steps;

use anyhow::{Context, Result};
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::services::install_rights;
use host::Host;

const WORKER: &str = r#"
apiVersion: v1
kind: Secret
metadata: { name: login, namespace: default }
stringData: { list: jobs }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: worker, namespace: default }
spec:
  replicas: 2
  selector: { matchLabels: { app: worker } }
  template:
    metadata: { labels: { app: worker } }
    spec:
      containers:
      - name: worker
        image: worker
        env:
        - { name: LIST, valueFrom: { secretKeyRef: { name: login, key: list } } }
        - { name: PREFIXED, value: "my-$(LIST)" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_effect_does_what_it_says_with_the_rights_of_the_service_account() -> Result<()> {
    let mut cluster = Cluster::start(Options::default())?;
    cluster.apply(&bellows::crd::yaml()?)?;
    install_rights(&cluster)?;
    cluster.apply(WORKER)?;
    let mut host = Host::start(&cluster.kubeconfig_for_account("bellows", "bellows")?).await?;
    steps::a_new_object_costs_four_writes_and_the_next_round_none(&cluster, &mut host).await.context("a new object")?;
    steps::replicas_move_only_from_where_they_were_thought_to_be(&cluster, &mut host).await.context("replicas")?;
    steps::what_is_missing_is_named(&cluster, &mut host).await.context("what is missing")?;
    steps::a_foreign_hpa_is_left_alone(&cluster, &mut host).await.context("a foreign HPA")?;
    steps::an_hpa_of_keda_is_taken_over(&cluster, &mut host).await.context("an HPA of KEDA")?;
    steps::a_deleted_object_is_released(&cluster, &mut host).await.context("a deleted object")?;
    steps::an_unreadable_object_is_reported(&cluster, &mut host).await.context("an unreadable object")?;
    steps::the_watch_outlives_the_api_server(&mut cluster, &mut host).await.context("a restart")?;
    drop(host);
    let_go::objects_are_let_go_when_no_host_is_left(&cluster).await.context("no host is left")
}
