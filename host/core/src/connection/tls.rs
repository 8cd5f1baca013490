//! Encryption as fields: whether, whom to trust, who we are.

use super::{Fields, Secret};
use crate::problem::Problem;

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

/// `tls`: `enable` or `disable`.
pub(super) fn mode(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<bool> {
    match fields.get("tls")? {
        "enable" => Some(true),
        "disable" => Some(false),
        other => {
            problems.push(Problem::new("tls", format!("{other:?} is neither `enable` nor `disable`")));
            None
        }
    }
}

/// Everything about encryption but whether there is any.
pub(super) fn parse(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> Tls {
    let unsafe_ssl = fields.flag("unsafe-ssl", "unsafeSsl", problems).unwrap_or(false);
    let identity = match (fields.get("certificate"), fields.get("key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(Identity { certificate: certificate.to_owned(), key: Secret::new(key) }),
        _ => {
            problems.push(Problem::new("cert", "a client certificate needs both cert and key"));
            None
        }
    };
    if fields.get("key-password").is_some() {
        problems
            .push(Problem::new("keyPassword", "encrypted keys are not read by this release: give the key unencrypted"));
    }
    Tls { verify: !unsafe_ssl, authorities: fields.get("ca").map(str::to_owned), identity }
}
