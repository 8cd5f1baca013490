//! A scaler's `cases.toml`: settings and scripted replies, and what must become of them.
//!
//! The same file is run twice: natively by the scaler's own test, and through the built component by the host's. A case
//! says everything that it expects; a key that is not known is an error, so that no expectation is overlooked.

use serde::Deserialize;

use super::{NEW_YEAR, Script, measure, plan};
use crate::component::Trigger;
use crate::failure::{Detail, Failure};
use crate::redis::{Command, Redis, Reply};
use crate::scaler::{Metric, Problem, Reading, Scaler, TargetType};

/// One trigger, what its source says, and what must become of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// A sentence that holds.
    pub name: String,
    /// The value of `triggers[].type`.
    pub trigger_type: String,
    /// What the user wants the target to be of, if he says so.
    pub metric_type: Option<TargetKind>,
    /// The settings as the user wrote them; text, as in a manifest.
    #[serde(default)]
    pub settings: std::collections::BTreeMap<String, String>,
    /// What the source answers, question by question.
    #[serde(default)]
    pub replies: Vec<Answer>,
    /// What befalls every exchange with the source.
    pub outage: Option<Told>,
    /// What `plan` must give: the metric, …
    pub metric: Option<Planned>,
    /// … or all of these problems.
    pub problems: Option<Vec<Complaint>>,
    /// What `measure` must give: the reading, …
    pub reading: Option<Measurement>,
    /// … or this failure.
    pub failure: Option<Told>,
    /// What must have been asked: one list of commands for each round trip.
    pub rounds: Option<Vec<Vec<Command>>>,
}

/// The reply to one command.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Answer {
    /// The command and its arguments.
    pub to: Command,
    /// What comes back.
    #[serde(flatten)]
    pub with: With,
}

/// What a server may say.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum With {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Double(f64),
    /// Nothing; the value is ignored.
    Nil(bool),
    /// The server's refusal, in its own words.
    Error(String),
}

/// What a target is of, as a case spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TargetKind {
    /// For each replica.
    AverageValue,
    /// For the workload as a whole.
    Value,
    /// A percentage of what was requested.
    Utilization,
}

/// A metric that must be planned.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Planned {
    /// Its name, before the host makes it fit for Kubernetes.
    pub name: String,
    /// Where it should be.
    pub target: f64,
    /// What the target is of.
    pub target_type: TargetKind,
}

/// A problem that must be told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complaint {
    /// The parameter.
    pub parameter: String,
    /// The message, word for word.
    pub message: String,
}

/// A reading that must come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// The value.
    pub value: f64,
    /// Whether there is work.
    pub active: bool,
}

/// A failure that happens or must come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// What the host does about it.
    pub kind: Kind,
    /// The word for it.
    pub code: String,
    /// The sentence, word for word.
    pub message: String,
}

/// The four cases of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Asked again at the next poll.
    Transient,
    /// Credentials are read again first.
    Denied,
    /// It does not exist.
    Absent,
    /// Not asked again until the settings change.
    Invalid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// The cases of a file.
///
/// # Errors
/// Where the file is no list of cases.
pub fn read(file: &str) -> Result<Vec<Case>, toml::de::Error> {
    toml::from_str::<File>(file).map(|file| file.case)
}

/// Runs the cases of a scaler's file that are of its trigger type.
///
/// # Errors
/// Every expectation that was not met, each with the name of its case.
pub fn run<T: Scaler<Connection = Redis>>(file: &str) -> Result<(), Vec<String>> {
    let cases = read(file).map_err(|error| vec![error.to_string()])?;
    let served: Vec<Case> = cases.into_iter().filter(|case| case.trigger_type == T::TRIGGER_TYPE).collect();
    if served.is_empty() {
        return Err(vec![format!("there is no case of type {}", T::TRIGGER_TYPE)]);
    }
    let missed: Vec<String> = served.iter().flat_map(run_one::<T>).collect();
    if missed.is_empty() { Ok(()) } else { Err(missed) }
}

fn run_one<T: Scaler<Connection = Redis>>(case: &Case) -> Vec<String> {
    let trigger = case.trigger();
    let mut missed = Vec::new();
    let mut expect = |what: &str, found: String, wanted: String| {
        if found != wanted {
            missed.push(format!("{}: {what} is {found}, expected {wanted}", case.name));
        }
    };
    if case.metric.is_some() || case.problems.is_some() {
        let wanted = case.planned();
        expect("plan", format!("{:?}", plan::<T>(&trigger)), format!("{wanted:?}"));
    }
    let mut script = case.script();
    let found = measure::<T>(NEW_YEAR, &[trigger], &mut script).pop();
    if let Some(wanted) = case.measured() {
        let found = found.map(|result| result.map(|measured| measured.reading));
        expect("measure", format!("{found:?}"), format!("{:?}", Some(wanted)));
    }
    if let Some(rounds) = &case.rounds {
        expect("what was asked", format!("{:?}", script.pipelines), format!("{rounds:?}"));
    }
    missed
}

impl Case {
    /// The trigger.
    pub fn trigger(&self) -> Trigger {
        Trigger {
            trigger_type: self.trigger_type.clone(),
            metric_type: self.metric_type.map(TargetKind::target_type),
            settings: self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// The server.
    pub fn script(&self) -> Script {
        let script =
            self.replies.iter().fold(Script::new(), |script, reply| script.on(reply.to.clone(), reply.with.reply()));
        match &self.outage {
            Some(outage) => script.failing(outage.failure()),
            None => script,
        }
    }

    /// What `plan` must give.
    ///
    /// # Errors
    /// The problems, where it must tell those.
    pub fn planned(&self) -> Result<Metric, Vec<Problem>> {
        match &self.metric {
            Some(Planned { name, target, target_type }) => {
                Ok(Metric { name: name.clone(), target: *target, target_type: target_type.target_type() })
            }
            None => {
                Err(self.problems.iter().flatten().map(|told| Problem::of(&told.parameter, &told.message)).collect())
            }
        }
    }

    /// What `measure` must give, where the case says so.
    pub fn measured(&self) -> Option<Result<Reading, Failure>> {
        let reading = self.reading.as_ref().map(|&Measurement { value, active }| Ok(Reading { value, active }));
        reading.or_else(|| self.failure.as_ref().map(|failure| Err(failure.failure())))
    }
}

impl TargetKind {
    fn target_type(self) -> TargetType {
        match self {
            Self::AverageValue => TargetType::AverageValue,
            Self::Value => TargetType::Value,
            Self::Utilization => TargetType::Utilization,
        }
    }
}

impl Told {
    fn failure(&self) -> Failure {
        let detail = Detail { code: self.code.clone(), message: self.message.clone() };
        match self.kind {
            Kind::Transient => Failure::Transient(detail),
            Kind::Denied => Failure::Denied(detail),
            Kind::Absent => Failure::Absent(detail),
            Kind::Invalid => Failure::Invalid(detail),
        }
    }
}

impl With {
    fn reply(&self) -> Reply {
        match self {
            Self::Text(text) => Reply::Text(text.clone()),
            Self::Integer(number) => Reply::Integer(*number),
            Self::Double(number) => Reply::Double(*number),
            Self::Nil(_) => Reply::Nil,
            Self::Error(message) => Reply::Error(message.clone()),
        }
    }
}
