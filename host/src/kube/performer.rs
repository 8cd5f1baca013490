//! Performs the machine's effects on the cluster, so many at once, and answers each with its event.
//!
//! Polls and what is shown are not performed here. Decides nothing, and never makes the machine wait.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bellows_core::effect::Effect;
use bellows_core::event::{ApiFailure, Event};
use bellows_core::workload::ObjectKey;
use kube::Client;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::lanes::Lanes;
use super::resolve::Resolver;
use super::store::Store;
use super::tell::{self, Said, Tale};
use super::{apply, authentication, finalizer, report, scale};
use crate::plan::Catalogue;

mod refusal;

use refusal::{lane, refusal};

/// At once of each kind. A request takes some 5 ms, so 16 are 3,000 a second, more than an API server likes from one
/// client; a resolution reads twice and plans for some 1 ms of computing. Kinds do not wait for each other.
const WRITES_MAX: usize = 16;
const SCALES_MAX: usize = 16;
const RESOLUTIONS_MAX: usize = 32;
const TALES_MAX: usize = 4;
/// Waiting for one object: the machine has at most one unanswered effect of each of the five kinds that share a lane, and
/// of two more for a TriggerAuthentication of that name.
const LANE_MAX: usize = 8;
/// Events that wait to be sent: some 300 bytes each, 300 KiB. Beyond it the oldest are dropped.
const TALES_WAITING_MAX: usize = 1_024;
/// Longest wait, at the end, for what was begun.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// A task of the performer panicked, so an effect is unanswered: the process cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("a request to the cluster ended without an answer")]
pub struct PerformerError(#[source] JoinError);

/// What a performer is made of.
pub struct Parts {
    /// Whom to ask.
    pub client: Client,
    /// Filled by the watches.
    pub store: Arc<Store>,
    /// The scalers that are loaded.
    pub catalogue: Arc<dyn Catalogue>,
    /// Where answers go.
    pub events: mpsc::Sender<Event>,
    /// Names this process in Events: the pod's name, or the machine's.
    pub instance: String,
    /// Send Events that say what the status says too.
    pub all_events: bool,
    /// Where Secrets and ConfigMaps are that a ClusterTriggerAuthentication names.
    pub cluster_namespace: String,
}

/// Performs effects. Shared between the machine's task, which hands them in, and one that runs them.
#[derive(Clone)]
pub struct Performer {
    hands: Arc<Hands>,
    queues: Arc<Mutex<Queues>>,
    work: Arc<Notify>,
}

/// What performing needs.
struct Hands {
    client: Client,
    store: Arc<Store>,
    resolver: Resolver,
    events: mpsc::Sender<Event>,
    instance: String,
    all_events: bool,
}

struct Queues {
    resolutions: Lanes<Effect>,
    scales: Lanes<Effect>,
    writes: Lanes<Effect>,
    tales: VecDeque<Tale>,
    telling: usize,
    said: Said,
    dropped: u64,
}

/// What a finished task frees.
enum Done {
    Resolution(ObjectKey),
    Scale(ObjectKey),
    Write(ObjectKey),
    Tale,
}

impl Performer {
    /// A performer that does nothing until it runs.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, store, catalogue, events, instance, all_events, cluster_namespace } = parts;
        let resolver = Resolver::new(client.clone(), catalogue, cluster_namespace);
        let queues = Queues {
            resolutions: Lanes::new(RESOLUTIONS_MAX, 1),
            scales: Lanes::new(SCALES_MAX, LANE_MAX),
            writes: Lanes::new(WRITES_MAX, LANE_MAX),
            tales: VecDeque::new(),
            telling: 0,
            said: Said::default(),
            dropped: 0,
        };
        let hands = Hands { client, store, resolver, events, instance, all_events };
        Self { hands: Arc::new(hands), queues: Arc::new(Mutex::new(queues)), work: Arc::default() }
    }

    /// Takes an effect in and returns at once. [`Effect::Poll`] and [`Effect::Publish`] belong to others and are ignored.
    pub fn perform(&self, effect: Effect) {
        let mut queues = self.queues();
        let refused = match effect {
            Effect::Poll(_) | Effect::Publish { .. } => return,
            Effect::Tell { notice, .. } if notice.detail && !self.hands.all_events => return,
            Effect::Tell { key, notice } => {
                let uid = self.hands.store.uid(&key).map(|uid| uid.to_string());
                queues.tell(Tale { kind: "ScaledObject", key, uid, notice });
                Ok(())
            }
            Effect::TellAuthentication { key, uid, notice } => {
                queues.tell(Tale { kind: key.kind.label(), key: lane(&key), uid: Some(uid.to_string()), notice });
                Ok(())
            }
            Effect::ReportAuthentication { ref key, .. } | Effect::ReleaseAuthentication { ref key } => {
                queues.writes.push(&lane(key), effect)
            }
            Effect::Resolve { ref key, .. } => queues.resolutions.push(&key.clone(), effect),
            Effect::Scale { ref key, .. } => queues.scales.push(&key.clone(), effect),
            Effect::Adopt { ref key }
            | Effect::ApplyHpa { ref key, .. }
            | Effect::Report { ref key, .. }
            | Effect::Release { ref key, .. } => queues.writes.push(&key.clone(), effect),
        };
        drop(queues);
        self.work.notify_one();
        if let Err(effect) = refused {
            self.refuse(effect);
        }
    }

    /// Events that were dropped because too many waited.
    pub fn dropped_events(&self) -> u64 {
        self.queues().dropped
    }

    /// Runs what was taken in, until `shutdown`; then waits for what was begun, 5 s at most.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), PerformerError> {
        let mut tasks = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            self.start(&mut tasks);
            tokio::select! {
                () = &mut shutdown => break,
                () = self.work.notified() => {}
                Some(done) = tasks.join_next() => self.finish(done.map_err(PerformerError)?),
            }
        }
        let farewell = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL_MAX, farewell).await.is_err() {
            tracing::warn!("requests to the cluster were given up at the end");
        }
        Ok(())
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // A panic elsewhere ends the process; until then the queues are whole.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, tasks: &mut JoinSet<Done>) {
        let mut queues = self.queues();
        while let Some((key, effect)) = queues.resolutions.next() {
            tasks.spawn(self.hands.clone().run(effect, Done::Resolution(key)));
        }
        while let Some((key, effect)) = queues.scales.next() {
            tasks.spawn(self.hands.clone().run(effect, Done::Scale(key)));
        }
        while let Some((key, effect)) = queues.writes.next() {
            tasks.spawn(self.hands.clone().run(effect, Done::Write(key)));
        }
        while let Some(tale) = queues.next_tale() {
            tasks.spawn(self.hands.clone().tell(tale));
        }
    }

    fn finish(&self, done: Done) {
        let mut queues = self.queues();
        match done {
            Done::Resolution(key) => queues.resolutions.done(&key),
            Done::Scale(key) => queues.scales.done(&key),
            Done::Write(key) => queues.writes.done(&key),
            Done::Tale => queues.telling = queues.telling.saturating_sub(1),
        }
    }

    /// The machine asked twice for the same before it had an answer. It hears so, and will ask again.
    fn refuse(&self, effect: Effect) {
        let failure = ApiFailure { message: "too much of this object waits already".to_owned(), retry: true };
        tracing::error!(?effect, "an effect was asked for too often");
        if let Some(answer) = refusal(effect, failure)
            && self.hands.events.try_send(answer).is_err()
        {
            tracing::error!("its refusal could not be told");
        }
    }
}

impl Queues {
    fn tell(&mut self, tale: Tale) {
        if !self.said.is_new(&tale, Instant::now()) {
            return;
        }
        if self.tales.len() >= TALES_WAITING_MAX {
            self.tales.pop_front();
            self.dropped += 1;
        }
        self.tales.push_back(tale);
    }

    fn next_tale(&mut self) -> Option<Tale> {
        if self.telling >= TALES_MAX {
            return None;
        }
        let tale = self.tales.pop_front()?;
        self.telling += 1;
        Some(tale)
    }
}

impl Hands {
    async fn run(self: Arc<Self>, effect: Effect, done: Done) -> Done {
        // Each call within is bounded in time; an answer that nobody hears any more is none to wait for.
        if let Some(answer) = Box::pin(self.answer(effect)).await {
            _ = self.events.send(answer).await;
        }
        done
    }

    async fn answer(&self, effect: Effect) -> Option<Event> {
        let (client, store) = (&self.client, &*self.store);
        match effect {
            Effect::Resolve { key, attempt, draft } => {
                let result = self.resolver.resolve(&key, &draft).await.map(Box::new);
                Some(Event::Resolved { key, attempt, result })
            }
            Effect::Scale { key, target, from, to } => Some(scale::scale(client, key, &target, from, to).await),
            Effect::Adopt { key } => {
                let result = finalizer::adopt(client, store, &key).await;
                Some(Event::Adopted { key, result })
            }
            Effect::ApplyHpa { key, workload, replaces } => {
                let result = match store.uid(&key) {
                    Some(uid) => apply::apply(client, &key, &uid, &workload, replaces.as_deref()).await,
                    None => Err(ApiFailure { message: format!("ScaledObject {key} is gone"), retry: false }),
                };
                Some(Event::HpaApplied { key, result })
            }
            Effect::Report { key, report } => {
                let result = report::report(client, store, &key, &report).await;
                Some(Event::Reported { key, result })
            }
            Effect::Release { key, restore } => {
                let result = finalizer::release(client, store, &key, restore).await;
                Some(Event::Released { key, result })
            }
            Effect::ReportAuthentication { key, users } => {
                let result = authentication::report(client, &key, &users).await;
                Some(Event::AuthenticationReported { key, result })
            }
            Effect::ReleaseAuthentication { key } => {
                let result = authentication::release(client, &key).await;
                Some(Event::AuthenticationReleased { key, result })
            }
            Effect::Poll(_) | Effect::Publish { .. } | Effect::Tell { .. } | Effect::TellAuthentication { .. } => None,
        }
    }

    async fn tell(self: Arc<Self>, tale: Tale) -> Done {
        tell::tell(&self.client, &self.instance, &tale, jiff::Timestamp::now()).await;
        Done::Tale
    }
}
