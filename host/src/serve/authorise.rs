//! Who may read which metric: answers of the API server, remembered for ten seconds.
//!
//! Owns the memory and its bound. Decides nothing: whoever the API server does not allow is refused, and so is everybody
//! about whom it cannot be asked.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

use super::Clock;
use super::caller::Caller;
use super::refusal::Refusal;
use super::upstream::{ApiServer, Question, UpstreamError, Verdict, chain};
use crate::telemetry::{Review, Telemetry};

/// How long an answer holds, from when it was asked for; what the API server's own library does.
const ANSWER_HOLDS: Duration = Duration::from_secs(10);
/// Most answers remembered. One is about 500 bytes (a caller shared, a namespace, a metric), so 2 MiB at most; the oldest goes.
const ANSWERS_MAX: usize = 4096;
/// Most questions in flight; the API server allows a client some hundreds.
const QUESTIONS_MAX: usize = 32;
/// How long one question may take, waiting for its turn included.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);

type Answer = Result<Verdict, Arc<UpstreamError>>;
type Pending = Shared<BoxFuture<'static, Answer>>;

/// Asks each question once in ten seconds, and once for all who ask it at the same time.
pub struct Gate {
    api: Arc<dyn ApiServer>,
    clock: Clock,
    telemetry: Arc<Telemetry>,
    turns: Arc<Semaphore>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Answers given or under way, and until when they hold.
    answers: HashMap<Arc<Question>, (Pending, Duration)>,
    /// The same in the order asked, which is the order in which they end.
    order: VecDeque<(Arc<Question>, Duration)>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Gate").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate that remembers nothing yet.
    pub fn new(api: Arc<dyn ApiServer>, clock: Clock, telemetry: Arc<Telemetry>) -> Self {
        Self { api, clock, telemetry, turns: Arc::new(Semaphore::new(QUESTIONS_MAX)), memory: Mutex::default() }
    }

    /// Lets the caller through, or says why not.
    ///
    /// Whoever may list all metrics everywhere, as HPA controllers may, needs one question in ten seconds instead of one
    /// for each metric. Only of the others is asked what exactly they may.
    pub async fn admit(&self, caller: &Arc<Caller>, namespace: &str, metric: &str) -> Result<(), Refusal> {
        let everything = Question { caller: Arc::clone(caller), namespace: String::new(), metric: "*".to_owned() };
        if self.ask(everything).await? == Verdict::Allowed {
            return Ok(());
        }
        let question =
            Question { caller: Arc::clone(caller), namespace: namespace.to_owned(), metric: metric.to_owned() };
        match self.ask(question).await? {
            Verdict::Allowed => Ok(()),
            Verdict::Denied { reason } => {
                let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                Err(Refusal::forbidden(format!(
                    "{metric}.{} is forbidden: User {:?} cannot list resource {metric:?} in API group {:?} in the \
                     namespace {namespace:?}{because}",
                    super::GROUP,
                    caller.user,
                    super::GROUP,
                )))
            }
        }
    }

    async fn ask(&self, question: Question) -> Result<Verdict, Refusal> {
        let question = Arc::new(question);
        let (pending, until) = self.pending(&question);
        pending.await.map_err(|error| {
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).forget(&question, until);
            Refusal::internal(chain(&*error))
        })
    }

    /// The answer remembered or under way, or a new question.
    fn pending(&self, question: &Arc<Question>) -> (Pending, Duration) {
        let now = (self.clock)().steady;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.make_room(now);
        if let Some((pending, until)) = memory.answers.get(question) {
            self.telemetry.reviewed(Review::Remembered);
            return (pending.clone(), *until);
        }
        let pending = self.question(Arc::clone(question));
        let until = now + ANSWER_HOLDS;
        memory.answers.insert(Arc::clone(question), (pending.clone(), until));
        memory.order.push_back((Arc::clone(question), until));
        (pending, until)
    }

    /// Asks in a task of its own: whoever asked first may go away, the others wait for the same answer.
    fn question(&self, question: Arc<Question>) -> Pending {
        let (api, turns, telemetry) = (Arc::clone(&self.api), Arc::clone(&self.turns), Arc::clone(&self.telemetry));
        let asked = tokio::spawn(async move {
            let answer = tokio::time::timeout(QUESTION_TIMEOUT, async {
                let _turn = turns.acquire().await.map_err(|closed| UpstreamError::Review(closed.into()))?;
                api.review(&question).await
            });
            let answer = answer.await.unwrap_or_else(|late| Err(UpstreamError::Review(late.into())));
            telemetry.reviewed(match &answer {
                Ok(Verdict::Allowed) => Review::Allowed,
                Ok(Verdict::Denied { .. }) => Review::Denied,
                Err(_) => Review::Failed,
            });
            answer.map_err(Arc::new)
        });
        let ended = |ended: Result<Answer, tokio::task::JoinError>| {
            ended.unwrap_or_else(|died| Err(Arc::new(UpstreamError::Review(died.into()))))
        };
        asked.map(ended).boxed().shared()
    }
}

impl Memory {
    /// Lets go of what no longer holds, and of the oldest where there is no room for one more.
    fn make_room(&mut self, now: Duration) {
        while let Some((question, until)) =
            self.order.pop_front_if(|(_, until)| *until <= now).or_else(|| self.pop_if_full())
        {
            self.forget(&question, until);
        }
    }

    fn pop_if_full(&mut self) -> Option<(Arc<Question>, Duration)> {
        if self.order.len() < ANSWERS_MAX { None } else { self.order.pop_front() }
    }

    fn forget(&mut self, question: &Arc<Question>, asked_until: Duration) {
        if self.answers.get(question).is_some_and(|(_, until)| *until == asked_until) {
            self.answers.remove(question);
        }
    }
}
