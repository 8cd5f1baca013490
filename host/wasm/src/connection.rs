//! Connections that the host holds for scalers: pools keyed by endpoint, credentials, encryption and database, so that
//! connections grow with endpoints and not with triggers.

mod amqp;
pub(crate) mod http;
mod metered;
pub(crate) mod reach;
mod redis;
mod single;
mod slots;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use bellows_core::grant::EgressPolicy;

use self::amqp::AmqpPool;
use self::http::HttpPool;
use self::reach::Reach;
use self::redis::RedisPool;
use crate::lending::Sources;

/// The pools of real connections, which go out the same way.
pub fn pools(settings: &NetworkSettings) -> Result<Sources, NetworkError> {
    let reach = Arc::new(Reach::new(settings)?);
    Ok(Sources {
        redis: Arc::new(RedisPool::new(Arc::clone(&reach))),
        amqp: Arc::new(AmqpPool::new(Arc::clone(&reach))),
        http: Arc::new(HttpPool::new(reach)),
    })
}

/// How connections are made.
#[derive(Debug, Clone, Default)]
pub struct NetworkSettings {
    /// Which addresses may be dialled.
    pub egress: EgressPolicy,
    /// The cluster's domain, `cluster.local`; short names are completed with it.
    pub cluster_domain: String,
    /// Who is asked for names; those of the machine where empty.
    pub name_servers: Vec<SocketAddr>,
    /// PEM certificates that are trusted besides those of the machine.
    pub authorities: Vec<String>,
}

/// Why connections cannot be made at all.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The machine's settings for names could not be read or used.
    #[error("cannot set up the lookup of names")]
    Resolver(#[source] hickory_resolver::net::NetError),
    /// A certificate that is to be trusted is not one.
    #[error("cannot read the certificate authorities: {0}")]
    Authorities(String),
    /// The cryptography of TLS is not what we were built with.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}
