//! Scalers of the cluster: each is brought from its registry into service by a task of its own, again and again, so that a
//! bad one touches no other.
//!
//! Nothing goes out of service because something could not be read: what serves goes on until something better does, or
//! until a person takes it or its grants away. Knows no Kubernetes; a [`Desk`] reads Secrets and writes the status.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bellows_core::event::Event;
use bellows_core::rights::{Grants, secrets};
use bellows_core::supply::{self, Halt, Progress, Step};
use bellows_wasm::oci::Digest;
use bellows_wasm::{Engine, Scaler};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::scalers::{Offer, Rank, Scalers};

use self::refused::refused;

mod refused;
mod source;
mod verify;
mod wish;

pub use source::Source;
pub use verify::policy;
pub use wish::{Desk, News, PullPolicy, Told, Wish};

/// Attempts under way: each may hold a component of some megabytes, and compiling is done one at a time anyway.
const ATTEMPTS_MAX: usize = 4;
/// Scalers that are tended; each costs a task of some KiB. A cluster with more has gone wrong elsewhere.
const SCALERS_MAX: usize = 1_024;
/// First and longest wait after an attempt that failed and may do better: a registry that is away for a week is asked 12
/// times an hour.
const WAIT_MIN: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Between two questions what a tag names.
const INTERVAL: Duration = Duration::from_secs(600);
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
}

/// A Scaler that is tended. Its task ends with it.
struct Tended {
    rank: Rank,
    uid: String,
    wishes: watch::Sender<Wish>,
    task: JoinHandle<()>,
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.task.abort();
    }
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
        progress.halt = self.steps(wish, serving, &mut progress).await.err();
        progress.serving = serving.as_ref().map(|serving| serving.digest.to_string());
        let scaler = serving.as_ref().map(|serving| &serving.scaler);
        let kinds = scaler.map(|scaler| scaler.description().trigger_types.iter().map(|kind| kind.name.clone()));
        let trigger_types = kinds.into_iter().flatten().collect();
        let imports = scaler.map(|scaler| scaler.imports().to_vec()).unwrap_or_default();
        let rights = serving.as_ref().map(|serving| serving.grants.told(&imports, &self.engine.usual()));
        Told { progress, trigger_types, imports, rights }
    }

    async fn steps(&self, wish: &Wish, serving: &mut Option<Serving>, progress: &mut Progress) -> Result<(), Halt> {
        let grants = self.hold_to_grants(wish, serving).await?;
        let policy = wish.policy.clone().map_err(|written| {
            let message = format!("spec.pullPolicy {written:?} is none: give Always, IfNotPresent or Never");
            Halt::lasting(Step::Resolved, "InvalidPullPolicy", message)
        })?;
        let reference = self.source.reference(&wish.image)?;
        let asked = wish.verification.as_ref().map(verify::policy).transpose().map_err(|problem| {
            let problem = problem.under("spec.verification");
            Halt::lasting(Step::Verified, "InvalidVerification", problem.to_string())
        })?;
        let secret = match &wish.pull_secret {
            Some(name) if policy != PullPolicy::Never => Some((name.as_str(), self.desk.pull_secret(name).await?)),
            _ => None,
        };
        let login = secret.as_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
        let found = self.source.resolve(&reference, policy, login).await?;
        progress.digest = Some(found.digest.to_string());
        progress.degraded = found.degraded;
        if let Some(asked) = &asked {
            let component = serving.as_ref().filter(|serving| serving.digest == found.digest);
            let component = component.and_then(|serving| serving.component());
            let verified = self.source.verify(asked, &reference, (found.digest, component), login).await;
            if let Err(distrust) = verified {
                // What merely could not be judged goes on.
                if distrust.judged && serving.as_ref().is_some_and(|serving| serving.digest == found.digest) {
                    *serving = None;
                    self.withdraw(&wish.rank).await;
                }
                return Err(distrust.halt);
            }
        }
        if let Some(before) = serving.as_ref().filter(|before| before.digest == found.digest) {
            let taken = self.unclaimed(&wish.rank, &before.scaler);
            if taken.is_err() {
                *serving = None;
                self.withdraw(&wish.rank).await;
            }
            return taken;
        }
        let may = |imports: &[String]| supply::judge_grants(&wish.rank.1, imports, &wish.granted);
        let kept = self.source.fetch(&reference, found.digest, policy, login, may).await?;
        if let Some(asked) = &asked {
            asked.admit(kept.component).map_err(|error| verify::Distrust::of(&error).halt)?;
        }
        let prepared = self.engine.prepare(&kept.path).await.map_err(|error| refused(&error))?;
        may(prepared.imports())?;
        let scaler = prepared.describe_with(Some(grants.anywhere())).await.map_err(|error| refused(&error))?;
        secrets::judge(&wish.rank.1, scaler.description(), &grants)?;
        self.unclaimed(&wish.rank, &scaler)?;
        tracing::info!(scaler = wish.rank.1, digest = %found.digest, "Scaler in service");
        let offer = Offer { scaler: scaler.clone(), allowed: wish.allowed.clone(), grants: grants.clone() };
        self.scalers.offer(wish.rank.clone(), offer);
        self.source.remember(&reference, kept).await;
        *serving = Some(Serving { digest: found.digest, scaler, allowed: wish.allowed.clone(), grants });
        self.changed().await;
        Ok(())
    }

    /// Whether nobody who comes first serves the same trigger types.
    fn unclaimed(&self, rank: &Rank, scaler: &Scaler) -> Result<(), Halt> {
        let kinds = scaler.description().trigger_types.iter();
        let taken = kinds.filter_map(|kind| Some((&kind.name, self.scalers.before(rank, &kind.name)?))).next();
        taken.map_or(Ok(()), |(kind, before)| {
            let message = format!("trigger type {kind} is served by {before}");
            Err(Halt::passing(Step::Ready, "TriggerTypeTaken", message))
        })
    }

    /// What a person takes away is taken away at once, before anything is asked of a registry.
    async fn hold_to_grants(&self, wish: &Wish, serving: &mut Option<Serving>) -> Result<Arc<Grants>, Halt> {
        if let Some(problem) = supply::unknown_grants(&wish.granted).next() {
            return Err(Halt::lasting(Step::Granted, "UnknownCapability", problem.to_string()));
        }
        let name = &wish.rank.1;
        let grants = Arc::new(wish.grants.parse(name, self.engine.ceiling())?);
        let Some(before) = serving else { return Ok(grants) };
        let judged = supply::judge_grants(name, before.scaler.imports(), &wish.granted);
        if let Err(halt) = judged.and_then(|()| secrets::judge(name, before.scaler.description(), &grants)) {
            *serving = None;
            self.withdraw(&wish.rank).await;
            return Err(halt);
        }
        if before.allowed != wish.allowed || before.grants != grants {
            before.allowed.clone_from(&wish.allowed);
            before.grants = grants.clone();
            let offer = Offer { scaler: before.scaler.clone(), allowed: wish.allowed.clone(), grants: grants.clone() };
            self.scalers.offer(wish.rank.clone(), offer);
            self.changed().await;
        }
        Ok(grants)
    }
}

/// What a Scaler has in service.
struct Serving {
    digest: Digest,
    scaler: Arc<Scaler>,
    allowed: Vec<String>,
    grants: Arc<Grants>,
}

impl Serving {
    /// The digest of the component itself.
    fn component(&self) -> Option<Digest> {
        format!("sha256:{}", self.scaler.digest()).parse().ok()
    }
}

/// Tends one Scaler for as long as it is there.
async fn tend(supply: Arc<Supply>, places: Arc<Semaphore>, mut wishes: watch::Receiver<Wish>) {
    let (mut serving, mut failures, mut written) = (None, 0_u32, None);
    loop {
        let wish = wishes.borrow_and_update().clone();
        let Ok(place) = places.acquire().await else { return };
        let told = supply.attempt(&wish, &mut serving).await;
        drop(place);
        if let Some(halt) = &told.progress.halt {
            tracing::warn!(scaler = wish.rank.1, reason = halt.reason, "{}", halt.message);
        }
        let news = (wish.generation, told.clone());
        if written.as_ref() != Some(&news) {
            written = supply.desk.report(&wish, &told).await.then_some(news);
        }
        let retry = told.progress.halt.is_some_and(|halt| halt.retry) || written.is_none();
        failures = if retry { failures.saturating_add(1) } else { 0 };
        tokio::select! {
            changed = wishes.changed() => {
                if changed.is_err() {
                    return;
                }
                failures = 0;
            }
            () = tokio::time::sleep(wait(failures, wish.interval)) => {}
        }
    }
}

/// How long to wait after so many failures in a row.
fn wait(failures: u32, interval: Option<Duration>) -> Duration {
    match failures {
        0 => interval.unwrap_or(INTERVAL),
        _ => WAIT_MIN.saturating_mul(1 << (failures - 1).min(6)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_is_away_is_asked_more_and_more_seldom() {
        let waits: Vec<u64> = (0..9).map(|failures| wait(failures, None).as_secs()).collect();
        assert_eq!(waits, [600, 5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(wait(0, Some(Duration::from_secs(30))).as_secs(), 30);
    }
}
