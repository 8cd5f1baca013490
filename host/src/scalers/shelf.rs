//! What stands ready: components of the folder, those that Scalers bring, and those that were replaced lately.
//!
//! Knows who comes first. Loads nothing, and decides of no right: [`super::Terms`] do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::rights::Rights;
use bellows_core::workload::ObjectKey;
use bellows_wasm::Scaler;

use super::terms::Withheld;
use super::{Found, Namespaces, Offer, Rank, Trial, gone};
use crate::plan::Choice;

/// Components kept loaded after they were replaced, for objects that were not resolved again yet.
const RETIRED_MAX: usize = 8;

/// What tells a changed file from an unchanged one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
}

/// What stands ready.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) files: BTreeMap<PathBuf, (Stamp, Option<Arc<Scaler>>)>,
    pub(super) offers: BTreeMap<Rank, Offer>,
    /// With the name of the Scaler that brought it.
    pub(super) retired: Vec<(Option<String>, Arc<Scaler>)>,
    /// Trials that ended lately, for objects that were not resolved again yet; by the Scalers that brought them.
    pub(super) ended: Vec<(String, Arc<Trial>)>,
}

/// An offer, and the rights of a namespace with it, or why it has none.
type Usable<'shelf> = Result<(&'shelf Offer, Arc<Rights>), Withheld>;

impl Shelf {
    pub(super) fn of_files(&self) -> impl Iterator<Item = &Arc<Scaler>> {
        self.files.values().filter_map(|(_, scaler)| scaler.as_ref())
    }

    /// What the folder holds, or held lately, under a digest.
    pub(super) fn of_folder(&self, digest: &str) -> Option<&Arc<Scaler>> {
        let retired = self.retired.iter().filter(|(by, _)| by.is_none()).map(|(_, scaler)| scaler);
        self.of_files().chain(retired).find(|scaler| scaler.digest() == digest)
    }

    /// What serves nobody any more is kept for a while.
    pub(super) fn retire(&mut self, by: Option<&str>, before: impl IntoIterator<Item = Arc<Scaler>>) {
        self.retired.extend(before.into_iter().map(|before| (by.map(str::to_owned), before)));
        let excess = self.retired.len().saturating_sub(RETIRED_MAX);
        self.retired.drain(..excess);
    }

    /// Keeps for a while what the offer before had and the one in its place, `now`, has not. A trial whose newer component
    /// serves by now is over: the older one is asked no more.
    pub(super) fn retire_offer(&mut self, by: &str, before: Offer, now: &Offer) {
        let kept = |scaler: &&Arc<Scaler>| !now.scalers().any(|serving| Arc::ptr_eq(serving, scaler));
        self.retire(Some(by), before.scalers().filter(kept).cloned());
        let returned = before.trial.filter(|trial| kept(&&trial.newer));
        self.ended.extend(returned.map(|trial| (by.to_owned(), trial)));
        let excess = self.ended.len().saturating_sub(RETIRED_MAX);
        self.ended.drain(..excess);
    }

    /// The offer of the Scaler of a name, with the rights of a namespace.
    pub(super) fn named(&self, name: &str, namespace: &str, namespaces: &Namespaces) -> Option<Usable<'_>> {
        let named = self.offers.iter().filter(|((_, named), _)| named == name);
        let usable = |(_, offer)| Offer::usable(offer, namespace, namespaces);
        let mut usable: Vec<Usable<'_>> = named.map(usable).collect();
        let first = usable.iter().position(Result::is_ok).unwrap_or_default();
        (first < usable.len()).then(|| usable.swap_remove(first))
    }

    /// What a Scaler brings, or brought lately, under a digest.
    pub(super) fn brought(
        &self,
        by: &str,
        digest: &str,
        namespace: &str,
        namespaces: &Namespaces,
    ) -> Result<Found, Failure> {
        let of_operator = |code: &str, why| {
            Failure::new(FailureKind::Transient, Blame::Operator, code, format!("Scaler {by}: {why}"))
        };
        let (offer, rights) = self.named(by, namespace, namespaces).ok_or_else(gone)?.map_err(|why| match why {
            Withheld::NotAllowed(why) => of_operator("scaler-withheld", why),
            Withheld::Unknown(why) => of_operator("labels-unknown", why),
        })?;
        let retired = self.retired.iter().filter(|(before, _)| before.as_deref() == Some(by)).map(|(_, scaler)| scaler);
        let found = offer.scalers().chain(retired).find(|scaler| scaler.digest() == digest);
        let scaler = found.ok_or_else(gone)?.clone();
        let of = |trial: &&Arc<Trial>| trial.newer.digest() == digest || trial.older.digest() == digest;
        // One that ended concerns the newer component alone: the older one serves again, or no longer.
        let ended = self.ended.iter().rev().filter(|(before, _)| before == by).map(|(_, trial)| trial);
        let ended = ended.filter(|trial| trial.newer.digest() == digest);
        let trial = offer.trial.iter().filter(of).chain(ended).next().cloned();
        Ok(Found { scaler, rights: Some(rights), trial })
    }

    /// The offers that a namespace may use, but for those that must be pinned.
    pub(super) fn open_to(&self, namespace: &str, namespaces: &Namespaces) -> impl Iterator<Item = &Offer> {
        let open = self.offers.values().filter(|offer| !offer.pinned_only);
        open.filter(move |offer| offer.usable(namespace, namespaces).is_ok())
    }

    /// Who serves a trigger type of an object that pins nobody.
    pub(super) fn offered(&self, object: &ObjectKey, trigger_type: &str, namespaces: &Namespaces) -> Option<Choice> {
        let mut serving = self.offers.iter().filter(|(_, offer)| !offer.pinned_only && offer.serves(trigger_type));
        let choice = serving.find_map(|((_, name), offer)| match offer.usable(&object.namespace, namespaces) {
            Ok((offer, rights)) => offer.choose(name, &rights, object, trigger_type).map(Some),
            Err(Withheld::NotAllowed(_)) => None,
            // Nobody who comes later takes the place of one that may be meant to serve.
            Err(Withheld::Unknown(_)) => Some(None),
        });
        choice.flatten()
    }

    /// The Scaler that serves a trigger type, but not for this namespace, and why.
    pub(super) fn withheld(
        &self,
        namespace: &str,
        trigger_type: &str,
        namespaces: &Namespaces,
    ) -> Option<(&str, Withheld)> {
        let mut serving = self.offers.iter().filter(|(_, offer)| offer.serves(trigger_type));
        serving.find_map(|((_, name), offer)| match offer.usable(namespace, namespaces).err()? {
            Withheld::Unknown(_) if offer.pinned_only => None,
            why => Some((name.as_str(), why)),
        })
    }
}

pub(super) fn serves(scaler: &Scaler, trigger_type: &str) -> bool {
    scaler.description().trigger_types.iter().any(|kind| kind.name == trigger_type)
}
