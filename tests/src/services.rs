//! What runs beside a cluster: a Redis, a RabbitMQ, a registry, metrics-server, a Prometheus, an address that swallows
//! everything, and Bellows itself.
//!
//! Owns these as plain processes and interfaces of the machine, removed when dropped. Refuses to touch a service that it
//! did not start.

mod bellows;
mod black_hole;
mod deployed;
pub mod metrics_server;
mod prometheus;
pub(crate) mod rabbitmq;
mod redis;
mod registry;
mod relay;
mod wire;

pub use bellows::{Bellows, BellowsOptions, install, install_rights, wait_for_external_metrics};
pub use black_hole::BlackHole;
pub use deployed::{Deployed, trust};
pub use metrics_server::MetricsServer;
pub use prometheus::{Alert, Prometheus};
pub use rabbitmq::{ClientCertificate, Held, Kind, RabbitMq, RabbitMqOptions};
pub use redis::{Redis, RedisOptions};
pub(crate) use registry::NAME as REGISTRY;
pub use registry::{Registry, RegistryOptions};
pub use relay::{Relay, Way};
pub use wire::{Monitor, Wire};

use std::net::{IpAddr, TcpListener};

use anyhow::{Context, Result};

/// A port that is free on an address now. Somebody else may take it before it is used, which shows at once.
///
/// # Errors
/// The address is not this machine's.
pub fn free_port(address: IpAddr) -> Result<u16> {
    let listener = TcpListener::bind((address, 0)).with_context(|| format!("look for a free port on {address}"))?;
    Ok(listener.local_addr().context("read the free port")?.port())
}
