//! `Effect::Report`: the status of a ScaledObject, under KEDA's field names. The whole status is ours; one that would
//! change nothing is not written, and one that would is written as the difference.

use std::sync::Arc;

use bellows_core::event::ApiFailure;
use bellows_core::status::Report;
use bellows_core::workload::ObjectKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::FIELD_MANAGER;
use super::call::call;
use super::finalizer::api;
use super::store::Store;
use crate::crd::status::{GroupVersionKindResource, HealthStatus, TriggerActivity};
use crate::crd::{Condition, ScaledObjectStatus};

/// Writes the status of `key`, if it differs from the one that it has.
pub(super) async fn report(client: &Client, store: &Store, key: &ObjectKey, report: &Report) -> Result<(), ApiFailure> {
    let failed =
        |message: String, retry| ApiFailure { message: format!("cannot write the status of {key}: {message}"), retry };
    let Some(known) = store.get(key) else { return Err(failed("the object is gone".to_owned(), false)) };
    let wanted = serde_json::to_value(status(report)).map_err(|error| failed(error.to_string(), false))?;
    let present = known.status.as_deref().and_then(|status| serde_json::from_str(status).ok());
    let Some(patch) = difference(&present.unwrap_or(Value::Null), &wanted) else { return Ok(()) };
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "status": patch }));
    let written = call(api(client, key).patch_status(&key.name, &parameters, &patch)).await;
    written.map_err(|error| error.failure(format_args!("write the status of {key}")))?;
    store.wrote_status(key, &known.uid, Arc::from(wanted.to_string()));
    Ok(())
}

fn status(report: &Report) -> ScaledObjectStatus {
    let target = report.target.as_ref();
    ScaledObjectStatus {
        scale_target_kind: target.map(|target| format!("{}.{}", target.api_version(), target.kind)),
        scale_target_gvkr: target.map(|target| GroupVersionKindResource {
            group: target.group.clone(),
            version: target.version.clone(),
            kind: target.kind.clone(),
            resource: target.resource.clone(),
        }),
        original_replica_count: report.original_replicas.and_then(|count| i32::try_from(count).ok()),
        last_active_time: report.last_active.map(Time),
        external_metric_names: report.external_metrics.clone(),
        resource_metric_names: report.resource_metrics.clone(),
        conditions: report
            .conditions
            .iter()
            .map(|condition| Condition {
                condition_type: condition.kind.to_owned(),
                status: condition.status.label().to_owned(),
                reason: filled(&condition.reason),
                message: filled(&condition.message),
            })
            .collect(),
        health: report
            .health
            .iter()
            .map(|(metric, health)| {
                let status = if health.happy { "Happy" } else { "Failing" };
                let number_of_failures = Some(i32::try_from(health.failures).unwrap_or(i32::MAX));
                (metric.clone(), HealthStatus { number_of_failures, status: Some(status.to_owned()) })
            })
            .collect(),
        triggers_activity: report
            .activity
            .iter()
            .map(|(metric, &is_active)| (metric.clone(), TriggerActivity { is_active }))
            .collect(),
        hpa_name: report.hpa_name.clone(),
        triggers_types: filled(&report.trigger_types),
        authentications_types: filled(&report.authentications),
        ..ScaledObjectStatus::default()
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A merge patch that makes `present` be `wanted`; `None` if it is.
fn difference(present: &Value, wanted: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (present, wanted) else {
        return (present != wanted).then(|| wanted.clone());
    };
    let mut patch = Map::new();
    for (name, value) in new {
        if let Some(change) = difference(old.get(name).unwrap_or(&Value::Null), value) {
            patch.insert(name.clone(), change);
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::status::{Condition as Told, Health, Truth};
    use bellows_core::workload::Target;

    fn full() -> Report {
        let target = Target {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            resource: "deployments".into(),
            name: "worker".into(),
        };
        let ready =
            Told { kind: "Ready", status: Truth::True, reason: "ScaledObjectReady".into(), message: "is ready".into() };
        Report {
            conditions: vec![ready],
            target: Some(target),
            original_replicas: Some(2),
            last_active: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
            hpa_name: Some("keda-hpa-web".into()),
            external_metrics: vec!["s0-redis-Q".into()],
            resource_metrics: Vec::new(),
            trigger_types: "redis".into(),
            health: [("s0-redis-Q".to_owned(), Health { failures: 4, happy: false })].into(),
            authentications: "login".into(),
            activity: [("s0-redis-Q".to_owned(), true)].into(),
        }
    }

    fn written(report: &Report) -> Value {
        serde_json::to_value(status(report)).unwrap()
    }

    #[test]
    fn a_status_has_the_fields_that_dashboards_read() {
        let condition = json!(
            { "type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "is ready" });
        let expected = json!({
            "scaleTargetKind": "apps/v1.Deployment",
            "scaleTargetGVKR": { "group": "apps", "version": "v1", "kind": "Deployment", "resource": "deployments" },
            "originalReplicaCount": 2,
            "lastActiveTime": "2026-01-02T03:04:05Z",
            "externalMetricNames": ["s0-redis-Q"],
            "conditions": [condition],
            "health": { "s0-redis-Q": { "numberOfFailures": 4, "status": "Failing" } },
            "triggersActivity": { "s0-redis-Q": { "isActive": true } },
            "hpaName": "keda-hpa-web",
            "triggersTypes": "redis",
            "authenticationsTypes": "login",
        });
        assert_eq!(written(&full()), expected);
    }

    #[test]
    fn a_report_that_changes_nothing_is_not_written() {
        assert_eq!(difference(&written(&full()), &written(&full())), None);
    }

    #[test]
    fn only_what_changed_is_written_and_what_is_no_longer_so_is_removed() {
        let mut report = full();
        report.activity = [("s0-redis-R".to_owned(), false)].into();
        report.hpa_name = None;
        let expected = json!({
            "hpaName": null,
            "triggersActivity": { "s0-redis-Q": null, "s0-redis-R": { "isActive": false } },
        });
        assert_eq!(difference(&written(&full()), &written(&report)), Some(expected));
    }

    #[test]
    fn where_the_present_status_is_unknown_all_is_written() {
        assert_eq!(difference(&Value::Null, &written(&full())), Some(written(&full())));
    }
}
