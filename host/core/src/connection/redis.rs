//! A Redis server as fields: address, login, database, encryption.

use super::{Fields, Secret, Tls, is_host, tls};
use crate::problem::Problem;

/// Where a Redis server is and who we are there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedisConnection {
    /// A name or an address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// ACL user; the default user where absent.
    pub username: Option<String>,
    /// Password of that user.
    pub password: Option<Secret>,
    /// Database index, 0 and up.
    pub database: u32,
    /// Encryption; plain where absent.
    pub tls: Option<Tls>,
}

pub(super) fn parse(fields: &Fields<'_>) -> Result<RedisConnection, Vec<Problem>> {
    let mut problems = Vec::new();
    let (host, port) = address(fields, &mut problems).unwrap_or_default();
    let database = match fields.get("database").map(str::parse::<u32>) {
        None => 0,
        Some(Ok(index)) => index,
        Some(Err(_)) => {
            problems.push(Problem::new("databaseIndex", "must be a whole number, 0 or more"));
            0
        }
    };
    let encrypted = encrypted(fields, &mut problems);
    let tls = tls::parse(fields, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(RedisConnection {
        host,
        port,
        username: fields.get("username").map(str::to_owned),
        password: fields.get("password").map(Secret::new),
        database,
        tls: encrypted.then_some(tls),
    })
}

fn address(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<(String, u16)> {
    if let Some(list) = fields.get("addresses") {
        let first = list.split(',').next().unwrap_or_default().trim();
        let parsed = split_address(first);
        if parsed.is_none() {
            problems.push(Problem::new("address", format!("{first:?} is not HOST:PORT with a port from 1 to 65535")));
        }
        return parsed;
    }
    let (hosts, ports) = (list(fields.get("hosts")), list(fields.get("ports")));
    if hosts.is_empty() {
        problems.push(Problem::new("address", "no address: give address (HOST:PORT), or host and port"));
        return None;
    }
    if hosts.len() != ports.len() {
        let message = format!("{} host(s) and {} port(s): each host needs its port", hosts.len(), ports.len());
        problems.push(Problem::new("port", message));
        return None;
    }
    let parsed = hosts.first().zip(ports.first()).and_then(|(host, port)| valid(host, port));
    if parsed.is_none() {
        problems.push(Problem::new("port", "must be a number from 1 to 65535"));
    }
    parsed
}

fn list(value: Option<&str>) -> Vec<&str> {
    value.map(|value| value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()).unwrap_or_default()
}

fn split_address(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    valid(host, port)
}

fn valid(host: &str, port: &str) -> Option<(String, u16)> {
    let host = host.trim();
    let port = port.trim().parse::<u16>().ok().filter(|port| *port > 0)?;
    is_host(host).then(|| (host.to_owned(), port))
}

/// Redis has two spellings for it, and both at once are refused, even if they agree.
fn encrypted(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> bool {
    let enabled = fields.flag("enable-tls", "enableTLS", problems);
    let mode = tls::mode(fields, problems);
    if enabled.is_some() && mode.is_some() {
        problems.push(Problem::new(
            "enableTLS",
            "set either enableTLS in the trigger or tls in the authentication, not both",
        ));
    }
    enabled.or(mode).unwrap_or(false)
}
