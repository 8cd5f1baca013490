//! A scaler in a native unit test: replies are scripted, and what was asked is kept.
//!
//! Nothing here is in a component. With the feature `cases` it also runs a scaler's `cases.toml`.

#[cfg(feature = "cases")]
pub mod cases;

use std::collections::BTreeMap;

use crate::component::{self, Measured, Trigger};
use crate::connection::Source;
use crate::failure::{Failure, Result};
use crate::redis::{Command, Redis, Reply};
use crate::scaler::{Instant, Metric, Problem, Scaler, TargetType};

/// A Redis server that answers by heart, and keeps the pipelines that it got.
#[derive(Debug, Clone, Default)]
pub struct Script {
    replies: BTreeMap<Command, Reply>,
    outage: Option<Failure>,
    /// What was asked: one entry for each round trip.
    pub pipelines: Vec<Vec<Command>>,
}

impl Script {
    /// A server that knows no command.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with the reply to a command.
    #[must_use]
    pub fn on(mut self, command: Command, reply: Reply) -> Self {
        self.replies.insert(command, reply);
        self
    }

    /// The same, failing as a whole.
    #[must_use]
    pub fn failing(mut self, failure: Failure) -> Self {
        self.outage = Some(failure);
        self
    }

    /// What it says to a command; an error that names the command where nobody taught it one.
    pub fn reply(&self, command: &Command) -> Reply {
        let unknown = || Reply::Error(format!("ERR the script has no reply to {command:?}"));
        self.replies.get(command).cloned().unwrap_or_else(unknown)
    }
}

impl Source<Redis> for Script {
    fn answer(&mut self, commands: &[Command]) -> Result<Vec<Reply>> {
        self.pipelines.push(commands.to_vec());
        if let Some(failure) = &self.outage {
            return Err(failure.clone());
        }
        Ok(commands.iter().map(|command| self.reply(command)).collect())
    }
}

/// A trigger of a scaler, with these settings.
pub fn trigger<T: Scaler>(settings: &[(&str, &str)]) -> Trigger {
    Trigger {
        trigger_type: T::TRIGGER_TYPE.to_owned(),
        metric_type: None,
        settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

/// A trigger whose user chose what the target is of.
#[must_use]
pub fn of_type(trigger: Trigger, metric_type: TargetType) -> Trigger {
    Trigger { metric_type: Some(metric_type), ..trigger }
}

/// The metric of a trigger.
///
/// # Errors
/// Everything that is wrong with its settings.
pub fn plan<T: Scaler>(trigger: &Trigger) -> Result<Metric, Vec<Problem>> {
    component::plan::<T>(trigger)
}

/// Reads triggers in one call.
pub fn measure<T: Scaler>(
    at: Instant,
    triggers: &[Trigger],
    source: &mut dyn Source<T::Connection>,
) -> Vec<Result<Measured>> {
    component::measure::<T>(at, &triggers.iter().collect::<Vec<_>>(), source)
}

/// Some moment, for scalers that do not look at the clock: 2026-01-01T00:00:00Z.
pub const NEW_YEAR: Instant = Instant { seconds: 1_767_225_600, nanoseconds: 0 };
