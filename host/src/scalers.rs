//! The components in service, by the trigger types that they serve: those of a folder, which is looked at again every two
//! seconds, and those that Scalers of the cluster bring.
//!
//! The folder comes first, so nobody takes a trigger type from the operator of the host; an object that pins a Scaler gets
//! that one. A file that cannot be loaded touches nothing else: the component that it replaces, and all others, stay in service.
//! One that disappears stays in service too, until the host restarts, because nothing stops for want of a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bellows_core::event::Event;
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::rights::Rights;
use bellows_core::workload::ObjectKey;
use bellows_wasm::{Engine, Scaler};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::plan::{Catalogue, Choice};
use crate::serve::upstream::chain;

mod entitled;
mod namespaces;
mod offer;
mod shelf;
mod terms;
mod trial;

pub use namespaces::Namespaces;
pub use offer::Offer;
pub use terms::Terms;
pub use trial::Trial;

use entitled::parts;
use shelf::{Shelf, Stamp, serves};
use terms::Withheld;

/// How often the folder is looked at: a listing of some hundred names.
const LOOK: Duration = Duration::from_secs(2);
/// Files of a folder that are looked at; a host with more scalers than this has a wrong folder.
const FILES_MAX: usize = 1024;

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

/// The components in service.
pub struct Scalers {
    folder: PathBuf,
    engine: Engine,
    shelf: RwLock<Shelf>,
    namespaces: Arc<Namespaces>,
}

impl Scalers {
    /// Loads what is in the folder. What cannot be loaded is logged, with its reason.
    pub async fn open(folder: PathBuf, engine: Engine) -> Self {
        let scalers = Self { folder, engine, shelf: RwLock::default(), namespaces: Arc::default() };
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

    /// What is known of the labels of namespaces.
    pub fn namespaces(&self) -> &Arc<Namespaces> {
        &self.namespaces
    }

    /// The component that was planned under this identity, also one that was replaced lately, and its rights as they are
    /// now: what a person took away since holds for objects that were not resolved again, too.
    pub fn of_poll(&self, identity: &str, namespace: &str) -> Result<Found, Failure> {
        let (digest, by) = parts(identity);
        self.read(|shelf| match by {
            None => {
                let found = shelf.of_folder(digest).ok_or_else(gone)?;
                Ok(Found { scaler: found.clone(), rights: None, trial: None })
            }
            Some(by) => shelf.brought(by, digest, namespace, &self.namespaces),
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
        let namespaces = &self.namespaces;
        self.read(|shelf| {
            let pinned = || {
                let (offer, rights) = shelf.named(pin?, &object.namespace, namespaces)?.ok()?;
                offer.choose(pin?, &rights, object, trigger_type)
            };
            let of_files = || {
                let scaler = shelf.of_files().find(|scaler| serves(scaler, trigger_type))?;
                Some(Choice { planner: scaler.clone(), beside: None })
            };
            pinned().or_else(of_files).or_else(|| shelf.offered(object, trigger_type, namespaces))
        })
    }

    fn served(&self, namespace: &str) -> Vec<String> {
        self.read(|shelf| {
            let offered = shelf.open_to(namespace, &self.namespaces).map(|offer| &offer.scaler);
            let mut names: Vec<_> = shelf.of_files().chain(offered).flat_map(types).collect();
            names.sort();
            names.dedup();
            names
        })
    }

    fn withheld(&self, namespace: &str, trigger_type: &str) -> Option<String> {
        self.read(|shelf| {
            let (scaler, why) = shelf.withheld(namespace, trigger_type, &self.namespaces)?;
            Some(match why {
                Withheld::NotAllowed(why) => format!("Scaler {scaler} serves trigger type {trigger_type}, but {why}"),
                Withheld::Unknown(why) => format!(
                    "Scaler {scaler} serves trigger type {trigger_type}, but what it may do for {namespace} is decided by \
                     labels, and {why}"
                ),
            })
        })
    }

    fn brought(&self, namespace: &str, name: &str) -> Result<Vec<String>, Option<String>> {
        self.read(|shelf| match shelf.named(name, namespace, &self.namespaces) {
            Some(Ok((offer, _))) => Ok(offer.scalers().flat_map(types).collect()),
            Some(Err(Withheld::Unknown(why))) => {
                Err(Some(format!("what Scaler {name} may do for {namespace} is decided by labels, and {why}")))
            }
            Some(Err(Withheld::NotAllowed(_))) | None => Err(None),
        })
    }
}

/// What a poll hears whose component is not there any more.
fn gone() -> Failure {
    let why = "the scaler was replaced or removed";
    Failure::new(FailureKind::Transient, Blame::Operator, "scaler-gone", why)
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
