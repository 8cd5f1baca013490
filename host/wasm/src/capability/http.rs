//! Requests to an HTTP origin that the owner of the trigger configured. A guest names a connection of its own
//! declaration and a path, never an address; it only reads, and the host adds who we are.

use bellows_core::connection::{Connection, HttpConnection};
use bellows_core::failure::{Blame, Failure, FailureKind};
use futures::future::BoxFuture;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::Instant;
use wasmtime::component::Resource;

use crate::bindings::http::{Host, HostEndpoint, Request, Response};
use crate::bindings::{Attribute, GuestFailure, failure_for_guest};
use crate::printable;
use crate::state::State;

/// Requests at once: two for each trigger of the largest batch, and some.
const REQUESTS_MAX: usize = 256;
/// Bytes of the bodies that one `send` hands back; what crosses to a guest in one call is bounded to 8 MiB.
const BODIES_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Bytes of a path with its query: what servers take.
const PATH_BYTES_MAX: usize = 8 * 1024;
/// Headers of one request.
const HEADERS_MAX: usize = 16;

/// Headers that are the host's: who we are, where we go, and how the connection is used.
const RESERVED: [&str; 19] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "accept-encoding",
];

/// A request that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// GET or HEAD.
    pub method: Method,
    /// With its first slash, and a query where there is one.
    pub path: PathAndQuery,
    /// None of them says who we are or how the connection is used.
    pub headers: HeaderMap,
}

/// What an origin answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers whose values are text.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Where responses come from: the pool of connections, or the script of a test.
pub trait HttpSource: Send + Sync + 'static {
    /// Sends all requests at once; one result for each, in order, before `until`. `namespace` is the one whose search list
    /// completes a short name.
    fn send<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call HttpConnection,
        requests: Vec<HttpRequest>,
        until: Instant,
    ) -> BoxFuture<'call, Vec<Result<HttpResponse, Failure>>>;
}

/// What a guest holds for an endpoint: its name.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the bindings export it under their own name")]
pub struct Handle(String);

fn pick(connection: &Connection) -> Option<&HttpConnection> {
    if let Connection::Http(http) = connection { Some(http) } else { None }
}

fn refused(code: &str, message: String) -> Failure {
    Failure::new(FailureKind::Denied, Blame::Scaler, code, message)
}

/// A request as the host will send it, or what is wrong with it.
fn judge(request: Request) -> Result<HttpRequest, Failure> {
    let method = match request.method.as_str() {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        other => {
            let message =
                format!("the method {:?} is not let through: a scaler only reads", printable::line(other, 16));
            return Err(refused("method", message));
        }
    };
    if !request.body.is_empty() {
        return Err(refused("body", "a request that reads has no body".to_owned()));
    }
    let path = path(&request.path)?;
    if request.headers.len() > HEADERS_MAX {
        return Err(refused("header", format!("more than {HEADERS_MAX} headers")));
    }
    let mut headers = HeaderMap::new();
    for Attribute { name, value } in request.headers {
        let (name, value) = header(&name, &value)?;
        headers.append(name, value);
    }
    Ok(HttpRequest { method, path, headers })
}

fn path(text: &str) -> Result<PathAndQuery, Failure> {
    let wrong = |why: &str| refused("path", format!("the path {:?} {why}", printable::line(text, 200)));
    if !text.starts_with('/') || text.starts_with("//") {
        return Err(wrong("does not begin with one slash: it is relative to the endpoint"));
    }
    if text.len() > PATH_BYTES_MAX {
        return Err(wrong(&format!("has more than {PATH_BYTES_MAX} bytes")));
    }
    // Anything else must be percent-encoded, and a fragment is nobody's business but the author's.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\".contains(&byte)) {
        return Err(wrong("has characters that must be percent-encoded"));
    }
    text.parse().map_err(|_| wrong("is none"))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let shown = printable::line(name, 64);
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || lower.starts_with("proxy-") || lower.starts_with("x-forwarded-") {
        return Err(refused("header", format!("the header {shown:?} is the host's")));
    }
    let parsed = HeaderName::from_bytes(lower.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
    parsed.ok_or_else(|| refused("header", format!("the header {shown:?} has characters that no header has")))
}

fn response_for_guest(response: HttpResponse) -> Response {
    let headers = response.headers.into_iter().map(|(name, value)| Attribute { name, value }).collect();
    Response { status: response.status, headers, body: response.body }
}

impl State {
    /// Sends what is let through; the rest is told why not.
    async fn send(&mut self, name: &str, requests: Vec<Request>) -> Vec<Result<HttpResponse, Failure>> {
        let count = requests.len();
        let connection = match self.lending.find(name, pick) {
            Ok(connection) if count <= REQUESTS_MAX => connection,
            Ok(_) => {
                let message = format!("{count} requests at once, {REQUESTS_MAX} are allowed");
                let failure = Failure::new(FailureKind::Invalid, Blame::Scaler, "too-many-requests", message);
                return vec![Err(failure); count];
            }
            Err(failure) => return vec![Err(failure); count],
        };
        let judged: Vec<Result<HttpRequest, Failure>> = requests.into_iter().map(judge).collect();
        let sent: Vec<HttpRequest> = judged.iter().flatten().cloned().collect();
        if sent.is_empty() {
            return judged.into_iter().map(|request| Err(request.err().unwrap_or_else(unsent))).collect();
        }
        let lending = &mut self.lending;
        let began = Instant::now();
        let results = lending.sources.http.send(&lending.namespace, &connection, sent, lending.until).await;
        lending.saw(&results);
        let statuses = results.iter().map(|result| result.as_ref().ok().map(|response| response.status));
        lending.seen.exchanged(statuses, began.elapsed());
        let mut results = results.into_iter();
        let answered =
            judged.into_iter().map(|request| request.and_then(|_| results.next().unwrap_or_else(|| Err(unsent()))));
        bounded(answered.collect())
    }
}

/// Lets bodies through up to the bound on what crosses to a guest at once.
fn bounded(mut results: Vec<Result<HttpResponse, Failure>>) -> Vec<Result<HttpResponse, Failure>> {
    let mut bytes = 0_usize;
    for result in &mut results {
        let size = result.as_ref().map_or(0, |response| response.body.len());
        if bytes + size > BODIES_BYTES_MAX {
            let message = format!("the responses together are larger than {BODIES_BYTES_MAX} bytes");
            *result = Err(Failure::new(FailureKind::Transient, Blame::Scaler, "reply-size", message));
        } else {
            bytes += size;
        }
    }
    results
}

fn unsent() -> Failure {
    Failure::new(FailureKind::Transient, Blame::Host, "unanswered", "the request was not answered")
}

impl Host for State {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Handle>, GuestFailure>> {
        self.budget.host_call()?;
        if let Err(failure) = self.lending.find(&name, pick) {
            return Ok(Err(failure_for_guest(&failure)));
        }
        Ok(self.handles.push(Handle(name)).map_err(|_full| crate::capability::too_many_handles()))
    }
}

impl HostEndpoint for State {
    async fn send(
        &mut self,
        handle: Resource<Handle>,
        requests: Vec<Request>,
    ) -> wasmtime::Result<Vec<Result<Response, GuestFailure>>> {
        self.budget.host_call()?;
        let name = self.handles.get(&handle)?.0.clone();
        let results = Self::send(self, &name, requests).await;
        Ok(results
            .into_iter()
            .map(|result| result.map(response_for_guest).map_err(|failure| failure_for_guest(&failure)))
            .collect())
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.handles.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::fuzz;

    use super::*;

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let attribute = |(name, value): &(&str, &str)| Attribute { name: (*name).into(), value: (*value).into() };
        let headers = headers.iter().map(attribute).collect();
        Request { method: method.into(), path: path.into(), headers, body: Vec::new() }
    }

    fn code(request: Request) -> String {
        judge(request).unwrap_err().code
    }

    #[test]
    fn what_reads_is_let_through() {
        let judged = judge(request("GET", "/api/queues/%2F/a%20b?page=1&name=%5E", &[("Accept", "application/json")]));
        let judged = judged.unwrap();
        assert_eq!((judged.method, judged.path.as_str()), (Method::GET, "/api/queues/%2F/a%20b?page=1&name=%5E"));
        assert!(judge(request("HEAD", "/", &[("X-Tenant", "a")])).is_ok());
    }

    #[test]
    fn whatever_writes_is_refused_by_name() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "OPTIONS", "get", "", "GET /x HTTP/1.1\r\nHost: y"]
        {
            assert_eq!(code(request(method, "/", &[])), "method", "{method:?}");
        }
        assert_eq!(code(Request { body: vec![1], ..request("GET", "/", &[]) }), "body");
    }

    #[test]
    fn a_path_names_no_other_place_and_injects_nothing() {
        for path in
            ["", "x", "http://evil/", "//evil/x", "/a b", "/a\r\nHost: evil", "/a#b", "/\u{e9}", "/a\\b", "/a\0"]
        {
            assert_eq!(code(request("GET", path, &[])), "path", "{path:?}");
        }
        assert_eq!(code(request("GET", &format!("/{}", "a".repeat(PATH_BYTES_MAX)), &[])), "path");
    }

    #[test]
    fn a_header_says_neither_who_we_are_nor_how_the_connection_is_used_and_injects_nothing() {
        for (name, value) in [
            ("Authorization", "Basic x"),
            ("host", "evil"),
            ("Cookie", "a=b"),
            ("Proxy-Something", "x"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Content-Length", "5"),
            ("transfer-encoding", "chunked"),
            ("X-A", "b\r\nHost: evil"),
            ("X-A\r\nHost", "evil"),
            ("X A", "b"),
            ("", "b"),
        ] {
            assert_eq!(code(request("GET", "/", &[(name, value)])), "header", "{name:?}: {value:?}");
        }
        assert_eq!(code(request("GET", "/", &[("a", "b"); HEADERS_MAX + 1])), "header");
    }

    #[test]
    fn bodies_beyond_what_may_cross_are_failures_of_their_own() {
        let response = |bytes| Ok(HttpResponse { status: 200, headers: Vec::new(), body: vec![0; bytes] });
        let results = bounded(vec![response(BODIES_BYTES_MAX - 1), response(2), response(1)]);
        let codes: Vec<_> =
            results.iter().map(|result| result.as_ref().map(|_| ()).map_err(|why| why.code.as_str())).collect();
        assert_eq!(codes, [Ok(()), Err("reply-size"), Ok(())]);
    }

    #[test]
    fn whatever_is_asked_no_request_writes_leads_elsewhere_or_says_who_we_are() {
        let method = prop_oneof![fuzz::text(), Just("GET".to_owned()), Just("HEAD".to_owned())];
        let path = prop_oneof![fuzz::text(), fuzz::text().prop_map(|rest| format!("/{rest}"))];
        let name = prop_oneof![
            fuzz::text(),
            "[a-zA-Z-]{1,12}",
            prop::sample::select(RESERVED.to_vec()).prop_map(str::to_uppercase)
        ];
        let headers = prop::collection::vec((name, fuzz::text()), 0..4);
        fuzz::target("http requests", (method, path, headers), |(method, path, headers)| {
            let headers = headers.into_iter().map(|(name, value)| Attribute { name, value }).collect();
            match judge(Request { method, path, headers, body: Vec::new() }) {
                Ok(request) => {
                    assert!(matches!(request.method, Method::GET | Method::HEAD));
                    let path = request.path.as_str();
                    assert!(path.starts_with('/') && !path.starts_with("//"), "{path:?}");
                    assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
                    for (name, value) in &request.headers {
                        assert!(!RESERVED.contains(&name.as_str()), "{name}");
                        assert!(!value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)), "{value:?}");
                    }
                }
                Err(failure) => {
                    assert_eq!(failure.blame, Blame::Scaler);
                    fuzz::assert_printable(&failure.message, 1_024);
                }
            }
        });
    }
}
