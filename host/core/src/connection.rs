//! What a connection is made of: the fields that parameters feed, parsed into an endpoint with credentials.
//!
//! Two triggers whose connections are equal share one connection in the host, whatever object they belong to.

use std::collections::BTreeMap;
use std::fmt;

use crate::problem::Problem;

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, for the one who dials.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// A protocol that the host speaks for a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RESP over TCP or TLS.
    Redis,
    /// AMQP 0-9-1. Declared by the contract, not lent by this release.
    Amqp,
    /// HTTP. Declared by the contract, not lent by this release.
    Http,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tls {
    /// False where the manifest says `unsafeSsl`: the peer is not verified.
    pub verify: bool,
    /// PEM certificates trusted besides those of the host.
    pub authorities: Option<String>,
    /// Who we are, where the peer asks.
    pub identity: Option<Identity>,
}

/// A client certificate with its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The certificate, followed by its chain.
    pub certificate: String,
    /// The unencrypted private key.
    pub key: Secret,
}

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

/// One connection that the host is to hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    /// A Redis server.
    Redis(RedisConnection),
}

impl Connection {
    /// `host:port`, without credentials, for logs and messages.
    pub fn endpoint(&self) -> String {
        match self {
            Self::Redis(redis) if redis.host.contains(':') => format!("[{}]:{}", redis.host, redis.port),
            Self::Redis(redis) => format!("{}:{}", redis.host, redis.port),
        }
    }

    /// Reads the fields that parameters fed. `protocols`: those that the scaler declared, by its own preference.
    pub fn parse(protocols: &[Protocol], fields: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        match protocols.first() {
            Some(Protocol::Redis) => parse_redis(fields).map(Self::Redis),
            Some(other) => {
                Err(vec![Problem::new("", format!("connections of protocol {other:?} are not lent by this release"))])
            }
            None => Err(vec![Problem::new("", "the scaler declares a connection without a protocol")]),
        }
    }
}

fn parse_redis(fields: &BTreeMap<String, String>) -> Result<RedisConnection, Vec<Problem>> {
    let mut problems = Vec::new();
    let field = |name: &str| fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let (host, port) = address(&field, &mut problems).unwrap_or_default();
    let database = match field("database").map(str::parse::<u32>) {
        None => 0,
        Some(Ok(index)) => index,
        Some(Err(_)) => {
            problems.push(Problem::new("databaseIndex", "must be a whole number, 0 or more"));
            0
        }
    };
    let tls = tls(&field, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(RedisConnection {
        host,
        port,
        username: field("username").map(str::to_owned),
        password: field("password").map(Secret::new),
        database,
        tls,
    })
}

fn address<'a>(field: &impl Fn(&str) -> Option<&'a str>, problems: &mut Vec<Problem>) -> Option<(String, u16)> {
    if let Some(list) = field("addresses") {
        let first = list.split(',').next().unwrap_or_default().trim();
        let parsed = split_address(first);
        if parsed.is_none() {
            problems.push(Problem::new("address", format!("{first:?} is not HOST:PORT with a port from 1 to 65535")));
        }
        return parsed;
    }
    let (hosts, ports) = (list(field("hosts")), list(field("ports")));
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
    let printable =
        !host.is_empty() && host.chars().all(|letter| letter.is_ascii_graphic() && letter != '/' && letter != '@');
    printable.then(|| (host.to_owned(), port))
}

fn tls<'a>(field: &impl Fn(&str) -> Option<&'a str>, problems: &mut Vec<Problem>) -> Option<Tls> {
    let enabled = flag("enableTLS", field("enable-tls"), problems);
    let mode = match field("tls") {
        None => None,
        Some("enable") => Some(true),
        Some("disable") => Some(false),
        Some(other) => {
            problems.push(Problem::new("tls", format!("{other:?} is neither `enable` nor `disable`")));
            None
        }
    };
    if enabled.is_some() && mode.is_some() {
        problems.push(Problem::new(
            "enableTLS",
            "set either enableTLS in the trigger or tls in the authentication, not both",
        ));
    }
    let unsafe_ssl = flag("unsafeSsl", field("unsafe-ssl"), problems).unwrap_or(false);
    let identity = match (field("certificate"), field("key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(Identity { certificate: certificate.to_owned(), key: Secret::new(key) }),
        _ => {
            problems.push(Problem::new("cert", "a client certificate needs both cert and key"));
            None
        }
    };
    if field("key-password").is_some() {
        problems
            .push(Problem::new("keyPassword", "encrypted keys are not read by this release: give the key unencrypted"));
    }
    let on = enabled.or(mode).unwrap_or(false);
    on.then(|| Tls { verify: !unsafe_ssl, authorities: field("ca").map(str::to_owned), identity })
}

/// A boolean as Go's `strconv.ParseBool` reads it, because that is what manifests were written for.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn flag(name: &str, value: Option<&str>, problems: &mut Vec<Problem>) -> Option<bool> {
    let text = value?;
    let parsed = parse_bool(text);
    if parsed.is_none() {
        problems.push(Problem::new(name, format!("{text:?} is not a boolean: use \"true\" or \"false\"")));
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &[(&str, &str)]) -> Result<RedisConnection, Vec<Problem>> {
        parse_redis(&fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn an_address_wins_over_host_and_port_and_only_the_first_counts() {
        let redis = parse(&[("addresses", "a:1,b:2"), ("hosts", "c"), ("ports", "3")]).unwrap();
        assert_eq!((redis.host.as_str(), redis.port), ("a", 1));
    }

    #[test]
    fn an_ipv6_address_loses_its_brackets_and_gets_them_back_in_messages() {
        let redis = parse(&[("addresses", "[::1]:6379")]).unwrap();
        assert_eq!(redis.host, "::1");
        assert_eq!(Connection::Redis(redis).endpoint(), "[::1]:6379");
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let problems =
            parse(&[("hosts", "c"), ("enable-tls", "yes"), ("database", "-1"), ("certificate", "x")]).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["port", "databaseIndex", "enableTLS", "cert"]);
    }

    #[test]
    fn tls_in_two_places_is_refused_even_if_they_agree() {
        let problems = parse(&[("addresses", "a:1"), ("enable-tls", "true"), ("tls", "enable")]).unwrap_err();
        assert_eq!(problems.first().map(|problem| problem.field.as_str()), Some("enableTLS"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let redis = parse(&[("addresses", "a:1"), ("password", "foobared")]).unwrap();
        assert!(!format!("{redis:?}").contains("foobared"));
    }
}
