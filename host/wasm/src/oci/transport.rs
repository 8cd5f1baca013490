//! One request of one URL, and where its answer sends on to. A thin client of our own over the HTTP library that the host
//! has anyway: `oci-client` cannot be told by which rules addresses are judged and dialled.
//!
//! Credentials are added by the caller for one origin, and never leave it.

use std::sync::Arc;
use std::time::Duration;

use bellows_core::failure::{Blame, Failure, FailureKind};
use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::{Connector, place};
use super::error::OciError;
use crate::connection::http::connector::Unanswered;
use crate::connection::reach::Reach;
use crate::printable;

/// Redirects in a row: a registry sends on to its store, and that perhaps to a nearer one.
const REDIRECTS_MAX: usize = 3;
/// Connections kept for the next request of the same pull, and for how long.
const IDLE_MAX: usize = 2;
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Bytes of what a registry says about an error.
const COMPLAINT_BYTES_MAX: usize = 16 * 1024;

/// A request that can be sent more than once.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Ask {
    pub(super) fn new(method: Method) -> Self {
        Self { method, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// The way to registries.
pub(super) struct Transport {
    client: Client<Connector, Full<Bytes>>,
    /// `host:port` of those that are spoken to without encryption.
    plain_http: Vec<String>,
}

impl Transport {
    pub(super) fn new(reach: Arc<Reach>, namespace: &str, plain_http: &[String], connect_time_max: Duration) -> Self {
        let connector = Connector { reach, namespace: namespace.into(), time_max: connect_time_max };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_ALIVE)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        let with_port = |name: &String| {
            let (host, port) = name
                .parse()
                .map(|uri: Uri| uri)
                .map_or_else(|_| (name.clone(), None), |uri| (uri.host().unwrap_or(name).to_owned(), uri.port_u16()));
            let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
            format!("{host}:{}", port.unwrap_or(80))
        };
        Self { client, plain_http: plain_http.iter().map(with_port).collect() }
    }

    /// The URL of a path of a registry: encrypted, unless it is named as one that is not.
    pub(super) fn url(&self, authority: &str, path: &str) -> Result<Uri, OciError> {
        let plain: Option<Uri> = format!("http://{authority}{path}").parse().ok();
        if let Some(uri) = plain.filter(|uri| self.is_permitted(uri)) {
            return Ok(uri);
        }
        format!("https://{authority}{path}").parse().map_err(|_| OciError::NoRegistry {
            subject: authority.to_owned(),
            why: "its address makes no URL".to_owned(),
        })
    }

    /// Whether a URL may be asked for at all: by its scheme, and where that is plain, by its host.
    fn is_permitted(&self, uri: &Uri) -> bool {
        let (host, port) = place(uri);
        let honest = !host.is_empty() && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        match uri.scheme_str() {
            Some("https") => honest,
            Some("http") => honest && self.plain_http.contains(&format!("{host}:{port}")),
            _ => false,
        }
    }

    /// The URL that a registry names: relative to another, or whole.
    pub(super) fn named(&self, from: &Uri, location: &str, subject: &str) -> Result<Uri, OciError> {
        let location = location.split('#').next().unwrap_or_default();
        let whole = if location.starts_with('/') && !location.starts_with("//") {
            let (scheme, authority) = (from.scheme_str().unwrap_or("https"), from.authority());
            format!("{scheme}://{}{location}", authority.map_or("", http::uri::Authority::as_str))
        } else {
            location.to_owned()
        };
        let refused = |why: &str| {
            // The query may be a credential of its own: a signed URL.
            let shown = location.split('?').next().unwrap_or_default();
            let shown = shown.rsplit('@').next().unwrap_or_default();
            OciError::Redirect { subject: subject.to_owned(), why: format!("{:?} {why}", printable::line(shown, 200)) }
        };
        let uri: Uri = whole.parse().map_err(|_| refused("is no URL"))?;
        if self.is_permitted(&uri) {
            Ok(uri)
        } else {
            Err(refused("is neither HTTPS nor a host that is named as one of plain HTTP"))
        }
    }

    /// Sends a request once, whatever is answered.
    pub(super) async fn send(
        &self,
        uri: &Uri,
        ask: &Ask,
        authorization: Option<&HeaderValue>,
        subject: &str,
    ) -> Result<Response<Incoming>, OciError> {
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = ask.headers.clone();
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("bellows"));
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.client.request(request).await.map_err(|error| unanswered(&error, uri, subject))
    }

    /// Goes where a response sends on to, without credentials wherever that is elsewhere. Only what is asked for is sent
    /// on, nothing that is given.
    pub(super) async fn follow(
        &self,
        uri: &Uri,
        ask: &Ask,
        authorization: Option<&HeaderValue>,
        mut response: Response<Incoming>,
        subject: &str,
    ) -> Result<Response<Incoming>, OciError> {
        let refused = |why: &str| OciError::Redirect { subject: subject.to_owned(), why: why.to_owned() };
        let (mut at, mut authorization) = (uri.clone(), authorization);
        for _ in 0..REDIRECTS_MAX {
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            if ask.method != Method::GET && ask.method != Method::HEAD {
                return Err(refused("what is sent goes nowhere else"));
            }
            let next = self.named(&at, header(&response, LOCATION.as_str()).unwrap_or_default(), subject)?;
            if !same_origin(&at, &next) {
                authorization = None;
            }
            response = self.send(&next, ask, authorization, subject).await?;
            at = next;
        }
        if response.status().is_redirection() {
            return Err(refused(&format!("more than {REDIRECTS_MAX} times")));
        }
        Ok(response)
    }
}

/// Whether two URLs are of the same server.
pub(super) fn same_origin(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && place(one) == place(other)
}

/// A header of a response, if it is text.
pub(super) fn header<'a>(response: &'a Response<Incoming>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// A body that is small enough to be held.
pub(super) async fn whole(response: Response<Incoming>, bytes_max: usize, subject: &str) -> Result<Bytes, OciError> {
    match Limited::new(response.into_body(), bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(OciError::TooLarge { subject: subject.to_owned(), bytes_max: bytes_max as u64 })
        }
        Err(_) => Err(broken_off(subject)),
    }
}

/// What a registry says about an error, after a colon; nothing where it says nothing.
pub(super) async fn complaint(response: Response<Incoming>) -> String {
    let Ok(body) = whole(response, COMPLAINT_BYTES_MAX, "").await else { return String::new() };
    let Ok(said) = serde_json::from_slice::<serde_json::Value>(&body) else { return String::new() };
    let part = |name: &str| said.pointer(&format!("/errors/0/{name}")).and_then(serde_json::Value::as_str);
    let said: Vec<&str> = [part("code"), part("message")].into_iter().flatten().collect();
    if said.is_empty() { String::new() } else { format!(" (it says: {})", printable::line(&said.join(", "), 200)) }
}

/// The connection ended within an answer.
pub(super) fn broken_off(subject: &str) -> OciError {
    let message = format!("the connection was closed within the answer for {subject}");
    OciError::Unreachable(Failure::new(FailureKind::Transient, Blame::Source, "closed", message))
}

/// Why there is no answer. A client certificate is not shown to registries, so that one which asks for it closes like any.
fn unanswered(error: &Error, uri: &Uri, subject: &str) -> OciError {
    match Unanswered::of(error) {
        Unanswered::Undialled(failure) => OciError::Unreachable(failure),
        Unanswered::NoHttp => {
            OciError::NoRegistry { subject: subject.to_owned(), why: "its answer is no HTTP".to_owned() }
        }
        Unanswered::Encryption(_) | Unanswered::Closed => {
            let (host, port) = place(uri);
            let message = format!("{host}:{port} closed the connection before it answered for {subject}");
            OciError::Unreachable(Failure::new(FailureKind::Transient, Blame::Source, "closed", message))
        }
    }
}
