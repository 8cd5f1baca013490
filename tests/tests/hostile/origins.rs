//! A component that asks over HTTP for what it may not: other methods, other places, who we are, more than it may.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bellows_core::connection::{Connection, HttpConnection, HttpCredentials};
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_wasm::{Call, Endpoint, HttpRequest, HttpResponse, HttpSource, Measured, Scaler, Sources};
use futures::future::BoxFuture;

use super::bench::{Bench, call, failure, trigger};

/// Answers everything with a body of so many bytes, and counts.
struct Answers {
    bytes: usize,
    asked: Arc<AtomicUsize>,
}

impl HttpSource for Answers {
    fn send<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call HttpConnection,
        requests: Vec<HttpRequest>,
        _until: tokio::time::Instant,
    ) -> BoxFuture<'call, Vec<Result<HttpResponse, Failure>>> {
        self.asked.fetch_add(requests.len(), Ordering::Relaxed);
        let answer = |_| Ok(HttpResponse { status: 200, headers: Vec::new(), body: vec![b'a'; self.bytes] });
        Box::pin(std::future::ready(requests.iter().map(answer).collect()))
    }
}

fn scripted(bytes: usize) -> (Bench, Arc<AtomicUsize>) {
    let asked = Arc::default();
    let source = Answers { bytes, asked: Arc::clone(&asked) };
    (Bench::with_sources(Sources { http: Arc::new(source), ..Sources::silent() }), asked)
}

/// A call that is lent an origin.
fn lent(origin: SocketAddr, settings: &[(&str, &str)]) -> Call {
    let mut settings = settings.to_vec();
    for usual in [("method", "GET"), ("path", "/")] {
        if !settings.iter().any(|(name, _)| *name == usual.0) {
            settings.push(usual);
        }
    }
    let mut call = call(None, vec![trigger(0, "fetch", &settings)]);
    let http = HttpConnection {
        host: origin.ip().to_string(),
        port: origin.port(),
        credentials: HttpCredentials::None,
        tls: None,
        timeout: None,
    };
    Arc::make_mut(&mut call.connections).insert("http".into(), Connection::Http(http));
    call
}

async fn fetch(scaler: &Scaler, settings: &[(&str, &str)]) -> Measured {
    scaler.measure(lent("192.0.2.1:80".parse().unwrap(), settings)).await
}

/// Settings, values of them that are refused, and the code that says so.
type Refused = (&'static [&'static str], &'static [&'static [&'static str]], &'static str);

const REFUSED: [Refused; 4] = [
    (&["method"], &[&["POST"], &["DELETE"], &["get"], &["CONNECT"], &["GET / HTTP/1.1\r\nX"], &[""]], "method"),
    (&["body"], &[&["x"]], "body"),
    (
        &["path"],
        &[
            &["//evil.example/"],
            &["http://evil.example/"],
            &["@evil.example/"],
            &["\\\\evil.example\\"],
            &["metrics"],
            &["/a b"],
            &["/a\r\nHost: evil.example"],
            &["/ HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /b"],
            &["/a#b"],
            &["/ä"],
            &["/\u{7f}"],
            &[""],
        ],
        "path",
    ),
    (
        &["name", "value"],
        &[
            &["Host", "evil.example"],
            &["AUTHORIZATION", "Basic YTpi"],
            &["Proxy-Authorization", "Basic YTpi"],
            &["Cookie", "session=1"],
            &["X-Forwarded-For", "10.0.0.1"],
            &["Transfer-Encoding", "chunked"],
            &["Content-Length", "5"],
            &["Connection", "upgrade"],
            &["Referer", "https://a.example/"],
            &["x\r\nHost", "evil.example"],
            &["x", "a\r\nHost: evil.example"],
            &["x", "a\0b"],
            &["x y", "a"],
            &["ä", "a"],
        ],
        "header",
    ),
];

#[tokio::test]
async fn what_writes_leads_elsewhere_or_says_who_we_are_is_refused_and_nothing_is_sent() {
    let (bench, asked) = scripted(1);
    let scaler = bench.misbehaving().await;
    for (setting, values, code) in REFUSED {
        for values in values {
            let settings: Vec<_> = setting.iter().copied().zip(values.iter().copied()).collect();
            let measured = fetch(&scaler, &settings).await;
            assert_eq!(measured.endpoint, Endpoint::Unused, "{settings:?}");
            let refused = failure(measured);
            assert_eq!((refused.kind, refused.code.as_str()), (FailureKind::Denied, code), "{settings:?}: {refused}");
            assert!(!refused.message.chars().any(char::is_control), "{settings:?}: {refused:?}");
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let told = failure(fetch(&scaler, &[("path", "/a?b=c"), ("name", "accept"), ("value", "text/plain")]).await);
    assert_eq!((told.code.as_str(), asked.load(Ordering::Relaxed)), ("asked", 1), "what only reads is sent: {told}");
}

#[tokio::test]
async fn too_many_requests_and_too_large_answers_are_refused_by_name() {
    let (bench, asked) = scripted(1 << 20);
    let scaler = bench.misbehaving().await;
    let many = failure(fetch(&scaler, &[("copies", "257")]).await);
    assert_eq!((many.kind, many.code.as_str()), (FailureKind::Invalid, "too-many-requests"), "{many}");
    assert!(many.message.contains("257 requests at once, 256 are allowed"), "{many}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let six = failure(fetch(&scaler, &[("copies", "6")]).await);
    assert_eq!(six.code, "asked", "{six}");
    let seven = failure(fetch(&scaler, &[("copies", "7")]).await);
    assert_eq!(seven.code, "reply-size", "{seven}");
    let long = format!("/{}", "a".repeat(8 * 1024));
    assert_eq!(failure(fetch(&scaler, &[("path", &long)]).await).code, "path");
}

#[tokio::test]
async fn an_origin_that_was_not_lent_is_not_to_be_had() {
    let (bench, _) = scripted(1);
    let scaler = bench.misbehaving().await;
    let measured = scaler.measure(call(None, vec![trigger(0, "fetch", &[("method", "GET"), ("path", "/")])])).await;
    assert_eq!(measured.endpoint, Endpoint::Unused);
    let refused = failure(measured);
    assert_eq!((refused.kind, refused.code.as_str()), (FailureKind::Invalid, "no-such-connection"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_in_league_with_the_component_sends_it_nowhere_else() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let target = format!("http://{}/", elsewhere.local_addr().unwrap());
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = origin.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in origin.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            // The request is one packet on loopback; what it says does not matter.
            _ = stream.read(&mut head).unwrap();
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let bench = Bench::new();
    let scaler = bench.misbehaving().await;
    let refused = failure(scaler.measure(lent(address, &[])).await);
    assert_eq!((refused.code.as_str(), refused.blame), ("redirect", Blame::Source), "{refused}");
    let nobody = elsewhere.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "nobody was sent there");
}
