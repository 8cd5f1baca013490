//! Pods, counted for scalers that measure another workload: by label and phase, in one namespace, page by page.
//!
//! Nothing is watched and nothing kept: of each pod no more than its place in a page is looked at, and where nodes are
//! counted, its node.

use std::collections::{BTreeMap, BTreeSet};

use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_wasm::{Counted, Counts, PodSource};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::core::request::Request;
use kube::{Client, Resource};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::call::{CallError, call};

/// Pods that have ended count for nothing. The API server leaves them out by itself.
const NOT_ENDED: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Pods on a page. At some 2 KiB of metadata each, a page has 1 MiB.
const PAGE: u32 = 500;
/// Pages of one count: 50,000 pods, a third of the largest cluster that Kubernetes is tested with.
const PAGES_MAX: usize = 100;
/// Pages read at once for all scalers together. 8 bound them to 8 MiB of metadata, or to some 40 MiB of whole pods where
/// nodes are counted, and keep us one of many for the API server.
const PAGES_AT_ONCE: usize = 8;
/// Selectors of one call that are counted at once, so that a call cannot have all pages for itself.
const SELECTORS_AT_ONCE: usize = 4;

/// Counts by asking the API server.
pub struct Pods {
    client: Client,
    pages: Semaphore,
}

impl Pods {
    /// With the rights of `client`.
    pub fn new(client: Client) -> Self {
        Self { client, pages: Semaphore::new(PAGES_AT_ONCE) }
    }

    async fn one(&self, namespace: &str, selector: &str, counted: Counted, until: Instant) -> Result<u64, Failure> {
        match timeout_at(until, self.all_pages(namespace, selector, counted)).await {
            Ok(Ok(count)) => Ok(count),
            Ok(Err(Uncounted::TooMany)) => Err(too_many(namespace, selector)),
            Ok(Err(Uncounted::Call(error))) => Err(failure(&error, namespace, selector)),
            Err(_elapsed) => Err(failure(&CallError::Late, namespace, selector)),
        }
    }

    async fn all_pages(&self, namespace: &str, selector: &str, counted: Counted) -> Result<u64, Uncounted> {
        let mut parameters = ListParams::default().labels(selector).fields(NOT_ENDED).limit(PAGE);
        let (mut pods, mut nodes) = (0, BTreeSet::new());
        for _ in 0..PAGES_MAX {
            let next = match counted {
                Counted::Pods => {
                    let mut page: Page<IgnoredAny> = self.page(namespace, &parameters, Request::list_metadata).await?;
                    pods += page.items().len() as u64;
                    page.metadata.next
                }
                Counted::Nodes => {
                    let mut page: Page<OnNode> = self.page(namespace, &parameters, Request::list).await?;
                    nodes.extend(page.items().into_iter().filter_map(|pod| pod.spec.node));
                    page.metadata.next
                }
            };
            match next.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => return Ok(if counted == Counted::Pods { pods } else { nodes.len() as u64 }),
            }
        }
        Err(Uncounted::TooMany)
    }

    async fn page<T: for<'de> Deserialize<'de>>(
        &self,
        namespace: &str,
        parameters: &ListParams,
        request: impl Fn(&Request, &ListParams) -> Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, CallError> {
        let unasked = |error| CallError::Unasked(Box::new(kube::Error::BuildRequest(error)));
        let request = request(&Request::new(Pod::url_path(&(), Some(namespace))), parameters).map_err(unasked)?;
        // It is never closed, and its wait is part of the count's time.
        let _place = self.pages.acquire().await;
        call(self.client.request(request)).await
    }
}

impl PodSource for Pods {
    fn count<'call>(
        &'call self,
        namespace: &'call str,
        selectors: BTreeSet<String>,
        counted: Counted,
        until: Instant,
    ) -> BoxFuture<'call, Counts> {
        let count = move |selector: String| async move {
            let count = self.one(namespace, &selector, counted, until).await;
            (selector, count)
        };
        Box::pin(stream::iter(selectors).map(count).buffer_unordered(SELECTORS_AT_ONCE).collect::<BTreeMap<_, _>>())
    }
}

enum Uncounted {
    Call(CallError),
    TooMany,
}

impl From<CallError> for Uncounted {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMetadata,
    /// An empty page of metadata has `null` here.
    items: Option<Vec<T>>,
}

impl<T> Page<T> {
    fn items(&mut self) -> Vec<T> {
        self.items.take().unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct OnNode {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    /// A pod that waits for a place has none.
    #[serde(rename = "nodeName")]
    node: Option<String>,
}

fn too_many(namespace: &str, selector: &str) -> Failure {
    let pods = PAGE as usize * PAGES_MAX;
    let message = format!("{selector} selects more than {pods} pods of namespace {namespace}, which are not counted");
    Failure::new(FailureKind::Transient, Blame::Operator, "too-many-pods", message)
}

fn failure(error: &CallError, namespace: &str, selector: &str) -> Failure {
    let message = format!("cannot count the pods {selector} of namespace {namespace}: {}", error.reason());
    let of = |kind, blame, code| Failure::new(kind, blame, code, message);
    match (error, error.code()) {
        (CallError::Late, _) => of(FailureKind::Transient, Blame::Source, "timeout").of_endpoint(),
        (_, 0) => of(FailureKind::Transient, Blame::Source, "unreachable").of_endpoint(),
        (_, 401) => of(FailureKind::Denied, Blame::Operator, "unauthorized").of_endpoint(),
        (_, 403) => of(FailureKind::Denied, Blame::Operator, "forbidden").of_endpoint(),
        // The selector passed the scaler's own look; the API server has the last word on it.
        (_, 400 | 422) => of(FailureKind::Invalid, Blame::Operator, "selector"),
        (_, 429) => of(FailureKind::Transient, Blame::Source, "too-many-requests").of_endpoint(),
        (_, 500..) => of(FailureKind::Transient, Blame::Source, "server-error").of_endpoint(),
        // 410: the pages of a list that changed for too long have run out.
        _ => of(FailureKind::Transient, Blame::Source, "unexpected-status"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use bellows_core::failure::Scope;
    use http::{Response, StatusCode};
    use kube::client::Body;
    use serde_json::{Value, json};

    /// An API server that answers with these, one after the other, and keeps what it was asked.
    fn server(answers: Vec<(StatusCode, Value)>) -> (Pods, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, seen) = (Arc::new(Mutex::new(answers.into_iter())), asked.clone());
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let accept = request.headers().get(http::header::ACCEPT).map_or("", |accept| accept.to_str().unwrap());
            seen.lock().unwrap().push(format!("{} {accept}", request.uri()));
            let answer = answers.lock().unwrap().next();
            async move {
                match answer {
                    Some((status, body)) => {
                        let body = Body::from(body.to_string().into_bytes());
                        Ok::<_, std::io::Error>(Response::builder().status(status).body(body).unwrap())
                    }
                    None => std::future::pending().await,
                }
            }
        });
        (Pods::new(Client::new(service, "default")), asked)
    }

    fn page(pods: usize, next: Option<&str>) -> (StatusCode, Value) {
        let pod =
            |number: usize| json!({"metadata": {"name": number}, "spec": {"nodeName": format!("n{}", number % 3)}});
        let items: Vec<Value> = (0..pods).map(pod).collect();
        (StatusCode::OK, json!({"metadata": {"continue": next}, "items": items}))
    }

    fn count(answers: Vec<(StatusCode, Value)>, counted: Counted) -> (Result<u64, Failure>, Vec<String>) {
        count_within(Duration::from_secs(30), answers, counted)
    }

    fn count_within(
        patience: Duration,
        answers: Vec<(StatusCode, Value)>,
        counted: Counted,
    ) -> (Result<u64, Failure>, Vec<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (pods, asked) = server(answers);
            let selectors = BTreeSet::from(["app in (a, b)".to_owned()]);
            let until = Instant::now() + patience;
            let count = pods.count("shop", selectors, counted, until).await.into_values().next().unwrap();
            let asked = asked.lock().unwrap().clone();
            (count, asked)
        })
    }

    #[test]
    fn pages_are_summed_and_only_metadata_of_pods_that_have_not_ended_is_asked_for() {
        let (counted, asked) =
            count(vec![page(500, Some("t1")), page(500, Some("t2")), page(7, Some(""))], Counted::Pods);
        assert_eq!(counted, Ok(1_007));
        let list = "/api/v1/namespaces/shop/pods?\
                    &fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed&labelSelector=app+in+%28a%2C+b%29\
                    &limit=500";
        let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let expected = ["", "&continue=t1", "&continue=t2"].map(|next| format!("{list}{next} {metadata}"));
        assert_eq!(asked, expected);
    }

    #[test]
    fn nodes_are_counted_once_and_pods_that_wait_for_one_not_at_all() {
        let waiting = (StatusCode::OK, json!({"items": [{"spec": {}}, {"spec": {"nodeName": "n9"}}]}));
        assert_eq!(count(vec![page(5, Some("t")), waiting], Counted::Nodes).0, Ok(4));
    }

    #[test]
    fn no_pods_are_zero_pods() {
        for items in [json!(null), json!([])] {
            assert_eq!(count(vec![(StatusCode::OK, json!({"metadata": {}, "items": items}))], Counted::Pods).0, Ok(0));
        }
    }

    #[test]
    fn a_count_without_end_is_no_count() {
        let (counted, asked) = count(vec![page(500, Some("t")); 200], Counted::Pods);
        assert_eq!(counted.map_err(|failure| failure.code), Err("too-many-pods".to_owned()));
        assert_eq!(asked.len(), PAGES_MAX);
    }

    #[test]
    fn what_the_api_server_says_instead_is_a_failure_with_its_words() {
        let cases = [
            (403, FailureKind::Denied, "forbidden", Scope::Endpoint),
            (400, FailureKind::Invalid, "selector", Scope::Trigger),
            (410, FailureKind::Transient, "unexpected-status", Scope::Trigger),
            (429, FailureKind::Transient, "too-many-requests", Scope::Endpoint),
            (503, FailureKind::Transient, "server-error", Scope::Endpoint),
        ];
        for (code, kind, word, scope) in cases {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                                "message": "no such luck", "reason": "R"});
            let answer = (StatusCode::from_u16(code).unwrap(), status);
            let failure = count(vec![answer], Counted::Pods).0.unwrap_err();
            assert_eq!((failure.kind, failure.code.as_str(), failure.scope), (kind, word, scope), "{failure}");
            let told = "cannot count the pods app in (a, b) of namespace shop: no such luck";
            assert_eq!(failure.message, told);
        }
    }

    #[test]
    fn a_server_that_does_not_answer_costs_the_time_of_the_call() {
        let (counted, asked) = count_within(Duration::from_millis(50), Vec::new(), Counted::Pods);
        let failure = counted.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.scope, asked.len()), ("timeout", Scope::Endpoint, 1));
    }
}
