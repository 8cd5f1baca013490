//! A scaler's `cases.toml`: settings and scripted replies, and what must become of them.
//!
//! The same file is run twice: natively by the scaler's own test, and through the built component by the host's. A case
//! says everything that it expects; a key that is not known is an error, so that no expectation is overlooked.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::{NAMESPACE, NEW_YEAR, Script};
use crate::component::Trigger;
use crate::failure::{Detail, Failure};
use crate::native::NativeMetric;
use crate::scaler::{Instant, Metric, Problem, Reading, TargetType};

mod run;
mod scripted;

pub use run::{run, run_native};
pub use scripted::Scripted;

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
    /// When it is measured, as RFC 3339 has it; the beginning of 2026 in UTC where it does not matter.
    #[serde(default, deserialize_with = "moment")]
    pub at: Option<Timestamp>,
    /// What the source answers, question by question.
    #[serde(default)]
    pub replies: Vec<Answer>,
    /// What befalls every exchange with the source.
    pub outage: Option<Told>,
    /// What `plan` must give: the metric, …
    pub metric: Option<Planned>,
    /// … or the one that Kubernetes measures itself, …
    pub native: Option<PlannedNative>,
    /// … or all of these problems.
    pub problems: Option<Vec<Complaint>>,
    /// What `measure` must give: the reading, …
    pub reading: Option<Measurement>,
    /// … or this failure.
    pub failure: Option<Told>,
    /// What must have been asked: one list of questions for each round trip.
    pub rounds: Option<Vec<Vec<Words>>>,
}

/// A question as a case spells it: a Redis command and its arguments, `["GET", "/path"]` to an HTTP endpoint,
/// `["QUEUE", "name"]` to an AMQP broker, `["PODS", "selector"]` or `["NODES", "selector"]` to a cluster.
pub type Words = Vec<String>;

/// The reply to one question.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Answer {
    /// The question.
    pub to: Words,
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
    /// An HTTP answer of status 200, and its content.
    Body(String),
    /// An HTTP answer of another status, without content.
    Status(u16),
    /// Messages of a queue that are ready.
    Ready(u64),
    /// What befalls this question alone.
    Failure(Told),
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

/// A metric that Kubernetes measures itself, which must be planned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlannedNative {
    /// The resource.
    pub name: String,
    /// The container, where one is measured.
    pub container: Option<String>,
    /// Where it should be.
    pub target: String,
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

fn moment<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(text)?;
    let told = |error| serde::de::Error::custom(format!("{text:?} is no time as RFC 3339 has it: {error}"));
    text.parse().map(Some).map_err(told)
}

impl Case {
    /// When it is measured.
    pub fn instant(&self) -> Instant {
        // What comes before 1970 is no instant of the contract, and no case of any use.
        let told = self.at.and_then(|at| {
            let nanoseconds = at.subsec_nanosecond().try_into().ok()?;
            Some(Instant { seconds: at.as_second().try_into().ok()?, nanoseconds })
        });
        told.unwrap_or(NEW_YEAR)
    }

    /// The trigger.
    pub fn trigger(&self) -> Trigger {
        Trigger {
            namespace: NAMESPACE.to_owned(),
            trigger_type: self.trigger_type.clone(),
            metric_type: self.metric_type.map(TargetKind::target_type),
            settings: self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// The source. A reply that does not fit its question is as good as none.
    pub fn script<C: Scripted>(&self) -> Script<C::Question, C::Answer> {
        let script =
            self.replies.iter().fold(Script::new(), |script, reply| match C::scripted(&reply.to, &reply.with) {
                Some((question, answer)) => script.on(question, answer),
                None => script,
            });
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
            None => Err(self.told()),
        }
    }

    /// What `plan` must give of a metric that Kubernetes measures itself.
    ///
    /// # Errors
    /// The problems, where it must tell those.
    pub fn planned_native(&self) -> Result<NativeMetric, Vec<Problem>> {
        match &self.native {
            Some(PlannedNative { name, container, target, target_type }) => Ok(NativeMetric {
                name: name.clone(),
                container: container.clone(),
                target: target.clone(),
                target_type: target_type.target_type(),
            }),
            None => Err(self.told()),
        }
    }

    fn told(&self) -> Vec<Problem> {
        self.problems.iter().flatten().map(|told| Problem::of(&told.parameter, &told.message)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(at: &str) -> Result<Instant, String> {
        let file = format!("[[case]]\nname = 'now'\ntrigger-type = 'x'\n{at}");
        read(&file).map(|cases| cases[0].instant()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_case_is_measured_when_it_says_so_and_else_at_the_beginning_of_2026() {
        assert_eq!(instant(""), Ok(NEW_YEAR));
        let spring = Instant { seconds: 1_774_746_000, nanoseconds: 500_000_000 };
        assert_eq!(instant("at = '2026-03-29T03:00:00.5+02:00'"), Ok(spring));
    }

    #[test]
    fn a_time_that_is_none_is_an_error_of_the_file() {
        let told = instant("at = 'noon'").unwrap_err();
        assert!(told.starts_with("\"noon\" is no time as RFC 3339 has it: "), "{told}");
    }
}
