//! `external.metrics.k8s.io/v1beta1`, as an aggregated API server: the last good values, or why there are none.
//!
//! Believes nobody but the API server's aggregator, and asks the API server what the user behind it may read. Answers
//! from memory: no request ever waits for a source.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bellows_core::metric::{NoValue, View, quantity};
use bellows_core::workload::ObjectKey;
use http::{Method, Request, Uri};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::authorise::Gate;
use super::caller::Caller;
use super::certificate::{CertificateError, Certificates, Lifetimes, ServiceName};
use super::keeper::Keeper;
use super::listener::{self, Admitted, Door};
use super::readiness::Readiness;
use super::refusal::Refusal;
use super::snapshot::Snapshot;
use super::trust::{Peer, Rhythm, Trust};
use super::upstream::{ApiServer, chain};
use super::why::Why;
use super::{Clock, GROUP, VERSION, WHY, discovery, handshake, selector};
use crate::telemetry::Telemetry;

/// How long an answer may take: it waits for nothing but two access reviews of five seconds each.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// Most connections of those who are not the aggregator, so that they can take no place of it: probes of a node.
const STRANGERS_MAX: usize = 32;
/// How long such a connection may last: a probe takes milliseconds.
const STRANGER_LASTS: Duration = Duration::from_secs(10);

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Service by which the API server finds this host.
    pub service: ServiceName,
    /// How long certificates hold.
    pub lifetimes: Lifetimes,
    /// The time between two looks at our APIService.
    pub look_every: Duration,
    /// When whom to believe is read again.
    pub trust: Rhythm,
}

/// What the face reads, asks and writes to.
#[derive(Clone)]
pub struct Parts {
    /// What is shown.
    pub snapshot: Arc<Snapshot>,
    /// The time.
    pub clock: Clock,
    /// Whom it asks.
    pub api: Arc<dyn ApiServer>,
    /// Where it counts.
    pub telemetry: Arc<Telemetry>,
    /// Where it says whether it can be used; two conditions are added.
    pub readiness: Readiness,
}

/// The face cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No certificate.
    #[error("cannot make the certificate of the metrics API")]
    Certificate(#[source] CertificateError),
    /// No TLS.
    #[error("cannot set TLS of the metrics API up")]
    Tls(#[source] rustls::Error),
}

/// The face, ready to be run.
pub struct ExternalMetrics {
    face: Arc<Face>,
    keeper: Keeper,
}

struct Face {
    acceptor: TlsAcceptor,
    strangers: Arc<Semaphore>,
    trust: Arc<Trust>,
    readiness: Readiness,
    clock: Clock,
    telemetry: Arc<Telemetry>,
    router: Router,
}

struct Answers {
    snapshot: Arc<Snapshot>,
    clock: Clock,
    gate: Gate,
}

impl ExternalMetrics {
    /// Makes the certificate; nothing is asked or served yet.
    pub fn new(settings: Settings, parts: Parts) -> Result<Self, ServeError> {
        let Parts { snapshot, clock, api, telemetry, readiness } = parts;
        let certificates =
            Certificates::new(settings.service, settings.lifetimes, clock()).map_err(ServeError::Certificate)?;
        let acceptor = handshake::acceptor(certificates.shown()).map_err(ServeError::Tls)?;
        let trust = Arc::new(Trust::new(Arc::clone(&api), readiness.condition("front proxy known"), settings.trust));
        let keeper = Keeper {
            certificates,
            api: Arc::clone(&api),
            clock: Arc::clone(&clock),
            condition: readiness.condition("APIService registered"),
            look_every: settings.look_every,
        };
        let gate = Gate::new(api, Arc::clone(&clock), Arc::clone(&telemetry));
        let router = router(Answers { snapshot, clock: Arc::clone(&clock), gate });
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        let face = Face { acceptor, strangers, trust, readiness, clock, telemetry, router };
        Ok(Self { face: Arc::new(face), keeper })
    }

    /// Serves until it is cancelled; then ends open requests and returns.
    pub async fn run(self, listener: TcpListener, cancel: CancellationToken) {
        let trust = Arc::clone(&self.face.trust);
        tokio::join!(
            listener::run(listener, self.face, cancel.clone()),
            trust.run(cancel.clone()),
            self.keeper.run(cancel),
        );
    }
}

impl Door for Face {
    type Stream = TlsStream<TcpStream>;
    type Guest = Peer;

    async fn admit(&self, socket: TcpStream) -> Option<Admitted<Self::Stream, Peer>> {
        let stream = match self.acceptor.accept(socket).await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "a handshake failed");
                return None;
            }
        };
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let guest = Arc::new(Peer::new(chain.iter().map(|one| one.clone().into_owned()).collect()));
        let brief = match self.trust.verify(&guest, (self.clock)()) {
            Ok(()) => None,
            Err(_stranger) => Some((STRANGER_LASTS, Arc::clone(&self.strangers).try_acquire_owned().ok()?)),
        };
        Some(Admitted { stream, guest, brief })
    }

    async fn answer(&self, guest: Arc<Peer>, request: Request<Incoming>) -> Response {
        let response = match self.authenticated(&guest, request) {
            Ok(request) => match time::timeout(ANSWER_TIMEOUT, self.router.clone().oneshot(request)).await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_late) => {
                    Refusal::timeout("the API server did not say in time whether this may be read").into_response()
                }
            },
            Err(response) => return *response,
        };
        self.telemetry.metric_answered(response.status().as_u16());
        response
    }
}

impl Face {
    /// The request in the name of its caller, or what to answer without one: health is everybody's to ask.
    fn authenticated(&self, peer: &Peer, request: Request<Incoming>) -> Result<Request<Body>, Box<Response>> {
        match request.uri().path() {
            "/healthz" | "/livez" => return Err(Box::new("ok".into_response())),
            "/readyz" => return Err(Box::new(super::admin::ready(&self.readiness))),
            _ => {}
        }
        let caller = self.trust.caller(peer, request.headers(), (self.clock)()).map_err(|error| {
            self.telemetry.metric_answered(401);
            tracing::debug!(reason = chain(&error), "a request is not believed");
            Box::new(Refusal::unauthorized(chain(&error)).into_response())
        })?;
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Arc::new(caller));
        Ok(request)
    }
}

fn router(answers: Answers) -> Router {
    let version = format!("/apis/{GROUP}/{VERSION}");
    Router::new()
        .route("/apis", get(discovery::groups))
        .route(&format!("/apis/{GROUP}"), get(discovery::group))
        .route(&version, get(discovery::resources))
        .route(&format!("{version}/namespaces/{{namespace}}/{{metric}}"), get(metric))
        .fallback(async |uri: Uri| Refusal::not_found(format!("there is no {} here", uri.path())))
        .method_not_allowed_fallback(async |method: Method| {
            Refusal::method_not_allowed(format!("metrics are read by GET, not {method}"))
        })
        .with_state(Arc::new(answers))
}

#[derive(Debug, Deserialize)]
struct Parameters {
    #[serde(rename = "labelSelector", default)]
    label_selector: String,
}

async fn metric(
    State(answers): State<Arc<Answers>>,
    Extension(caller): Extension<Arc<Caller>>,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let Path((namespace, name)) = path.map_err(|rejection| Refusal::bad_request(rejection.body_text()))?;
    answers.gate.admit(&caller, &namespace, &name).await?;
    let Query(parameters) =
        Query::<Parameters>::try_from_uri(&uri).map_err(|rejection| Refusal::bad_request(rejection.body_text()))?;
    let object =
        selector::object_name(&parameters.label_selector).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let key = ObjectKey::new(namespace, object);
    let view = answers.snapshot.view(&key).ok_or_else(|| NoValue::UnknownObject(key.to_string()))?;
    let now = (answers.clock)();
    if name.eq_ignore_ascii_case(WHY) {
        return Ok(Json(Why::of(&view, now)).into_response());
    }
    value(&view, &name, now).map_err(Refusal::from)
}

/// One value, with the date at which it was measured.
fn value(view: &View, name: &str, now: bellows_core::Now) -> Result<Response, NoValue> {
    let metric = view.metric(name)?;
    let taken = metric.answer(now)?;
    let list = json!({
        "kind": "ExternalMetricValueList",
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "metadata": {},
        "items": [{
            "metricName": &*metric.name,
            "metricLabels": {},
            "timestamp": taken.date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "value": quantity(taken.value),
        }],
    });
    Ok(Json(list).into_response())
}
