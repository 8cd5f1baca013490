//! Secrets and ConfigMaps as one resolution reads them: by `get`, one by one, each once, and nothing of them is kept.

use std::collections::BTreeMap;

use bellows_core::name::is_name;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};

use super::call::{CallError, call, if_found};
use super::environment::{Contents, Keeper, Reference};

/// Most objects that one resolution reads: at some 5 ms each it holds its place among those under way for 1.5 s.
const OBJECTS_MAX: usize = 256;

/// What was read, by namespace.
pub(super) struct Reads<'client> {
    client: &'client Client,
    read: BTreeMap<String, BTreeMap<Reference, Contents>>,
    count: usize,
}

impl<'client> Reads<'client> {
    pub(super) fn new(client: &'client Client) -> Self {
        Self { client, read: BTreeMap::new(), count: 0 }
    }

    /// Reads what was not read yet, one after the other: there are rarely more than two, and many objects are resolved at
    /// the same time. Answers with all that was read of the namespace.
    pub(super) async fn all(
        &mut self,
        namespace: &str,
        references: impl IntoIterator<Item = &Reference>,
    ) -> &BTreeMap<Reference, Contents> {
        let known = self.read.entry(namespace.to_owned()).or_default();
        for reference in references {
            if known.contains_key(reference) {
                continue;
            }
            self.count += 1;
            let contents = if self.count > OBJECTS_MAX {
                Contents::Unread(format!("this object needs more than {OBJECTS_MAX} Secrets and ConfigMaps"))
            } else {
                read(self.client, namespace, reference).await
            };
            known.insert(reference.clone(), contents);
        }
        known
    }
}

async fn read(client: &Client, namespace: &str, reference: &Reference) -> Contents {
    // Who can write a manifest can write any text here; in a request's path it could lead into another namespace.
    if !is_name(&reference.name) {
        return Contents::Unread("that is no name of an object".to_owned());
    }
    let entries = match reference.keeper {
        Keeper::Secret => {
            let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
            let secret = if_found(call(secrets.get(&reference.name)).await);
            let entries = |secret: Secret| secret.data.into_iter().flatten().map(|(key, value)| (key, value.0));
            secret.map(|secret| secret.map(|secret| entries(secret).collect()))
        }
        Keeper::ConfigMap => {
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            let map = if_found(call(maps.get(&reference.name)).await);
            let entries = |map: ConfigMap| map.data.into_iter().flatten().map(|(key, value)| (key, value.into_bytes()));
            map.map(|map| map.map(|map| entries(map).collect()))
        }
    };
    contents(entries)
}

fn contents(entries: Result<Option<BTreeMap<String, Vec<u8>>>, CallError>) -> Contents {
    match entries {
        Ok(Some(entries)) => Contents::Entries(entries),
        Ok(None) => Contents::NotThere,
        Err(error) => Contents::Unread(error.reason()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use http::{Request, Response};
    use kube::client::Body;

    use super::*;

    /// An API server that answers everything with one Secret, and what it was asked.
    fn server() -> (Client, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let paths = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            paths.lock().unwrap().push(request.uri().to_string());
            let secret = r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a"},"data":{"password":"cA=="}}"#;
            std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(Body::from(secret.as_bytes().to_vec()))))
        });
        (Client::new(service, "default"), asked)
    }

    fn secret(name: &str) -> Reference {
        Reference { keeper: Keeper::Secret, name: name.into() }
    }

    #[tokio::test]
    async fn each_object_is_asked_for_once_in_each_namespace() {
        let (client, asked) = server();
        let mut reads = Reads::new(&client);
        for (namespace, names) in [("shop", vec!["a", "b"]), ("shop", vec!["b", "a"]), ("till", vec!["a"])] {
            let references: Vec<Reference> = names.into_iter().map(secret).collect();
            let read = reads.all(namespace, &references).await;
            assert!(references.iter().all(|reference| matches!(read[reference], Contents::Entries(_))));
        }
        let paths = ["/api/v1/namespaces/shop/secrets/a", "/api/v1/namespaces/shop/secrets/b"];
        assert_eq!(*asked.lock().unwrap(), [paths[0], paths[1], "/api/v1/namespaces/till/secrets/a"]);
    }

    #[tokio::test]
    async fn a_name_that_would_lead_into_another_namespace_is_never_asked_for() {
        let (client, asked) = server();
        let mut reads = Reads::new(&client);
        for name in ["../../till/secrets/a", "..", "a/b", "?watch=true", "a?b", "a#b", "%2e%2e", "", "A"] {
            let read = reads.all("shop", &[secret(name)]).await;
            assert_eq!(read[&secret(name)], Contents::Unread("that is no name of an object".into()), "{name}");
        }
        assert_eq!(*asked.lock().unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn a_flood_of_objects_is_read_up_to_a_bound() {
        let (client, asked) = server();
        let references: Vec<Reference> = (0..300).map(|index| secret(&format!("a{index:03}"))).collect();
        let mut reads = Reads::new(&client);
        let read = reads.all("shop", &references).await;
        let told = Contents::Unread("this object needs more than 256 Secrets and ConfigMaps".into());
        assert_eq!((asked.lock().unwrap().len(), &read[&secret("a256")]), (256, &told));
    }
}
