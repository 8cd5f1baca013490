//! Logins for registries, as Kubernetes and Docker write them down. Which one is used depends on the registry and on the
//! path within it: the longest path that matches wins.
//!
//! A pull secret never runs a program: credential helpers are for the command line alone.

mod helper;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bellows_core::connection::Secret;
use serde::Deserialize;

use self::helper::Helpers;
use super::error::OciError;
use super::reference::Reference;

/// Bytes of a file of logins: a Secret of Kubernetes has 1 MiB at most.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The names under which Docker's registry is written down.
const DOCKER: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Logins, and where they were written.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    origin: Origin,
    entries: Vec<(Place, Login)>,
    helpers: Helpers,
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// A name and a password.
    Basic { username: String, password: Secret },
    /// A token for which others are given.
    Identity(Secret),
}

#[derive(Debug, Clone, Default)]
enum Origin {
    #[default]
    Nowhere,
    PullSecret(String),
    File(PathBuf),
}

/// Where a login is good: a host, with `*` for any one label, and the beginning of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    path: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
}

impl Keyring {
    /// The logins of a pull secret: what it has under `.dockerconfigjson`. `name` is for messages: `NAMESPACE/NAME`.
    pub fn of_pull_secret(name: &str, bytes: &[u8]) -> Result<Self, OciError> {
        let origin = Origin::PullSecret(name.to_owned());
        let (entries, _) = read(bytes, &origin)?;
        Ok(Self { origin, entries, helpers: Helpers::default() })
    }

    /// The logins of a configuration of Docker's, with its credential helpers. A file that is not there has none.
    pub fn of_docker_config_file(path: &Path) -> Result<Self, OciError> {
        let origin = Origin::File(path.to_owned());
        let unreadable = |source| OciError::File { path: path.to_owned(), source };
        let length = match std::fs::metadata(path) {
            Ok(about) => about.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { origin, ..Self::default() });
            }
            Err(error) => return Err(unreadable(error)),
        };
        if length > FILE_BYTES_MAX {
            return Err(OciError::TooLarge { subject: path.display().to_string(), bytes_max: FILE_BYTES_MAX });
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let (entries, helpers) = read(&bytes, &origin)?;
        Ok(Self { origin, entries, helpers })
    }

    /// The login for an artifact.
    pub(super) async fn login(&self, reference: &Reference) -> Result<Option<Login>, OciError> {
        if let Some(login) = self.helpers.ask(reference).await? {
            return Ok(Some(login));
        }
        let matching = self.entries.iter().filter(|(place, _)| place.holds(reference));
        Ok(matching.max_by_key(|(place, _)| place.path.len()).map(|(_, login)| login.clone()))
    }

    /// What to do when the registry wants another login than `login`.
    pub(super) fn advice(&self, reference: &Reference, login: Option<&Login>) -> String {
        let registry = reference.registry();
        let whose = match login {
            Some(Login::Basic { username, .. }) => format!("the login of {username:?}"),
            Some(Login::Identity(_)) => "the identity token".to_owned(),
            None => {
                return match &self.origin {
                    Origin::Nowhere => format!("no pull secret is named; name one with a login for {registry}"),
                    Origin::PullSecret(name) => format!("the pull secret {name} has no login for {registry}: add one"),
                    Origin::File(path) => {
                        format!("{} has no login for {registry}: `docker login {registry}`", path.display())
                    }
                };
            }
        };
        format!("{whose} in {} does not do: renew it, or let it do this", self.origin)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nowhere => out.write_str("nothing"),
            Self::PullSecret(name) => write!(out, "the pull secret {name}"),
            Self::File(path) => write!(out, "{}", path.display()),
        }
    }
}

impl Place {
    /// Reads `ghcr.io`, `ghcr.io/org`, `*.example.com`, `https://index.docker.io/v1/`.
    fn read(text: &str) -> Self {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        let path: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        // Docker wrote the version of its protocol behind the host.
        let path = if matches!(path.as_slice(), [only] if only == "v1" || only == "v2") { Vec::new() } else { path };
        Self { host: usual(host), path }
    }

    fn holds(&self, reference: &Reference) -> bool {
        let registry = usual(reference.registry());
        let (wanted, labels) = (self.host.split('.'), registry.split('.'));
        let same_host = wanted.clone().count() == labels.clone().count()
            && wanted.zip(labels).all(|(wanted, label)| wanted == "*" || wanted == label);
        let mut parts = reference.repository().split('/');
        same_host && self.path.iter().all(|wanted| parts.next() == Some(wanted))
    }
}

fn usual(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if DOCKER.contains(&host.as_str()) { "docker.io".to_owned() } else { host }
}

/// A name and a secret as helpers give them, and as `auths` have them.
fn login(username: String, password: String) -> Login {
    // This name says that what follows is a token for which others are given.
    if username == "<token>" {
        Login::Identity(Secret::new(password))
    } else {
        Login::Basic { username, password: Secret::new(password) }
    }
}

fn read(bytes: &[u8], origin: &Origin) -> Result<(Vec<(Place, Login)>, Helpers), OciError> {
    let wrong = |why: String| OciError::Credentials { origin: origin.to_string(), why };
    // Where it breaks off is told, and nothing of what is there.
    let broken = |error: serde_json::Error| {
        wrong(format!("it is no configuration of Docker's (line {}, column {})", error.line(), error.column()))
    };
    let document: Document = serde_json::from_slice(bytes).map_err(broken)?;
    let mut entries = Vec::new();
    for (place, auth) in document.auths {
        let entry = auth.login().map_err(|why| wrong(format!("{}: {why}", crate::printable::line(&place, 100))))?;
        entries.extend(entry.map(|login| (Place::read(&place), login)));
    }
    let helpers = document.cred_helpers.into_iter().map(|(host, helper)| (usual(&host), helper)).collect();
    Ok((entries, Helpers::new(document.creds_store, helpers)))
}

impl Auth {
    /// The login, if the entry has one: with helpers, entries are empty.
    fn login(self) -> Result<Option<Login>, &'static str> {
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = present(self.identitytoken) {
            return Ok(Some(Login::Identity(Secret::new(token))));
        }
        if let (Some(username), Some(password)) = (present(self.username), present(self.password)) {
            return Ok(Some(login(username, password)));
        }
        let Some(auth) = present(self.auth) else { return Ok(None) };
        let decoded = STANDARD.decode(auth.trim()).map_err(|_| "its `auth` is not base64")?;
        let text = String::from_utf8(decoded).map_err(|_| "its `auth` is not text")?;
        let (username, password) = text.split_once(':').ok_or("its `auth` is not NAME:PASSWORD in base64")?;
        Ok(Some(login(username.to_owned(), password.trim_end_matches('\0').to_owned())))
    }
}

#[cfg(test)]
mod tests;
