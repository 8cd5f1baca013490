//! An HTTP origin as fields: its address, who we are there, encryption, patience.

use std::time::Duration;

use super::uri::Uri;
use super::{Fields, Secret, Tls, tls};
use crate::problem::Problem;

/// Where an HTTP origin is and who we are there. Paths are the scaler's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpConnection {
    /// A name or an address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Who we are.
    pub credentials: HttpCredentials,
    /// Encryption; plain where absent.
    pub tls: Option<Tls>,
    /// Time for one request, where the manifest has a say in it.
    pub timeout: Option<Duration>,
}

/// What is added to each request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HttpCredentials {
    /// Nothing.
    None,
    /// `Authorization: Basic …`.
    Basic {
        /// User.
        username: String,
        /// Password.
        password: Secret,
    },
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// A key in a header, or in a parameter of the query.
    ApiKey {
        /// Name of the header or of the parameter.
        name: String,
        /// Whether it is a parameter of the query.
        in_query: bool,
        /// The key.
        key: Secret,
    },
}

/// What is refused by name: the parameter as the user spells it, by the field that it feeds.
const REFUSED: [(&str, &str); 8] = [
    ("oauth-token-uri", "oauthTokenURI"),
    ("oauth-client-id", "clientID"),
    ("oauth-client-secret", "clientSecret"),
    ("oauth-scopes", "scopes"),
    ("oauth-endpoint-params", "endpointParams"),
    ("workload-identity", "workloadIdentityResource"),
    ("custom-header", "customAuthHeader"),
    ("custom-value", "customAuthValue"),
];
/// What `auth-modes` may name.
pub(super) const MODES: [&str; 6] = ["", "none", "basic", "bearer", "apiKey", "tls"];
/// Longest patience that a manifest may ask for; a poll as a whole ends earlier.
const TIMEOUT_MAX: Duration = Duration::from_secs(600);

pub(super) fn parse(uri: &Uri, fields: &Fields<'_>) -> Result<HttpConnection, Vec<Problem>> {
    let mut problems = Vec::new();
    for (field, parameter) in REFUSED {
        if fields.get(field).is_some() {
            problems.push(Problem::new(parameter, "not supported by this release of Bellows"));
        }
    }
    let encrypted = uri.encrypted || tls::mode(fields, &mut problems).unwrap_or(false);
    let tls = tls::parse(fields, &mut problems);
    let credentials = credentials(uri, fields, &mut problems);
    let timeout = fields.get("timeout").and_then(|text| {
        let parsed = duration(text).filter(|timeout| !timeout.is_zero() && *timeout <= TIMEOUT_MAX);
        if parsed.is_none() {
            let message = format!("{text:?} is no time up to 10m: give milliseconds, or a duration such as 3s");
            problems.push(Problem::new("timeout", message));
        }
        parsed
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let (host, port) = (uri.host.clone(), uri.port);
    Ok(HttpConnection { host, port, credentials, tls: encrypted.then_some(tls), timeout })
}

/// `auth-modes` chooses; where it is absent, whatever is given is used. `none` means the address' own credentials only.
fn credentials(uri: &Uri, fields: &Fields<'_>, problems: &mut Vec<Problem>) -> HttpCredentials {
    let own = || match uri.login.clone() {
        Some((username, password)) => HttpCredentials::Basic { username, password },
        None => HttpCredentials::None,
    };
    let modes: Vec<&str> = fields.get("auth-modes").unwrap_or_default().split(',').map(str::trim).collect();
    let mut chosen = own();
    for mode in modes {
        match mode {
            "" => {
                if let Some((username, password)) = fields.login(problems) {
                    chosen = HttpCredentials::Basic { username, password };
                } else if let Some(token) = fields.get("bearer-token") {
                    chosen = HttpCredentials::Bearer(Secret::new(token));
                } else if let Some(key) = fields.get("api-key") {
                    chosen = api_key(key, fields, problems);
                }
            }
            "none" => {}
            "basic" => match fields.login(problems) {
                Some((username, password)) => chosen = HttpCredentials::Basic { username, password },
                None if fields.get("password").is_none() => {
                    problems.push(Problem::new("username", "required by authMode basic: give username and password"));
                }
                None => {}
            },
            "bearer" => match fields.get("bearer-token") {
                Some(token) => chosen = HttpCredentials::Bearer(Secret::new(token)),
                None => problems.push(Problem::new("token", "required by authMode bearer")),
            },
            "apiKey" => match fields.get("api-key") {
                Some(key) => chosen = api_key(key, fields, problems),
                None => problems.push(Problem::new("apiKey", "required by authMode apiKey")),
            },
            "tls" => {
                if fields.get("certificate").is_none() {
                    problems.push(Problem::new("cert", "required by authMode tls: give cert and key"));
                }
            }
            other => {
                let message = format!("{other:?} is none of basic, bearer, apiKey, tls, none");
                problems.push(Problem::new("authMode", message));
            }
        }
    }
    chosen
}

fn api_key(key: &str, fields: &Fields<'_>, problems: &mut Vec<Problem>) -> HttpCredentials {
    let in_query = match fields.get("api-key-method") {
        None | Some("header") => false,
        Some("query") => true,
        Some(other) => {
            problems.push(Problem::new("method", format!("{other:?} is neither `header` nor `query`")));
            false
        }
    };
    let usual = if in_query { "api_key" } else { "X-API-KEY" };
    let name = fields.get("api-key-name").unwrap_or(usual).to_owned();
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        problems.push(Problem::new("keyParamName", "may hold letters, digits, dashes, dots and underscores"));
    }
    HttpCredentials::ApiKey { name, in_query, key: Secret::new(key) }
}

/// A duration as KEDA reads it: Go's grammar (`1m30s`, `250ms`), or a bare number of milliseconds.
pub fn duration(text: &str) -> Option<Duration> {
    if let Ok(milliseconds) = text.parse::<u64>() {
        return Some(Duration::from_millis(milliseconds));
    }
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let unit_end = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(unit_end)?;
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?)?;
        rest = next;
    }
    Some(total)
}
