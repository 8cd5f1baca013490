//! The metrics API from outside: who is let in, what is answered, and that certificates change under open connections.
//!
//! Over real TLS on loopback. The API server behind it is scripted; a real one is asked in the tests of a cluster.

// Said again, although all of this is a test: it is how clippy knows that set-up may panic.
#[cfg(test)]
#[path = "external_metrics/client.rs"]
mod client;
#[cfg(test)]
#[path = "external_metrics/stand.rs"]
mod stand;

use std::sync::Arc;
use std::time::Duration;

use bellows::telemetry::Exposition;
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::workload::ObjectKey;
use client::Authority;
use serde_json::json;
use stand::{METRIC, Stand, view};

/// What is told of a certificate that nobody known signed, before the reason.
const UNTRUSTED: &str = "the client certificate is not signed by the cluster's request-header authority, or not valid";

#[test]
fn without_a_certificate_nobody_is_believed_whatever_the_headers_say() {
    let stand = Stand::new();
    let refused = (401, "no client certificate: requests are answered only through the API server".to_owned());
    let mut stranger = stand.connect(None);
    for path in [METRIC, "/apis", "/apis/external.metrics.k8s.io/v1beta1", "/anything"] {
        assert_eq!(stranger.get(path).refusal(), refused, "{path}");
    }
    assert_eq!(stand.api.asked.lock().unwrap().len(), 0, "and nobody is asked about them");
}

#[test]
fn health_is_everybodys_to_ask() {
    let stand = Stand::new();
    let mut stranger = stand.connect(None);
    assert_eq!(stranger.get("/healthz").body, "ok");
    assert_eq!(stranger.get("/readyz").body, "[+] front proxy known\n[+] APIService registered\n");
}

#[test]
fn a_certificate_of_another_authority_is_refused_even_if_it_bears_the_same_name() {
    let stand = Stand::new();
    for (name, reason) in [("another authority", "UnknownIssuer"), ("front proxy authority", "BadSignature")] {
        let foreign = Authority::new(name).client("front-proxy-client");
        let told = format!("{UNTRUSTED}: invalid peer certificate: {reason}");
        assert_eq!(stand.connect(Some(&foreign)).get(METRIC).refusal(), (401, told), "{name}");
    }
}

#[test]
fn a_certificate_of_the_right_authority_for_somebody_else_is_refused() {
    let stand = Stand::new();
    let other = stand.authority.client("kubelet");
    let told = "the client certificate is for \"kubelet\", which is not among the cluster's front proxies";
    assert_eq!(stand.connect(Some(&other)).get(METRIC).refusal(), (401, told.to_owned()));
}

#[test]
fn the_front_proxy_must_say_for_whom_it_asks() {
    let stand = Stand::new();
    let nobody = stand.proxy().ask("GET", METRIC, "");
    assert_eq!(nobody.refusal(), (401, "the request names no user".to_owned()));
}

#[test]
fn a_user_without_the_right_is_refused_and_told_which_it_is() {
    let stand = Stand::new();
    stand.api.allowed.lock().unwrap().clear();
    let told = "s0-redis-jobs.external.metrics.k8s.io is forbidden: User \"jane\" cannot list resource \
                \"s0-redis-jobs\" in API group \"external.metrics.k8s.io\" in the namespace \"shop\"";
    assert_eq!(stand.proxy().get(METRIC).refusal(), (403, told.to_owned()));
    assert_eq!(*stand.api.asked.lock().unwrap(), ["/*", "shop/s0-redis-jobs"]);
}

#[test]
fn a_user_with_the_right_to_one_metric_reads_it() {
    let stand = Stand::new();
    *stand.api.allowed.lock().unwrap() = vec!["s0-redis-jobs"];
    assert_eq!(stand.proxy().get(METRIC).code, 200);
}

#[test]
fn the_last_value_is_answered_with_the_time_at_which_it_was_read() {
    let stand = Stand::new();
    let answer = stand.proxy().get(METRIC);
    let expected = json!({
        "kind": "ExternalMetricValueList",
        "apiVersion": "external.metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": [{
            "metricName": "s0-redis-Jobs",
            "metricLabels": {},
            "timestamp": "2023-11-14T22:13:20Z",
            "value": "16667m",
        }],
    });
    assert_eq!((answer.code, answer.json()), (200, expected));
}

#[test]
fn a_value_that_no_longer_stands_is_refused_with_its_age_and_the_cause() {
    let stand = Stand::new();
    let mut view = view();
    view.metrics[0].failure =
        Some(Failure::new(FailureKind::Transient, Blame::Source, "refused", "redis:6379 refused"));
    stand.snapshot.publish(ObjectKey::new("shop", "web"), Some(Arc::new(view)));
    let mut proxy = stand.proxy();
    assert_eq!(proxy.get(METRIC).code, 200, "one failure is no reason to forget a value");
    stand.later(Duration::from_secs(100));
    let (code, message) = proxy.get(METRIC).refusal();
    let age = message.strip_prefix("no value of s0-redis-Jobs to rely on: the last, 16667m, is 10").unwrap_or(&message);
    // The test itself takes a moment, so the last digit of the age is free.
    assert_eq!((code, &age[1..]), (503, " s old; refused: redis:6379 refused"));
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let stand = Stand::new();
    let mut proxy = stand.proxy();
    let shop = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop";
    let web = "labelSelector=scaledobject.keda.sh%2Fname%3Dweb";
    for (path, code, told) in [
        (format!("{shop}/s0-x"), 400, "the labelSelector must name a ScaledObject: scaledobject.keda.sh/name=NAME"),
        (
            format!("{shop}/s0-x?labelSelector=scaledobject.keda.sh%2Fname+in+%28a%2Cb%29"),
            400,
            "the labelSelector must be scaledobject.keda.sh/name=NAME, not \"scaledobject.keda.sh/name in (a,b)\"",
        ),
        (
            format!("{shop}/s0-x?labelSelector=scaledobject.keda.sh%2Fname%3Dmail"),
            404,
            "no ScaledObject shop/mail is served here",
        ),
        (format!("{shop}/s7-x?{web}"), 404, "ScaledObject shop/web has no metric s7-x: it has s0-redis-Jobs"),
        (shop.to_owned(), 404, "there is no /apis/external.metrics.k8s.io/v1beta1/namespaces/shop here"),
        ("/openapi/v3".to_owned(), 404, "there is no /openapi/v3 here"),
    ] {
        assert_eq!(proxy.get(&path).refusal(), (code, told.to_owned()), "{path}");
    }
    let posted = proxy.ask("POST", METRIC, "X-Remote-User: jane\r\nContent-Length: 0\r\n");
    assert_eq!(posted.refusal(), (405, "metrics are read by GET, not POST".to_owned()));
}

#[test]
fn why_is_explained_under_a_name_of_its_own_and_needs_a_right_of_its_own() {
    let stand = Stand::new();
    *stand.api.allowed.lock().unwrap() = vec!["why.bellows.dev"];
    let mut proxy = stand.proxy();
    let why = proxy.get(&METRIC.replace("s0-redis-jobs", "why.bellows.dev")).json();
    assert_eq!((&why["kind"], &why["replicas"]), (&json!("Why"), &json!(2)));
    assert_eq!(why["bounds"], json!({ "min": 0, "max": 10, "idle": null }));
    assert_eq!(why["metrics"][0]["stands"], json!(true));
    assert_eq!(why["decisions"][0]["text"], json!("started: s0-redis-Jobs is active"));
    assert_eq!(proxy.get(METRIC).code, 403);
}

#[test]
fn an_aggregator_of_each_age_discovers_the_group() {
    let stand = Stand::new();
    let mut proxy = stand.proxy();
    let mut ask = |accept: &str| {
        let answer = proxy.ask("GET", "/apis", &format!("X-Remote-User: aggregator\r\nAccept: {accept}\r\n"));
        (answer.code, answer.json()["kind"].as_str().unwrap().to_owned())
    };
    let current = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let beta = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
    assert_eq!(ask(&format!("{current},{beta}")), (200, "APIGroupDiscoveryList".to_owned()));
    assert_eq!(ask(&format!("{beta},application/json")), (200, "APIGroupList".to_owned()));
    assert_eq!(ask("*/*"), (200, "APIGroupList".to_owned()));
    assert_eq!(ask(beta), (406, "Status".to_owned()));
    let resources = proxy.get("/apis/external.metrics.k8s.io/v1beta1").json();
    assert_eq!(resources["resources"][0]["name"], json!("externalmetrics"));
}

#[test]
fn the_same_question_is_asked_once_in_ten_seconds() {
    let stand = Stand::new();
    let mut proxy = stand.proxy();
    for _ in 0..3 {
        assert_eq!(proxy.get(METRIC).code, 200);
    }
    assert_eq!(*stand.api.asked.lock().unwrap(), ["/*"]);
    stand.later(Duration::from_secs(10));
    stand.api.allowed.lock().unwrap().clear();
    assert_eq!(proxy.get(METRIC).code, 403);
}

#[test]
fn who_asks_the_same_at_the_same_time_shares_one_question() {
    let stand = Stand::new();
    let held = stand.runtime.block_on(stand.api.turns.acquire_many(100)).unwrap();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| stand.proxy().get(METRIC).code)).collect();
        let waiting = "bellows_access_reviews_total{result=\"remembered\"} 7";
        stand.until("seven of eight wait for the first", || {
            stand.telemetry.text(Exposition::Text).unwrap().contains(waiting)
        });
        drop(held);
        let codes: Vec<u16> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
        assert_eq!(codes, [200; 8]);
    });
    assert_eq!(*stand.api.asked.lock().unwrap(), ["/*"]);
}

#[test]
fn nobody_is_let_in_while_nobody_can_be_asked_and_that_is_not_remembered() {
    let stand = Stand::new();
    let mut proxy = stand.proxy();
    *stand.api.broken.lock().unwrap() = true;
    let told = "cannot ask the API server by SubjectAccessReview: connection refused";
    assert_eq!(proxy.get(METRIC).refusal(), (500, told.to_owned()));
    *stand.api.broken.lock().unwrap() = false;
    assert_eq!(proxy.get(METRIC).code, 200);
}

#[test]
fn a_new_leaf_and_a_new_authority_end_no_connection() {
    let stand = Stand::new();
    let mut open = stand.proxy();
    assert_eq!(open.get(METRIC).code, 200);
    let first = stand.authorities();
    let day = Duration::from_secs(86_400);
    stand.later(day * 15);
    stand.until("a second authority is registered", || stand.authorities().len() == 2);
    let second = vec![stand.authorities()[1].clone()];
    let identity = stand.authority.client("front-proxy-client");
    assert!(
        stand.connect_believing(first.clone(), Some(&identity)).is_ok(),
        "the first signs until the second settled"
    );
    stand.later(Duration::from_secs(30));
    stand.until("the second authority signs", || stand.connect_believing(second.clone(), Some(&identity)).is_ok());
    assert!(stand.connect_believing(first, Some(&identity)).is_err());
    stand.snapshot.publish(ObjectKey::new("shop", "web"), None);
    assert_eq!(open.get(METRIC).code, 404, "the connection from before is still answered");
}

#[test]
fn a_new_front_proxy_authority_is_believed_and_the_old_one_no_longer_even_on_an_open_connection() {
    let stand = Stand::new();
    let mut open = stand.proxy();
    assert_eq!(open.get(METRIC).code, 200);
    let successor = Authority::new("front proxy authority");
    *stand.api.front_proxy.lock().unwrap() = successor.front_proxy();
    let identity = successor.client("front-proxy-client");
    stand.until("the new front proxy is believed", || stand.connect(Some(&identity)).get(METRIC).code == 200);
    let told = format!("{UNTRUSTED}: invalid peer certificate: BadSignature");
    assert_eq!(open.get(METRIC).refusal(), (401, told));
}

#[test]
fn what_cannot_be_read_leaves_what_was_believed() {
    let stand = Stand::new();
    stand.api.front_proxy.lock().unwrap().clear();
    let foreign = Authority::new("front proxy authority").client("front-proxy-client");
    assert_eq!(stand.connect(Some(&foreign)).get(METRIC).code, 401, "a stranger, so it is read again");
    assert_eq!(stand.proxy().get(METRIC).code, 200);
}

#[test]
fn the_end_closes_connections_and_waits_for_nobody() {
    let mut stand = Stand::new();
    let mut proxy = stand.proxy();
    assert_eq!(proxy.get(METRIC).code, 200);
    stand.cancel.cancel();
    assert!(proxy.is_ended());
    let ended = async { tokio::time::timeout(Duration::from_secs(5), &mut stand.ended).await };
    stand.runtime.block_on(ended).expect("in time").expect("by itself");
}
