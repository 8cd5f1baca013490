//! What the faces ask of the API server, as a trait: tests script it, `kube/aggregation.rs` performs it.
//!
//! Three operations, no more: whom to believe, who may ask, and telling the API server whom to believe.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::caller::Caller;

/// Why an operation failed, as the client below says it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The API server did not answer, or not what was needed. One variant for each operation.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Whom to believe is not known.
    #[error("cannot read ConfigMap kube-system/extension-apiserver-authentication")]
    FrontProxy(#[source] Cause),
    /// Who may ask is not known.
    #[error("cannot ask the API server by SubjectAccessReview")]
    Review(#[source] Cause),
    /// The registration cannot be read.
    #[error("cannot read APIService {name}")]
    ReadRegistration {
        /// Its name.
        name: String,
        /// Why.
        source: Cause,
    },
    /// The registration cannot be written.
    #[error("cannot write spec.caBundle of APIService {name}")]
    WriteRegistration {
        /// Its name.
        name: String,
        /// Why.
        source: Cause,
    },
    /// The registration is somebody else's, and stays as it is.
    #[error(
        "APIService {name} leads to {found}, not to {own}: another adapter serves external metrics in this cluster, and \
         a cluster has one"
    )]
    ForeignRegistration {
        /// Its name.
        name: String,
        /// `NAMESPACE/NAME` of the service that it leads to.
        found: String,
        /// `NAMESPACE/NAME` of ours.
        own: String,
    },
}

/// What is asked of an authoriser: may this caller list this metric?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Who.
    pub caller: Arc<Caller>,
    /// Where; empty for all namespaces, as in a SubjectAccessReview.
    pub namespace: String,
    /// Which metric; `*` for all, as in a SubjectAccessReview.
    pub metric: String,
}

/// What an authoriser says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No, and perhaps why not.
    Denied {
        /// The authoriser's words; often empty.
        reason: String,
    },
}

/// The API server, as far as the faces need it.
pub trait ApiServer: fmt::Debug + Send + Sync + 'static {
    /// The data of ConfigMap `kube-system/extension-apiserver-authentication`.
    fn front_proxy(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, UpstreamError>>;

    /// Asks by SubjectAccessReview.
    fn review<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Verdict, UpstreamError>>;

    /// Makes `spec.caBundle` of our APIService be `bundle` (PEM), unless it already is. Never touches an APIService that
    /// leads to another service.
    fn register<'a>(&'a self, bundle: &'a str) -> BoxFuture<'a, Result<(), UpstreamError>>;
}

/// An error and its causes in one line, for a condition or a log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
