//! A scaler in a native unit test: answers are scripted, and what was asked is kept.
//!
//! Nothing here is in a component. With the feature `cases` it also runs a scaler's `cases.toml`.

#[cfg(feature = "cases")]
pub mod cases;

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::amqp::Queue;
use crate::broker;
use crate::component::{self, Measured, Trigger};
use crate::connection::{Connection, Source};
use crate::failure::{Failure, Result};
use crate::http::{Request, Response};
use crate::native::{Native, NativeMetric};
use crate::redis::{Command, Reply};
use crate::scaler::{Instant, Metric, Problem, Scaler, TargetType};
use crate::settings::Settings;
use crate::workload;

/// A source that answers by heart, and keeps the rounds of questions that it got: `Script<Command, Reply>` is a Redis
/// server, `Script<Request, Result<Response>>` an HTTP endpoint.
#[derive(Debug, Clone)]
pub struct Script<Q, A> {
    answers: BTreeMap<Q, A>,
    outage: Option<Failure>,
    /// What was asked: one entry for each round trip.
    pub rounds: Vec<Vec<Q>>,
}

/// An answer to a question that nobody taught the script.
pub trait Unscripted<Q> {
    /// One that names the question, and is no success.
    fn unscripted(question: &Q) -> Self;
}

impl Unscripted<Command> for Reply {
    fn unscripted(command: &Command) -> Self {
        Self::Error(format!("ERR the script has no reply to {command:?}"))
    }
}

impl Unscripted<String> for Result<Queue> {
    fn unscripted(queue: &String) -> Self {
        Err(Failure::absent("no-such-queue", format!("the script has no queue {queue:?}")))
    }
}

impl Unscripted<Request> for Result<Response> {
    fn unscripted(_: &Request) -> Self {
        Ok(Response::new(404, *b""))
    }
}

impl Unscripted<workload::Question> for Result<u64> {
    fn unscripted(question: &workload::Question) -> Self {
        Err(Failure::transient("unexpected-reply", format!("the script has no count for {question:?}")))
    }
}

impl Unscripted<broker::Question> for broker::Answer {
    fn unscripted(question: &broker::Question) -> Self {
        match question {
            broker::Question::Queue(name) => Result::unscripted(name).map(broker::Reply::Queue),
            broker::Question::Get(request) => Result::unscripted(request).map(broker::Reply::Response),
        }
    }
}

impl<Q, A> Default for Script<Q, A> {
    fn default() -> Self {
        Self { answers: BTreeMap::new(), outage: None, rounds: Vec::new() }
    }
}

impl<Q: Ord + Clone, A: Clone + Unscripted<Q>> Script<Q, A> {
    /// A source that knows no question.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with the answer to a question.
    #[must_use]
    pub fn on(mut self, question: Q, answer: A) -> Self {
        self.answers.insert(question, answer);
        self
    }

    /// The same, failing as a whole.
    #[must_use]
    pub fn failing(mut self, failure: Failure) -> Self {
        self.outage = Some(failure);
        self
    }

    /// What it says to a question, taught or not.
    pub fn reply(&self, question: &Q) -> A {
        self.answers.get(question).cloned().unwrap_or_else(|| A::unscripted(question))
    }
}

impl<C> Source<C> for Script<C::Question, C::Answer>
where
    C: Connection<Question: Clone + Debug, Answer: Unscripted<C::Question>>,
{
    fn answer(&mut self, questions: &[C::Question]) -> Result<Vec<C::Answer>> {
        self.rounds.push(questions.to_vec());
        if let Some(failure) = &self.outage {
            return Err(failure.clone());
        }
        Ok(questions.iter().map(|question| self.reply(question)).collect())
    }
}

/// The namespace of triggers here.
pub const NAMESPACE: &str = "default";

/// A trigger of a scaler, with these settings.
pub fn trigger<T: Settings>(settings: &[(&str, &str)]) -> Trigger {
    Trigger {
        namespace: NAMESPACE.to_owned(),
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

/// The metric of a trigger that Kubernetes measures itself.
///
/// # Errors
/// Everything that is wrong with its settings.
pub fn plan_native<T: Native>(trigger: &Trigger) -> Result<NativeMetric, Vec<Problem>> {
    component::plan_native::<T>(trigger)
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
