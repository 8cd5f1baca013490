//! `Effect::Resolve`: reads the target, the environment and the authentications that triggers name, has the scalers plan,
//! and answers with a workload or with everything that is wrong.
//!
//! Secrets are read one by one, by name, and only those that a trigger's settings come from; nothing of them is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use bellows_core::draft::Draft;
use bellows_core::event::{Refusal, Resolution};
use bellows_core::problem::Problem;
use bellows_core::workload::ObjectKey;
use kube::Client;
use kube::api::DynamicObject;

use super::credentials::Surroundings;
use super::environment::{self, Container, Environment};
use super::reads::Reads;
use super::target::{self, Targets};
use crate::plan::{self, Catalogue};

/// Resolves drafts.
pub(super) struct Resolver {
    client: Client,
    targets: Targets,
    catalogue: Arc<dyn Catalogue>,
    cluster_namespace: String,
}

impl Resolver {
    /// What ClusterTriggerAuthentications name is looked for in `cluster_namespace`.
    pub(super) fn new(client: Client, catalogue: Arc<dyn Catalogue>, cluster_namespace: String) -> Self {
        Self { targets: Targets::new(client.clone()), client, catalogue, cluster_namespace }
    }

    /// The workload that `draft` asks for, and the replicas that its target has.
    pub(super) async fn resolve(&self, key: &ObjectKey, draft: &Draft) -> Result<Resolution, Refusal> {
        let problems = draft.problems(key);
        if !problems.is_empty() {
            return Err(Refusal { problems, retry: false });
        }
        let (target, object) = self.targets.find(key, &draft.target).await?;
        let replicas = self.targets.replicas(key, &target, &object).await?;
        let containers = containers(&object)?;
        let mut reads = Reads::new(&self.client);
        let environment = match &containers {
            None => None,
            Some(containers) => {
                let container = environment::container(containers, draft.target.container.as_deref())
                    .map_err(|problem| Refusal { problems: vec![problem], retry: true })?;
                let named = draft.triggers.iter().flat_map(plan::variables).map(|(_, variable)| variable);
                Some(variables(&mut reads, &key.namespace, container, named.collect()).await)
            }
        };
        let surroundings = Surroundings {
            client: &self.client,
            namespace: &key.namespace,
            containers: containers.as_deref().unwrap_or_default(),
            container: draft.target.container.as_deref(),
            cluster_namespace: &self.cluster_namespace,
        };
        let found = surroundings.credentials(draft, &mut reads).await;
        let surroundings = plan::Surroundings { environment: environment.as_ref(), credentials: &found.credentials };
        let workload = plan::workload(key, draft, target, surroundings, &*self.catalogue).await?;
        Ok(Resolution { workload, replicas, ready: target::ready(&object), authentications: found.fingerprints })
    }
}

/// The variables `names` of a container, each with its value or the reason why there is none.
pub(super) async fn variables(
    reads: &mut Reads<'_>,
    namespace: &str,
    container: &Container,
    names: BTreeSet<&str>,
) -> plan::Environment {
    let mut answer = plan::Environment::default();
    let needed = match container.needed(names.iter().copied()) {
        Ok(needed) => needed,
        Err(why) => {
            answer.unknown.extend(names.into_iter().map(|name| (name.to_owned(), why.clone())));
            return answer;
        }
    };
    let contents = reads.all(namespace, &needed.references).await;
    let mut environment = Environment::new(container, namespace, &needed, contents);
    for name in names {
        match environment.get(name) {
            Ok(Some(value)) => _ = answer.values.insert(name.to_owned(), value),
            // Absent: whoever names it is told so.
            Ok(None) => {}
            Err(why) => _ = answer.unknown.insert(name.to_owned(), why),
        }
    }
    answer
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
