//! **Pure**: whether two HPAs say the same, as far as it is ours to say.
//!
//! Ours are the spec and those labels and annotations that managed fields give to us; what others added stays theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;

use crate::kube::FIELD_MANAGER;

/// Equal for equal specs and owned labels and annotations, in one process. Both sides must come from the server, which
/// fills in defaults and says what is ours.
pub fn fingerprint(hpa: &HorizontalPodAutoscaler) -> u64 {
    let mut hasher = DefaultHasher::new();
    // A typed spec always is a document.
    serde_json::to_vec(&hpa.spec).unwrap_or_default().hash(&mut hasher);
    owned("f:labels", &hpa.metadata, hpa.metadata.labels.as_ref()).hash(&mut hasher);
    owned("f:annotations", &hpa.metadata, hpa.metadata.annotations.as_ref()).hash(&mut hasher);
    hasher.finish()
}

/// Whether writing `wanted` over `present` would change nothing.
pub fn is_as_wanted(present: &HorizontalPodAutoscaler, wanted: &HorizontalPodAutoscaler) -> bool {
    let (old, new) = (&present.metadata, &wanted.metadata);
    let owners = |metadata: &ObjectMeta| metadata.owner_references.clone().unwrap_or_default();
    is_ours(old)
        && as_served(present.spec.clone()) == as_served(wanted.spec.clone())
        && owned("f:labels", old, old.labels.as_ref()) == all(new.labels.as_ref())
        && owned("f:annotations", old, old.annotations.as_ref()) == all(new.annotations.as_ref())
        && owners(new).iter().all(|owner| owners(old).contains(owner))
}

/// Whether we ever applied it.
fn is_ours(metadata: &ObjectMeta) -> bool {
    metadata.managed_fields.iter().flatten().any(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER))
}

fn all(map: Option<&BTreeMap<String, String>>) -> BTreeMap<&str, &str> {
    map.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Those entries of `map` that managed fields say we applied. An entry that somebody else changed is no longer ours.
fn owned<'map>(
    field: &str,
    metadata: &ObjectMeta,
    map: Option<&'map BTreeMap<String, String>>,
) -> BTreeMap<&'map str, &'map str> {
    let ours = metadata
        .managed_fields
        .iter()
        .flatten()
        .filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER))
        .filter(|entry| entry.operation.as_deref() == Some("Apply"));
    let names: BTreeSet<&str> = ours
        .filter_map(|entry| entry.fields_v1.as_ref()?.0.get("f:metadata")?.get(field)?.as_object())
        .flat_map(|fields| fields.keys())
        .filter_map(|key| key.strip_prefix("f:"))
        .collect();
    all(map).into_iter().filter(|(name, _)| names.contains(name)).collect()
}

/// Whether the two say the same of how fast replicas change. Others may have said something where we say nothing.
pub fn is_same_behavior(present: &HorizontalPodAutoscaler, wanted: &HorizontalPodAutoscaler) -> bool {
    as_served(present.spec.clone()).behavior == as_served(wanted.spec.clone()).behavior
}

/// The spec as an API server shows it: with defaults in a `behavior`, and quantities in one spelling.
fn as_served(mut spec: HorizontalPodAutoscalerSpec) -> HorizontalPodAutoscalerSpec {
    for metric in spec.metrics.iter_mut().flatten() {
        let external = metric.external.as_mut().map(|source| &mut source.target);
        let resource = metric.resource.as_mut().map(|source| &mut source.target);
        let container = metric.container_resource.as_mut().map(|source| &mut source.target);
        for target in [external, resource, container].into_iter().flatten() {
            target.value.iter_mut().chain(&mut target.average_value).for_each(respell);
        }
    }
    if let Some(behavior) = &mut spec.behavior {
        let up = behavior.scale_up.get_or_insert_default();
        up.stabilization_window_seconds.get_or_insert(0);
        fill(up, &[("Pods", 4), ("Percent", 100)]);
        fill(behavior.scale_down.get_or_insert_default(), &[("Percent", 100)]);
    }
    spec
}

fn fill(rules: &mut HPAScalingRules, policies: &[(&str, i32)]) {
    rules.tolerance.iter_mut().for_each(respell);
    rules.select_policy.get_or_insert_with(|| "Max".to_owned());
    rules.policies.get_or_insert_with(|| {
        let policy =
            |&(kind, value): &(&str, i32)| HPAScalingPolicy { type_: kind.to_owned(), value, period_seconds: 15 };
        policies.iter().map(policy).collect()
    });
}

/// Suffixes of quantities and what they stand for.
const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1_024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// `12000` and `12k` are one quantity, and the API server shows the latter. Ten digits tell all others apart.
fn respell(quantity: &mut Quantity) {
    let split = SUFFIXES.iter().find_map(|(suffix, unit)| Some((quantity.0.strip_suffix(suffix)?, unit)));
    let (digits, unit) = split.unwrap_or((quantity.0.as_str(), &1.0));
    // What is no number is left as it is, and the API server refuses it.
    if let Ok(number) = digits.parse::<f64>() {
        quantity.0 = format!("{:.9e}", number * unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hpa::{build, tests::workload};
    use serde_json::json;

    fn wanted() -> HorizontalPodAutoscaler {
        build(&workload(), "u1").unwrap()
    }

    /// What the cluster has after `hpa` was applied.
    fn applied(mut hpa: HorizontalPodAutoscaler) -> HorizontalPodAutoscaler {
        let fields = |map: &Option<BTreeMap<String, String>>| -> serde_json::Map<String, serde_json::Value> {
            map.iter().flatten().map(|(name, _)| (format!("f:{name}"), json!({}))).collect()
        };
        let owned = json!({ "f:metadata": {
            "f:labels": fields(&hpa.metadata.labels), "f:annotations": fields(&hpa.metadata.annotations) } });
        let entry = json!([{ "manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": owned }]);
        hpa.metadata.managed_fields = Some(serde_json::from_value(entry).unwrap());
        hpa
    }

    fn label(hpa: &mut HorizontalPodAutoscaler, name: &str, value: &str) {
        hpa.metadata.labels.get_or_insert_default().insert(name.into(), value.into());
    }

    #[test]
    fn what_we_applied_is_as_wanted_and_what_another_made_is_not() {
        assert!(is_as_wanted(&applied(wanted()), &wanted()));
        assert!(!is_as_wanted(&wanted(), &wanted()));
    }

    #[test]
    fn a_label_that_another_added_is_his_and_changes_nothing() {
        let mut present = applied(wanted());
        label(&mut present, "argocd.argoproj.io/instance", "shop");
        assert!(is_as_wanted(&present, &wanted()));
        assert_eq!(fingerprint(&present), fingerprint(&applied(wanted())));
    }

    #[test]
    fn a_label_that_is_no_longer_wanted_is_a_difference() {
        let mut present = wanted();
        label(&mut present, "old", "label");
        assert!(!is_as_wanted(&applied(present), &wanted()));
    }

    #[test]
    fn what_the_server_fills_into_a_behavior_is_no_difference() {
        let with = |behavior: serde_json::Value| {
            let mut workload = workload();
            workload.hpa.behavior = Some(behavior.to_string().into());
            build(&workload, "u1").unwrap()
        };
        let wanted = with(json!({ "scaleDown": { "stabilizationWindowSeconds": 60 } }));
        let rules = |policies: serde_json::Value, window: u32| json!({ "selectPolicy": "Max", "policies": policies, "stabilizationWindowSeconds": window });
        let (pods, percent) = (
            json!({ "type": "Pods", "value": 4, "periodSeconds": 15 }),
            json!({ "type": "Percent", "value": 100, "periodSeconds": 15 }),
        );
        let present = applied(with(json!({
            "scaleUp": rules(json!([pods, percent]), 0), "scaleDown": rules(json!([percent]), 60) })));
        assert!(is_as_wanted(&present, &wanted));
        assert!(!is_as_wanted(&present, &with(json!({ "scaleDown": { "selectPolicy": "Min" } }))));
    }

    #[test]
    fn a_changed_spec_has_another_fingerprint() {
        let mut workload = workload();
        workload.bounds.max = 10;
        let changed = applied(build(&workload, "u1").unwrap());
        assert_ne!(fingerprint(&changed), fingerprint(&applied(wanted())));
    }

    #[test]
    fn quantities_are_compared_and_not_their_spelling() {
        let spelled = |text: &str| {
            let mut quantity = Quantity(text.into());
            respell(&mut quantity);
            quantity.0
        };
        for (one, other) in [("12000", "12k"), ("0.05", "50m"), ("1Gi", "1073741824"), ("1e3", "1k"), ("1500m", "1.5")]
        {
            assert_eq!(spelled(one), spelled(other));
        }
        assert_ne!(spelled("1k"), spelled("1Ki"));
        assert_eq!(spelled("many"), "many");
    }
}
