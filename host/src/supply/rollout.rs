//! From one digest to the next: the newer component is offered beside the older one, and takes its place or goes.
//!
//! What speaks for and against it is judged by core; here is who is told, and what is kept on disk. The digest that a
//! restart serves is the one that stood its trial, and one that did not is not tried again until the spec changes.

use std::sync::Arc;

use bellows_core::rollout::Verdict;
use bellows_core::supply::{Halt, Step};
use bellows_wasm::Scaler;
use bellows_wasm::oci::{Digest, Kept};

use super::serving::{Candidate, Serving};
use super::{Asking, Source, Supply, Told, Wish};
use crate::scalers::{Offer, Trial};

impl Supply {
    /// Puts what serves, and what is on its way, where objects find it.
    pub(super) async fn offer(&self, wish: &Wish, serving: &Serving) {
        let offer = Offer {
            scaler: Arc::clone(&serving.scaler),
            terms: Arc::clone(&serving.terms),
            pinned_only: serving.pinned_only,
            trial: serving.candidate.as_ref().map(|candidate| Arc::clone(&candidate.trial)),
        };
        self.scalers.offer(wish.rank.clone(), offer);
        self.changed().await;
    }

    /// Brings a component into service: at once where there is none, else by the steps of the rollout.
    pub(super) async fn replace(
        &self,
        wish: &Wish,
        asking: &Asking,
        serving: &mut Option<Serving>,
        (scaler, kept): (Arc<Scaler>, Kept),
    ) {
        let plan = wish.rollout.parse().unwrap_or_default();
        // The same component in another artifact is nothing new.
        let before = serving.take().filter(|before| !plan.is_nothing() && before.scaler.digest() != scaler.digest());
        let (digest, reference) = (kept.digest, asking.reference.clone());
        let (terms, pinned_only) = (Arc::clone(&asking.terms), wish.pinned_only);
        let next = match before {
            None => {
                tracing::info!(scaler = wish.rank.1, %digest, "Scaler in service");
                self.source.remember(&reference, kept).await;
                Serving { digest, scaler, terms, pinned_only, candidate: None }
            }
            Some(before) => {
                tracing::info!(scaler = wish.rank.1, older = %before.digest, %digest, "the next digest is on trial");
                let trial = Trial::new(Arc::clone(&before.scaler), scaler, plan, (self.clock)().steady);
                let candidate = Candidate { digest, kept, reference, trial: Arc::new(trial) };
                Serving { candidate: Some(candidate), ..before }
            }
        };
        self.offer(wish, serving.insert(next)).await;
    }

    /// What served before a restart serves first, so that what a tag names by now goes through its trial.
    pub(super) async fn recall(&self, wish: &Wish, asking: &Asking, serving: &mut Option<Serving>, found: Digest) {
        let Ok(Some(digest)) = self.source.last_good(&asking.reference).await else { return };
        if digest == found || self.hold_to_verification(wish, asking, serving, digest).await.is_err() {
            return;
        }
        if let Ok(next) = self.admit(wish, asking, digest).await {
            self.replace(wish, asking, serving, next).await;
        }
    }

    /// What follows from all that was seen of a component that is on its way.
    pub(super) async fn go_by_rollout(&self, wish: &Wish, serving: &mut Option<Serving>) -> Result<(), Halt> {
        let Some(before) = serving else { return Ok(()) };
        let Some(candidate) = &before.candidate else { return Ok(()) };
        let (now, (percent, _)) = ((self.clock)().steady, candidate.trial.state());
        if let Ok(plan) = wish.rollout.parse() {
            candidate.trial.follow(&plan, now);
        }
        match candidate.trial.advance(now) {
            Verdict::GoesOn(_) => {
                let (by_now, _) = candidate.trial.state();
                if by_now != percent {
                    tracing::info!(scaler = wish.rank.1, digest = %candidate.digest, percent = by_now, "rollout goes on");
                    self.changed().await;
                }
            }
            Verdict::Promoted => self.promote(wish, serving).await,
            Verdict::Returned { reason, message } => {
                let digest = candidate.digest;
                let halt = returned(digest, reason, &message);
                self.source.note_return(wish, digest, reason, &message).await;
                self.abandon(wish, before).await;
                return Err(halt);
            }
        }
        Ok(())
    }

    /// The newer component has the place.
    async fn promote(&self, wish: &Wish, serving: &mut Option<Serving>) {
        let Some(before) = serving.take() else { return };
        let Some(Candidate { digest, kept, reference, trial }) = before.candidate else {
            *serving = Some(before);
            return;
        };
        tracing::info!(scaler = wish.rank.1, %digest, "the next digest stood its trial");
        self.source.remember(&reference, kept).await;
        let next = Serving { digest, scaler: Arc::clone(&trial.newer), candidate: None, ..before };
        self.offer(wish, serving.insert(next)).await;
    }

    /// The newer component goes, and the older one serves all.
    pub(super) async fn abandon(&self, wish: &Wish, serving: &mut Serving) {
        if let Some(candidate) = serving.candidate.take() {
            tracing::warn!(scaler = wish.rank.1, digest = %candidate.digest, "the next digest goes, the older one serves");
            self.offer(wish, serving).await;
        }
    }

    /// What serves is wanted no more: what is on its way takes its place, or nobody does.
    pub(super) async fn distrust(&self, wish: &Wish, serving: &mut Option<Serving>, found: Digest) {
        if serving.as_ref().is_some_and(|before| before.is_rolling_to(found)) {
            return self.promote(wish, serving).await;
        }
        *serving = None;
        self.withdraw(&wish.rank).await;
    }

    /// Between two questions to the registry.
    pub(super) async fn go_on(&self, wish: &Wish, serving: &mut Option<Serving>, before: &Told) -> Told {
        let mut progress = before.progress.clone();
        if let Err(halt) = self.go_by_rollout(wish, serving).await {
            progress.halt = Some(halt);
        }
        self.told(progress, serving.as_ref())
    }
}

fn returned(digest: Digest, reason: &str, message: &str) -> Halt {
    let message = format!("{digest} went back: {message}. It is not tried again until this spec changes");
    Halt::lasting(Step::Ready, reason, message)
}

impl Source {
    /// Notes that a digest did not stand its trial under this spec.
    async fn note_return(&self, wish: &Wish, digest: Digest, reason: &str, message: &str) {
        let note = self.note_of(wish, digest);
        if let Err(error) = tokio::fs::write(&note, format!("{reason}\n{message}")).await {
            tracing::warn!(path = %note.display(), %error, "a restart will try this digest again");
        }
    }

    /// Why a digest is not tried again under this spec.
    pub(super) async fn returned(&self, wish: &Wish, digest: Digest) -> Option<Halt> {
        let note = tokio::fs::read_to_string(self.note_of(wish, digest)).await.ok()?;
        let (reason, message) = note.split_once('\n')?;
        Some(returned(digest, reason, message))
    }

    fn note_of(&self, wish: &Wish, digest: Digest) -> std::path::PathBuf {
        let said = format!("returned {} {:?} {digest}", wish.uid, wish.generation);
        self.notes.join(Digest::of(said.as_bytes()).hex())
    }
}
