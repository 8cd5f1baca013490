//! Everything that talks to the API server: watches become events of the machine, its effects become requests.
//!
//! Decides nothing: what to write and when is said by the machine, and every answer goes back to it as an event. Holds
//! no cache of Deployments, Pods or Secrets; what is needed of them is read when it is needed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::util::MapRequestLayer;

pub mod aggregation;
mod apply;
mod authentication;
mod call;
mod credentials;
mod environment;
mod finalizer;
pub mod hpa;
mod lanes;
pub mod namespaces;
mod performer;
mod pods;
mod reads;
pub mod release;
mod report;
pub mod requests;
mod resolve;
mod scale;
pub mod scaler;
pub mod store;
mod target;
mod tell;
mod watch;

pub use performer::{Parts, Performer, PerformerError};
pub use pods::Pods;
pub use requests::Requests;
pub use store::Store;
pub use watch::{Scope, Watches};

/// Our finalizer, which is KEDA's, so that an object can move from one to the other.
pub const FINALIZER: &str = "finalizer.keda.sh";
/// Who we are in managed fields.
pub const FIELD_MANAGER: &str = "bellows";
/// Who we are in Events, under the name that people already filter by.
pub const REPORTING_CONTROLLER: &str = "keda-operator";

/// A server that does not take a connection within this time is not there; every request is bounded by 10 s as a whole.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest silence on a connection that waits for an answer. A watch is ended by the server after 30 s and says
/// something at least then, so 40 s without a byte is a connection that was cut without a word.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// There is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file cannot be read as a kubeconfig.
    #[error("cannot read the kubeconfig")]
    Read(#[source] Box<KubeconfigError>),
    /// Its current context is not usable.
    #[error("cannot use the current context of the kubeconfig")]
    Context(#[source] Box<KubeconfigError>),
    /// There is no service account, because this is no pod.
    #[error("cannot use the pod's service account: name a kubeconfig where there is none")]
    ServiceAccount(#[source] Box<kube::config::InClusterError>),
    /// The TLS settings or credentials are not usable.
    #[error("cannot build a client for the API server")]
    Client(#[source] Box<kube::Error>),
}

/// A client for the cluster that `kubeconfig` names, or for the one that this pod runs in. Does not connect yet; a
/// provider of cryptography must be installed. Every request is counted in `requests`, and none is held back.
pub async fn connect(kubeconfig: Option<&Path>, requests: Arc<Requests>) -> Result<Client, ConnectError> {
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|error| ConnectError::Read(Box::new(error)))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                .await
                .map_err(|error| ConnectError::Context(Box::new(error)))?
        }
        None => Config::incluster().map_err(|error| ConnectError::ServiceAccount(Box::new(error)))?,
    };
    config.connect_timeout = Some(CONNECT_TIME_MAX);
    config.read_timeout = Some(SILENCE_MAX);
    // The machine asks again, with patience that it counts; a client that did so too would multiply it.
    config.default_retry = false;
    // Otherwise the time that a pooled connection lay idle would count against its next answer.
    config.reset_reader_on_write = true;
    let builder = ClientBuilder::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
    let count = move |request: http::Request<kube::client::Body>| {
        requests.count(request.method(), request.uri());
        request
    };
    Ok(builder.with_layer(&MapRequestLayer::new(count)).build())
}
