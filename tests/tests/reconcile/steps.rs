//! One story of one object after the other, on a cluster that they share. Each leaves what the next one needs.

use std::time::Duration;

use anyhow::Result;
use bellows_core::effect::Effect;
use bellows_core::event::Event;
use bellows_core::status::{Condition, Notice, Report, Tone, Truth};
use bellows_core::workload::ObjectKey;
use bellows_tests::cluster::Cluster;

use crate::host::{self, Host};

fn scaled_object(name: &str, variable: &str) -> String {
    format!(
        r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{ name: {name}, namespace: default, labels: {{ app.kubernetes.io/managed-by: Helm }} }}
spec:
  scaleTargetRef: {{ name: worker }}
  triggers:
  - type: list
    metadata: {{ listNameFromEnv: {variable} }}
"#
    )
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

pub(crate) async fn a_new_object_costs_four_writes_and_the_next_round_none(
    cluster: &Cluster,
    host: &mut Host,
) -> Result<()> {
    cluster.apply(&scaled_object("web", "PREFIXED"))?;
    let manifest = host.applied("web", |manifest| !manifest.adopted).await?;
    let before = host.requests.writes();
    host.performer.perform(Effect::Adopt { key: key("web") });
    let adopted = |event: &Event| matches!(event, Event::Adopted { result: Ok(()), .. }).then_some(());
    host.hear("that it is adopted", adopted).await?;
    host.applied("web", |manifest| manifest.adopted).await?;
    let resolution = host.resolve(&manifest).await?.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    assert_eq!(resolution.replicas, 2);
    assert_eq!(&*resolution.workload.triggers[0].metrics[0].name, "s0-my-jobs");
    let fingerprint = host.apply_hpa(&resolution.workload, None).await?.map_err(anyhow::Error::msg)?;
    let observed = host.hpa(|hpa| hpa.fingerprint == fingerprint).await?;
    assert_eq!(&*observed.name, "keda-hpa-web");
    let hpa = cluster.kubectl(&["get", "hpa", "keda-hpa-web", "--output=jsonpath={.metadata.labels}"])?;
    assert!(hpa.contains(r#""app.kubernetes.io/managed-by":"Helm""#), "{hpa}");
    assert_eq!(host.report("web", report("ready")).await?, Ok(()));
    let notice =
        Notice { tone: Tone::Normal, reason: "ScaledObjectReady", message: "is ready".repeat(200), detail: false };
    host.performer.perform(Effect::Tell { key: key("web"), notice });
    cluster.wait_for("the Event is there", Duration::from_secs(10), || {
        let notes = cluster.kubectl(&["get", "events.events.k8s.io", "--output=jsonpath={.items[*].note}"])?;
        Ok((notes.contains("is readyis ready") && notes.contains('…')).then_some(()))
    })?;
    assert_eq!(host.requests.writes() - before, 4, "{:?}", host.requests.snapshot());
    // Nothing changed, so nothing is written.
    assert_eq!(host.apply_hpa(&resolution.workload, None).await?, Ok(fingerprint));
    assert_eq!(host.report("web", report("ready")).await?, Ok(()));
    assert_eq!(host.requests.writes() - before, 4, "{:?}", host.requests.snapshot());
    // Somebody edits the HPA: the machine sees another fingerprint, and applying brings the first one back.
    cluster.kubectl(&["patch", "hpa", "keda-hpa-web", "--type=merge", "--patch={\"spec\":{\"maxReplicas\":7}}"])?;
    host.hpa(|hpa| hpa.fingerprint != fingerprint).await?;
    assert_eq!(host.apply_hpa(&resolution.workload, None).await?, Ok(fingerprint));
    Ok(())
}

fn report(message: &str) -> Report {
    let reason = "ScaledObjectReady".into();
    let ready = Condition { kind: "Ready", status: Truth::True, reason, message: message.into() };
    let external_metrics = vec!["s0-my-jobs".into()];
    Report { conditions: vec![ready], trigger_types: "list".into(), external_metrics, ..Report::default() }
}

pub(crate) async fn replicas_move_only_from_where_they_were_thought_to_be(
    cluster: &Cluster,
    host: &mut Host,
) -> Result<()> {
    let scale = |from, to| Effect::Scale { key: key("web"), target: host::worker(), from, to };
    host.performer.perform(scale(0, 1));
    let read = |event: &Event| match event {
        Event::ScaleRead { replicas, .. } => Some(*replicas),
        _ => None,
    };
    assert_eq!(host.hear("the true replicas", read).await?, 2);
    host.performer.perform(scale(2, 3));
    let scaled = |event: &Event| matches!(event, Event::Scaled { to: 3, result: Ok(()), .. }).then_some(());
    host.hear("that it is scaled", scaled).await?;
    assert_eq!(cluster.kubectl(&["get", "deployment", "worker", "--output=jsonpath={.spec.replicas}"])?.trim(), "3");
    Ok(())
}

pub(crate) async fn what_is_missing_is_named(cluster: &Cluster, host: &mut Host) -> Result<()> {
    let manifest = host.applied_again("web");
    cluster.kubectl(&["delete", "secret", "login"])?;
    let refusal = host.resolve(&manifest).await?.expect_err("the Secret is gone");
    let told = refusal.problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let missing = "spec.triggers[0].metadata.listNameFromEnv: there is no Secret login in namespace default; \
                   key list of it is needed";
    assert_eq!((told, refusal.retry), (vec![missing.to_owned()], true));
    cluster.kubectl(&["create", "secret", "generic", "login", "--from-literal=list=jobs"])?;
    for (kind, name, told) in [
        (
            None,
            "nobody",
            "spec.scaleTargetRef.name: Target resource doesn't exist: there is no Deployment nobody in namespace default",
        ),
        (
            Some("Job"),
            "worker",
            "spec.scaleTargetRef.kind: Target resource doesn't expose /scale subresource: Job in batch/v1 has none",
        ),
        (Some("Cow"), "worker", "spec.scaleTargetRef.kind: the cluster has no kind Cow in batch/v1"),
    ] {
        let mut manifest = manifest.clone();
        let mut draft = (*manifest.draft).clone();
        draft.target.kind = kind.map(str::to_owned);
        draft.target.api_version = kind.map(|_| "batch/v1".to_owned());
        name.clone_into(&mut draft.target.name);
        manifest.draft = draft.into();
        let refusal = host.resolve(&manifest).await?.expect_err(told);
        assert_eq!((refusal.problems[0].to_string().as_str(), refusal.retry), (told, true));
    }
    Ok(())
}

pub(crate) async fn a_foreign_hpa_is_left_alone(cluster: &Cluster, host: &mut Host) -> Result<()> {
    let manifest = host.applied_again("web");
    let mut workload = host.resolve(&manifest).await?.expect("all is there").workload;
    cluster.kubectl(&["autoscale", "deployment", "worker", "--name=foreign", "--max=3"])?;
    workload.hpa.name = "foreign".into();
    let failure = host.apply_hpa(&workload, Some("keda-hpa-web")).await?.expect_err("it is foreign");
    assert!(failure.starts_with("HorizontalPodAutoscaler default/foreign exists and is nobody's"), "{failure}");
    // The older one is kept as long as there is no newer one.
    cluster.kubectl(&["get", "hpa", "keda-hpa-web"])?;
    cluster.kubectl(&["delete", "hpa", "foreign"])?;
    host.apply_hpa(&workload, Some("keda-hpa-web")).await?.map_err(anyhow::Error::msg)?;
    host.hpa(|hpa| &*hpa.name == "foreign").await?;
    assert_eq!(
        cluster.kubectl(&["get", "hpa", "--output=name"])?.trim(),
        "horizontalpodautoscaler.autoscaling/foreign"
    );
    Ok(())
}

pub(crate) async fn an_hpa_of_keda_is_taken_over(cluster: &Cluster, host: &mut Host) -> Result<()> {
    let manifest = host.applied_again("web");
    let workload = host.resolve(&manifest).await?.expect("all is there").workload;
    let mut hpa = bellows::kube::hpa::build(&workload, &manifest.uid)?;
    hpa.metadata.labels.get_or_insert_default().insert("left".into(), "over".into());
    hpa.spec.behavior = Some(Default::default());
    let path = cluster.directory().join("keda-hpa.yaml");
    std::fs::write(&path, serde_yaml_ng::to_string(&hpa)?)?;
    cluster.kubectl(&["create", "--field-manager=keda", "--filename", &path.display().to_string()])?;
    host.apply_hpa(&workload, Some("foreign")).await?.map_err(anyhow::Error::msg)?;
    let left =
        cluster.kubectl(&["get", "hpa", "keda-hpa-web", "--output=jsonpath={.metadata.managedFields[*].manager}"])?;
    assert!(!left.split(' ').any(|manager| manager == "keda"), "{left}");
    Ok(())
}

pub(crate) async fn a_deleted_object_is_released(cluster: &Cluster, host: &mut Host) -> Result<()> {
    cluster.kubectl(&["delete", "scaledobject", "web", "--wait=false"])?;
    host.applied("web", |manifest| manifest.deleting).await?;
    host.performer.perform(Effect::Release { key: key("web"), restore: Some((host::worker(), 2)) });
    let released = |event: &Event| matches!(event, Event::Released { result: Ok(()), .. }).then_some(());
    host.hear("that it is released", released).await?;
    host.gone("web").await?;
    assert_eq!(cluster.kubectl(&["get", "deployment", "worker", "--output=jsonpath={.spec.replicas}"])?.trim(), "2");
    Ok(())
}

pub(crate) async fn an_unreadable_object_is_reported(cluster: &Cluster, host: &mut Host) -> Result<()> {
    // As an object that an older API server stored, before there was a schema.
    let schema = r#"[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema",
        "value":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}]"#;
    cluster.kubectl(&["patch", "crd", "scaledobjects.keda.sh", "--type=json", "--patch", schema])?;
    let bad = scaled_object("bad", "LIST").replace("triggers:", "other:");
    // The new schema is served a moment later.
    cluster.wait_for("the object is stored", Duration::from_secs(20), || {
        cluster.apply(&bad)?;
        let stored = cluster.kubectl(&["get", "scaledobject", "bad", "--output=jsonpath={.spec}"])?;
        Ok(stored.contains("other").then_some(()))
    })?;
    let unreadable = |event: &Event| match event {
        Event::Unreadable { key, message } if &*key.name == "bad" => Some(message.clone()),
        _ => None,
    };
    let message = host.hear("that it cannot be read", unreadable).await?;
    assert!(message.contains("triggers"), "{message}");
    assert_eq!(host.report("bad", report("cannot be read")).await?, Ok(()));
    let status =
        cluster.kubectl(&["get", "scaledobject", "bad", "--output=jsonpath={.status.conditions[0].message}"])?;
    assert_eq!(status, "cannot be read");
    Ok(())
}

pub(crate) async fn the_watch_outlives_the_api_server(cluster: &mut Cluster, host: &mut Host) -> Result<()> {
    cluster.apply(&scaled_object("kept", "LIST"))?;
    host.applied("kept", |_| true).await?;
    cluster.restart_api_server()?;
    cluster.kubectl(&["delete", "scaledobject", "kept"])?;
    cluster.apply(&scaled_object("late", "LIST"))?;
    host.gone("kept").await?;
    host.applied("late", |_| true).await?;
    Ok(())
}
