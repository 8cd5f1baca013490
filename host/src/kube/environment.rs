//! **Pure**: the environment of a container as its pod would have it, for those variables that somebody asks for, and
//! which Secrets and ConfigMaps must be read to know them.
//!
//! Reads nothing itself. What cannot be known is told with its reason, never taken as empty.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bellows_core::problem::Problem;
use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};
use serde::Deserialize;

mod entry;
mod expand;

use entry::{Definition, bulk, definition};
use expand::Piece;

/// Most bytes of all variables together: Linux hands no more than 2 MiB to a process. Values that name each other could
/// otherwise double at every step.
const BYTES_MAX: usize = 2 << 20;
/// Most entries of a container. The longest known have some 200; the work below is at most this times `STEPS_MAX`,
/// 10 million short comparisons or some 20 ms.
const ENTRIES_MAX: usize = 1_000;
/// Most steps from a variable to the ones that it names.
const STEPS_MAX: usize = 10_000;

/// The part of a container that makes its environment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    #[serde(default)]
    name: String,
    env: Option<Vec<EnvVar>>,
    env_from: Option<Vec<EnvFromSource>>,
}

/// Where a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Keeper {
    ConfigMap,
    Secret,
}

/// An object that values are kept in, in the namespace of the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    pub(super) keeper: Keeper,
    pub(super) name: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keeper = match self.keeper {
            Keeper::ConfigMap => "ConfigMap",
            Keeper::Secret => "Secret",
        };
        write!(out, "{keeper} {}", self.name)
    }
}

/// What reading an object gave: its entries, that it is not there, or why it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contents {
    Entries(BTreeMap<String, Vec<u8>>),
    NotThere,
    Unread(String),
}

/// The container whose environment counts: the named one, or the first.
pub(super) fn container<'list>(
    containers: &'list [Container],
    name: Option<&str>,
) -> Result<&'list Container, Problem> {
    let found = match name {
        Some(name) => containers.iter().find(|container| container.name == name),
        None => containers.first(),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = containers.iter().map(|container| container.name.as_str()).collect();
        let message = match name {
            Some(name) => format!("the target has no container {name}: it has {}", names.join(", ")),
            None => "the target's pod template has no container".to_owned(),
        };
        Problem::new("spec.scaleTargetRef.envSourceContainerName", message)
    })
}

/// What must be known for some variables.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needed {
    /// Objects to read.
    pub(super) references: BTreeSet<Reference>,
    /// Entries of `env` that count.
    entries: BTreeSet<usize>,
}

impl Container {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn variables(&self) -> &[EnvVar] {
        self.env.as_deref().unwrap_or_default()
    }

    fn sources(&self) -> &[EnvFromSource] {
        self.env_from.as_deref().unwrap_or_default()
    }

    /// The definition of `name` that holds before the entry at `before`: of several the last one counts.
    fn defined(&self, name: &str, before: usize) -> Option<(usize, Definition<'_>)> {
        let found = self.variables().iter().enumerate().take(before).rfind(|(_, variable)| variable.name == name);
        found.map(|(index, variable)| (index, definition(variable)))
    }

    /// All that must be read to know the variables `names`, and nothing else.
    pub(super) fn needed<'name>(&self, names: impl IntoIterator<Item = &'name str>) -> Result<Needed, String> {
        if self.variables().len() + self.sources().len() > ENTRIES_MAX {
            return Err(format!("the container has more than {ENTRIES_MAX} entries in env and envFrom"));
        }
        let (mut needed, mut seen) = (Needed::default(), BTreeSet::new());
        let mut open: Vec<(String, usize)> = names.into_iter().map(|name| (name.to_owned(), usize::MAX)).collect();
        // Each step goes to an earlier entry of the container, and no step is gone twice.
        while let Some((name, before)) = open.pop() {
            if seen.len() > STEPS_MAX {
                return Err(format!("the container's variables name each other more than {STEPS_MAX} times"));
            }
            if !seen.insert((name.clone(), before)) {
                continue;
            }
            let Some((index, definition)) = self.defined(&name, before) else {
                let sources = self.sources().iter().filter_map(|source| bulk(source, &name));
                needed.references.extend(sources.map(|(of, ..)| of));
                continue;
            };
            needed.entries.insert(index);
            match definition {
                Definition::Literal(value) => {
                    open.extend(expand::variables(value).map(|name| (name.to_owned(), index)));
                }
                Definition::Key { of, optional, .. } => {
                    needed.references.insert(of);
                    if optional {
                        open.push((name, index));
                    }
                }
                Definition::Unknown => {}
            }
        }
        Ok(needed)
    }
}

/// A variable: its value, that the container has none of that name, or why it cannot be known.
pub(super) type Variable = Result<Option<String>, String>;

/// The environment of one container, as far as it was asked for.
pub(super) struct Environment<'read> {
    container: &'read Container,
    namespace: &'read str,
    contents: &'read BTreeMap<Reference, Contents>,
    /// What `env` gave, up to the entry that is looked at.
    set: BTreeMap<&'read str, Variable>,
    /// What `envFrom` gave, as far as it was asked.
    bulk: BTreeMap<String, Variable>,
    bytes: usize,
}

impl<'read> Environment<'read> {
    /// `contents` holds an answer for everything that `needed` names.
    pub(super) fn new(
        container: &'read Container,
        namespace: &'read str,
        needed: &Needed,
        contents: &'read BTreeMap<Reference, Contents>,
    ) -> Self {
        let (set, bulk) = (BTreeMap::new(), BTreeMap::new());
        let mut environment = Self { container, namespace, contents, set, bulk, bytes: 0 };
        // In the order of the container, as its runtime does: a value sees what stands before it.
        for (index, variable) in container.variables().iter().enumerate() {
            if needed.entries.contains(&index) {
                environment.define(variable);
            }
        }
        environment
    }

    /// The value of `name` in the running container.
    pub(super) fn get(&mut self, name: &str) -> Variable {
        if let Some(set) = self.set.get(name) {
            return set.clone();
        }
        if let Some(known) = self.bulk.get(name) {
            return known.clone();
        }
        let value = self.bulk(name);
        self.bulk.insert(name.to_owned(), value.clone());
        value
    }

    fn define(&mut self, variable: &'read EnvVar) {
        let name = variable.name.as_str();
        let value = match definition(variable) {
            Definition::Literal(value) => self.expanded(name, value).map(Some),
            Definition::Key { of, key, optional } => self.key(&of, key, optional),
            Definition::Unknown => {
                Err(format!("variable {name} is known only to the running pod: give a value, a Secret or a ConfigMap"))
            }
        };
        // An optional key that is missing leaves what was there before.
        if value != Ok(None) {
            self.set.insert(name, value);
        }
    }

    fn expanded(&mut self, name: &str, value: &str) -> Result<String, String> {
        let mut expanded = String::new();
        for piece in expand::pieces(value) {
            match piece {
                Piece::Text(text) => expanded.push_str(text),
                Piece::Variable(other) => match self.get(other)? {
                    Some(value) => expanded.push_str(&value),
                    // As a container's runtime has it: what is not defined stays as it was written.
                    None => expanded.extend(["$(", other, ")"]),
                },
            }
            if self.bytes + expanded.len() > BYTES_MAX {
                return Err(format!("variable {name} makes the environment larger than {BYTES_MAX} bytes"));
            }
        }
        self.bytes += expanded.len();
        Ok(expanded)
    }

    fn key(&self, of: &Reference, key: &str, optional: bool) -> Variable {
        entry(self.contents.get(of), of, self.namespace, key, optional)
    }

    /// The last source of `envFrom` that has it counts.
    fn bulk(&self, name: &str) -> Variable {
        for source in self.container.sources().iter().rev() {
            let Some((of, key, optional)) = bulk(source, name) else { continue };
            let is_there = matches!(self.contents.get(&of), Some(Contents::Entries(_)));
            // One that is there without the key is no fault; one that is missing may be the one that has it.
            if let Some(value) = self.key(&of, key, optional || is_there)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// The value of `key` in what reading `of` gave, or why there is none. Only an optional one may be missing.
pub(super) fn entry(
    contents: Option<&Contents>,
    of: &Reference,
    namespace: &str,
    key: &str,
    optional: bool,
) -> Variable {
    match contents {
        Some(Contents::Entries(entries)) => match entries.get(key) {
            Some(value) => {
                text(value).map(Some).ok_or_else(|| format!("key {key} of {of} in namespace {namespace} is no text"))
            }
            None if optional => Ok(None),
            None => Err(format!("{of} in namespace {namespace} has no key {key}")),
        },
        Some(Contents::NotThere) if optional => Ok(None),
        Some(Contents::NotThere) => {
            Err(format!("there is no {of} in namespace {namespace}; key {key} of it is needed"))
        }
        Some(Contents::Unread(why)) => Err(format!("{of} in namespace {namespace} cannot be read: {why}")),
        None => Err(format!("{of} in namespace {namespace} was not read")),
    }
}

fn text(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests;
