//! What the authentications of an object's triggers give: each is read by `get`, and then what it names, each once.
//!
//! A TriggerAuthentication names what is in its own namespace, a ClusterTriggerAuthentication what is in the one that
//! the operator of the host set aside for it; variables are those of the target. What is missing is told with its kind,
//! its namespace, its name and its key, and is never an empty credential.

use std::collections::{BTreeMap, BTreeSet};

use bellows_core::authentication::{AuthenticationKey, AuthenticationKind};
use bellows_core::draft::Draft;
use bellows_core::problem::Problem;
use kube::Client;
use kube::api::DynamicObject;

use super::authentication::{api, fingerprint};
use super::call::{call, if_found};
use super::environment::{self, Container, Keeper, Reference};
use super::reads::Reads;
use super::resolve::variables;
use crate::authentication::{Entry, Place, entries};
use crate::crd::TriggerAuthenticationSpec;
use crate::plan::Credentials;

/// Whose triggers they are, and what is around them.
pub(super) struct Surroundings<'a> {
    pub(super) client: &'a Client,
    /// The object's namespace.
    pub(super) namespace: &'a str,
    /// The containers of the target's pods; none where it has no pods.
    pub(super) containers: &'a [Container],
    /// The container that counts where an entry names none.
    pub(super) container: Option<&'a str>,
    /// The namespace of what ClusterTriggerAuthentications name.
    pub(super) cluster_namespace: &'a str,
}

/// What was read of all triggers of an object.
#[derive(Default)]
pub(super) struct Found {
    /// One for each trigger, in their order.
    pub(super) credentials: Vec<Credentials>,
    /// By what each authentication said.
    pub(super) fingerprints: BTreeMap<AuthenticationKey, u64>,
}

impl Surroundings<'_> {
    /// Reads what the triggers of `draft` name.
    pub(super) async fn credentials(&self, draft: &Draft, reads: &mut Reads<'_>) -> Found {
        let mut found = Found::default();
        let mut given = BTreeMap::new();
        for key in draft.authentications(self.namespace) {
            let credentials = match self.authentication(&key).await {
                Ok((spec, fingerprint)) => {
                    found.fingerprints.insert(key.clone(), fingerprint);
                    self.given(&key, &spec, reads).await
                }
                Err(problem) => Credentials { problems: vec![problem], ..Credentials::default() },
            };
            given.insert(key, credentials);
        }
        let of = |draft: &bellows_core::authentication::AuthenticationDraft| draft.key(self.namespace).ok();
        let each = draft.triggers.iter().map(|trigger| {
            let key = trigger.authentication.as_ref().and_then(of);
            key.and_then(|key| given.get(&key).cloned()).unwrap_or_default()
        });
        found.credentials = each.collect();
        found
    }

    async fn authentication(&self, key: &AuthenticationKey) -> Result<(TriggerAuthenticationSpec, u64), Problem> {
        let problem = |message: String| Problem::new("", message);
        let read = if_found(call(api(self.client, key).get(&key.name)).await);
        let read = read.map_err(|error| problem(format!("{key} cannot be read: {}", error.reason())))?;
        let object = read.ok_or_else(|| {
            problem(match key.kind {
                AuthenticationKind::Namespaced => {
                    format!("there is no {} {} in namespace {}", key.kind.label(), key.name, key.namespace)
                }
                AuthenticationKind::Cluster => format!("there is no {} {}", key.kind.label(), key.name),
            })
        })?;
        let fingerprint = fingerprint(&object.metadata);
        let spec = spec(&object).map_err(|why| problem(format!("{key}: {why}")))?;
        Ok((spec, fingerprint))
    }

    async fn given(
        &self,
        key: &AuthenticationKey,
        spec: &TriggerAuthenticationSpec,
        reads: &mut Reads<'_>,
    ) -> Credentials {
        let mut credentials = Credentials::default();
        let entries = match entries(spec) {
            Ok(entries) => entries,
            Err(problems) => {
                let named = |problem| Problem::new("", format!("{key}: {problem}"));
                credentials.problems = problems.into_iter().map(named).collect();
                return credentials;
            }
        };
        for entry in entries {
            match self.value(key, &entry, reads).await {
                Ok(value) => _ = credentials.values.insert(entry.parameter.to_owned(), value),
                Err(why) => {
                    credentials.problems.push(Problem::new("", format!("{key}: {}: {why}", entry.field)));
                }
            }
        }
        credentials
    }

    async fn value(&self, key: &AuthenticationKey, entry: &Entry<'_>, reads: &mut Reads<'_>) -> Result<String, String> {
        let (keeper, name, place) = match entry.place {
            Place::Variable { name, container } => return self.variable(name, container, reads).await,
            Place::ConfigMap { name, key } => (Keeper::ConfigMap, name, key),
            Place::Secret { name, key } => (Keeper::Secret, name, key),
        };
        let namespace = match key.kind {
            AuthenticationKind::Namespaced => &*key.namespace,
            AuthenticationKind::Cluster => self.cluster_namespace,
        };
        let reference = Reference { keeper, name: name.to_owned() };
        let contents = reads.all(namespace, [&reference]).await;
        let value = environment::entry(contents.get(&reference), &reference, namespace, place, false)?;
        value.ok_or_else(|| format!("{reference} in namespace {namespace} has no key {place}"))
    }

    async fn variable(&self, name: &str, container: Option<&str>, reads: &mut Reads<'_>) -> Result<String, String> {
        if self.containers.is_empty() {
            return Err(format!("the target has no pod template, so there is no variable {name}"));
        }
        let found = environment::container(self.containers, container.or(self.container));
        let found = found.map_err(|problem| problem.message)?;
        let mut environment = variables(reads, self.namespace, found, BTreeSet::from([name])).await;
        match (environment.values.remove(name), environment.unknown.remove(name)) {
            (Some(value), _) => Ok(value),
            (None, Some(why)) => Err(why),
            (None, None) => Err(format!("container {} has no variable {name}", found.name())),
        }
    }
}

/// What it says, or in which field it cannot be read.
fn spec(object: &DynamicObject) -> Result<TriggerAuthenticationSpec, String> {
    let Some(spec) = object.data.get("spec") else { return Ok(TriggerAuthenticationSpec::default()) };
    serde_path_to_error::deserialize(spec).map_err(|error| format!("spec.{error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: &serde_json::Value) -> DynamicObject {
        serde_json::from_value(json!({ "metadata": { "name": "login" }, "spec": spec })).unwrap()
    }

    #[test]
    fn one_that_cannot_be_read_is_told_with_the_field() {
        let why = spec(&object(&json!({ "secretTargetRef": [{ "parameter": "a", "name": 1, "key": "c" }] })));
        let why = why.unwrap_err();
        assert!(why.starts_with("spec.secretTargetRef[0].name: "), "{why}");
    }

    #[test]
    fn one_that_says_nothing_gives_nothing() {
        assert_eq!(spec(&object(&json!({}))), Ok(TriggerAuthenticationSpec::default()));
    }
}
