//! Watches of ScaledObjects, of the HPAs made for them and of authentications → events. A bad object is reported, a dropped connection is
//! taken up again, and what went away meanwhile is told as gone.
//!
//! Writes nothing and decides nothing.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bellows_core::authentication::AuthenticationKind;
use bellows_core::event::Event;
use bellows_core::workload::ObjectKey;
use futures::{StreamExt, TryFutureExt};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::ObjectMeta;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch as synced};

use super::store::Store;
use super::{authentication, hpa};

mod authentications;
mod document;
mod observed;

use authentications::Authentications;
use document::Document;

/// A watch is ended by the server this often and taken up where it stood, which costs one request; a connection that was
/// cut without a word is noticed 5 s after that.
pub(super) const WATCH_SECONDS: u32 = 30;
/// First and longest wait after a failed watch: an API server that restarts is back within seconds, and four watches that
/// ask every 10 s are no load to one that is not.
const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Which ScaledObjects are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// One namespace; all where absent.
    pub namespace: Option<String>,
    /// Label selector; all where absent.
    pub selector: Option<String>,
}

/// All watches.
pub struct Watches {
    /// Whom to ask.
    pub client: Client,
    /// What to watch.
    pub scope: Scope,
    /// Filled here.
    pub store: Arc<Store>,
    /// Where events go. Bounded: a machine that is behind slows the watches down.
    pub events: mpsc::Sender<Event>,
    /// Becomes true once the first lists of ScaledObjects and HPAs were told. Authentications are read when they are
    /// needed, and watched for their changes only.
    pub synced: synced::Sender<bool>,
}

/// Nobody listens to events any more, so watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody listens to the watches")]
pub(super) struct Unheard;

impl Watches {
    /// Watches until nobody listens any more.
    pub async fn run(self) {
        let (listed, objects_listed) = synced::channel(false);
        // An HPA is only known by its ScaledObject, and who uses an authentication too, so objects are listed first.
        let others = async {
            let mut objects_listed = objects_listed;
            objects_listed.wait_for(|listed| *listed).map_err(|_| Unheard).await.map(drop)?;
            let namespaced = self.authentications(AuthenticationKind::Namespaced);
            let cluster = self.authentications(AuthenticationKind::Cluster);
            futures::try_join!(self.hpas(), namespaced, cluster).map(drop)
        };
        if let Err(unheard) = futures::try_join!(self.objects(&listed), others) {
            tracing::debug!(%unheard, "watches ended");
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Unheard> {
        self.events.send(event).await.map_err(|_| Unheard)
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match &self.scope.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    async fn objects(&self, listed: &synced::Sender<bool>) -> Result<(), Unheard> {
        let mut config = watcher::Config::default().timeout(WATCH_SECONDS);
        config.label_selector.clone_from(&self.scope.selector);
        let mut stream = std::pin::pin!(patient(self.api::<DeserializeGuard<Document>>(), config));
        let mut present = HashSet::new();
        while let Some(result) = stream.next().await {
            match heard("ScaledObjects", result) {
                None => {}
                Some(watcher::Event::Init) => present.clear(),
                Some(watcher::Event::InitApply(object)) => {
                    present.insert(observed::key(object.meta()));
                    self.object(object).await?;
                }
                Some(watcher::Event::Apply(object)) => self.object(object).await?,
                Some(watcher::Event::Delete(object)) => self.gone(&observed::key(object.meta())).await?,
                Some(watcher::Event::InitDone) => {
                    let absent = self.store.keys().into_iter().filter(|key| !present.contains(key));
                    for key in absent {
                        self.gone(&key).await?;
                    }
                    present = HashSet::new();
                    listed.send_replace(true);
                }
            }
        }
        Ok(())
    }

    async fn object(&self, DeserializeGuard(object): DeserializeGuard<Document>) -> Result<(), Unheard> {
        let (known, event) = match object {
            Ok(Document(object)) => observed::object(object),
            Err(invalid) => observed::unreadable(invalid),
        };
        let key = match &event {
            Event::Unreadable { key, .. } => key.clone(),
            Event::Applied(manifest) => manifest.key.clone(),
            _ => return Ok(()),
        };
        // Most of what a watch tells is our own writing of the status.
        let news = self.store.is_news(&key, &known.uid, known.told);
        self.store.observe(&key, known);
        if news { self.tell(event).await } else { Ok(()) }
    }

    async fn gone(&self, key: &ObjectKey) -> Result<(), Unheard> {
        if self.store.forget(key) { self.tell(Event::Gone(key.clone())).await } else { Ok(()) }
    }

    async fn hpas(&self) -> Result<(), Unheard> {
        let config = watcher::Config::default().timeout(WATCH_SECONDS).labels(hpa::NAME_LABEL);
        let mut stream = std::pin::pin!(patient(self.api::<HorizontalPodAutoscaler>(), config));
        let mut hpas = observed::Hpas::default();
        while let Some(result) = stream.next().await {
            let events = match heard("HorizontalPodAutoscalers", result) {
                None => Vec::new(),
                Some(watcher::Event::Init) => {
                    hpas.relist();
                    Vec::new()
                }
                Some(watcher::Event::InitApply(hpa) | watcher::Event::Apply(hpa)) => hpas.observe(&hpa, &self.store),
                Some(watcher::Event::Delete(hpa)) => hpas.deleted(&hpa.metadata, &self.store),
                Some(watcher::Event::InitDone) => hpas.listed(&self.store),
            };
            let first = !*self.synced.borrow() && hpas.is_listed();
            for event in events {
                self.tell(event).await?;
            }
            if first {
                self.synced.send_replace(true);
            }
        }
        Ok(())
    }
}

impl Watches {
    async fn authentications(&self, kind: AuthenticationKind) -> Result<(), Unheard> {
        let resource = authentication::resource(kind);
        let api = match (kind, &self.scope.namespace) {
            (AuthenticationKind::Namespaced, Some(namespace)) => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            _ => Api::all_with(self.client.clone(), &resource),
        };
        // Of a namespace that is ours alone we know every object.
        let all_of_it = kind == AuthenticationKind::Namespaced || self.scope.namespace.is_none();
        let mut known = Authentications::new(kind, self.scope.selector.is_some() || !all_of_it);
        let mut stream = std::pin::pin!(patient(api, watcher::Config::default().timeout(WATCH_SECONDS)));
        while let Some(result) = stream.next().await {
            let events = match heard(kind.label(), result) {
                None => Vec::new(),
                Some(watcher::Event::Init) => {
                    known.relist();
                    Vec::new()
                }
                Some(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                    known.observe(&object).into_iter().collect()
                }
                Some(watcher::Event::Delete(object)) => known.deleted(&object).into_iter().collect(),
                Some(watcher::Event::InitDone) => known.listed(),
            };
            for event in events {
                if let Event::AuthenticationObserved { key, view } = &event {
                    self.store.authentication(key, view.is_some());
                }
                self.tell(event).await?;
            }
        }
        Ok(())
    }
}

/// A watch that never ends, waits between attempts, and drops what only costs memory.
pub(super) fn patient<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl futures::Stream<Item = Result<watcher::Event<K>, watcher::Error>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher(api, config).backoff(Wait::default()).map(|result| result.map(|event| event.modify(trim)))
}

/// Takes off what `kubectl apply` left: a second copy of the whole object.
fn trim(object: &mut impl Resource) {
    let metadata: &mut ObjectMeta = object.meta_mut();
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

pub(super) fn heard<K>(what: &str, result: Result<watcher::Event<K>, watcher::Error>) -> Option<watcher::Event<K>> {
    result.inspect_err(|error| tracing::warn!(%error, "the watch of {what} failed and is taken up again")).ok()
}

/// Doubling waits between attempts of a watch. Without chance: two clients need no spreading.
#[derive(Debug, Clone)]
struct Wait(Duration);

impl Default for Wait {
    fn default() -> Self {
        Self(WAIT_MIN)
    }
}

impl Iterator for Wait {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.0;
        self.0 = wait.saturating_mul(2).min(WAIT_MAX);
        Some(wait)
    }
}

impl Backoff for Wait {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_watch_waits_longer_each_time_and_never_longer_than_10_s() {
        let waits: Vec<u128> = Wait::default().take(7).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 10000, 10000]);
    }
}
