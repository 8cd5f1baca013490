//! What a component that somebody else made may do here, for the objects of one namespace: where it may be led, what it may
//! ask, which secrets may enter it, and how much it may use.
//!
//! Judges values. Who is judged when is the business of whoever plans and lends; a component of the host's own folder has
//! no [`Rights`], because the operator put it there.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::connection::Connection;
use crate::parameter::Sources;
use crate::problem::Problem;
use crate::scaler::{Source, TriggerType};

mod audience;
pub mod commands;
mod draft;
mod grants;
mod pattern;
pub mod secrets;
mod selector;

pub use crate::connection::duration as time;
pub use audience::{Audience, AudienceDraft, Undecided};
pub use draft::{GrantsDraft, LimitsDraft, PartDraft, SomeNamespacesDraft};
pub use grants::Grants;
pub use pattern::{HostPattern, PortRange, bytes};
pub use selector::{Labels, RequirementDraft, Selector, SelectorDraft};

/// What any component may use at most, whoever grants it: what the host was started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Bytes of linear memory of one instance.
    pub memory_bytes: u64,
    /// Time that it may compute in one call.
    pub processor_time: Duration,
    /// Its calls of the host in one call.
    pub host_calls: u32,
}

impl Ceiling {
    /// For whoever does not know what a host was started with.
    pub const NONE: Self = Self { memory_bytes: u64::MAX, processor_time: Duration::MAX, host_calls: u32::MAX };
}

/// What a component may use; what the host gives to each where absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes of linear memory of one instance.
    pub memory_bytes: Option<u64>,
    /// Time that it may compute in one call.
    pub processor_time: Option<Duration>,
    /// Its calls of the host in one call.
    pub host_calls: Option<u32>,
}

/// A list that was granted, and where it stands in the Scaler: `/spec/grants/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed<T> {
    items: Vec<T>,
    path: String,
}

impl<T: fmt::Display> Listed<T> {
    fn told(&self) -> String {
        if self.items.is_empty() {
            return "none".to_owned();
        }
        self.items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Commands beside those that need no grant, in capitals, and where they stand in the Scaler.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Commands {
    names: BTreeSet<String>,
    path: String,
}

/// The rights of one Scaler's component for the objects of one namespace. What is absent is not restricted; commands and
/// secrets are granted one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    scaler: Arc<str>,
    hosts: Option<Listed<HostPattern>>,
    ports: Option<Listed<PortRange>>,
    redis_commands: Commands,
    secrets: Listed<String>,
    allowance: Allowance,
}

impl Rights {
    /// What it may use.
    pub fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Whether a command that is not let through by itself was granted. It is in capitals.
    pub fn allows_command(&self, command: &str) -> bool {
        self.redis_commands.names.contains(command)
    }

    /// What is said of a command that could be granted and is not.
    pub fn command_withheld(&self, command: &str) -> String {
        let Commands { names, path } = &self.redis_commands;
        // A list that is not there yet cannot be added to.
        let way = if names.is_empty() {
            self.patch(path, &format!("[{command:?}]"))
        } else {
            self.addition(path, &format!("{command:?}"))
        };
        format!("redisCommands of Scaler {} do not name {command}: {way}", self.scaler)
    }

    /// Whether a connection may be dialled: its host as it is written, and its port. Which addresses a name leads to is
    /// judged when it is dialled, by the host's own policy.
    pub fn judge_place(&self, connection: &Connection) -> Result<(), String> {
        let (host, port) = connection.place();
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let endpoint = connection.endpoint();
        if let Some(hosts) = &self.hosts
            && !hosts.items.iter().any(|pattern| pattern.allows(&host))
        {
            let wanted = if host.parse::<IpAddr>().is_err() && hosts.items.iter().all(HostPattern::is_block) {
                "; a name is granted by a name, and a block grants addresses as they are written"
            } else {
                ""
            };
            let granted = hosts.told();
            let way = self.addition(&hosts.path, &format!("{host:?}"));
            return Err(format!(
                "hosts of Scaler {} do not allow {endpoint}: granted is {granted}{wanted}; {way}",
                self.scaler
            ));
        }
        if let Some(ports) = &self.ports
            && !ports.items.iter().any(|range| range.allows(port))
        {
            let (granted, way) = (ports.told(), self.addition(&ports.path, &port.to_string()));
            return Err(format!(
                "ports of Scaler {} do not allow {endpoint}: granted is {granted}; {way}",
                self.scaler
            ));
        }
        Ok(())
    }

    /// All that a trigger would need and that is not granted: known before anything of it runs.
    pub fn judge(
        &self,
        kind: &TriggerType,
        sources: &Sources<'_>,
        connections: impl IntoIterator<Item = (impl AsRef<str>, impl std::borrow::Borrow<Connection>)>,
    ) -> Vec<Problem> {
        let given = |name: &str| sources.authentication.get(name).is_some_and(|value| !value.trim().is_empty());
        let secrets = kind.parameters.iter().filter(|parameter| {
            secrets::may_enter(kind, parameter)
                && given(&parameter.name)
                && !self.secrets.items.contains(&parameter.name)
        });
        let mut problems: Vec<Problem> = secrets.map(|parameter| self.withheld(&parameter.name)).collect();
        for (name, connection) in connections {
            if let Err(why) = self.judge_place(connection.borrow()) {
                problems.push(Problem::new(address_field(kind, sources, name.as_ref()), why));
            }
        }
        problems
    }

    fn withheld(&self, parameter: &str) -> Problem {
        let (granted, way) = (self.secrets.told(), self.secret_addition(parameter));
        let message = format!(
            "{parameter} would enter the component itself, and secrets of Scaler {} do not name it: granted is \
             {granted}; {way}",
            self.scaler
        );
        Problem::new("authenticationRef", message)
    }

    fn secret_addition(&self, parameter: &str) -> String {
        // A list that is not there yet cannot be added to.
        if self.secrets.items.is_empty() {
            return self.patch(&self.secrets.path, &format!("[{parameter:?}]"));
        }
        self.addition(&self.secrets.path, &format!("{parameter:?}"))
    }

    fn addition(&self, list: &str, value: &str) -> String {
        self.patch(&format!("{list}/-"), value)
    }

    fn patch(&self, path: &str, value: &str) -> String {
        format!(
            "to allow it: kubectl patch scaler {} --type json --patch \
             '[{{\"op\":\"add\",\"path\":\"{path}\",\"value\":{value}}}]'",
            self.scaler
        )
    }
}

/// The field of a trigger that says where a connection leads.
fn address_field(kind: &TriggerType, sources: &Sources<'_>, connection: &str) -> String {
    let places = ["addresses", "hosts", "uri"];
    let feeding = kind.parameters.iter().filter(|parameter| {
        let feed = parameter.feeds.as_ref();
        feed.is_some_and(|feed| feed.connection == connection && places.contains(&feed.field.as_str()))
    });
    let written = |name: &str| sources.metadata.get(name).is_some_and(|value| !value.trim().is_empty());
    for parameter in feeding {
        let from_environment = format!("{}FromEnv", parameter.name);
        for source in &parameter.sources {
            match source {
                Source::Metadata if written(&parameter.name) => return format!("metadata.{}", parameter.name),
                Source::Environment if written(&from_environment) => return format!("metadata.{from_environment}"),
                Source::Authentication if sources.authentication.contains_key(parameter.name.as_str()) => {
                    return "authenticationRef".to_owned();
                }
                _ => {}
            }
        }
    }
    String::new()
}

#[cfg(test)]
mod tests;
