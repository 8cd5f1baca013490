//! What a Scaler grants, parsed: the rights in each namespace, and how they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::size;
use super::selector::{Labels, Selector};
use super::{Ceiling, Listed, Rights, Undecided};
use crate::supply::GRANTED;

/// What a Scaler grants its component: rights for all namespaces, and others for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    pub(super) all: Arc<Rights>,
    pub(super) namespaces: BTreeMap<String, Arc<Rights>>,
    /// In their order: the first that matches counts.
    pub(super) selected: Vec<(Selector, Arc<Rights>)>,
}

impl Grants {
    /// The rights for the objects of a namespace: by its name, or else by the first selector that its labels match, or else
    /// those for all. Where labels would decide and are not known, it has none of them: nobody could say whether it is meant
    /// to have more than all others, or less.
    pub fn of(&self, namespace: &str, labels: Option<&Labels>) -> Result<&Arc<Rights>, Undecided> {
        if let Some(named) = self.namespaces.get(namespace) {
            return Ok(named);
        }
        if self.selected.is_empty() {
            return Ok(&self.all);
        }
        let labels = labels.ok_or(Undecided)?;
        let matching = self.selected.iter().find(|(selector, _)| selector.matches(labels));
        Ok(matching.map_or(&self.all, |(_, rights)| rights))
    }

    /// Whether labels decide of some namespaces.
    pub fn by_labels(&self) -> bool {
        !self.selected.is_empty()
    }

    /// The rights in some namespaces.
    fn some(&self) -> impl Iterator<Item = &Arc<Rights>> {
        self.namespaces.values().chain(self.selected.iter().map(|(_, rights)| rights))
    }

    /// What it may use, which is the same everywhere.
    pub fn anywhere(&self) -> &Arc<Rights> {
        &self.all
    }

    /// Whether a parameter may enter the component in some namespace.
    pub(super) fn names_secret(&self, parameter: &str) -> bool {
        let mut rights = std::iter::once(&self.all).chain(self.some());
        rights.any(|rights| rights.secrets.items.iter().any(|name| name == parameter))
    }

    /// The parameters that may enter it everywhere.
    pub(super) fn secrets(&self) -> &[String] {
        &self.all.secrets.items
    }

    /// What the component may do at last: what it imports, as far as that is granted, below what the host gives at most.
    pub fn told(&self, imports: &[String], given: &Ceiling) -> String {
        let imports = |name: &str| imports.iter().any(|import| import == name);
        let lent: Vec<&str> = GRANTED.into_iter().filter(|name| imports(name)).collect();
        let mut told = vec![if lent.is_empty() { "lent nothing".to_owned() } else { lent.join(", ") }];
        told.extend(self.all.told(&imports, None));
        let allowance = self.all.allowance();
        let memory = allowance.memory_bytes.unwrap_or(given.memory_bytes);
        let time = allowance.processor_time.unwrap_or(given.processor_time);
        told.push(format!(
            "memory {}; processorTime {time:?}; hostCalls {}",
            size(memory),
            allowance.host_calls.unwrap_or(given.host_calls)
        ));
        let named = self.namespaces.iter().map(|(name, rights)| (name.clone(), rights));
        let selected = self.selected.iter().map(|(selector, rights)| (format!("namespaces with {selector}"), rights));
        for (place, rights) in named.chain(selected) {
            let differs = rights.told(&imports, Some(&self.all));
            let differs = if differs.is_empty() { "as elsewhere".to_owned() } else { differs.join(", ") };
            told.push(format!("in {place}: {differs}"));
        }
        told.join("; ")
    }
}

impl Rights {
    /// What concerns a component with these imports, and is not as in `other`.
    fn told(&self, imports: &impl Fn(&str) -> bool, other: Option<&Self>) -> Vec<String> {
        let mut told = Vec::new();
        if ["redis", "amqp", "http"].into_iter().any(imports) {
            if other.is_none_or(|other| items(&other.hosts) != items(&self.hosts)) {
                told.push(format!("hosts {}", all_or(&self.hosts)));
            }
            if other.is_none_or(|other| items(&other.ports) != items(&self.ports)) {
                told.push(format!("ports {}", all_or(&self.ports)));
            }
        }
        if imports("redis") && other.is_none_or(|other| other.redis_commands.names != self.redis_commands.names) {
            let commands: Vec<&str> = self.redis_commands.names.iter().map(String::as_str).collect();
            let commands = if commands.is_empty() { "none".to_owned() } else { commands.join(", ") };
            told.push(format!("further redisCommands {commands}"));
        }
        if other.is_none_or(|other| other.secrets.items != self.secrets.items) {
            told.push(format!("secrets {}", self.secrets.told()));
        }
        told
    }
}

fn items<T>(list: &Option<Listed<T>>) -> Option<&[T]> {
    list.as_ref().map(|list| list.items.as_slice())
}

fn all_or<T: std::fmt::Display>(list: &Option<Listed<T>>) -> String {
    list.as_ref().map_or_else(|| "all".to_owned(), Listed::told)
}
