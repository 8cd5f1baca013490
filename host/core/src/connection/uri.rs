//! The address of a broker or an endpoint as people write it, `amqp://user:password@host:5672/vhost`.
//!
//! It is taken apart by hand, because a password may hold any character and strict parsers refuse such addresses. No
//! message shows more of it than its scheme and host.

use super::{Fields, Protocol, Secret, is_host};
use crate::problem::Problem;

/// An address, taken apart.
pub(super) struct Uri {
    pub(super) protocol: Protocol,
    pub(super) encrypted: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What the address itself says of who we are.
    pub(super) login: Option<(String, Secret)>,
    /// The path with its first slash, as it was written; empty where there is none.
    pub(super) path: String,
}

/// How the parameter that holds the address is called: by scalers of queues `host`, by scalers of HTTP `url`.
fn name(protocols: &[Protocol]) -> &'static str {
    if protocols == [Protocol::Http] { "url" } else { "host" }
}

impl Uri {
    pub(super) fn parse(fields: &Fields<'_>, protocols: &[Protocol]) -> Result<Self, Problem> {
        let wrong = |message: String| Problem::new(name(protocols), message);
        let accepted = accepted(protocols);
        let Some(text) = fields.get("uri") else { return Err(wrong(format!("no address: give {accepted}"))) };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong(format!("is no address with a scheme: give {accepted}")));
        };
        let (protocol, encrypted) = match scheme.to_ascii_lowercase().as_str() {
            "amqp" => (Protocol::Amqp, false),
            "amqps" => (Protocol::Amqp, true),
            "http" => (Protocol::Http, false),
            "https" => (Protocol::Http, true),
            _ => return Err(wrong(format!("has an unknown scheme: give {accepted}"))),
        };
        if !protocols.contains(&protocol) {
            return Err(wrong(format!("{scheme} is not spoken here: give {accepted}")));
        }
        let (login, place, path) = split(rest);
        let (host, port) = authority(place).ok_or_else(|| {
            wrong(format!("the part after {scheme}:// and the credentials is no HOST:PORT with a port from 1 to 65535"))
        })?;
        let port = port.unwrap_or(match (protocol, encrypted) {
            (Protocol::Amqp, false) => 5672,
            (Protocol::Amqp, true) => 5671,
            (_, false) => 80,
            (_, true) => 443,
        });
        Ok(Self { protocol, encrypted, host, port, login: login.map(credentials), path: path.to_owned() })
    }
}

fn accepted(protocols: &[Protocol]) -> String {
    let forms = protocols.iter().map(|protocol| match protocol {
        Protocol::Amqp => "amqp[s]://HOST:PORT/VHOST",
        Protocol::Http => "http[s]://HOST:PORT/…",
        Protocol::Redis => "HOST:PORT",
    });
    forms.collect::<Vec<_>>().join(" or ")
}

/// User information, host and port, and the path of what follows `://`. The user information ends at the last `@` that is
/// followed by what can be a host: passwords may hold `/`, `?`, `#` and `@` themselves.
fn split(rest: &str) -> (Option<&str>, &str, &str) {
    let plain = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(plain).unwrap_or((rest, ""));
    if let Some((login, place)) = authority.rsplit_once('@') {
        return (Some(login), place, path);
    }
    // The first slash stands in the password, if a host follows an `@` behind it. Both readings may be possible; a virtual
    // host with an `@` can be spelled with %40, and a password must not be taken for a path.
    match rest.rsplit_once('@') {
        Some((login, place)) if login.contains(':') => {
            let end = place.find(['/', '?', '#']).unwrap_or(place.len());
            let (place, path) = place.split_at_checked(end).unwrap_or((place, ""));
            if self::authority(place).is_some() { (Some(login), place, path) } else { (None, authority, path) }
        }
        _ => (None, authority, path),
    }
}

/// Host, without brackets, and port, where one is given.
fn authority(place: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None => None,
        Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port > 0)?),
    };
    is_host(host).then(|| (host.to_owned(), port))
}

fn credentials(login: &str) -> (String, Secret) {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    (decoded(user), Secret::new(decoded(password)))
}

/// Undoes percent encoding. A percent sign that encodes nothing stands for itself: people forget to encode it.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.filter(|digits| !digits.starts_with('+')).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The address without who we are; what is no address is left out whole, since nobody knows what it holds.
pub(super) fn without_user_information(text: &str) -> String {
    let Some((scheme, rest)) = text.trim().split_once("://") else { return String::new() };
    let (_, place, path) = split(rest);
    format!("{scheme}://{place}{path}")
}
