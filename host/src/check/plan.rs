//! What the scalers would make of the triggers of one object.
//!
//! Asks a [`Planner`] and core; knows no scaler. A value that only the cluster has is left out of the question, and what
//! could not be asked for that reason is said.

use std::collections::{BTreeMap, BTreeSet};

use bellows_core::{
    draft::{Draft, TriggerDraft, metric_type},
    parameter::{Sources, resolve},
    problem::Problem,
    scaler::{Metric, Source, Trigger, TriggerType},
    workload::{ObjectKey, Planned},
};

use super::{
    Planner, Severity,
    credentials::{Files, Given},
    environment::Variable,
    spelling,
};

/// Stands for a value that only the cluster has: a lone NUL, which no environment can hold.
const UNKNOWN: &str = "\u{0}";

/// What is said of one object: how bad, in which field, and what.
pub(super) type Remark = (Severity, Problem);

/// Plans the triggers of one object, one entry for each; says into `remarks` what is wrong with them.
pub(super) struct Triggers<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) draft: &'a Draft,
    /// What is around it. Without a target among the files there is no environment.
    pub(super) files: Files<'a>,
    pub(super) planner: Option<&'a dyn Planner>,
}

impl Triggers<'_> {
    pub(super) fn plan(&self, remarks: &mut Vec<Remark>) -> Vec<Planned> {
        self.draft.triggers.iter().enumerate().map(|(index, trigger)| self.plan_one(index, trigger, remarks)).collect()
    }

    fn plan_one(&self, index: usize, draft: &TriggerDraft, remarks: &mut Vec<Remark>) -> Planned {
        let at = format!("spec.triggers[{index}]");
        let known = self.variables(&at, draft, remarks);
        let given = draft.authentication.as_ref().map(|reference| self.files.given(&at, reference, remarks));
        let mut planned = Planned {
            scaler: "".into(),
            trigger: Trigger {
                id: format!("{}/{index}", self.key),
                trigger_type: draft.kind.clone(),
                metric_type: metric_type(draft).unwrap_or_default(),
                settings: Vec::new(),
            },
            connections: BTreeMap::new(),
            metrics: Vec::new(),
            warnings: Vec::new(),
        };
        let Some(planner) = self.planner else { return planned };
        let types = planner.trigger_types();
        let Some(kind) = types.iter().find(|kind| kind.name == draft.kind) else {
            let served: Vec<&str> = types.iter().map(|kind| kind.name.as_str()).collect();
            let hint = spelling::hint(&draft.kind, served.iter().copied());
            let message = format!("no scaler serves {:?}; served are {}{hint}", draft.kind, served.join(", "));
            remarks.push((Severity::Problem, Problem::new(format!("{at}.type"), message)));
            return planned;
        };
        unknown_settings(&at, kind, draft, remarks);
        older_settings(&at, kind, draft, remarks);
        let given = settings(given.unwrap_or_default(), kind);
        match self.ask(planner, kind, draft, &Known { variables: known, given }, &mut planned) {
            Ok(()) => {}
            Err(Stop::Wrong(wrong)) => {
                remarks.extend(wrong.into_iter().map(|problem| (Severity::Problem, problem.under(&at))));
            }
            Err(Stop::Unknown(names)) => {
                let message = format!("its metrics depend on {names}, which only the cluster has");
                remarks.push((Severity::Note, Problem::new(at, message)));
            }
        }
        planned
    }

    /// The variables that the trigger names, with [`UNKNOWN`] for those whose value is not to be had here.
    fn variables(&self, at: &str, draft: &TriggerDraft, remarks: &mut Vec<Remark>) -> BTreeMap<String, String> {
        let mut known = BTreeMap::new();
        let named = draft.metadata.iter().filter(|(name, _)| name.ends_with("FromEnv") && name.len() > "FromEnv".len());
        for (setting, name) in named.map(|(setting, name)| (setting, name.trim())).filter(|(_, name)| !name.is_empty())
        {
            let (severity, reason) = match self.files.environment.map(|environment| environment.get(name)) {
                None => {
                    known.insert(name.to_owned(), UNKNOWN.to_owned());
                    continue;
                }
                Some(Variable::Known(value)) => {
                    known.insert(name.to_owned(), value);
                    continue;
                }
                Some(Variable::Unknown(reason)) => (Severity::Note, format!("{name} cannot be checked here: {reason}")),
                Some(Variable::Absent(reason)) => (Severity::Problem, format!("{name} has no value: {reason}")),
            };
            known.insert(name.to_owned(), UNKNOWN.to_owned());
            remarks.push((severity, Problem::new(format!("{at}.metadata.{setting}"), reason)));
        }
        known
    }

    fn ask(
        &self,
        planner: &dyn Planner,
        kind: &TriggerType,
        draft: &TriggerDraft,
        known: &Known,
        planned: &mut Planned,
    ) -> Result<(), Stop> {
        let sources = Sources {
            metadata: draft.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            environment: Some(&known.variables),
            authentication: known.given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        };
        let mut problems = BTreeSet::new();
        let some_unknown = known.variables.values().chain(known.given.values()).any(|value| value == UNKNOWN);
        if some_unknown {
            // A connection cannot be judged by a part of its fields, so only the settings are.
        } else {
            match resolve(kind, &sources) {
                Ok(settings) => planned.connections = settings.connections,
                Err(wrong) => problems.extend(wrong),
            }
        }
        let unconnected = TriggerType { connections: Vec::new(), ..kind.clone() };
        match resolve(&unconnected, &sources) {
            Ok(settings) => planned.trigger.settings = settings.settings,
            Err(wrong) => {
                problems.extend(wrong);
                return Err(Stop::Wrong(problems));
            }
        }
        // Of an address the scaler sees what is after the credentials, which is nothing where all of it is unknown.
        let is_unknown = |value: &str| value == UNKNOWN || (some_unknown && value.is_empty());
        let unknown = planned.trigger.settings.iter().filter(|(_, value)| is_unknown(value));
        let unknown: Vec<&str> = unknown.map(|(name, _)| name.as_str()).collect();
        if !unknown.is_empty() && problems.is_empty() {
            return Err(Stop::Unknown(unknown.join(", ")));
        }
        match planner.plan(&planned.trigger) {
            Ok(metrics) => planned.metrics = metrics,
            Err(wrong) => problems.extend(wrong.into_iter().map(Problem::of_trigger)),
        }
        if problems.is_empty() { Ok(()) } else { Err(Stop::Wrong(problems)) }
    }
}

/// What is known of the values that the manifest itself does not hold.
struct Known {
    variables: BTreeMap<String, String>,
    /// What the authentication gives.
    given: BTreeMap<String, String>,
}

/// The settings of a trigger that its authentication gives, with [`UNKNOWN`] for those that are not to be had here.
fn settings(given: Given, kind: &TriggerType) -> BTreeMap<String, String> {
    let unknown = UNKNOWN.to_owned();
    match given {
        Given::Settings(settings) => {
            let known = |(name, value)| match value {
                Variable::Known(value) => (name, value),
                Variable::Unknown(_) | Variable::Absent(_) => (name, unknown.clone()),
            };
            settings.into_iter().map(known).collect()
        }
        Given::Anything => {
            let parameters = kind.parameters.iter();
            let any = parameters.filter(|parameter| parameter.sources.contains(&Source::Authentication));
            any.map(|parameter| (parameter.name.clone(), unknown.clone())).collect()
        }
    }
}

/// Why a trigger has no metrics here.
enum Stop {
    Wrong(BTreeSet<Problem>),
    Unknown(String),
}

/// Settings that the scaler does not declare have no effect, in the cluster as here.
fn unknown_settings(at: &str, kind: &TriggerType, draft: &TriggerDraft, remarks: &mut Vec<Remark>) {
    let mut known = BTreeSet::new();
    for parameter in &kind.parameters {
        for source in &parameter.sources {
            match source {
                Source::Metadata => _ = known.insert(parameter.name.clone()),
                Source::Environment => _ = known.insert(format!("{}FromEnv", parameter.name)),
                Source::Authentication => {}
            }
        }
    }
    for name in draft.metadata.keys().filter(|name| !known.contains(*name)) {
        let hint = spelling::hint(name, known.iter().map(String::as_str));
        let message = format!("is no setting of {} and has no effect{hint}", kind.name);
        remarks.push((Severity::Warning, Problem::new(format!("{at}.metadata.{name}"), message)));
    }
}

/// Settings that work and should be written otherwise.
fn older_settings(at: &str, kind: &TriggerType, draft: &TriggerDraft, remarks: &mut Vec<Remark>) {
    for parameter in &kind.parameters {
        let written = draft.metadata.get(&parameter.name).is_some_and(|value| !value.trim().is_empty());
        if let Some(why) = parameter.deprecated.as_ref().filter(|_| written) {
            let problem = Problem::new(format!("{at}.metadata.{}", parameter.name), format!("is deprecated: {why}"));
            remarks.push((Severity::Warning, problem));
        }
    }
}

/// The target of a metric, as `target 5 (AverageValue)`.
pub(super) fn target(metric: &Metric) -> String {
    match metric {
        Metric::External { target, target_type, .. } => format!("target {target} ({})", target_type.label()),
        Metric::Resource { target, target_type, container, .. } => {
            let of = container.as_ref().map(|container| format!(" of container {container}")).unwrap_or_default();
            format!("target {target} ({}){of}", target_type.label())
        }
    }
}
