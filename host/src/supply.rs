//! Scalers of the cluster: each is brought from its registry into service by a task of its own, again and again, so that a
//! bad one touches no other.
//!
//! Nothing goes out of service because something could not be read: what serves goes on until something better does, or
//! until a person takes it or its grants away. Knows no Kubernetes; a [`Desk`] reads Secrets and writes the status.

use std::collections::HashMap;
use std::sync::Arc;

use bellows_core::event::Event;
use bellows_core::rights::secrets;
use bellows_core::supply::{self, Halt, Progress, Step};
use bellows_wasm::oci::{Digest, Kept};
use bellows_wasm::{Engine, Scaler};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::scalers::{Rank, Scalers, Terms};
use crate::serve::Clock;

use self::asking::Asking;
use self::refused::refused;
use self::serving::Serving;
use self::tend::{Tended, tend};

mod asking;
mod refused;
mod rollout;
mod serving;
mod source;
mod tend;
mod verify;
mod version;
mod wish;

pub use source::Source;
pub use verify::policy;
pub use version::MinimumVersion;
pub use wish::{Desk, News, PullPolicy, Told, Wish};

/// Attempts under way: each may hold a component of some megabytes, and compiling is done one at a time anyway.
const ATTEMPTS_MAX: usize = 4;
/// Scalers that are tended; each costs a task of some KiB. A cluster with more has gone wrong elsewhere.
const SCALERS_MAX: usize = 1_024;
/// News that wait to be taken in.
pub const NEWS_MAX: usize = 64;

/// What all Scalers share.
pub struct Supply {
    /// Loads components.
    pub engine: Engine,
    /// Where they serve.
    pub scalers: Arc<Scalers>,
    /// Registries, and the cache of what came from them.
    pub source: Source,
    /// The cluster.
    pub desk: Arc<dyn Desk>,
    /// The machine is told what changed.
    pub events: mpsc::Sender<Event>,
    /// The time.
    pub clock: Clock,
}

impl Supply {
    /// Tends Scalers until told to end.
    pub async fn run(self, mut inbox: mpsc::Receiver<News>, cancel: CancellationToken) {
        let (supply, places) = (Arc::new(self), Arc::new(Semaphore::new(ATTEMPTS_MAX)));
        let mut tended: HashMap<String, Tended> = HashMap::new();
        loop {
            let news = tokio::select! {
                () = cancel.cancelled() => return,
                news = inbox.recv() => news,
            };
            match news {
                None => return,
                Some(News::Gone(name)) => supply.dismiss(tended.remove(&name)).await,
                Some(News::Wanted(wish)) => {
                    let (name, wish) = (wish.rank.1.clone(), *wish);
                    if let Some(known) = tended.get(&name)
                        && known.uid == wish.uid
                    {
                        known.wishes.send_if_modified(|before| std::mem::replace(before, wish.clone()) != wish);
                        continue;
                    }
                    supply.dismiss(tended.remove(&name)).await;
                    if tended.len() >= SCALERS_MAX {
                        tracing::error!(scaler = name, "more than {SCALERS_MAX} Scalers: this one is left alone");
                        continue;
                    }
                    let (rank, uid) = (wish.rank.clone(), wish.uid.clone());
                    let (wishes, heard) = watch::channel(wish);
                    let task = tokio::spawn(tend(Arc::clone(&supply), Arc::clone(&places), heard));
                    tended.insert(name, Tended { rank, uid, wishes, task });
                }
            }
        }
    }

    /// A person took it away.
    async fn dismiss(&self, tended: Option<Tended>) {
        let Some(tended) = tended else { return };
        tended.task.abort();
        self.withdraw(&tended.rank).await;
    }

    async fn withdraw(&self, rank: &Rank) {
        if self.scalers.withdraw(rank) {
            tracing::info!(scaler = rank.1, "Scaler out of service: its trigger types are served no longer");
            self.changed().await;
        }
    }

    async fn changed(&self) {
        // Nobody listens any more only when the process ends.
        _ = self.events.send(Event::ScalersChanged).await;
    }

    /// One attempt. What serves stays in `serving`.
    async fn attempt(&self, wish: &Wish, serving: &mut Option<Serving>) -> Told {
        let mut progress = Progress { verifies: wish.verification.is_some(), ..Progress::default() };
        progress.halt = self.steps(wish, serving, &mut progress).await.and_then(|()| self.sees(serving.as_ref())).err();
        self.told(progress, serving.as_ref())
    }

    async fn steps(&self, wish: &Wish, serving: &mut Option<Serving>, progress: &mut Progress) -> Result<(), Halt> {
        let terms = self.hold_to_grants(wish, serving).await?;
        let asking = Asking::of(wish, terms, &self.source, &*self.desk).await?;
        // First of all, and without any registry, so that nothing bad stays in service while that is away.
        self.go_by_rollout(wish, serving).await?;
        let found = self.source.resolve(&asking.reference, asking.policy, asking.login()).await?;
        progress.digest = Some(found.digest.to_string());
        progress.degraded = found.degraded;
        self.hold_to_verification(wish, &asking, serving, found.digest).await?;
        if serving.is_none() {
            self.recall(wish, &asking, serving, found.digest).await;
        }
        match serving {
            // What is on its way goes on while nobody can tell what the tag names now.
            Some(before) if before.is_rolling_to(found.digest) => Ok(()),
            Some(before) if progress.degraded.is_some() && before.candidate.is_some() => Ok(()),
            Some(before) if before.digest == found.digest => {
                self.abandon(wish, before).await;
                let taken = self.unclaimed(wish, &before.scaler);
                if taken.is_err() {
                    *serving = None;
                    self.withdraw(&wish.rank).await;
                }
                taken
            }
            _ => {
                if serving.is_some()
                    && let Some(halt) = self.source.returned(wish, found.digest).await
                {
                    return Err(halt);
                }
                let next = self.admit(wish, &asking, found.digest).await?;
                self.replace(wish, &asking, serving, next).await;
                Ok(())
            }
        }
    }

    /// The component of a digest, if nothing speaks against it.
    async fn admit(&self, wish: &Wish, asking: &Asking, digest: Digest) -> Result<(Arc<Scaler>, Kept), Halt> {
        let may = |imports: &[String]| supply::judge_grants(&wish.rank.1, imports, &wish.granted);
        let kept = self.source.fetch(&asking.reference, digest, asking.policy, asking.login(), may).await?;
        if let Some(asked) = &asking.verification {
            asked.admit(kept.component).map_err(|error| verify::Distrust::of(&error).halt)?;
        }
        let prepared = self.engine.prepare(&kept.path).await.map_err(|error| refused(&error))?;
        may(prepared.imports())?;
        let described = prepared.describe_with(Some(asking.terms.grants().anywhere())).await;
        let scaler = described.map_err(|error| refused(&error))?;
        asking.judge_version(&scaler)?;
        secrets::judge(&wish.rank.1, scaler.description(), asking.terms.grants())?;
        self.unclaimed(wish, &scaler)?;
        Ok((scaler, kept))
    }

    /// Whether nobody who comes first serves the same trigger types. Who must be pinned takes none from anybody.
    fn unclaimed(&self, wish: &Wish, scaler: &Scaler) -> Result<(), Halt> {
        let kinds = scaler.description().trigger_types.iter().filter(|_| !wish.pinned_only);
        let taken = kinds.filter_map(|kind| Some((&kind.name, self.scalers.before(&wish.rank, &kind.name)?))).next();
        taken.map_or(Ok(()), |(kind, before)| {
            let message = format!(
                "trigger type {kind} is served by {before}; spec.pinnedOnly: true serves those objects that name this \
                 Scaler in their annotation {}",
                bellows_core::draft::SCALER_ANNOTATION
            );
            Err(Halt::passing(Step::Ready, "TriggerTypeTaken", message))
        })
    }

    /// What a person takes away is taken away at once, before anything is asked of a registry.
    async fn hold_to_grants(&self, wish: &Wish, serving: &mut Option<Serving>) -> Result<Arc<Terms>, Halt> {
        if let Some(problem) = supply::unknown_grants(&wish.granted).next() {
            return Err(Halt::lasting(Step::Granted, "UnknownCapability", problem.to_string()));
        }
        let name = &wish.rank.1;
        let (audience, grants) = wish.allowed.beside(wish.grants.parse(name, self.engine.ceiling()))?;
        let terms = Arc::new(Terms::new(audience, grants));
        if terms.by_labels() {
            self.scalers.namespaces().want();
        }
        let Some(before) = serving else { return Ok(terms) };
        let may = |scaler: &Scaler| {
            supply::judge_grants(name, scaler.imports(), &wish.granted)?;
            secrets::judge(name, scaler.description(), terms.grants())
        };
        if let Err(halt) = may(&before.scaler) {
            *serving = None;
            self.withdraw(&wish.rank).await;
            return Err(halt);
        }
        if let Some(Err(halt)) = before.candidate.as_ref().map(|candidate| may(&candidate.trial.newer)) {
            self.abandon(wish, before).await;
            return Err(halt);
        }
        if before.terms != terms || before.pinned_only != wish.pinned_only {
            (before.terms, before.pinned_only) = (Arc::clone(&terms), wish.pinned_only);
            self.offer(wish, before).await;
        }
        Ok(terms)
    }

    /// Whether labels may be read that decide what it may do somewhere. It serves those that names decide of.
    fn sees(&self, serving: Option<&Serving>) -> Result<(), Halt> {
        let refused = self.scalers.namespaces().refusals().borrow().clone();
        match refused.filter(|_| serving.is_some_and(Serving::is_by_labels)) {
            // Tried again as soon as they may be.
            Some(why) => Err(Halt::lasting(Step::Granted, "NamespacesUnread", why)),
            None => Ok(()),
        }
    }

    /// Whatever is revoked, or bears no signature that counts, goes.
    async fn hold_to_verification(
        &self,
        wish: &Wish,
        asking: &Asking,
        serving: &mut Option<Serving>,
        digest: Digest,
    ) -> Result<(), Halt> {
        let Some(asked) = &asking.verification else { return Ok(()) };
        if serving.as_ref().is_some_and(|before| before.digest != digest && before.is_unwanted(asking, asked)) {
            self.distrust(wish, serving, digest).await;
        }
        let component = serving.as_ref().and_then(|serving| serving.component_of(digest));
        let verified = self.source.verify(asked, &asking.reference, (digest, component), asking.login()).await;
        let known = serving.as_ref().and_then(|serving| serving.scaler_of(digest));
        let verified = verified.and_then(|()| match known.map(|scaler| asking.judge_version(scaler)) {
            Some(Err(halt)) => Err(verify::Distrust { halt, judged: true }),
            _ => Ok(()),
        });
        if let Err(distrust) = verified {
            // What merely could not be judged goes on.
            match serving {
                Some(before) if distrust.judged && before.is_rolling_to(digest) => self.abandon(wish, before).await,
                Some(before) if distrust.judged && before.digest == digest => {
                    *serving = None;
                    self.withdraw(&wish.rank).await;
                }
                _ => {}
            }
            return Err(distrust.halt);
        }
        Ok(())
    }

    fn told(&self, mut progress: Progress, serving: Option<&Serving>) -> Told {
        let Some(serving) = serving else { return Told { progress, ..Told::default() } };
        let (digest, scaler) = serving.front();
        progress.serving = Some(digest.to_string());
        progress.rollout = serving.rolling();
        let trigger_types = scaler.description().trigger_types.iter().map(|kind| kind.name.clone()).collect();
        let rights = Some(serving.terms.grants().told(scaler.imports(), &self.engine.usual()));
        Told { progress, trigger_types, imports: scaler.imports().to_vec(), rights }
    }
}
