//! The operator's port, plain HTTP: whether the process lives, whether it is ready, and its metrics.
//!
//! Answers anybody who reaches it, and so says nothing that a log would not.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::listener::{self, Admitted, Door};
use super::readiness::Readiness;
use crate::telemetry::{Exposition, Telemetry};

/// Serves until it is cancelled; then ends open requests and returns.
pub async fn run(listener: TcpListener, readiness: Readiness, telemetry: Arc<Telemetry>, cancel: CancellationToken) {
    let router = Router::new()
        .route("/livez", get(async || "ok"))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(async move || ready(&readiness)))
        .merge(metrics_alone(telemetry));
    listener::run(listener, Arc::new(Admin { router }), cancel).await;
}

/// Serves `/metrics` at another port until it is cancelled.
pub async fn run_metrics(listener: TcpListener, telemetry: Arc<Telemetry>, cancel: CancellationToken) {
    listener::run(listener, Arc::new(Admin { router: metrics_alone(telemetry) }), cancel).await;
}

fn metrics_alone(telemetry: Arc<Telemetry>) -> Router {
    Router::new().route("/metrics", get(metrics).with_state(telemetry))
}

/// 200 or 503, with a line for each condition.
pub(super) fn ready(readiness: &Readiness) -> Response {
    let (ready, text) = readiness.report();
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text).into_response()
}

async fn metrics(State(telemetry): State<Arc<Telemetry>>, headers: HeaderMap) -> Response {
    let form = Exposition::accepted(headers.get(ACCEPT).and_then(|value| value.to_str().ok()));
    // At 10,000 objects this is some megabytes of text: not on a thread that answers others.
    match tokio::task::spawn_blocking(move || telemetry.text(form)).await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, form.content_type())], text).into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

struct Admin {
    router: Router,
}

impl Door for Admin {
    type Stream = TcpStream;
    type Guest = ();

    async fn admit(&self, socket: TcpStream) -> Option<Admitted<TcpStream, ()>> {
        Some(Admitted { stream: socket, guest: Arc::new(()), brief: None })
    }

    async fn answer(&self, _guest: Arc<()>, request: Request<Incoming>) -> Response {
        match self.router.clone().oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
