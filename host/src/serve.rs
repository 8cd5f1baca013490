//! The HTTP faces of the host: the aggregated metrics API for the cluster, the admin port for operators.
//!
//! Every answer comes from memory. Nothing here knows a Kubernetes client: what the API server must be asked goes through
//! [`upstream::ApiServer`].

pub mod admin;
pub mod authorise;
pub mod caller;
pub mod certificate;
mod discovery;
pub mod external_metrics;
pub mod front_proxy;
mod handshake;
mod keeper;
mod listener;
pub mod readiness;
pub mod refusal;
mod selector;
pub mod snapshot;
pub mod trust;
pub mod upstream;
pub mod why;

use std::sync::Arc;

use bellows_core::Now;

/// Tells the time; handed in by the composition, so that tests own it.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The API group served to the cluster.
pub const GROUP: &str = "external.metrics.k8s.io";
/// Its version.
pub const VERSION: &str = "v1beta1";
/// The label by which an HPA names the ScaledObject that it asks for.
pub const OBJECT_LABEL: &str = "scaledobject.keda.sh/name";
/// The name under which the explanation of an object is asked for, as if it were a metric.
pub const WHY: &str = "why.bellows.dev";
