//! What the API server's aggregator asks before it passes requests on: which groups, versions and resources there are.
//!
//! Metric names are not among them: there is one resource for all, as with every adapter of external metrics.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{GROUP, VERSION};

/// What the current form of discovery is called.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/apis`: the current form where it is asked for, else the one from before.
pub(super) async fn groups(headers: HeaderMap) -> Result<Response, Refusal> {
    let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = accept.join(",");
    let mut forms = accept.split(',').map(|form| form.replace(' ', ""));
    let found = forms.find_map(|form| {
        let has = |parameter: &str| form.split(';').any(|part| part == parameter);
        if has("as=APIGroupDiscoveryList") {
            (has("g=apidiscovery.k8s.io") && has("v=v2")).then_some(true)
        } else {
            (form.is_empty() || has("application/json") || has("*/*")).then_some(false)
        }
    });
    match found {
        Some(true) => {
            let headers =
                [(CONTENT_TYPE, HeaderValue::from_static(AGGREGATED)), (VARY, HeaderValue::from_static("Accept"))];
            Ok((headers, aggregated().to_string()).into_response())
        }
        Some(false) => {
            let list = json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [group_value()] });
            Ok(Json(list).into_response())
        }
        None => Err(Refusal::not_acceptable(format!("discovery is served as JSON or as {AGGREGATED}"))),
    }
}

/// `/apis/external.metrics.k8s.io`.
pub(super) async fn group() -> Json<Value> {
    let mut group = group_value();
    if let Some(fields) = group.as_object_mut() {
        fields.insert("kind".to_owned(), "APIGroup".into());
        fields.insert("apiVersion".to_owned(), "v1".into());
    }
    Json(group)
}

/// `/apis/external.metrics.k8s.io/v1beta1`.
pub(super) async fn resources() -> Json<Value> {
    Json(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": format!("{GROUP}/{VERSION}"),
        "resources": [{
            "name": "externalmetrics",
            "singularName": "",
            "namespaced": true,
            "kind": "ExternalMetricValueList",
            "verbs": ["get"],
        }],
    }))
}

fn group_value() -> Value {
    let version = json!({ "groupVersion": format!("{GROUP}/{VERSION}"), "version": VERSION });
    json!({ "name": GROUP, "versions": [version], "preferredVersion": version })
}

fn aggregated() -> Value {
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [{
            "metadata": { "name": GROUP, "creationTimestamp": null },
            "versions": [{
                "version": VERSION,
                "freshness": "Current",
                "resources": [{
                    "resource": "externalmetrics",
                    "responseKind": { "group": GROUP, "version": VERSION, "kind": "ExternalMetricValueList" },
                    "scope": "Namespaced",
                    "singularResource": "",
                    "verbs": ["get"],
                }],
            }],
        }],
    })
}
