//! Event sources: hosts that answer, refuse or hang, their passwords, and the lists that they hold.

use std::collections::BTreeMap;
use std::time::Duration;

use bellows_core::connection::{Connection, RedisConnection};
use bellows_core::effect::Poll;
use bellows_core::event::Endpoint;
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::reading::{Outcome, Reading};
use bellows_core::scaler::Trigger;

use crate::manifests::LISTS;
use crate::random::Random;

/// What a host is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers.
    Answers,
    /// It refuses connections at once.
    Refuses,
    /// It lets everybody wait until they give up.
    Hangs,
}

/// A host.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// What it does.
    pub(crate) mood: Mood,
    /// The password that it wants.
    pub(crate) wants: u64,
    /// The password that the Secret holds.
    pub(crate) secret: u64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Sources {
    /// By name.
    pub(crate) hosts: BTreeMap<String, Host>,
    /// Length of each list.
    pub(crate) lists: BTreeMap<String, u64>,
    /// Nothing goes wrong by chance any more.
    pub(crate) calm: bool,
    /// Most milliseconds that an ordinary answer takes.
    pub(crate) slow_ms: u64,
    /// How many of a thousand answers may take that long.
    pub(crate) slow_per_mille: u64,
}

impl Sources {
    /// Hosts that answer, and empty lists.
    pub(crate) fn new(hosts: &[String], slow_ms: u64, slow_per_mille: u64) -> Self {
        let host = Host { mood: Mood::Answers, wants: 0, secret: 0 };
        let hosts = hosts.iter().map(|name| (name.clone(), host.clone())).collect();
        Self {
            hosts,
            lists: LISTS.iter().map(|name| ((*name).to_owned(), 0)).collect(),
            calm: false,
            slow_ms,
            slow_per_mille,
        }
    }

    /// How long a poll takes.
    pub(crate) fn latency(&self, random: &mut Random, poll: &Poll) -> Duration {
        match self.host(poll).map(|host| host.mood) {
            Some(Mood::Hangs) => random.span(7_000, 14_000),
            _ if !self.calm && random.per_mille(self.slow_per_mille) => random.span(10, self.slow_ms),
            _ => random.span(1, 30),
        }
    }

    fn host(&self, poll: &Poll) -> Option<&Host> {
        redis(poll).and_then(|redis| self.hosts.get(&redis.host))
    }

    /// What a poll gives.
    pub(crate) fn answer(&self, random: &mut Random, poll: &Poll) -> (Endpoint, Vec<Outcome>) {
        let failed = |kind, code: &str| {
            let failure = Failure::new(kind, Blame::Source, code, "the host says no").of_endpoint();
            (Endpoint::Failed(failure.clone()), poll.triggers.iter().map(|_| Err(failure.clone())).collect())
        };
        let password = redis(poll).and_then(|redis| redis.password.as_ref());
        let endpoint = match self.host(poll) {
            None => Endpoint::Unused,
            Some(host) if host.mood != Mood::Answers => return failed(FailureKind::Transient, "unreachable"),
            Some(host) if password.is_none_or(|password| password.expose() != host.wants.to_string()) => {
                return failed(FailureKind::Denied, "unauthorized");
            }
            Some(_) if !self.calm && random.per_mille(10) => Endpoint::Unused,
            Some(_) => Endpoint::Answered,
        };
        if endpoint == Endpoint::Unused && !poll.batch.connections.is_empty() {
            let trap = Failure::new(FailureKind::Transient, Blame::Scaler, "trap", "it trapped before it dialled");
            return (endpoint, poll.triggers.iter().map(|_| Err(trap.clone())).collect());
        }
        let mut outcomes: Vec<Outcome> = poll.triggers.iter().map(|trigger| self.measure(random, trigger)).collect();
        if !self.calm && random.per_mille(10) {
            outcomes.pop();
        }
        (endpoint, outcomes)
    }

    fn measure(&self, random: &mut Random, trigger: &Trigger) -> Outcome {
        let list =
            trigger.settings.iter().find(|(name, _)| name == "list").map(|(_, list)| list.clone()).unwrap_or_default();
        let length = self.lists.get(&list).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "lengths are small")]
        let reading = |name: &str| Reading::new(name, length as f64, length > 0);
        if !self.calm {
            let failed = |kind, blame| Err(Failure::new(kind, blame, "chance", "bad luck"));
            match random.below(1000) {
                0..30 => return failed(FailureKind::Transient, Blame::Source),
                30..40 => return failed(FailureKind::Transient, Blame::Scaler),
                40..50 => return failed(FailureKind::Absent, Blame::Operator),
                50..60 => return failed(FailureKind::Denied, Blame::Operator),
                60..64 => return failed(FailureKind::Invalid, Blame::Operator),
                64..69 => return Ok(vec![reading("stranger")]),
                69..74 => return Ok(vec![reading(&list), reading(&list)]),
                74..79 => return Ok(Vec::new()),
                _ => {}
            }
        }
        Ok(vec![reading(&list)])
    }
}

/// The connection of a poll; every scaler of these worlds speaks to Redis.
fn redis(poll: &Poll) -> Option<&RedisConnection> {
    match poll.batch.connections.values().next() {
        Some(Connection::Redis(redis)) => Some(redis),
        _ => None,
    }
}
