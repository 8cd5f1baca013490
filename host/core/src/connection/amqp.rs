//! An AMQP broker as fields: its address with a virtual host, login, encryption.

use super::uri::{Uri, decoded};
use super::{Fields, Secret, Tls, tls};
use crate::problem::Problem;

/// Where a virtual host of an AMQP broker is and who we are there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmqpConnection {
    /// A name or an address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The virtual host, `/` where none is given.
    pub virtual_host: String,
    /// User and password. Where absent, the client certificate says who we are (SASL EXTERNAL), or nobody does.
    pub login: Option<(String, Secret)>,
    /// Encryption; plain where absent.
    pub tls: Option<Tls>,
}

pub(super) fn parse(uri: &Uri, fields: &Fields<'_>) -> Result<AmqpConnection, Vec<Problem>> {
    let mut problems = Vec::new();
    if fields.get("timeout").is_some() {
        problems.push(Problem::new("timeout", "is for HTTP: leave it out, or give an http[s] address as host"));
    }
    let encrypted = uri.encrypted || tls::mode(fields, &mut problems).unwrap_or(false);
    let tls = tls::parse(fields, &mut problems);
    let login = fields.login(&mut problems).or_else(|| uri.login.clone());
    if !problems.is_empty() {
        return Err(problems);
    }
    let virtual_host = match fields.get("vhost") {
        // KEDA's users write an encoded slash here as well.
        Some(given) if given.eq_ignore_ascii_case("%2f") => "/".to_owned(),
        Some(given) => given.to_owned(),
        None => decoded(uri.path.strip_prefix('/').unwrap_or_default().split(['?', '#']).next().unwrap_or_default()),
    };
    let virtual_host = if virtual_host.is_empty() { "/".to_owned() } else { virtual_host };
    Ok(AmqpConnection { host: uri.host.clone(), port: uri.port, virtual_host, login, tls: encrypted.then_some(tls) })
}
