//! How many requests went to the API server, by verb and resource. One place counts them all, so no write is missed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::{Method, Uri};

/// Counts requests of one client. The keys are few: verbs and resources that our role allows.
#[derive(Debug, Default)]
pub struct Requests {
    counts: Mutex<BTreeMap<(&'static str, String), u64>>,
}

impl Requests {
    /// Takes note of one request, before it is sent.
    pub fn count(&self, method: &Method, uri: &Uri) {
        let (verb, resource) = (verb(method, uri), resource(uri.path()));
        tracing::debug!(verb, resource, path = uri.path(), "request to the API server");
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((verb, resource)).or_default() += 1;
    }

    /// All counts: verb, resource with its subresource (`scaledobjects/status`), number of requests.
    pub fn snapshot(&self) -> Vec<(&'static str, String, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((verb, resource), count)| (*verb, resource.clone(), *count)).collect()
    }

    /// Requests that change something.
    pub fn writes(&self) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|((verb, _), _)| !matches!(*verb, "get" | "watch")).map(|(_, count)| count).sum()
    }
}

fn verb(method: &Method, uri: &Uri) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ if uri.query().is_some_and(|query| query.contains("watch=true")) => "watch",
        _ => "get",
    }
}

/// `scaledobjects/status` from `/apis/GROUP/VERSION/namespaces/NAMESPACE/scaledobjects/NAME/status`.
fn resource(path: &str) -> String {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let skipped = match parts.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return "other".to_owned(),
    };
    let mut parts = parts.skip(skipped).peekable();
    let mut first = parts.next();
    if first == Some("namespaces") {
        // Behind its name; where nothing follows, namespaces are what is asked for.
        parts.next();
        first = parts.peek().is_some().then(|| parts.next()).flatten().or(first);
    }
    match (first, parts.nth(1)) {
        (Some(resource), Some(sub)) => format!("{resource}/{sub}"),
        (Some(resource), None) => resource.to_owned(),
        (None, _) => "discovery".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_counted_under_its_resource() {
        let cases = [
            ("/apis/keda.sh/v1alpha1/scaledobjects", "scaledobjects"),
            ("/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/web/status", "scaledobjects/status"),
            ("/apis/apps/v1/namespaces/shop/deployments/web/scale", "deployments/scale"),
            ("/api/v1/namespaces/shop/secrets/login", "secrets"),
            ("/api/v1/namespaces/shop", "namespaces"),
            ("/api/v1/namespaces", "namespaces"),
            ("/apis/argoproj.io/v1alpha1", "discovery"),
            ("/version", "other"),
        ];
        for (path, expected) in cases {
            assert_eq!(resource(path), expected, "{path}");
        }
    }

    #[test]
    fn reads_and_watches_are_no_writes() {
        let requests = Requests::default();
        let ask = |method, uri: &'static str| requests.count(&method, &Uri::from_static(uri));
        ask(Method::GET, "/apis/keda.sh/v1alpha1/scaledobjects?&watch=true");
        ask(Method::GET, "/api/v1/namespaces/shop/secrets/login");
        ask(Method::PATCH, "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/web");
        assert_eq!(requests.writes(), 1);
        let watched = ("watch", "scaledobjects".to_owned(), 1);
        assert!(requests.snapshot().contains(&watched));
    }
}
