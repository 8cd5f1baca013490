//! One request of one origin, from the path that a guest gave to a whole response, or what went wrong on the way.
//!
//! Redirects are followed within the origin only: anywhere else nobody granted, and there our credentials are not known.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bellows_core::connection::{Connection, HttpConnection, HttpCredentials};
use bellows_core::failure::{Blame, Failure, FailureKind};
use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant, timeout_at};

use super::connector::{Connector, Unanswered};
use super::flight::Flights;
use crate::capability::http::{HttpRequest, HttpResponse};
use crate::connection::reach::Reach;
use crate::connection::single::too_late;
use crate::connection::tls;
use crate::printable;

/// Bytes of one body. A broker's list of 10,000 queues with three columns takes 1 MiB.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Redirects in a row.
const REDIRECTS_MAX: usize = 3;
/// Requests under way to one origin: with answers in 20 ms, 100 single questions of a batch take 0.25 s, and a broker's
/// management interface is not flooded.
const AT_ONCE_MAX: usize = 8;
/// A connection that waited for this long is closed, before most servers and balancers do.
const KEEP_ALIVE: Duration = Duration::from_secs(45);
/// Bytes of a header's value, and headers of a response, that are handed on.
const HEADER_BYTES_MAX: usize = 1024;
const HEADERS_MAX: usize = 64;

/// An origin and its connections.
pub(super) struct Origin {
    client: Client<Connector, Empty<Bytes>>,
    connection: Arc<HttpConnection>,
    endpoint: Arc<str>,
    flights: Flights,
    places: Semaphore,
}

impl Origin {
    pub(super) fn new(reach: Arc<Reach>, namespace: &str, connection: &HttpConnection) -> Self {
        let endpoint: Arc<str> = Connection::Http(connection.clone()).endpoint().into();
        let connection = Arc::new(connection.clone());
        let connector = Connector {
            reach,
            namespace: namespace.into(),
            connection: connection.clone(),
            endpoint: endpoint.clone(),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_ALIVE)
            .pool_max_idle_per_host(AT_ONCE_MAX)
            .build(connector);
        Self { client, connection, endpoint, flights: Flights::default(), places: Semaphore::new(AT_ONCE_MAX) }
    }

    /// The response to a request, which may be that to an equal one of this moment.
    pub(super) async fn answer(&self, request: HttpRequest, until: Instant) -> Result<HttpResponse, Failure> {
        let key = format!("{} {} {:?}", request.method, request.path, request.headers);
        match timeout_at(until, self.flights.join(key, self.follow(request, until))).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(too_late(&self.endpoint, "no whole response came")),
        }
    }

    /// Sends a request, and goes where it is sent on to.
    async fn follow(&self, mut request: HttpRequest, until: Instant) -> Result<HttpResponse, Failure> {
        let asking = async {
            let _place = self.places.acquire().await;
            for _ in 0..=REDIRECTS_MAX {
                let response = self.client.request(self.dressed(&request)?).await.map_err(|e| self.unanswered(&e))?;
                match self.sent_on(&response)? {
                    Some(path) => request.path = path,
                    None => return self.whole(response).await,
                }
            }
            Err(self.redirected(&format!("sends on more than {REDIRECTS_MAX} times")))
        };
        match timeout_at(until, asking).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(too_late(&self.endpoint, "no whole response came")),
        }
    }

    /// The request with who we are.
    fn dressed(&self, request: &HttpRequest) -> Result<Request<Empty<Bytes>>, Failure> {
        let mut path = request.path.clone();
        let mut headers = request.headers.clone();
        headers.insert(USER_AGENT, HeaderValue::from_static("bellows"));
        match &self.connection.credentials {
            HttpCredentials::None => {}
            HttpCredentials::Basic { username, password } => {
                let login = STANDARD.encode(format!("{username}:{}", password.expose()));
                headers.insert(AUTHORIZATION, self.secret(&format!("Basic {login}"))?);
            }
            HttpCredentials::Bearer(token) => {
                headers.insert(AUTHORIZATION, self.secret(&format!("Bearer {}", token.expose()))?);
            }
            HttpCredentials::ApiKey { name, in_query: false, key } => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| self.unusable("the name of the key"))?;
                headers.insert(name, self.secret(key.expose())?);
            }
            HttpCredentials::ApiKey { name, in_query: true, key } => {
                let separator = if path.query().is_some() { '&' } else { '?' };
                let key = utf8_percent_encode(key.expose(), NON_ALPHANUMERIC);
                let text = format!("{path}{separator}{name}={key}");
                path = text.parse().map_err(|_| self.unusable("the name of the key"))?;
            }
        }
        let scheme = if self.connection.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let uri = Uri::builder().scheme(scheme).authority(&*self.endpoint).path_and_query(path).build();
        let mut dressed = Request::new(Empty::new());
        *dressed.method_mut() = request.method.clone();
        *dressed.uri_mut() = uri.map_err(|_| self.unusable("the host"))?;
        *dressed.headers_mut() = headers;
        Ok(dressed)
    }

    fn secret(&self, text: &str) -> Result<HeaderValue, Failure> {
        let mut value = HeaderValue::from_str(text).map_err(|_| self.unusable("a credential"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Where a response sends us on to, if it does and we go.
    fn sent_on(&self, response: &Response<Incoming>) -> Result<Option<PathAndQuery>, Failure> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
        let path = place(location, self.connection.tls.is_some(), &self.connection.host, self.connection.port);
        path.map(Some).ok_or_else(|| {
            let shown =
                printable::line(&bellows_core::connection::seen_by_scaler("uri", location).unwrap_or_default(), 100);
            let shown = shown.split('?').next().unwrap_or_default().to_owned();
            self.redirected(&format!("sends on to {shown:?}: only redirects within the endpoint are followed"))
        })
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<HttpResponse, Failure> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let message = format!("{}: the response is larger than {BODY_BYTES_MAX} bytes", self.endpoint);
                return Failure::new(FailureKind::Transient, Blame::Source, "reply-size", message);
            }
            self.broken("the response ended too early")
        })?;
        Ok(HttpResponse { status: head.status.as_u16(), headers: told(&head.headers), body: body.to_bytes().into() })
    }

    fn unanswered(&self, error: &Error) -> Failure {
        match Unanswered::of(error) {
            Unanswered::Undialled(failure) => failure,
            Unanswered::Encryption(why) => tls::broken_off(&self.endpoint, Blame::Operator, &why),
            Unanswered::NoHttp => {
                let message = format!("{}: what it answers is no HTTP", self.endpoint);
                Failure::new(FailureKind::Transient, Blame::Source, "protocol", message).of_endpoint()
            }
            Unanswered::Closed => self.broken("the connection was closed before a response"),
        }
    }

    fn broken(&self, why: &str) -> Failure {
        let message = format!("{}: {why}", self.endpoint);
        Failure::new(FailureKind::Transient, Blame::Source, "closed", message).of_endpoint()
    }

    fn redirected(&self, why: &str) -> Failure {
        let message = format!("{} {why}", self.endpoint);
        Failure::new(FailureKind::Transient, Blame::Operator, "redirect", message)
    }

    fn unusable(&self, what: &str) -> Failure {
        let message = format!("{}: {what} has characters that HTTP does not carry", self.endpoint);
        Failure::new(FailureKind::Denied, Blame::Operator, "credentials", message)
    }
}

/// The path of a location, if it is of the same origin.
fn place(location: &str, encrypted: bool, host: &str, port: u16) -> Option<PathAndQuery> {
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with('/') && !location.starts_with("//") {
        return location.parse().ok();
    }
    let uri: Uri = location.parse().ok()?;
    let (scheme, usual) = if encrypted { ("https", 443) } else { ("http", 80) };
    let at = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let same = uri.scheme_str() == Some(scheme)
        && at.eq_ignore_ascii_case(host)
        && uri.port_u16().unwrap_or(usual) == port
        && !uri.authority()?.as_str().contains('@');
    if same { uri.path_and_query().cloned() } else { None }
}

fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    let short = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = value.to_str().ok().filter(|value| value.len() <= HEADER_BYTES_MAX)?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    // A cookie is a credential, and nobody sends it back.
    headers.iter().filter(|(name, _)| name.as_str() != "set-cookie").filter_map(short).take(HEADERS_MAX).collect()
}
