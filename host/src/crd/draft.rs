//! From a ScaledObject to core's [`Draft`]: the same words in the shapes that core decides on.
//!
//! Checks nothing and fails on nothing. What this release does not serve is passed on, so that core refuses it by name.

use std::sync::Arc;

use bellows_core::authentication::AuthenticationDraft;
use bellows_core::draft::{Draft, TargetDraft, TriggerDraft};
use bellows_core::fallback::FallbackDraft;
use bellows_core::workload::{ObjectKey, Policy, ScaleUp, Select};
use k8s_openapi::api::autoscaling::v2::{HPAScalingPolicy, HPAScalingRules};

use super::scaled_object::{AuthenticationRef, Fallback, ScaleTarget, ScaledObject, ScalingModifiers, Trigger};

/// Whose `object` is. One without a namespace, which only a manifest on a disk can be, is in `default`.
#[must_use]
pub fn key(object: &ScaledObject) -> ObjectKey {
    let namespace = object.metadata.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    ObjectKey::new(namespace.unwrap_or("default"), object.metadata.name.as_deref().unwrap_or_default())
}

/// What `object` asks for.
#[must_use]
pub fn draft(object: &ScaledObject) -> Draft {
    let spec = &object.spec;
    let advanced = spec.advanced.as_ref();
    let hpa = advanced.and_then(|advanced| advanced.horizontal_pod_autoscaler_config.as_ref());
    let behavior = hpa.and_then(|hpa| hpa.behavior.as_ref());
    Draft {
        target: target(&spec.scale_target_ref),
        polling_interval: spec.polling_interval.map(i64::from),
        cooldown_period: spec.cooldown_period.map(i64::from),
        initial_cooldown_period: spec.initial_cooldown_period.map(i64::from),
        idle_replicas: spec.idle_replica_count.map(i64::from),
        min_replicas: spec.min_replica_count.map(i64::from),
        max_replicas: spec.max_replica_count.map(i64::from),
        fallback: spec.fallback.as_ref().map(fallback),
        scaling_modifiers: advanced
            .and_then(|advanced| advanced.scaling_modifiers.as_ref())
            .is_some_and(|modifiers| *modifiers != ScalingModifiers::default()),
        restore_original: advanced.and_then(|advanced| advanced.restore_to_original_replica_count) == Some(true),
        hpa_name: hpa.and_then(|hpa| hpa.name.clone()),
        // Numbers and strings under fixed names always are JSON, so nothing is lost here.
        behavior: behavior.and_then(|behavior| serde_json::to_string(behavior).ok()).map(Arc::from),
        scale_up: behavior.and_then(|behavior| behavior.scale_up.as_ref()).map(scale_up),
        triggers: spec.triggers.iter().map(trigger).collect(),
        labels: object.metadata.labels.clone().unwrap_or_default(),
        annotations: object.metadata.annotations.clone().unwrap_or_default(),
    }
}

fn target(target: &ScaleTarget) -> TargetDraft {
    TargetDraft {
        api_version: filled(target.api_version.as_ref()),
        kind: filled(target.kind.as_ref()),
        name: target.name.clone(),
        container: filled(target.env_source_container_name.as_ref()),
    }
}

fn fallback(fallback: &Fallback) -> FallbackDraft {
    FallbackDraft {
        failure_threshold: fallback.failure_threshold.into(),
        replicas: fallback.replicas.into(),
        behavior: filled(fallback.behavior.as_ref()),
    }
}

fn trigger(trigger: &Trigger) -> TriggerDraft {
    TriggerDraft {
        kind: trigger.trigger_type.clone(),
        name: filled(trigger.name.as_ref()),
        metadata: trigger.metadata.clone(),
        metric_type: filled(trigger.metric_type.as_ref()),
        authentication: trigger.authentication_ref.as_ref().map(authentication),
        cached: trigger.use_cached_metrics == Some(true),
    }
}

fn authentication(reference: &AuthenticationRef) -> AuthenticationDraft {
    AuthenticationDraft { kind: filled(reference.kind.as_ref()), name: reference.name.clone() }
}

/// An empty string is how KEDA's own types write an absent one.
fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// The rules with the defaults that an API server fills in. A policy that no API server takes is left out: the HPA with
/// it is refused there, with a message of its own.
fn scale_up(rules: &HPAScalingRules) -> ScaleUp {
    let defaults = ScaleUp::default();
    let select = match rules.select_policy.as_deref() {
        Some("Min") => Select::Min,
        Some("Disabled") => Select::Disabled,
        _ => defaults.select,
    };
    let policies: Vec<Policy> = rules.policies.iter().flatten().filter_map(policy).collect();
    ScaleUp { select, policies: if policies.is_empty() { defaults.policies } else { policies } }
}

fn policy(policy: &HPAScalingPolicy) -> Option<Policy> {
    let value = u32::try_from(policy.value).ok()?;
    match policy.type_.as_str() {
        "Pods" => Some(Policy::Pods(value)),
        "Percent" => Some(Policy::Percent(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fewest words that are a ScaledObject, with `more` merged into its spec.
    fn object(more: serde_json::Value) -> ScaledObject {
        let mut spec = serde_json::json!({
            "scaleTargetRef": { "name": "worker" },
            "triggers": [{ "type": "redis", "metadata": { "listName": "jobs" } }],
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let metadata = serde_json::json!({ "name": "web", "namespace": "shop" });
        serde_json::from_value(serde_json::json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec,
        }))
        .unwrap()
    }

    fn with_scale_up(scale_up: serde_json::Value) -> Option<ScaleUp> {
        let config = serde_json::json!({ "behavior": { "scaleUp": scale_up } });
        draft(&object(serde_json::json!({ "advanced": { "horizontalPodAutoscalerConfig": config } }))).scale_up
    }

    #[test]
    fn a_small_object_is_a_draft_with_nothing_else_in_it() {
        let metadata = [("listName".to_owned(), "jobs".to_owned())].into();
        let trigger = TriggerDraft { kind: "redis".into(), metadata, ..TriggerDraft::default() };
        let target = TargetDraft { name: "worker".into(), ..TargetDraft::default() };
        let expected = Draft { target, triggers: vec![trigger], ..Draft::default() };
        assert_eq!(draft(&object(serde_json::json!({}))), expected);
    }

    #[test]
    fn every_number_arrives_under_its_own_name() {
        let numbers = serde_json::json!({
            "pollingInterval": 1, "cooldownPeriod": 2, "initialCooldownPeriod": 3,
            "idleReplicaCount": 4, "minReplicaCount": 5, "maxReplicaCount": 6,
        });
        let draft = draft(&object(numbers));
        let arrived = [
            draft.polling_interval,
            draft.cooldown_period,
            draft.initial_cooldown_period,
            draft.idle_replicas,
            draft.min_replicas,
            draft.max_replicas,
        ];
        assert_eq!(arrived, [1, 2, 3, 4, 5, 6].map(Some));
    }

    #[test]
    fn a_fallback_arrives_as_it_is_written() {
        let written = serde_json::json!({ "failureThreshold": 3, "replicas": 6, "behavior": "currentReplicas" });
        let behavior = Some("currentReplicas".to_owned());
        let expected = FallbackDraft { failure_threshold: 3, replicas: 6, behavior };
        assert_eq!(draft(&object(serde_json::json!({ "fallback": written }))).fallback, Some(expected));
    }

    #[test]
    fn what_is_not_served_is_refused_by_core_by_name() {
        let object = object(serde_json::json!({
            "fallback": { "failureThreshold": 3, "replicas": 2, "behavior": "scalingModifiers" },
            "advanced": { "scalingModifiers": { "formula": "a + b", "target": "2" } },
        }));
        let fields: Vec<_> = draft(&object).problems(&key(&object)).into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["spec.fallback.behavior", "spec.advanced.scalingModifiers"]);
    }

    #[test]
    fn an_empty_block_of_modifiers_sets_nothing() {
        let empty = object(serde_json::json!({ "advanced": { "scalingModifiers": {} } }));
        assert!(!draft(&empty).scaling_modifiers);
    }

    #[test]
    fn an_empty_string_is_an_absent_one() {
        let target =
            serde_json::json!({ "name": "worker", "kind": "", "apiVersion": "", "envSourceContainerName": "" });
        let draft = draft(&object(serde_json::json!({ "scaleTargetRef": target })));
        assert_eq!(draft.target, TargetDraft { name: "worker".into(), ..TargetDraft::default() });
    }

    #[test]
    fn the_behavior_is_copied_and_its_policies_are_read() {
        let rules = serde_json::json!({
            "selectPolicy": "Min",
            "policies": [
                { "type": "Pods", "value": 10, "periodSeconds": 15 },
                { "type": "Percent", "value": 50, "periodSeconds": 60 },
                { "type": "Nodes", "value": 1, "periodSeconds": 60 },
            ],
        });
        let expected = ScaleUp { select: Select::Min, policies: vec![Policy::Pods(10), Policy::Percent(50)] };
        assert_eq!(with_scale_up(rules), Some(expected));
        let behavior = serde_json::json!({ "scaleDown": { "tolerance": "50m", "stabilizationWindowSeconds": 0 } });
        let config = serde_json::json!({ "horizontalPodAutoscalerConfig": { "behavior": behavior } });
        let copied = draft(&object(serde_json::json!({ "advanced": config }))).behavior.unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&copied).unwrap(), behavior);
    }

    #[test]
    fn rules_without_policies_have_those_of_kubernetes() {
        let expected = ScaleUp { select: Select::Disabled, ..ScaleUp::default() };
        assert_eq!(with_scale_up(serde_json::json!({ "selectPolicy": "Disabled" })), Some(expected));
    }

    #[test]
    fn an_object_without_a_namespace_is_in_default() {
        let mut object = object(serde_json::json!({}));
        assert_eq!(key(&object), ObjectKey::new("shop", "web"));
        object.metadata.namespace = None;
        assert_eq!(key(&object), ObjectKey::new("default", "web"));
    }
}
