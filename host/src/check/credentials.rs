//! What the authentication of a trigger would give, as far as the given files tell, and whether anybody wants it.
//!
//! Goes by the same list of entries as a cluster's reader. What only the cluster knows is unknown here.

use std::collections::{BTreeMap, BTreeSet};

use bellows_core::{
    authentication::{AuthenticationDraft, AuthenticationKind},
    draft::Draft,
    problem::Problem,
    scaler::{Source, TriggerType},
};

use super::{
    Finding, Severity,
    environment::{Environment, Variable, from_key},
    manifest::Manifest,
    plan::Remark,
    spelling,
};
use crate::authentication::{Entry, Place, entries};
use crate::crd::TriggerAuthenticationSpec;

/// What an authentication gives.
pub(super) enum Given {
    /// These settings.
    Settings(BTreeMap<String, Variable>),
    /// It is not among the files.
    Anything,
}

impl Default for Given {
    fn default() -> Self {
        Self::Settings(BTreeMap::new())
    }
}

/// The files around one object.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) manifests: &'a [Manifest],
    /// The object's namespace, where it is written.
    pub(super) namespace: Option<&'a str>,
    /// The target, where it is among them.
    pub(super) target: Option<&'a Manifest>,
    /// The environment of its container.
    pub(super) environment: Option<&'a Environment>,
}

impl Files<'_> {
    /// What the authentication of the trigger at `at` gives; says into `remarks` what is wrong with it.
    pub(super) fn given(&self, at: &str, reference: &AuthenticationDraft, remarks: &mut Vec<Remark>) -> Given {
        // A reference that is none is among the problems of the draft.
        let Ok(key) = reference.key(self.namespace.unwrap_or_default()) else { return Given::Anything };
        let at = format!("{at}.authenticationRef");
        let kind = key.kind.label();
        let Some((manifest, spec)) = find(self.manifests, self.namespace, reference) else {
            let message = format!("{kind} {} is not among the files: what it gives was not checked", key.name);
            remarks.push((Severity::Note, Problem::new(at, message)));
            return Given::Anything;
        };
        let named = |problem: &Problem| Problem::new(at.clone(), format!("{kind} {}: {problem}", key.name));
        let entries = match entries(&spec) {
            Ok(entries) => entries,
            Err(problems) => {
                remarks.extend(problems.iter().map(|problem| (Severity::Problem, named(problem))));
                return Given::Anything;
            }
        };
        let mut settings = BTreeMap::new();
        for entry in entries {
            let value = self.value(key.kind, manifest, &entry);
            let told = match &value {
                Variable::Known(_) => None,
                Variable::Unknown(why) => {
                    Some((Severity::Note, format!("{} cannot be checked here: {why}", entry.parameter)))
                }
                Variable::Absent(why) => Some((Severity::Problem, format!("{} has no value: {why}", entry.parameter))),
            };
            remarks.extend(told.map(|(severity, message)| (severity, named(&Problem::new(&*entry.field, message)))));
            settings.insert(entry.parameter.to_owned(), value);
        }
        Given::Settings(settings)
    }

    fn value(&self, kind: AuthenticationKind, manifest: &Manifest, entry: &Entry<'_>) -> Variable {
        let (keeper, name, key) = match entry.place {
            Place::Variable { name, container } => return self.variable(name, container),
            Place::ConfigMap { name, key } => ("ConfigMap", name, key),
            Place::Secret { name, key } => ("Secret", name, key),
        };
        match kind {
            AuthenticationKind::Cluster => {
                Variable::Unknown(format!("it comes from {keeper} {name} in a namespace that the host is told"))
            }
            AuthenticationKind::Namespaced => {
                let namespace = manifest.text(&["metadata", "namespace"]).or(self.namespace);
                from_key(keeper, name, key, namespace, self.manifests)
            }
        }
    }

    fn variable(&self, name: &str, container: Option<&str>) -> Variable {
        let Some(target) = self.target else {
            return Variable::Unknown(format!("it is variable {name} of the target, not among the files"));
        };
        let found = match (container, self.environment) {
            (None, Some(environment)) => return environment.get(name),
            (container, _) => Environment::of(target, container, self.manifests),
        };
        match found {
            Some(Ok(environment)) => environment.get(name),
            Some(Err(names)) => {
                let container = container.unwrap_or_default();
                Variable::Absent(format!("the target has no container {container}: it has {}", names.join(", ")))
            }
            None => Variable::Absent(format!("the target has no pod template, so there is no variable {name}")),
        }
    }
}

/// The authentication that is meant, where it is among the files. One of another shape was told by its schema.
fn find<'a>(
    manifests: &'a [Manifest],
    namespace: Option<&str>,
    reference: &AuthenticationDraft,
) -> Option<(&'a Manifest, TriggerAuthenticationSpec)> {
    let key = reference.key(namespace.unwrap_or_default()).ok()?;
    let namespace = namespace.filter(|_| key.kind == AuthenticationKind::Namespaced);
    let manifest = manifests.iter().find(|manifest| manifest.is(key.kind.label(), &key.name, namespace))?;
    let spec = serde_json::from_value(manifest.value.get("spec")?.clone()).ok()?;
    Some((manifest, spec))
}

/// Which trigger types want something of each authentication.
#[derive(Default)]
pub(super) struct Wants<'a>(Vec<(&'a Manifest, TriggerAuthenticationSpec, BTreeSet<String>)>);

impl<'a> Wants<'a> {
    /// Takes note of the triggers of one object.
    pub(super) fn note(&mut self, manifests: &'a [Manifest], namespace: Option<&str>, draft: &Draft) {
        for trigger in &draft.triggers {
            let found = trigger.authentication.as_ref().and_then(|reference| find(manifests, namespace, reference));
            let Some((manifest, spec)) = found else { continue };
            match self.0.iter_mut().find(|(known, ..)| std::ptr::eq(*known, manifest)) {
                Some((.., types)) => _ = types.insert(trigger.kind.clone()),
                None => self.0.push((manifest, spec, BTreeSet::from([trigger.kind.clone()]))),
            }
        }
    }

    /// Warns of settings that no trigger which refers to them knows. They have no effect, in the cluster as here.
    pub(super) fn unknown(&self, served: &[TriggerType]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (manifest, spec, types) in &self.0 {
            let kinds: Vec<&TriggerType> = served.iter().filter(|kind| types.contains(&kind.name)).collect();
            let Ok(entries) = entries(spec) else { continue };
            // One that is not served may know any.
            if kinds.len() < types.len() {
                continue;
            }
            let known: BTreeSet<&str> = kinds
                .iter()
                .flat_map(|kind| &kind.parameters)
                .filter(|parameter| parameter.sources.contains(&Source::Authentication))
                .map(|parameter| parameter.name.as_str())
                .collect();
            for entry in entries.iter().filter(|entry| !known.contains(entry.parameter)) {
                let hint = spelling::hint(entry.parameter, known.iter().copied());
                let types = types.iter().map(String::as_str).collect::<Vec<_>>().join(" or ");
                let message = format!(
                    "{:?} is no setting that {types} takes from an authentication, and has no effect{hint}",
                    entry.parameter
                );
                let field = format!("{}.parameter", entry.field);
                findings.push(Finding::new(manifest, Severity::Warning, &field, message));
            }
        }
        findings
    }
}
