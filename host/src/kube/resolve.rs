//! `Effect::Resolve`: reads the target and what its environment needs, has the scalers plan, and answers with a
//! workload or with everything that is wrong.
//!
//! Secrets are read one by one, by name, and only those that a trigger's variables come from; nothing of them is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bellows_core::draft::Draft;
use bellows_core::event::{Refusal, Resolution};
use bellows_core::problem::Problem;
use bellows_core::workload::ObjectKey;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::DynamicObject;
use kube::{Api, Client};

use super::call::{CallError, call, if_found};
use super::environment::{self, Container, Contents, Environment, Keeper, Reference};
use super::target::{self, Targets};
use crate::plan::{self, Catalogue};

/// Resolves drafts.
pub(super) struct Resolver {
    client: Client,
    targets: Targets,
    catalogue: Arc<dyn Catalogue>,
}

impl Resolver {
    pub(super) fn new(client: Client, catalogue: Arc<dyn Catalogue>) -> Self {
        Self { targets: Targets::new(client.clone()), client, catalogue }
    }

    /// The workload that `draft` asks for, and the replicas that its target has.
    pub(super) async fn resolve(&self, key: &ObjectKey, draft: &Draft) -> Result<Resolution, Refusal> {
        let problems = draft.problems(key);
        if !problems.is_empty() {
            return Err(Refusal { problems, retry: false });
        }
        let (target, object) = self.targets.find(key, &draft.target).await?;
        let replicas = self.targets.replicas(key, &target, &object).await?;
        let environment = match containers(&object)? {
            None => None,
            Some(containers) => {
                let container = environment::container(&containers, draft.target.container.as_deref())
                    .map_err(|problem| Refusal { problems: vec![problem], retry: true })?;
                Some(self.environment(key, draft, container).await)
            }
        };
        let workload = plan::workload(key, draft, target, environment.as_ref(), &*self.catalogue).await?;
        Ok(Resolution { workload, replicas, ready: target::ready(&object) })
    }

    /// The variables that the triggers name, each with its value or the reason why there is none.
    async fn environment(&self, key: &ObjectKey, draft: &Draft, container: &Container) -> plan::Environment {
        let mut answer = plan::Environment::default();
        let names: BTreeSet<&str> =
            draft.triggers.iter().flat_map(plan::variables).map(|(_, variable)| variable).collect();
        let needed = match container.needed(names.iter().copied()) {
            Ok(needed) => needed,
            Err(why) => {
                answer.unknown.extend(names.into_iter().map(|name| (name.to_owned(), why.clone())));
                return answer;
            }
        };
        let mut contents = BTreeMap::new();
        // One after the other: there are rarely more than two, and many objects are resolved at the same time.
        for reference in &needed.references {
            contents.insert(reference.clone(), self.read(&key.namespace, reference).await);
        }
        let mut environment = Environment::new(container, &key.namespace, &needed, &contents);
        for name in names {
            match environment.get(name) {
                Ok(Some(value)) => _ = answer.values.insert(name.to_owned(), value),
                // Absent: the parameter that names it is told so by core.
                Ok(None) => {}
                Err(why) => _ = answer.unknown.insert(name.to_owned(), why),
            }
        }
        answer
    }

    async fn read(&self, namespace: &str, reference: &Reference) -> Contents {
        let entries = match reference.keeper {
            Keeper::Secret => {
                let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
                let secret = if_found(call(secrets.get(&reference.name)).await);
                let entries = |secret: Secret| secret.data.into_iter().flatten().map(|(key, value)| (key, value.0));
                secret.map(|secret| secret.map(|secret| entries(secret).collect()))
            }
            Keeper::ConfigMap => {
                let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
                let map = if_found(call(maps.get(&reference.name)).await);
                let entries =
                    |map: ConfigMap| map.data.into_iter().flatten().map(|(key, value)| (key, value.into_bytes()));
                map.map(|map| map.map(|map| entries(map).collect()))
            }
        };
        contents(entries)
    }
}

fn contents(entries: Result<Option<BTreeMap<String, Vec<u8>>>, CallError>) -> Contents {
    match entries {
        Ok(Some(entries)) => Contents::Entries(entries),
        Ok(None) => Contents::NotThere,
        Err(error) => Contents::Unread(error.reason()),
    }
}

/// The containers of the pods that the target makes; `None` where it has no pod template.
fn containers(object: &DynamicObject) -> Result<Option<Vec<Container>>, Refusal> {
    let Some(containers) = object.data.pointer("/spec/template/spec/containers") else { return Ok(None) };
    serde::Deserialize::deserialize(containers).map(Some).map_err(|error| {
        let message = format!("the containers of its pod template cannot be read: {error}");
        Refusal { problems: vec![Problem::new("spec.scaleTargetRef", message)], retry: true }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(spec: serde_json::Value) -> DynamicObject {
        serde_json::from_value(json!({ "metadata": { "name": "worker" }, "spec": spec })).unwrap()
    }

    #[test]
    fn a_target_without_a_pod_template_has_no_containers() {
        assert!(containers(&object(json!({ "replicas": 1 }))).unwrap().is_none());
    }

    #[test]
    fn containers_of_another_shape_are_a_problem_of_the_target() {
        let containers = containers(&object(json!({ "template": { "spec": { "containers": "none" } } })));
        let refusal = containers.unwrap_err();
        assert_eq!((refusal.problems[0].field.as_str(), refusal.retry), ("spec.scaleTargetRef", true));
    }
}
