//! TriggerAuthentication and ClusterTriggerAuthentication: how a trigger names one, and what the machine knows of it.
//!
//! Holds no credential: what an authentication gives is read by the shell, and goes into a connection from there.

use std::fmt;
use std::sync::Arc;

use crate::name::is_name;
use crate::problem::Problem;

/// The two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthenticationKind {
    /// One of the namespace of who refers to it.
    Namespaced,
    /// One of the whole cluster.
    Cluster,
}

impl AuthenticationKind {
    /// As written in a manifest.
    pub fn label(self) -> &'static str {
        match self {
            Self::Namespaced => "TriggerAuthentication",
            Self::Cluster => "ClusterTriggerAuthentication",
        }
    }
}

/// Names an authentication.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticationKey {
    /// Which of the two.
    pub kind: AuthenticationKind,
    /// Its namespace; empty for the cluster's.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl AuthenticationKey {
    /// The one of `kind` called `name`, as seen from `namespace`.
    pub fn new(kind: AuthenticationKind, namespace: &str, name: &str) -> Self {
        let namespace = match kind {
            AuthenticationKind::Namespaced => namespace,
            AuthenticationKind::Cluster => "",
        };
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for AuthenticationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (self.kind.label(), &self.name);
        match self.kind {
            AuthenticationKind::Namespaced => write!(out, "{kind} {}/{name}", self.namespace),
            AuthenticationKind::Cluster => write!(out, "{kind} {name}"),
        }
    }
}

/// `triggers[].authenticationRef` as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationDraft {
    /// `kind`; TriggerAuthentication where absent.
    pub kind: Option<String>,
    /// `name`.
    pub name: String,
}

impl AuthenticationDraft {
    /// The one that is meant by a trigger in `namespace`, or what is wrong with the words. There is no word for another
    /// namespace.
    pub fn key(&self, namespace: &str) -> Result<AuthenticationKey, Problem> {
        let kind = match self.kind.as_deref() {
            None | Some("" | "TriggerAuthentication") => AuthenticationKind::Namespaced,
            Some("ClusterTriggerAuthentication") => AuthenticationKind::Cluster,
            Some(other) => {
                let message = format!("{other:?} is neither TriggerAuthentication nor ClusterTriggerAuthentication");
                return Err(Problem::new("kind", message));
            }
        };
        if !is_name(&self.name) {
            let message = format!("{:?} is no name of a {}", self.name, kind.label());
            return Err(Problem::new("name", message));
        }
        Ok(AuthenticationKey::new(kind, namespace, &self.name))
    }
}

/// An authentication as the cluster has it, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationView {
    /// Tells a re-created one from an edited one.
    pub uid: Arc<str>,
    /// Another one after each change of what it says.
    pub fingerprint: u64,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// KEDA's finalizer is on it.
    pub held: bool,
    /// It appeared while we watched.
    pub fresh: bool,
    /// Objects that we do not know may refer to it, because another host serves them.
    pub shared: bool,
    /// `status.scaledobjects`.
    pub users: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Option<&str>, name: &str) -> Result<String, String> {
        let draft = AuthenticationDraft { kind: kind.map(str::to_owned), name: name.to_owned() };
        draft.key("shop").map(|key| key.to_string()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_kind_that_is_not_written_is_the_namespaced_one() {
        for kind in [None, Some(""), Some("TriggerAuthentication")] {
            assert_eq!(key(kind, "login"), Ok("TriggerAuthentication shop/login".to_owned()));
        }
        let cluster = key(Some("ClusterTriggerAuthentication"), "login");
        assert_eq!(cluster, Ok("ClusterTriggerAuthentication login".to_owned()));
    }

    #[test]
    fn a_kind_that_is_spelled_oddly_is_none() {
        for kind in ["clustertriggerauthentication", "ClusterTriggerAuthentication ", "Secret", "keda.sh/x", " "] {
            let told = format!("kind: {kind:?} is neither TriggerAuthentication nor ClusterTriggerAuthentication");
            assert_eq!(key(Some(kind), "login"), Err(told));
        }
    }

    #[test]
    fn a_name_that_would_reach_another_namespace_is_none() {
        for name in ["other/login", "../../other/triggerauthentications/login", "", "..", "login?a"] {
            assert_eq!(key(None, name), Err(format!("name: {name:?} is no name of a TriggerAuthentication")));
        }
    }
}
