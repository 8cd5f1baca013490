//! What an author of scalers imports: settings declared once, replies instead of sockets, one `await` for each question.
//!
//! A scaler is a struct of settings (`settings!`), two functions (`Scaler`) and one line that makes it a component
//! (`scaler!`). The crate never names Kubernetes, an address or a credential, and it holds no state between calls.

pub mod amqp;
pub mod broker;
pub mod component;
mod connection;
mod desk;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod export;
mod failure;
pub mod http;
pub mod json;
mod native;
mod number;
pub mod quantity;
pub mod redis;
mod scaler;
mod setting;
mod settings;
pub mod testing;
pub mod workload;

pub use connection::{Connection, ConnectionType, Nothing, Protocol, Source};
pub use desk::{Desk, ROUNDS_MAX};
pub use failure::{Detail, Failure, Result};
pub use native::{Native, NativeMetric};
pub use scaler::{Instant, Metric, Number, Problem, Reading, Scaler, TargetType};
pub use setting::Setting;
pub use settings::{Origin, Parameter, Reader, Settings};

/// One `use` for the file of a scaler.
pub mod prelude {
    pub use crate::amqp::Amqp;
    pub use crate::broker::Broker;
    pub use crate::connection::Nothing;
    pub use crate::http::Http;
    pub use crate::redis::{Redis, Reply, cmd};
    pub use crate::workload::Workload;
    pub use crate::{Failure, Instant, Metric, Problem, Reading, Result, Scaler, scaler, settings};
}

/// The example of the README, compiled as an author would write it.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
