//! What comes out of which values.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use bellows_tests::chart::{self, RELEASE, RENDERINGS, helm};
use serde_json::Value;

use crate::document::{of_kind, only, parse, prepare};

fn rendering(name: &str) -> Result<Vec<Value>> {
    prepare()?;
    let rendering = RENDERINGS.iter().find(|rendering| rendering.name == name).context("there is such a rendering")?;
    parse(&rendering.render()?)
}

/// The container of the host.
fn container(documents: &[Value]) -> Result<Value> {
    let deployment = only(documents, "Deployment")?;
    Ok(deployment["spec"]["template"]["spec"]["containers"][0].clone())
}

fn arguments(documents: &[Value]) -> Result<BTreeSet<String>> {
    let container = container(documents)?;
    let arguments = container["args"].as_array().context("there are arguments")?.clone();
    Ok(arguments.iter().filter_map(|argument| argument.as_str().map(str::to_owned)).collect())
}

#[test]
fn what_is_rendered_is_what_was_kept() -> Result<()> {
    prepare()?;
    for rendering in RENDERINGS {
        let kept = fs::read_to_string(rendering.kept()).unwrap_or_default();
        let rendered = rendering.render()?;
        let difference = rendered.lines().zip(kept.lines()).position(|(now, before)| now != before);
        ensure!(
            rendered == kept,
            "the rendering {} is another than it was, from line {} on: `cargo xtask chart` writes it anew, and its \
             difference is what the change does in a cluster",
            rendering.name,
            difference.unwrap_or_else(|| kept.lines().count().min(rendered.lines().count())) + 1
        );
    }
    Ok(())
}

#[test]
fn helm_finds_nothing_to_complain_about() -> Result<()> {
    prepare()?;
    for rendering in RENDERINGS {
        let values = rendering.values().display().to_string();
        helm(&["lint", "--strict", "--quiet", "--values", &values, &chart::chart()])?;
    }
    Ok(())
}

#[test]
fn the_definitions_are_those_that_the_program_prints() -> Result<()> {
    prepare()?;
    let printed = bellows::crd::yaml()?;
    let kept = fs::read_to_string(chart::definitions()).context("read the chart's definitions")?;
    ensure!(kept == printed, "`bellows crds` prints others than the chart has: `cargo xtask chart` writes them anew");
    let mut rendered = parse(&helm(&["template", RELEASE, &chart::chart(), "--show-only=templates/crds.yaml"])?)?;
    for definition in &mut rendered {
        let metadata = definition["metadata"].as_object_mut().context("there is metadata")?;
        let annotations = metadata.remove("annotations").context("there are annotations")?;
        assert_eq!(annotations["helm.sh/resource-policy"], "keep");
        let labels = metadata.remove("labels").context("there are labels")?;
        assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
    }
    assert_eq!(rendered, parse(&printed)?);
    Ok(())
}

#[test]
fn the_chart_has_the_version_of_the_program() -> Result<()> {
    let file = fs::read_to_string(format!("{}/Chart.yaml", chart::chart()))?;
    let chart: Value = serde_yaml_ng::from_str(&file)?;
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
    Ok(())
}

#[test]
fn each_key_of_the_article_does_what_it_says() -> Result<()> {
    let documents = rendering("article")?;
    let pod = only(&documents, "Deployment")?["spec"]["template"]["spec"].clone();
    assert_eq!(pod["priorityClassName"], "system-cluster-critical");
    let container = container(&documents)?;
    let resources = serde_json::json!({
        "requests": {"cpu": "100m", "memory": "100Mi"}, "limits": {"cpu": "1", "memory": "1000Mi"},
    });
    assert_eq!(container["resources"], resources);
    // Whoever follows the Service's annotations finds the metrics where they say.
    let service = only(&documents, "Service")?;
    assert_eq!(service["metadata"]["annotations"]["prometheus.io/port"], "9022");
    let arguments = arguments(&documents)?;
    assert!(arguments.contains("--prometheus=0.0.0.0:9022"), "{arguments:?}");
    // The alerts use names of old; `absent(up{job=…})` knows the target by its job.
    assert!(arguments.contains("--legacy-metric-names"), "{arguments:?}");
    let jobs: BTreeSet<String> = of_kind(&documents, "PodMonitor")
        .iter()
        .map(|monitor| {
            assert_eq!(monitor["metadata"]["namespace"], "keda");
            let relabeling = &monitor["spec"]["podMetricsEndpoints"][0]["relabelings"][0];
            assert_eq!(relabeling["targetLabel"], "job");
            relabeling["replacement"].as_str().unwrap_or_default().to_owned()
        })
        .collect();
    assert_eq!(jobs, ["keda-operator", "keda-operator-metrics-apiserver"].map(str::to_owned).into());
    let values: Value = serde_yaml_ng::from_str(&fs::read_to_string(RENDERINGS[1].values())?)?;
    let rule = only(&documents, "PrometheusRule")?;
    assert_eq!(rule["spec"]["groups"][0]["rules"], values["prometheus"]["operator"]["prometheusRules"]["alerts"]);
    Ok(())
}

#[test]
fn both_monitors_together_bring_each_series_once() -> Result<()> {
    let documents = rendering("article")?;
    let dropping: Vec<String> = of_kind(&documents, "PodMonitor")
        .iter()
        .filter(|monitor| monitor["spec"]["podMetricsEndpoints"][0]["metricRelabelings"][0]["action"] == "drop")
        .map(|monitor| monitor["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(dropping, ["bellows-metrics-apiserver"]);
    Ok(())
}

#[test]
fn nobody_may_list_secrets_or_touch_everything() -> Result<()> {
    for name in ["default", "everything"] {
        let documents = rendering(name)?;
        let roles = of_kind(&documents, "ClusterRole").into_iter().chain(of_kind(&documents, "Role"));
        for role in roles {
            let rules = role["rules"].as_array().cloned().unwrap_or_default();
            for rule in rules {
                let has = |field: &str, word: &str| {
                    rule[field].as_array().is_some_and(|words| words.iter().any(|found| found == word))
                };
                assert!(!has("apiGroups", "*") && !has("verbs", "*"), "{name}: {rule}");
                // The names of external metrics are those of triggers, and only the HPA's controller may read them all.
                assert!(!has("resources", "*") || has("apiGroups", "external.metrics.k8s.io"), "{name}: {rule}");
                assert!(!has("resources", "secrets") || rule["verbs"] == serde_json::json!(["get"]), "{name}: {rule}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_pod_is_as_little_trusted_as_can_be() -> Result<()> {
    let documents = rendering("default")?;
    let pod = only(&documents, "Deployment")?["spec"]["template"]["spec"].clone();
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]));
    Ok(())
}

#[test]
fn every_key_is_described_and_has_its_default() -> Result<()> {
    let folder = chart::chart();
    let schema: Value = serde_json::from_str(&fs::read_to_string(format!("{folder}/values.schema.json"))?)?;
    let values: Value = serde_yaml_ng::from_str(&fs::read_to_string(format!("{folder}/values.yaml"))?)?;
    let mut wrong = Vec::new();
    describe("", &schema, Some(&values), &mut wrong);
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

/// Collects properties without a description, and those with an effect that `values.yaml` does not show.
fn describe(path: &str, schema: &Value, values: Option<&Value>, wrong: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        let description = property["description"].as_str().unwrap_or_default();
        if description.is_empty() {
            wrong.push(format!("{path} has no description"));
        }
        let value = values.and_then(|values| values.get(name));
        let optional = description.starts_with("Accepted and without effect") || path == "/global";
        if value.is_none() && !optional && values.is_some_and(Value::is_object) {
            let probe = ["initialDelaySeconds", "successThreshold", "claims"].contains(&name.as_str());
            if !probe {
                wrong.push(format!("{path} is not in values.yaml"));
            }
        }
        if path != "/global" {
            describe(&path, property, value, wrong);
        }
    }
}
