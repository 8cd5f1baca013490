//! What a connection is made of: the fields that parameters feed, parsed into an endpoint with credentials.
//!
//! Two triggers whose connections are equal share one connection in the host, whatever object they belong to.

mod amqp;
mod http;
mod redis;
mod tls;
mod uri;

use std::collections::BTreeMap;
use std::fmt;

pub use self::http::duration;
pub use self::http::{HttpConnection, HttpCredentials};
pub use self::redis::RedisConnection;
pub use amqp::AmqpConnection;
pub use tls::{Identity, Tls};

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
    /// AMQP 0-9-1 over TCP or TLS.
    Amqp,
    /// HTTP/1.1 over TCP or TLS.
    Http,
}

/// One connection that the host is to hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    /// A Redis server.
    Redis(RedisConnection),
    /// A virtual host of an AMQP broker.
    Amqp(AmqpConnection),
    /// An HTTP origin.
    Http(HttpConnection),
}

impl Connection {
    /// `host:port`, without credentials, for logs and messages.
    pub fn endpoint(&self) -> String {
        let (host, port) = self.place();
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Host, as it was written but for brackets, and port.
    pub fn place(&self) -> (&str, u16) {
        match self {
            Self::Redis(redis) => (&redis.host, redis.port),
            Self::Amqp(amqp) => (&amqp.host, amqp.port),
            Self::Http(http) => (&http.host, http.port),
        }
    }

    /// What it speaks.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Redis(_) => Protocol::Redis,
            Self::Amqp(_) => Protocol::Amqp,
            Self::Http(_) => Protocol::Http,
        }
    }

    /// Reads the fields that parameters fed. `protocols`: those that the scaler declared; between several, the scheme of
    /// the address decides.
    pub fn parse(protocols: &[Protocol], fields: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        match protocols {
            [] => Err(vec![Problem::new("", "the scaler declares a connection without a protocol")]),
            [Protocol::Redis, ..] => self::redis::parse(&Fields(fields)).map(Self::Redis),
            _ => Self::by_scheme(protocols, &Fields(fields)),
        }
    }

    fn by_scheme(protocols: &[Protocol], fields: &Fields<'_>) -> Result<Self, Vec<Problem>> {
        let uri = uri::Uri::parse(fields, protocols).map_err(|problem| vec![problem])?;
        match uri.protocol {
            Protocol::Amqp => amqp::parse(&uri, fields).map(Self::Amqp),
            _ => http::parse(&uri, fields).map(Self::Http),
        }
    }
}

/// The fields of a connection that a component sees too, because it needs them and they are no credentials; of a `uri`
/// it sees the part without user information. Any other field stays in the host.
pub fn seen_by_scaler(field: &str, value: &str) -> Option<String> {
    match field {
        "uri" => Some(uri::without_user_information(value)),
        "vhost" | "timeout" => Some(value.to_owned()),
        // Whatever else is written there is no mode, and nobody knows what it is.
        "auth-modes" => value.split(',').all(|mode| http::MODES.contains(&mode.trim())).then(|| value.to_owned()),
        _ => None,
    }
}

/// What parameters fed; blank counts as absent.
struct Fields<'a>(&'a BTreeMap<String, String>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A switch; `parameter` is what the user calls it.
    fn flag(&self, field: &str, parameter: &str, problems: &mut Vec<Problem>) -> Option<bool> {
        let text = self.get(field)?;
        let parsed = parse_bool(text);
        if parsed.is_none() {
            problems.push(Problem::new(parameter, format!("{text:?} is not a boolean: use \"true\" or \"false\"")));
        }
        parsed
    }

    /// User and password, which come together or not at all.
    fn login(&self, problems: &mut Vec<Problem>) -> Option<(String, Secret)> {
        match (self.get("username"), self.get("password")) {
            (None, None) => None,
            (Some(username), Some(password)) => Some((username.to_owned(), Secret::new(password))),
            (Some(_), None) => {
                problems.push(Problem::new("password", "a username needs a password: give both or neither"));
                None
            }
            (None, Some(_)) => {
                problems.push(Problem::new("username", "a password needs a username: give both or neither"));
                None
            }
        }
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it, because that is what manifests were written for.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether a text is a host name or an address, as far as one can tell without asking.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|letter| letter.is_ascii_graphic() && !"/@?#\\".contains(letter))
}

#[cfg(test)]
mod tests;
