//! A refusal as Kubernetes says it: an HTTP code with a `Status` whose message a client prints.
//!
//! Owns the envelope; the words are those of whoever refuses.

use axum::Json;
use axum::response::{IntoResponse, Response};
use bellows_core::metric::NoValue;
use http::StatusCode;
use serde_json::json;

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP code.
    pub code: StatusCode,
    /// Kubernetes' word for it.
    pub reason: &'static str,
    /// Of which kind the thing is that is missing, where one is.
    pub kind: Option<&'static str>,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// The request names nobody who may be believed.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    /// Whoever asks may not.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    /// The request is not one.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// There is such a thing, but nobody may read it in that way.
    pub fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    /// None of the asked forms is known.
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// Something that the answer needs failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    /// It took too long.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message)
    }

    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, kind: None, message: message.into() }
    }
}

impl From<NoValue> for Refusal {
    /// A value that does not stand is 503: an HPA controller prints the message and holds, and since there is no
    /// `Retry-After`, no client asks again by itself.
    fn from(none: NoValue) -> Self {
        let message = none.to_string();
        match none {
            NoValue::UnknownObject(_) => Self { kind: Some("ScaledObject"), ..Self::not_found(message) },
            NoValue::UnknownMetric { .. } => Self { kind: Some("ExternalMetricValueList"), ..Self::not_found(message) },
            NoValue::Unread(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": { "group": super::GROUP, "kind": self.kind.unwrap_or_default() },
            "code": self.code.as_u16(),
        });
        (self.code, Json(body)).into_response()
    }
}
