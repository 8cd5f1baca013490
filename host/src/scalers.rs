//! The components in service, by the trigger types that they serve: those of a folder, which is looked at again every two
//! seconds, and those that Scalers of the cluster bring.
//!
//! The folder comes first, so nobody takes a trigger type from the operator of the host; an object that pins a Scaler gets
//! that one. A file that cannot be loaded touches nothing else: the component that it replaces, and all others, stay in service.
//! One that disappears stays in service too, until the host restarts, because nothing stops for want of a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bellows_core::event::Event;
use bellows_core::rights::Rights;
use bellows_core::workload::ObjectKey;
use bellows_wasm::{Engine, Scaler};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::plan::{Catalogue, Choice};
use crate::serve::upstream::chain;

mod entitled;
mod offer;
mod trial;

pub use offer::Offer;
pub use trial::Trial;

use entitled::parts;

/// How often the folder is looked at: a listing of some hundred names.
const LOOK: Duration = Duration::from_secs(2);
/// Components kept loaded after they were replaced, for objects that were not resolved again yet.
const RETIRED_MAX: usize = 8;
/// Files of a folder that are looked at; a host with more scalers than this has a wrong folder.
const FILES_MAX: usize = 1024;

/// What tells a changed file from an unchanged one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

/// A component for a poll.
pub struct Found {
    /// The component.
    pub scaler: Arc<Scaler>,
    /// What it may do; `None` where nothing restricts it.
    pub rights: Option<Arc<Rights>>,
    /// The trial in which it is one of two.
    pub trial: Option<Arc<Trial>>,
}

/// Who comes first of several Scalers that claim a trigger type: the oldest, and of two as old the first by name.
pub type Rank = (jiff::Timestamp, String);

#[derive(Default)]
struct Shelf {
    files: BTreeMap<PathBuf, (Stamp, Option<Arc<Scaler>>)>,
    offers: BTreeMap<Rank, Offer>,
    /// With the name of the Scaler that brought it.
    retired: Vec<(Option<String>, Arc<Scaler>)>,
    /// Trials that ended lately, for objects that were not resolved again yet; by the Scalers that brought them.
    ended: Vec<(String, Arc<Trial>)>,
}

impl Shelf {
    fn of_files(&self) -> impl Iterator<Item = &Arc<Scaler>> {
        self.files.values().filter_map(|(_, scaler)| scaler.as_ref())
    }

    /// What serves nobody any more is kept for a while.
    fn retire(&mut self, by: Option<&str>, before: impl IntoIterator<Item = Arc<Scaler>>) {
        self.retired.extend(before.into_iter().map(|before| (by.map(str::to_owned), before)));
        let excess = self.retired.len().saturating_sub(RETIRED_MAX);
        self.retired.drain(..excess);
    }

    /// Keeps for a while what the offer before had and the one in its place, `now`, has not. A trial whose newer component
    /// serves by now is over: the older one is asked no more.
    fn retire_offer(&mut self, by: &str, before: Offer, now: &Offer) {
        let kept = |scaler: &&Arc<Scaler>| !now.scalers().any(|serving| Arc::ptr_eq(serving, scaler));
        self.retire(Some(by), before.scalers().filter(kept).cloned());
        let returned = before.trial.filter(|trial| kept(&&trial.newer));
        self.ended.extend(returned.map(|trial| (by.to_owned(), trial)));
        let excess = self.ended.len().saturating_sub(RETIRED_MAX);
        self.ended.drain(..excess);
    }

    /// The offer of the Scaler of a name, if a namespace may use it.
    fn named(&self, name: &str, namespace: &str) -> Option<&Offer> {
        let named = self.offers.iter().filter(|((_, named), _)| named == name);
        named.map(|(_, offer)| offer).find(|offer| offer.allows(namespace))
    }

    /// What a Scaler brings, or brought lately, under a digest.
    fn brought(&self, by: &str, digest: &str, namespace: &str) -> Option<Found> {
        let offer = self.named(by, namespace)?;
        let retired = self.retired.iter().filter(|(before, _)| before.as_deref() == Some(by)).map(|(_, scaler)| scaler);
        let scaler = offer.scalers().chain(retired).find(|scaler| scaler.digest() == digest)?.clone();
        let of = |trial: &&Arc<Trial>| trial.newer.digest() == digest || trial.older.digest() == digest;
        // One that ended concerns the newer component alone: the older one serves again, or no longer.
        let ended = self.ended.iter().rev().filter(|(before, _)| before == by).map(|(_, trial)| trial);
        let ended = ended.filter(|trial| trial.newer.digest() == digest);
        let trial = offer.trial.iter().filter(of).chain(ended).next().cloned();
        Some(Found { scaler, rights: Some(offer.grants.of(namespace).clone()), trial })
    }

    /// The offers that a namespace may use, but for those that must be pinned; each with the name of its Scaler.
    fn open_to(&self, namespace: &str) -> impl Iterator<Item = (&str, &Offer)> {
        let open = self.offers.iter().filter(move |(_, offer)| offer.allows(namespace) && !offer.pinned_only);
        open.map(|((_, name), offer)| (name.as_str(), offer))
    }
}

fn serves(scaler: &Scaler, trigger_type: &str) -> bool {
    scaler.description().trigger_types.iter().any(|kind| kind.name == trigger_type)
}

/// The components in service.
pub struct Scalers {
    folder: PathBuf,
    engine: Engine,
    shelf: RwLock<Shelf>,
}

impl Scalers {
    /// Loads what is in the folder. What cannot be loaded is logged, with its reason.
    pub async fn open(folder: PathBuf, engine: Engine) -> Self {
        let scalers = Self { folder, engine, shelf: RwLock::default() };
        scalers.look().await;
        scalers
    }

    /// Looks again and again, and tells when something changed.
    pub async fn watch(self: Arc<Self>, events: mpsc::Sender<Event>, cancel: CancellationToken) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            if self.look().await && events.send(Event::ScalersChanged).await.is_err() {
                return;
            }
        }
    }

    /// The component that was planned under this identity, also one that was replaced lately, and its rights as they are
    /// now: what a person took away since holds for objects that were not resolved again, too.
    pub fn of_poll(&self, identity: &str, namespace: &str) -> Option<Found> {
        let (digest, by) = parts(identity);
        self.read(|shelf| {
            let Some(by) = by else {
                let retired = shelf.retired.iter().filter(|(by, _)| by.is_none()).map(|(_, scaler)| scaler);
                let found = shelf.of_files().chain(retired).find(|scaler| scaler.digest() == digest)?;
                return Some(Found { scaler: found.clone(), rights: None, trial: None });
            };
            shelf.brought(by, digest, namespace)
        })
    }

    /// Puts a Scaler's component into service, in the place of the one that it brought before.
    pub fn offer(&self, rank: Rank, offer: Offer) {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = shelf.offers.insert(rank.clone(), offer.clone()) {
            shelf.retire_offer(&rank.1, before, &offer);
        }
    }

    /// Takes a Scaler's component out of service, at once and with all that it brought before. Whether it brought one.
    pub fn withdraw(&self, rank: &Rank) -> bool {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        shelf.retired.retain(|(by, _)| by.as_deref() != Some(rank.1.as_str()));
        shelf.ended.retain(|(by, _)| *by != rank.1);
        shelf.offers.remove(rank).is_some()
    }

    /// Who serves a trigger type before the Scaler of this rank, in the words of a message.
    pub fn before(&self, rank: &Rank, trigger_type: &str) -> Option<String> {
        self.read(|shelf| {
            if let Some(scaler) = shelf.of_files().find(|scaler| serves(scaler, trigger_type)) {
                return Some(format!("the host's own scaler {}", scaler.description().name));
            }
            let mut earlier = shelf.offers.range(..rank.clone());
            let found = earlier.find(|(_, offer)| !offer.pinned_only && serves(&offer.scaler, trigger_type));
            found.map(|((_, name), _)| format!("the older Scaler {name}"))
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Shelf) -> T) -> T {
        read(&self.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads what is new or changed. True if a component came into service.
    async fn look(&self) -> bool {
        let found = match listing(&self.folder).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(folder = %self.folder.display(), %error, "the folder of scalers cannot be read");
                return false;
            }
        };
        let mut changed = false;
        for (path, stamp) in found {
            if self.read(|shelf| shelf.files.get(&path).is_some_and(|(known, _)| *known == stamp)) {
                continue;
            }
            let loaded = match self.engine.load(&path).await {
                Ok(scaler) => {
                    let types: Vec<_> =
                        scaler.description().trigger_types.iter().map(|kind| kind.name.as_str()).collect();
                    tracing::info!(path = %path.display(), digest = scaler.digest(), ?types, "scaler loaded");
                    Some(scaler)
                }
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(path = %path.display(), error, "scaler refused; whatever it would replace stays in service");
                    None
                }
            };
            changed |= loaded.is_some();
            self.place(path, stamp, loaded);
        }
        changed
    }

    fn place(&self, path: PathBuf, stamp: Stamp, loaded: Option<Arc<Scaler>>) {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        let before = shelf.files.remove(&path).and_then(|(_, scaler)| scaler);
        let current = match loaded {
            Some(scaler) => {
                shelf.retire(None, before);
                Some(scaler)
            }
            None => before,
        };
        shelf.files.insert(path, (stamp, current));
    }
}

impl Catalogue for Scalers {
    /// Where two components claim a trigger type, the one whose file name comes first serves it.
    fn find(&self, object: &ObjectKey, pin: Option<&str>, trigger_type: &str) -> Option<Choice> {
        let namespace = &*object.namespace;
        self.read(|shelf| {
            let pinned = || pin.and_then(|name| shelf.named(name, namespace)?.choose(name, object, trigger_type));
            let of_files = || {
                let scaler = shelf.of_files().find(|scaler| serves(scaler, trigger_type))?;
                Some(Choice { planner: scaler.clone(), beside: None })
            };
            let mut open = shelf.open_to(namespace);
            let mut offered = || open.find_map(|(name, offer)| offer.choose(name, object, trigger_type));
            pinned().or_else(of_files).or_else(&mut offered)
        })
    }

    fn served(&self, namespace: &str) -> Vec<String> {
        self.read(|shelf| {
            let offered = shelf.open_to(namespace).map(|(_, offer)| &offer.scaler);
            let mut names: Vec<_> = shelf.of_files().chain(offered).flat_map(types).collect();
            names.sort();
            names.dedup();
            names
        })
    }

    fn withheld(&self, namespace: &str, trigger_type: &str) -> Option<String> {
        self.read(|shelf| {
            let withheld = |offer: &Offer| !offer.allows(namespace) && serves(&offer.scaler, trigger_type);
            shelf.offers.iter().find(|(_, offer)| withheld(offer)).map(|((_, name), _)| name.clone())
        })
    }

    fn brought(&self, namespace: &str, name: &str) -> Option<Vec<String>> {
        self.read(|shelf| shelf.named(name, namespace).map(|offer| offer.scalers().flat_map(types).collect()))
    }
}

fn types(scaler: &Arc<Scaler>) -> Vec<String> {
    scaler.description().trigger_types.iter().map(|kind| kind.name.clone()).collect()
}

async fn listing(folder: &Path) -> std::io::Result<Vec<(PathBuf, Stamp)>> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && found.len() < FILES_MAX {
            let about = tokio::fs::metadata(&path).await?;
            found.push((path, Stamp { length: about.len(), modified: about.modified().ok() }));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}
