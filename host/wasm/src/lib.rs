//! Running scaler components and lending them connections.
//!
//! [`Engine`] turns a file into a [`Scaler`]; a [`Scaler`] plans and measures. A component sees no credential, names no
//! address, and can use up nothing but its own call's bounds. Nothing here knows Kubernetes.

mod batch;
mod bindings;
mod cache;
mod capability;
mod compile;
mod connection;
mod egress;
mod engine;
mod failure;
#[cfg(test)]
mod fuzz;
mod lending;
mod lift;
mod limits;
pub mod oci;
mod prepared;
mod printable;
mod scaler;
mod state;

pub use cache::CacheError;
pub use capability::ImportError;
pub use capability::amqp::{AmqpQueue, AmqpSource, Inspected};
pub use capability::http::{HttpRequest, HttpResponse, HttpSource};
pub use capability::names as capability_names;
pub use capability::redis::{RedisSource, RedisValue, Replies};
pub use capability::workload::{Counted, Counts, PodSource};
pub use compile::{CompileError, Compiler, compile, digest};
pub use connection::{NetworkError, NetworkSettings, pools};
pub use engine::{Engine, EngineError, EngineSettings, LoadError};
pub use lending::{Exchange, Sources};
pub use limits::{Limits, Usage};
pub use prepared::Prepared;
pub use scaler::{Call, Endpoint, Measured, PlanError, Scaler};
