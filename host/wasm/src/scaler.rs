//! A loaded component: what it says of itself, what it plans, what it measures. Each call gets a fresh instance, and
//! nothing that a guest does outlives its call but its memo.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellows_core::connection::Connection;
use bellows_core::failure::Failure;
use bellows_core::problem::Problem;
use bellows_core::reading::Outcome;
use bellows_core::rights::Rights;
use bellows_core::scaler::{Description, Metric, Trigger};
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant, timeout_at};
use wasmtime::Store;

use crate::batch::{self, Run, RunResult};
use crate::bindings::{self, GuestInstant, ScalerPre, plugin};
use crate::capability::log::{LogBudget, LogView};
use crate::capability::memo::MemoView;
use crate::engine::Runtime;
use crate::lending::{Exchange, Lending, Seen};
use crate::limits::{Budget, Usage};
use crate::state::State;
use crate::{failure, lift, limits};

/// Planning asks nobody and computes little; twice what a guest may compute, so that its own bound speaks first.
const PLAN_TIME_MIN: Duration = Duration::from_secs(2);

/// One poll of triggers that share a namespace and every connection.
#[derive(Debug, Clone)]
pub struct Call {
    /// The date, as the guest is told it.
    pub at: jiff::Timestamp,
    /// The namespace of all triggers; its search list completes short names of hosts.
    pub namespace: String,
    /// What is lent, by the names that the trigger type declared.
    pub connections: Arc<BTreeMap<String, Connection>>,
    /// What is measured; the outcomes come in this order.
    pub triggers: Vec<Arc<Trigger>>,
    /// Time for one run. The whole call takes at most twice as long, and that only after a crash.
    pub deadline: Duration,
}

/// What the host saw of the connections of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// The guest asked nothing of any.
    #[default]
    Unused,
    /// All questions were answered.
    Answered,
    /// A question was not answered, or a connection could not be had.
    Failed(Failure),
}

impl Endpoint {
    /// Both of two runs: what failed once has failed.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unused, other) | (other, Self::Unused) => other,
            (Self::Failed(failure), _) | (_, Self::Failed(failure)) => Self::Failed(failure),
            (Self::Answered, Self::Answered) => Self::Answered,
        }
    }
}

/// What a poll gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What became of the connections, as the host saw it.
    pub endpoint: Endpoint,
    /// One for each trigger of the call, in order.
    pub outcomes: Vec<Outcome>,
    /// Requests that the component made over HTTP.
    pub exchanges: Vec<Exchange>,
    /// What the component used of its bounds.
    pub usage: Usage,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The settings are wrong; all that is wrong with them.
    #[error("the settings are not accepted")]
    Problems(Vec<Problem>),
    /// The component did not answer.
    #[error("the scaler did not answer")]
    Failed(Failure),
}

/// A component that was let in.
pub struct Scaler {
    guest: Guest,
    description: Description,
    imports: Vec<String>,
}

impl Scaler {
    pub(crate) fn new(guest: Guest, description: Description, imports: Vec<String>) -> Self {
        Self { guest, description, imports }
    }

    /// SHA-256 of the component, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.guest.digest
    }

    /// What the component is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The interfaces of the contract that it imports, by their short names.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The metrics of a trigger, or all that is wrong with its settings. No connection is to be had.
    pub async fn plan(&self, trigger: &Trigger) -> Result<Vec<Metric>, PlanError> {
        self.plan_with(trigger, None).await
    }

    /// The same, within what a Scaler of the cluster grants.
    pub async fn plan_with(&self, trigger: &Trigger, rights: Option<&Arc<Rights>>) -> Result<Vec<Metric>, PlanError> {
        let question = Question::Plan(lift::trigger_for_guest(trigger));
        let lent = Lent { triggers: vec![trigger.id.clone()], rights: rights.cloned(), ..Lent::default() };
        let (answer, _) = self.guest.ask(lent, question, Instant::now() + patience(rights)).await;
        match answer.map_err(PlanError::Failed)? {
            Answer::Plan(Ok(metrics)) => lift::metrics(metrics).map_err(PlanError::Failed),
            Answer::Plan(Err(problems)) => Err(PlanError::Problems(lift::problems(problems))),
            _ => Err(PlanError::Failed(lift::breach("answer", "an answer to another question"))),
        }
    }

    /// Readings of all triggers of the call. A trigger that crashes the component costs the others nothing.
    pub async fn measure(&self, call: Call) -> Measured {
        self.measure_with(call, None).await
    }

    /// The same, within what a Scaler of the cluster grants.
    pub async fn measure_with(&self, call: Call, rights: Option<&Arc<Rights>>) -> Measured {
        let measuring = Measuring { guest: &self.guest, call: &call, rights };
        batch::measure(&measuring, &call.triggers, call.deadline).await
    }
}

/// Time for a call that asks nobody.
pub(crate) fn patience(rights: Option<&Arc<Rights>>) -> Duration {
    let granted = rights.and_then(|rights| rights.allowance().processor_time);
    granted.map_or(PLAN_TIME_MIN, |time| PLAN_TIME_MIN.max(time * 2))
}

struct Measuring<'call> {
    guest: &'call Guest,
    call: &'call Call,
    rights: Option<&'call Arc<Rights>>,
}

impl Run for Measuring<'_> {
    fn run(&self, triggers: &[Arc<Trigger>], until: Instant) -> BoxFuture<'_, RunResult> {
        let seconds = u64::try_from(self.call.at.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(self.call.at.subsec_nanosecond()).unwrap_or_default();
        let at = GuestInstant { seconds, nanoseconds };
        let count = triggers.len();
        let question = Question::Measure(at, triggers.iter().map(|trigger| lift::trigger_for_guest(trigger)).collect());
        let lent = Lent {
            namespace: self.call.namespace.clone(),
            connections: Arc::clone(&self.call.connections),
            triggers: triggers.iter().map(|trigger| trigger.id.clone()).collect(),
            rights: self.rights.cloned(),
        };
        Box::pin(async move {
            let (answer, Seen { endpoint, exchanges, mut usage }) = self.guest.ask(lent, question, until).await;
            if let Ok(Answer::Measure(results)) = &answer {
                usage.not_numbers = lift::not_numbers(results);
            }
            let outcomes = answer.map(|answer| match answer {
                Answer::Measure(results) if results.len() == count => results.into_iter().map(lift::outcome).collect(),
                Answer::Measure(results) => {
                    let message = format!("{} results for {count} triggers", results.len());
                    vec![Err(lift::breach("wrong-count", message)); count]
                }
                _ => vec![Err(lift::breach("answer", "an answer to another question")); count],
            });
            RunResult { endpoint, outcomes, exchanges, usage }
        })
    }
}

/// What one run is lent.
#[derive(Default)]
pub(crate) struct Lent {
    namespace: String,
    connections: Arc<BTreeMap<String, Connection>>,
    triggers: Vec<String>,
    rights: Option<Arc<Rights>>,
}

impl Lent {
    /// Nothing but what the call may use.
    pub(crate) fn nothing(rights: Option<&Arc<Rights>>) -> Self {
        Self { rights: rights.cloned(), ..Self::default() }
    }
}

/// The three functions of the contract, with their arguments.
pub(crate) enum Question {
    Describe,
    Plan(plugin::Trigger),
    Measure(GuestInstant, Vec<plugin::Trigger>),
}

/// Their results.
pub(crate) enum Answer {
    Describe(plugin::Description),
    Plan(Result<Vec<plugin::Metric>, Vec<plugin::Problem>>),
    Measure(Vec<Result<Vec<plugin::Reading>, bindings::GuestFailure>>),
}

/// A component that can be called: linked, its exports looked up.
pub(crate) struct Guest {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) digest: Arc<str>,
    pub(crate) plugin: ScalerPre<State>,
    pub(crate) log: Arc<LogBudget>,
}

impl Guest {
    /// Asks a fresh instance, until an instant. Also says what the host saw of the connections meanwhile.
    pub(crate) async fn ask(&self, lent: Lent, question: Question, until: Instant) -> (Result<Answer, Failure>, Seen) {
        let allowed = until.saturating_duration_since(Instant::now());
        let Ok(Ok(_permit)) = timeout_at(until, self.runtime.instances.acquire()).await else {
            return (Err(failure::busy(allowed)), Seen::default());
        };
        let mut store = Store::new(&self.runtime.engine, self.state(lent, until, allowed));
        limits::bind(&mut store);
        let asking = Box::pin(self.ask_instance(&mut store, question));
        let answer = match timeout_at(until, asking).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(failure::deadline(allowed)),
        };
        let state = store.data_mut();
        let usage = state.budget.usage();
        (answer, Seen { usage, ..std::mem::take(&mut state.lending.seen) })
    }

    fn state(&self, lent: Lent, until: Instant, allowed: Duration) -> State {
        let limits = self.runtime.limits;
        let limits = lent.rights.as_ref().map_or(limits, |rights| limits.with(rights.allowance()));
        let lending = Lending {
            sources: self.runtime.sources.clone(),
            pods: self.runtime.pods.get().cloned(),
            namespace: lent.namespace,
            connections: lent.connections,
            rights: lent.rights,
            // The last tenth is the guest's, to answer after a source that did not.
            until: until - allowed / 10,
            seen: Seen::default(),
        };
        let memo = MemoView {
            store: Arc::clone(&self.runtime.memo),
            digest: Arc::clone(&self.digest),
            triggers: lent.triggers,
        };
        let budget = Budget::new(limits, Arc::clone(&self.runtime.guest_memory_bytes));
        State::new(budget, lending, memo, LogView { budget: Arc::clone(&self.log) })
    }

    async fn ask_instance(&self, store: &mut Store<State>, question: Question) -> Result<Answer, Failure> {
        let instance = self.plugin.instantiate_async(&mut *store).await.map_err(|e| failure::of_instantiation(&e))?;
        let plugin = instance.bellows_scaler_plugin();
        let answer = match question {
            Question::Describe => plugin.call_describe(store).await.map(Answer::Describe),
            Question::Plan(trigger) => plugin.call_plan(store, &trigger).await.map(Answer::Plan),
            Question::Measure(at, triggers) => plugin.call_measure(store, at, &triggers).await.map(Answer::Measure),
        };
        answer.map_err(|error| failure::of_engine(&error))
    }
}
