//! Grants and limits as a person wrote them → what they mean, or everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::selector::{Selector, SelectorDraft};
use super::{Allowance, Ceiling, Commands, Grants, HostPattern, Listed, PortRange, Rights, bytes, commands};
use crate::connection::duration;
use crate::problem::Problem;
use crate::supply::{Halt, Step};

/// Least memory that a limit may leave: what the smallest component begins with.
const MEMORY_BYTES_MIN: u64 = 1024 * 1024;
/// Least time that can be measured: one tick.
const PROCESSOR_TIME_MIN: Duration = Duration::from_millis(10);
/// Groups of namespaces with other rights: each may hold 256 names, which are 16,384 in all, or a selector.
const GROUPS_MAX: usize = 64;

/// What may be granted to all namespaces or to some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartDraft {
    /// Patterns of hosts and blocks of addresses; all where absent.
    pub hosts: Option<Vec<String>>,
    /// Ports and ranges of them; all where absent.
    pub ports: Option<Vec<String>>,
    /// Commands of Redis beside those that need no grant.
    pub redis_commands: Option<Vec<String>>,
    /// Parameters whose value may enter the component from an authentication.
    pub secrets: Option<Vec<String>>,
}

/// Other rights for the objects of some namespaces: what is given here stands in the place of what is given for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SomeNamespacesDraft {
    /// The namespaces by name.
    pub names: Vec<String>,
    /// Or by their labels.
    pub selector: Option<SelectorDraft>,
    /// What is different there.
    pub part: PartDraft,
}

/// `spec.limits`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsDraft {
    /// A quantity of bytes.
    pub memory: Option<String>,
    /// A duration, or milliseconds.
    pub processor_time: Option<String>,
    /// A count.
    pub host_calls: Option<i64>,
}

/// `spec.grants` but for the capabilities, and `spec.limits`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantsDraft {
    /// For all namespaces.
    pub all: PartDraft,
    /// For some.
    pub namespaces: Vec<SomeNamespacesDraft>,
    /// How much it may use.
    pub limits: LimitsDraft,
}

/// Why grants are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What cannot be read, or contradicts itself.
    pub wrong: Vec<Problem>,
    /// What nobody can grant here.
    pub above: Vec<Problem>,
}

impl From<Refused> for Halt {
    fn from(refused: Refused) -> Self {
        let reason = if refused.wrong.is_empty() { "AboveCeiling" } else { "InvalidGrants" };
        let problems: Vec<Problem> = refused.wrong.into_iter().chain(refused.above).collect();
        Self::lasting(Step::Granted, reason, crate::problem::sentence(&problems))
    }
}

impl GrantsDraft {
    /// What it means for the component of `scaler`, below the ceiling of this host.
    pub fn parse(&self, scaler: &str, ceiling: &Ceiling) -> Result<Grants, Refused> {
        let mut refused = Refused { wrong: Vec::new(), above: Vec::new() };
        let allowance = self.limits.parse(ceiling, &mut refused);
        let none = Rights {
            scaler: scaler.into(),
            hosts: None,
            ports: None,
            redis_commands: Commands { names: BTreeSet::new(), path: "/spec/grants/redisCommands".to_owned() },
            secrets: Listed { items: Vec::new(), path: "/spec/grants/secrets".to_owned() },
            allowance,
        };
        let all = self.all.over(&none, "spec.grants", &mut refused);
        let (mut namespaces, mut selected) = (BTreeMap::new(), Vec::new());
        if self.namespaces.len() > GROUPS_MAX {
            let message = format!("are {}, of at most {GROUPS_MAX}", self.namespaces.len());
            refused.wrong.push(Problem::new("spec.grants.namespaces", message));
        }
        for (index, some) in self.namespaces.iter().take(GROUPS_MAX).enumerate() {
            let place = format!("spec.grants.namespaces[{index}]");
            let rights = Arc::new(some.part.over(&all, &place, &mut refused));
            for name in &some.names {
                if namespaces.insert(name.clone(), rights.clone()).is_some() {
                    let message = format!("{name} is named twice, and nothing would say which of both counts");
                    refused.wrong.push(Problem::new(format!("{place}.names"), message));
                }
            }
            selected.extend(some.selector(&place, &mut refused.wrong).map(|selector| (selector, rights)));
        }
        if refused.wrong.is_empty() && refused.above.is_empty() {
            Ok(Grants { all: Arc::new(all), namespaces, selected })
        } else {
            Err(refused)
        }
    }
}

impl SomeNamespacesDraft {
    /// Its selector, if it has that and no names. `place` is a path as problems have it.
    fn selector(&self, place: &str, wrong: &mut Vec<Problem>) -> Option<Selector> {
        match (&self.selector, self.names.is_empty()) {
            (None, true) => {
                wrong.push(Problem::new(format!("{place}.names"), "names no namespace: give names or a selector"));
                None
            }
            (None, false) => None,
            (Some(_), false) => {
                let message = "stands beside names: give one of both, and the other in an entry of its own";
                wrong.push(Problem::new(format!("{place}.selector"), message));
                None
            }
            (Some(selector), true) => {
                let instead = "use the fields of spec.grants above, or say which label selects them";
                let under = |problem: Problem| problem.under(&format!("{place}.selector"));
                let parsed = selector.parse(instead);
                parsed.map_err(|problems| wrong.extend(problems.into_iter().map(under))).ok()
            }
        }
    }
}

impl PartDraft {
    /// What is given here in the place of what `before` has. `place` is a path as problems have it.
    fn over(&self, before: &Rights, place: &str, refused: &mut Refused) -> Rights {
        let mut rights = before.clone();
        if let Some(hosts) = &self.hosts {
            rights.hosts = Some(parsed::<HostPattern>(hosts, place, "hosts", refused));
        }
        if let Some(ports) = &self.ports {
            rights.ports = Some(parsed::<PortRange>(ports, place, "ports", refused));
        }
        if let Some(granted) = &self.redis_commands {
            for (index, command) in granted.iter().enumerate() {
                if let Err(why) = commands::judge(command) {
                    refused.above.push(Problem::new(format!("{place}.redisCommands[{index}]"), why));
                }
            }
            let names = granted.iter().map(|command| command.to_ascii_uppercase()).collect();
            rights.redis_commands = Commands { names, path: pointer(place, "redisCommands") };
        }
        if let Some(secrets) = &self.secrets {
            rights.secrets = Listed { items: secrets.clone(), path: pointer(place, "secrets") };
        }
        rights
    }
}

fn parsed<T: FromStr<Err: Display>>(written: &[String], place: &str, field: &str, refused: &mut Refused) -> Listed<T> {
    if written.is_empty() {
        // Whoever takes the last one away does not mean to let all in.
        let message = "is empty: leave it out to allow all, or name what is allowed";
        refused.wrong.push(Problem::new(format!("{place}.{field}"), message));
    }
    let mut items = Vec::with_capacity(written.len());
    for (index, text) in written.iter().enumerate() {
        match text.parse::<T>() {
            Ok(item) => items.push(item),
            Err(error) => refused.wrong.push(Problem::new(format!("{place}.{field}[{index}]"), error.to_string())),
        }
    }
    Listed { items, path: pointer(place, field) }
}

/// `spec.grants.namespaces[0]` and `hosts` as a JSON pointer: `/spec/grants/namespaces/0/hosts`.
fn pointer(place: &str, field: &str) -> String {
    format!("/{}/{field}", place.replace(['.', '['], "/").replace(']', ""))
}

impl LimitsDraft {
    fn parse(&self, ceiling: &Ceiling, refused: &mut Refused) -> Allowance {
        let mut wrong = |field: &str, message: String| {
            refused.wrong.push(Problem::new(format!("spec.limits.{field}"), message));
        };
        let memory_bytes = self.memory.as_ref().and_then(|text| {
            let parsed = bytes(text).filter(|bytes| *bytes >= MEMORY_BYTES_MIN);
            if parsed.is_none() {
                wrong(
                    "memory",
                    format!("{text:?} is no quantity of bytes from 1Mi on without a fraction, such as 32Mi"),
                );
            }
            parsed
        });
        let processor_time = self.processor_time.as_ref().and_then(|text| {
            let parsed = duration(text).filter(|time| *time >= PROCESSOR_TIME_MIN);
            if parsed.is_none() {
                wrong("processorTime", format!("{text:?} is no time from 10ms on: give milliseconds, or 500ms or 2s"));
            }
            parsed
        });
        let host_calls = self.host_calls.and_then(|count| {
            let parsed = u32::try_from(count).ok().filter(|count| *count > 0);
            if parsed.is_none() {
                wrong("hostCalls", format!("{count} is no count from 1 on"));
            }
            parsed
        });
        let mut above = |field: &str, asked: String, most: String, flag: &str| {
            let message = format!(
                "{asked} is above the ceiling of this host, {most}; whoever runs it can raise that with {flag}"
            );
            refused.above.push(Problem::new(format!("spec.limits.{field}"), message));
        };
        if let Some(asked) = memory_bytes.filter(|asked| *asked > ceiling.memory_bytes) {
            above("memory", size(asked), size(ceiling.memory_bytes), "--scaler-memory-max");
        }
        if let Some(asked) = processor_time.filter(|asked| *asked > ceiling.processor_time) {
            let (asked, most) = (format!("{asked:?}"), format!("{:?}", ceiling.processor_time));
            above("processorTime", asked, most, "--scaler-processor-time-max");
        }
        if let Some(asked) = host_calls.filter(|asked| *asked > ceiling.host_calls) {
            above("hostCalls", asked.to_string(), ceiling.host_calls.to_string(), "--scaler-host-calls-max");
        }
        Allowance { memory_bytes, processor_time, host_calls }
    }
}

/// Bytes as people write them.
pub(super) fn size(bytes: u64) -> String {
    let mebi = 1024 * 1024;
    if bytes.is_multiple_of(mebi) { format!("{}Mi", bytes / mebi) } else { bytes.to_string() }
}
