//! Labels of namespaces, for Scalers that select namespaces by them: a watch of their metadata alone, which begins with the
//! first such Scaler. A cluster without one pays nothing.
//!
//! What it costs then: one list in pages of 500 at the start, and one request each 30 s, as for each watch. A namespace comes
//! as its metadata, some 700 bytes (1,500 where many wrote it, because managed fields come along), and stays as its labels
//! alone, some 600 bytes: 10,000 namespaces are 10 MB to read once and 6 MB to keep. Each change of one is read anew.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bellows_core::event::Event;
use bellows_core::rights::Labels;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PartialObjectMeta;
use kube::core::Status;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::watch::{WATCH_SECONDS, heard, patient};
use crate::scalers::Namespaces;

/// A watch that failed is tried again after 10 s at most, so one that says nothing for longer than this goes on.
const QUIET: Duration = Duration::from_secs(30);
/// Namespaces of one list, ten times as many as Kubernetes is made for: some 60 MB until the list is whole. Of those beyond no
/// labels are known.
const LISTED_MAX: usize = 100_000;
/// The rule that is missing where nobody lets us watch.
const RULE: &str = r#"{"apiGroups":[""],"resources":["namespaces"],"verbs":["list","watch"]}"#;

/// Watches, once somebody selects namespaces by labels, until nobody listens any more. Of a host that serves one namespace
/// only that one is watched.
pub async fn watch(
    client: Client,
    namespace: Option<String>,
    namespaces: Arc<Namespaces>,
    events: mpsc::Sender<Event>,
) {
    namespaces.wanted().await;
    tracing::info!("a Scaler selects namespaces by labels, which are watched from now on");
    let mut config = watcher::Config::default().timeout(WATCH_SECONDS);
    config.field_selector = namespace.map(|namespace| format!("metadata.name={namespace}"));
    let mut stream = pin!(patient(Api::<PartialObjectMeta<Namespace>>::all(client), config));
    let mut listing = Vec::new();
    loop {
        let told = match timeout(QUIET, stream.next()).await {
            Err(_elapsed) => {
                namespaces.heard();
                Vec::new()
            }
            Ok(None) => return,
            Ok(Some(result)) => {
                if let Err(error) = &result {
                    namespaces.failed(error.to_string(), status(error).and_then(hint));
                }
                heard("namespaces", result).map(|event| take(event, &mut listing, &namespaces)).unwrap_or_default()
            }
        };
        for event in told {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// Takes in what the watch told. Until a list is whole, what was known before holds.
fn take(
    event: watcher::Event<PartialObjectMeta<Namespace>>,
    listing: &mut Vec<(String, Labels)>,
    namespaces: &Namespaces,
) -> Vec<Event> {
    match event {
        watcher::Event::Init => {
            listing.clear();
            Vec::new()
        }
        watcher::Event::InitApply(object) => {
            if listing.len() < LISTED_MAX {
                listing.push(labels(object));
            }
            Vec::new()
        }
        watcher::Event::InitDone => namespaces.listed(std::mem::take(listing)),
        watcher::Event::Apply(object) => {
            let (namespace, labels) = labels(object);
            namespaces.seen(&namespace, labels).into_iter().collect()
        }
        watcher::Event::Delete(object) => namespaces.gone(&object.name_any()).into_iter().collect(),
    }
}

/// Nothing else of a namespace is kept: neither its annotations nor who wrote them.
fn labels(object: PartialObjectMeta<Namespace>) -> (String, Labels) {
    (object.name_any(), object.metadata.labels.unwrap_or_default())
}

fn status(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

/// What a person can do about it, where the API server lets us not.
fn hint(status: &Status) -> Option<String> {
    (status.code == 403).then(|| {
        format!(
            "labels of namespaces decide what it may do, or for whom, and the host may not read them, so it serves none of \
             which no name decides: {}; to allow it, leave permissions.operator.restrict.namespaceLabels of the chart \
             false, or: kubectl patch clusterrole bellows-cluster --type json --patch \
             '[{{\"op\":\"add\",\"path\":\"/rules/-\",\"value\":{RULE}}}]'",
            status.message
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use serde_json::{Value, json};
    use std::sync::Mutex;

    /// A cluster that answers each question in its turn, and then never again; with what was asked.
    fn cluster(answers: Vec<(u16, Value)>) -> (Client, Arc<Mutex<Vec<String>>>) {
        let (asked, answers) = (Arc::new(Mutex::new(Vec::new())), Mutex::new(answers.into_iter()));
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let accept = request.headers()[http::header::ACCEPT].to_str().unwrap().to_owned();
            seen.lock().unwrap().push(format!("{} {accept}", request.uri()));
            let answer = answers.lock().unwrap().next();
            async move {
                let Some((status, body)) = answer else { return std::future::pending().await };
                let body = Body::from(format!("{body}\n").into_bytes());
                let status = StatusCode::from_u16(status).unwrap();
                Ok::<_, std::io::Error>(Response::builder().status(status).body(body).unwrap())
            }
        });
        (Client::new(service, "default"), asked)
    }

    fn object(name: &str, team: &str) -> Value {
        let annotations = json!({"long": "x".repeat(100)});
        json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": name, "resourceVersion": "7", "labels": {"team": team}, "annotations": annotations},
        })
    }

    fn list(items: &[Value]) -> (u16, Value) {
        let kind = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList"});
        let mut list = kind;
        (list["metadata"], list["items"]) = (json!({"resourceVersion": "6"}), json!(items));
        (200, list)
    }

    fn forbidden() -> (u16, Value) {
        let message = "namespaces is forbidden: User \"bellows\" cannot list resource \"namespaces\"";
        (
            403,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "message": message,
                     "reason": "Forbidden"}),
        )
    }

    /// Watches until `count` events were told.
    async fn told(answers: Vec<(u16, Value)>, count: usize) -> (Vec<Event>, Arc<Namespaces>, Vec<String>) {
        let ((client, asked), namespaces) = (cluster(answers), Arc::new(Namespaces::default()));
        let (events, mut inbox) = mpsc::channel(8);
        namespaces.want();
        let watching = watch(client, None, namespaces.clone(), events);
        let mut told = Vec::new();
        let hear = async {
            while told.len() < count {
                told.extend(inbox.recv().await);
            }
        };
        tokio::select! {
            () = watching => panic!("the watch ended"),
            () = hear => {}
        }
        let asked = asked.lock().unwrap().clone();
        (told, namespaces, asked)
    }

    fn team(namespaces: &Namespaces, namespace: &str) -> Option<String> {
        namespaces.of(namespace).ok()?.get("team").cloned()
    }

    #[tokio::test]
    async fn nothing_is_asked_before_somebody_selects_namespaces() {
        let ((client, asked), namespaces) = (cluster(Vec::new()), Arc::new(Namespaces::default()));
        let (events, _inbox) = mpsc::channel(8);
        let watching = watch(client, Some("shop".into()), namespaces.clone(), events);
        let mut watching = pin!(watching);
        assert!(timeout(Duration::from_millis(50), watching.as_mut()).await.is_err());
        assert_eq!(*asked.lock().unwrap(), [""; 0]);
        namespaces.want();
        assert!(timeout(Duration::from_millis(50), watching).await.is_err());
        let asked = asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 1);
        assert!(asked[0].contains("fieldSelector=metadata.name%3Dshop"), "{asked:?}");
    }

    #[tokio::test]
    async fn labels_are_listed_once_and_then_followed_and_of_a_namespace_only_metadata_is_asked_for() {
        let moved = json!({"type": "MODIFIED", "object": object("b", "mail")});
        let answers = vec![list(&[object("a", "shop"), object("b", "shop")]), (200, moved)];
        let (told, namespaces, asked) = told(answers, 2).await;
        assert!(
            matches!(&told[..], [Event::ScalersChanged, Event::NamespaceRelabelled(of)] if &**of == "b"),
            "{told:?}"
        );
        assert_eq!((team(&namespaces, "a"), team(&namespaces, "b")), (Some("shop".into()), Some("mail".into())));
        assert!(asked[0].contains("/api/v1/namespaces?") && asked[0].contains("limit=500"), "{asked:?}");
        assert!(asked[0].contains("as=PartialObjectMetadataList") && asked[1].contains("as=PartialObjectMetadata;"));
    }

    #[tokio::test]
    async fn a_watch_that_is_forbidden_names_the_rule_and_begins_by_itself_once_it_is_there() {
        let ((client, _), namespaces) = (cluster(vec![forbidden()]), Arc::new(Namespaces::default()));
        let (events, _inbox) = mpsc::channel(8);
        namespaces.want();
        let mut refusals = namespaces.refusals();
        tokio::select! {
            () = watch(client, None, namespaces.clone(), events) => panic!("the watch ended"),
            changed = refusals.changed() => changed.unwrap(),
        }
        let why = refusals.borrow().clone().unwrap();
        assert!(why.contains("User \"bellows\" cannot list resource") && why.contains(RULE), "{why}");
        assert!(
            why.contains("kubectl patch clusterrole bellows-cluster --type json --patch '[{\"op\":\"add\""),
            "{why}"
        );
        let unknown = namespaces.of("shop").unwrap_err();
        assert!(unknown.starts_with("labels of namespaces are not known yet: "), "{unknown}");

        let (_, namespaces, asked) = told(vec![forbidden(), list(&[object("a", "shop")])], 1).await;
        assert!(asked[..2].iter().all(|asked| asked.contains("limit=500")), "{asked:?}");
        assert_eq!(team(&namespaces, "a"), Some("shop".into()));
        assert_eq!(*namespaces.refusals().borrow(), None);
    }
}
