//! A ScaledObject as written, and everything that can be said against it: [`Draft`] → [`Workload`].
//!
//! What this release does not do is refused by name here, never silently ignored.

mod native;
mod parse;

pub use parse::normalise;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::authentication::{AuthenticationDraft, AuthenticationKey};
use crate::fallback::{Fallback, FallbackDraft};
use crate::name::{is_api_version, is_name};
use crate::problem::Problem;
use crate::scaler::TargetType;
use crate::workload::{Bounds, FirstStep, ObjectKey, ScaleUp, WhenAbsent};

/// A ScaledObject as written: nothing checked but that it is a ScaledObject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// `spec.scaleTargetRef`.
    pub target: TargetDraft,
    /// `spec.pollingInterval`, seconds.
    pub polling_interval: Option<i64>,
    /// `spec.cooldownPeriod`, seconds.
    pub cooldown_period: Option<i64>,
    /// `spec.initialCooldownPeriod`, seconds.
    pub initial_cooldown_period: Option<i64>,
    /// `spec.idleReplicaCount`.
    pub idle_replicas: Option<i64>,
    /// `spec.minReplicaCount`.
    pub min_replicas: Option<i64>,
    /// `spec.maxReplicaCount`.
    pub max_replicas: Option<i64>,
    /// `spec.fallback`.
    pub fallback: Option<FallbackDraft>,
    /// `spec.advanced.scalingModifiers` is there and sets something.
    pub scaling_modifiers: bool,
    /// `spec.advanced.restoreToOriginalReplicaCount`.
    pub restore_original: bool,
    /// `spec.advanced.horizontalPodAutoscalerConfig.name`.
    pub hpa_name: Option<String>,
    /// `spec.advanced.horizontalPodAutoscalerConfig.behavior`, as JSON, copied verbatim into the HPA.
    pub behavior: Option<Arc<str>>,
    /// The `scaleUp` part of it, as far as the first step needs it; Kubernetes' default where `behavior` has none.
    pub scale_up: Option<ScaleUp>,
    /// `spec.triggers`.
    pub triggers: Vec<TriggerDraft>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// `spec.scaleTargetRef` as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetDraft {
    /// `apps/v1` where absent.
    pub api_version: Option<String>,
    /// `Deployment` where absent.
    pub kind: Option<String>,
    /// Name of the target.
    pub name: String,
    /// `envSourceContainerName`; the first container where absent.
    pub container: Option<String>,
}

/// One entry of `spec.triggers` as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TriggerDraft {
    /// `type`.
    pub kind: String,
    /// `name`.
    pub name: Option<String>,
    /// `metadata`.
    pub metadata: BTreeMap<String, String>,
    /// `metricType`.
    pub metric_type: Option<String>,
    /// `authenticationRef`, where there is one.
    pub authentication: Option<AuthenticationDraft>,
    /// `useCachedMetrics`: without effect, because every metric is answered from memory; refused where KEDA refuses it.
    pub cached: bool,
}

/// Annotation that chooses the first step: `policy` (default), `wanted`, or `one`.
pub const FIRST_STEP_ANNOTATION: &str = "bellows.dev/first-step";
/// Annotation that says what a thing that does not exist means: `hold` (default), `zero`, or `error`.
pub const WHEN_ABSENT_ANNOTATION: &str = "bellows.dev/when-absent";
/// Annotation that names the Scaler whose component serves the object, where several serve a trigger type.
pub const SCALER_ANNOTATION: &str = "bellows.dev/scaler";
/// Annotations of KEDA that pause an object or one direction of it.
const PAUSES: [&str; 4] = ["paused", "paused-replicas", "paused-scale-in", "paused-scale-out"];
/// Longest name of an HPA: it becomes a label's value.
const NAME_MAX: usize = 63;
/// Trigger types of which there is nothing to keep.
const NEVER_CACHED: [&str; 3] = ["cpu", "memory", "cron"];
/// Most triggers of one object; KEDA has no bound, an HPA of more than this is of no use to anyone.
pub const TRIGGERS_MAX: usize = 100;

impl Draft {
    /// Everything that can be said against the draft without asking a scaler or the cluster.
    pub fn problems(&self, key: &ObjectKey) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(wrong) = self.bounds() {
            problems.extend(wrong);
        }
        for (field, value, least) in [
            ("spec.pollingInterval", self.polling_interval, 1),
            ("spec.cooldownPeriod", self.cooldown_period, 0),
            ("spec.initialCooldownPeriod", self.initial_cooldown_period, 0),
        ] {
            if value.is_some_and(|value| value < least || value > i64::from(i32::MAX)) {
                problems.push(Problem::new(field, format!("must be a number of seconds, {least} or more")));
            }
        }
        self.name_problems(&mut problems);
        if self.hpa_name(key).len() > NAME_MAX {
            let message = format!(
                "the HPA's name {:?} is longer than {NAME_MAX} characters: give a shorter one",
                self.hpa_name(key)
            );
            problems.push(Problem::new("spec.advanced.horizontalPodAutoscalerConfig.name", message));
        }
        problems.extend(self.first_step().err());
        problems.extend(self.when_absent().err());
        problems.extend(self.fallback().err().into_iter().flatten());
        self.refused_by_name(&mut problems);
        self.trigger_problems(key, &mut problems);
        problems
    }

    /// The authentications that the triggers name, each once, in the order of the triggers.
    pub fn authentications(&self, namespace: &str) -> Vec<AuthenticationKey> {
        let mut keys = Vec::new();
        for key in self.triggers.iter().filter_map(|trigger| trigger.authentication.as_ref()?.key(namespace).ok()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// Their distinct names as written, of whatever kind.
    pub fn authentication_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for named in self.triggers.iter().filter_map(|trigger| trigger.authentication.as_ref()) {
            if !names.contains(&named.name.as_str()) {
                names.push(named.name.as_str());
            }
        }
        names
    }

    /// The Scaler that the object pins.
    pub fn pin(&self) -> Option<&str> {
        self.annotations.get(SCALER_ANNOTATION).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Whether a pause of any kind is asked for. It is refused for now, but what asks for it is not scaled.
    pub fn pauses(&self) -> bool {
        PAUSES.iter().any(|name| self.asks_for(name))
    }

    /// Whether an annotation asks for something: `"false"` asks for what we do anyway, but the replica count pauses by
    /// being there.
    fn asks_for(&self, name: &str) -> bool {
        let value = self.annotations.get(&format!("autoscaling.keda.sh/{name}"));
        value.is_some_and(|value| name == "paused-replicas" || crate::connection::parse_bool(value) != Some(false))
    }

    fn hpa_name(&self, key: &ObjectKey) -> String {
        self.hpa_name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| format!("keda-hpa-{}", key.name))
    }

    /// What is written here becomes a part of a request's path.
    fn name_problems(&self, problems: &mut Vec<Problem>) {
        let mut check = |field: &str, text: Option<&str>, holds: fn(&str) -> bool, what: &str| {
            if let Some(text) = text.filter(|text| !holds(text)) {
                problems.push(Problem::new(field, format!("{text:?} is no {what}")));
            }
        };
        let TargetDraft { api_version, name, .. } = &self.target;
        check("spec.scaleTargetRef.apiVersion", api_version.as_deref(), is_api_version, "GROUP/VERSION");
        let given = Some(name.as_str()).filter(|name| !name.is_empty());
        check("spec.scaleTargetRef.name", given, is_name, "name of an object");
        let hpa = self.hpa_name.as_deref().filter(|name| !name.is_empty());
        check("spec.advanced.horizontalPodAutoscalerConfig.name", hpa, is_name, "name of an object");
        if name.is_empty() {
            problems.push(Problem::new("spec.scaleTargetRef.name", "required: the name of what is scaled"));
        }
    }

    fn refused_by_name(&self, problems: &mut Vec<Problem>) {
        let mut refuse = |field: &str| problems.push(Problem::new(field, "not supported by this release of Bellows"));
        if self.scaling_modifiers {
            refuse("spec.advanced.scalingModifiers");
        }
        for name in PAUSES.into_iter().chain(["force-activation"]).filter(|name| self.asks_for(name)) {
            refuse(&format!("metadata.annotations[autoscaling.keda.sh/{name}]"));
        }
    }

    fn trigger_problems(&self, key: &ObjectKey, problems: &mut Vec<Problem>) {
        if self.triggers.is_empty() || self.triggers.len() > TRIGGERS_MAX {
            problems.push(Problem::new("spec.triggers", format!("must have from 1 to {TRIGGERS_MAX} entries")));
        }
        let mut names = BTreeSet::new();
        for (index, trigger) in self.triggers.iter().enumerate() {
            let at = |field: &str| format!("spec.triggers[{index}].{field}");
            if trigger.kind.is_empty() {
                problems.push(Problem::new(at("type"), "required: the trigger type of a scaler"));
            }
            if trigger.name.as_ref().is_some_and(|name| !name.is_empty() && !names.insert(name)) {
                problems.push(Problem::new(at("name"), "is the name of an earlier trigger: names are unique"));
            }
            if let Some(Err(problem)) = trigger.authentication.as_ref().map(|draft| draft.key(&key.namespace)) {
                problems.push(problem.under(&at("authenticationRef")));
            }
            if trigger.cached && NEVER_CACHED.contains(&trigger.kind.as_str()) {
                let message = format!("has no meaning for {}, which asks no source; leave it out", trigger.kind);
                problems.push(Problem::new(at("useCachedMetrics"), message));
            }
            if let Err(message) = metric_type(trigger) {
                problems.push(Problem::new(at("metricType"), message));
            }
        }
    }

    fn bounds(&self) -> Result<Bounds, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut count = |field: &str, value: Option<i64>, least: i64, default: u32| match value {
            None => default,
            Some(value) => match u32::try_from(value).ok().filter(|_| value >= least && value <= i64::from(i32::MAX)) {
                Some(count) => count,
                None => {
                    problems.push(Problem::new(format!("spec.{field}"), format!("must be {least} or more")));
                    default
                }
            },
        };
        let min = count("minReplicaCount", self.min_replicas, 0, 0);
        let max = count("maxReplicaCount", self.max_replicas, 1, 100);
        let idle = self.idle_replicas.map(|value| count("idleReplicaCount", Some(value), 0, 0));
        if min > max {
            let message = format!("is {min}, more than maxReplicaCount {max}");
            problems.push(Problem::new("spec.minReplicaCount", message));
        }
        // KEDA's rule: an absent minimum leaves no room for idle, an explicit 0 counts as 1.
        let below = self.min_replicas.map_or(0, |_| min.max(1));
        if idle.is_some_and(|idle| idle >= below) {
            problems
                .push(Problem::new("spec.idleReplicaCount", "must be less than minReplicaCount, which must be given"));
        }
        if problems.is_empty() { Ok(Bounds { min, max, idle }) } else { Err(problems) }
    }

    fn first_step(&self) -> Result<FirstStep, Problem> {
        match self.annotations.get(FIRST_STEP_ANNOTATION).map(String::as_str) {
            None | Some("policy") => Ok(FirstStep::Policy),
            Some("wanted") => Ok(FirstStep::Wanted),
            Some("one") => Ok(FirstStep::One),
            Some(other) => Err(none_of(FIRST_STEP_ANNOTATION, other, "policy, wanted, one")),
        }
    }

    fn when_absent(&self) -> Result<WhenAbsent, Problem> {
        match self.annotations.get(WHEN_ABSENT_ANNOTATION).map(String::as_str) {
            None | Some("hold") => Ok(WhenAbsent::Hold),
            Some("zero") => Ok(WhenAbsent::Zero),
            Some("error") => Ok(WhenAbsent::Error),
            Some(other) => Err(none_of(WHEN_ABSENT_ANNOTATION, other, "hold, zero, error")),
        }
    }

    fn fallback(&self) -> Result<Option<Fallback>, Vec<Problem>> {
        self.fallback.as_ref().map(Fallback::parse).transpose()
    }
}

fn none_of(annotation: &str, value: &str, accepted: &str) -> Problem {
    Problem::new(format!("metadata.annotations[{annotation}]"), format!("{value:?} is none of {accepted}"))
}

/// `metricType` of a trigger, as the contract knows it.
pub fn metric_type(trigger: &TriggerDraft) -> Result<Option<TargetType>, &'static str> {
    match trigger.metric_type.as_deref() {
        None | Some("") => Ok(None),
        Some("AverageValue") => Ok(Some(TargetType::AverageValue)),
        Some("Value") => Ok(Some(TargetType::Value)),
        Some("Utilization") => Ok(Some(TargetType::Utilization)),
        Some(_) => Err("must be AverageValue, Value or Utilization"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        let trigger = TriggerDraft { kind: "redis".into(), ..TriggerDraft::default() };
        let target = TargetDraft { name: "worker".into(), ..TargetDraft::default() };
        Draft { target, triggers: vec![trigger], ..Draft::default() }
    }

    fn check(mutate: impl FnOnce(&mut Draft), field: &str) {
        let mut draft = draft();
        mutate(&mut draft);
        let problems = draft.problems(&ObjectKey::new("default", "web"));
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, [field]);
    }

    #[test]
    fn the_baseline_has_no_problem() {
        assert_eq!(draft().problems(&ObjectKey::new("default", "web")), []);
    }

    #[test]
    fn each_wrong_field_is_named() {
        check(|draft| draft.min_replicas = Some(-1), "spec.minReplicaCount");
        check(|draft| draft.min_replicas = Some(101), "spec.minReplicaCount");
        check(|draft| draft.max_replicas = Some(0), "spec.maxReplicaCount");
        check(|draft| draft.idle_replicas = Some(0), "spec.idleReplicaCount");
        check(|draft| (draft.idle_replicas, draft.min_replicas) = (Some(2), Some(2)), "spec.idleReplicaCount");
        check(|draft| draft.polling_interval = Some(0), "spec.pollingInterval");
        check(|draft| draft.cooldown_period = Some(-1), "spec.cooldownPeriod");
        check(|draft| draft.target.name.clear(), "spec.scaleTargetRef.name");
        check(|draft| draft.hpa_name = Some("x".repeat(64)), "spec.advanced.horizontalPodAutoscalerConfig.name");
        check(|draft| draft.triggers.clear(), "spec.triggers");
        check(|draft| draft.triggers[0].metric_type = Some("Average".into()), "spec.triggers[0].metricType");
        check(
            |draft| _ = draft.annotations.insert(FIRST_STEP_ANNOTATION.into(), "all".into()),
            "metadata.annotations[bellows.dev/first-step]",
        );
        check(
            |draft| _ = draft.annotations.insert(WHEN_ABSENT_ANNOTATION.into(), "wait".into()),
            "metadata.annotations[bellows.dev/when-absent]",
        );
        let fallback = FallbackDraft { failure_threshold: 3, replicas: -1, behavior: None };
        check(|draft| draft.fallback = Some(fallback), "spec.fallback.replicas");
    }

    #[test]
    fn what_asks_no_source_keeps_no_answer_and_the_others_may() {
        for kind in ["cpu", "memory", "cron"] {
            let trigger = TriggerDraft { kind: kind.into(), cached: true, ..TriggerDraft::default() };
            check(|draft| draft.triggers[0] = trigger, "spec.triggers[0].useCachedMetrics");
        }
        let mut draft = draft();
        draft.triggers[0].cached = true;
        assert_eq!(draft.problems(&ObjectKey::new("default", "web")), []);
    }

    #[test]
    fn what_would_lead_a_request_elsewhere_is_refused() {
        for name in ["../../other/deployments/worker", "worker/scale", "worker?watch=true", ".."] {
            check(|draft| draft.target.name = name.into(), "spec.scaleTargetRef.name");
            let hpa = "spec.advanced.horizontalPodAutoscalerConfig.name";
            check(|draft| draft.hpa_name = Some(name.into()), hpa);
            let authentication = Some(AuthenticationDraft { kind: None, name: name.into() });
            let field = "spec.triggers[0].authenticationRef.name";
            check(|draft| draft.triggers[0].authentication = authentication, field);
        }
        let elsewhere = "x/../../api/v1".to_owned();
        check(|draft| draft.target.api_version = Some(elsewhere), "spec.scaleTargetRef.apiVersion");
        let odd = Some(AuthenticationDraft { kind: Some("Secret".into()), name: "login".into() });
        check(|draft| draft.triggers[0].authentication = odd, "spec.triggers[0].authenticationRef.kind");
    }

    #[test]
    fn authentications_are_named_once_in_the_order_of_the_triggers() {
        let mut draft = draft();
        let named = |name: &str| Some(AuthenticationDraft { kind: None, name: name.into() });
        for name in ["b", "a", "b"] {
            draft.triggers.push(TriggerDraft { authentication: named(name), ..TriggerDraft::default() });
        }
        let names: Vec<_> = draft.authentications("shop").into_iter().map(|key| key.name).collect();
        assert_eq!(names, ["b".into(), "a".into()]);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        check(|draft| draft.scaling_modifiers = true, "spec.advanced.scalingModifiers");
        let paused = "autoscaling.keda.sh/paused";
        check(
            |draft| _ = draft.annotations.insert(paused.into(), "yes please".into()),
            "metadata.annotations[autoscaling.keda.sh/paused]",
        );
    }

    #[test]
    fn idle_zero_is_accepted_below_an_explicit_minimum_of_zero() {
        let mut draft = draft();
        (draft.idle_replicas, draft.min_replicas) = (Some(0), Some(0));
        assert_eq!(draft.problems(&ObjectKey::new("default", "web")), []);
    }

    #[test]
    fn a_metric_name_is_normalised_as_in_keda() {
        assert_eq!(normalise("redis-a/b.c:d%e(f)_G h"), "redis-a-b-c-d-e-f-_G h");
    }
}
