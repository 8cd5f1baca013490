//! The part of the host that talks to the API server, with a scaler that needs no component, and an ear for events.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bellows::kube::{self, Parts, Performer, Requests, Scope, Store, Watches};
use bellows::plan::{Catalogue, Choice, Planner};
use bellows_core::effect::Effect;
use bellows_core::event::{Event, HpaView, Manifest, Refusal, Resolution};
use bellows_core::scaler::{Description, Metric, Parameter, Source, TargetType, Trigger, TriggerType};
use bellows_core::status::Report;
use bellows_core::workload::{ObjectKey, Target, Workload};
use bellows_wasm::PlanError;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use crate::steps::key;

/// Longest wait for an event: an API server that restarts is back within some seconds, and the watch at most 10 s later.
const PATIENCE: Duration = Duration::from_secs(40);

/// The Deployment of the test.
pub(crate) fn worker() -> Target {
    Target {
        group: "apps".into(),
        version: "v1".into(),
        kind: "Deployment".into(),
        resource: "deployments".into(),
        name: "worker".into(),
    }
}

/// Serves the trigger type `list`: one metric, named as its one setting says.
struct Lists(Description);

impl Planner for Lists {
    fn digest(&self) -> &str {
        "digest"
    }

    fn description(&self) -> &Description {
        &self.0
    }

    fn plan<'call>(&'call self, trigger: &'call Trigger) -> BoxFuture<'call, Result<Vec<Metric>, PlanError>> {
        let name = trigger.settings[0].1.clone();
        Box::pin(
            async move { Ok(vec![Metric::External { name, target: 10.0, target_type: TargetType::AverageValue }]) },
        )
    }
}

struct Loaded(Arc<Lists>);

impl Catalogue for Loaded {
    fn find(&self, _object: &ObjectKey, _pin: Option<&str>, trigger_type: &str) -> Option<Choice> {
        (trigger_type == "list").then(|| Choice { planner: self.0.clone(), beside: None })
    }

    fn served(&self, _namespace: &str) -> Vec<String> {
        vec!["list".into()]
    }
}

fn loaded() -> Loaded {
    let list = Parameter {
        name: "listName".into(),
        summary: String::new(),
        required: true,
        default: None,
        sources: vec![Source::Environment],
        feeds: None,
        deprecated: None,
    };
    let kind =
        TriggerType { name: "list".into(), summary: String::new(), parameters: vec![list], connections: Vec::new() };
    let (name, version, summary) = ("lists".into(), "1".into(), String::new());
    Loaded(Arc::new(Lists(Description { name, version, summary, trigger_types: vec![kind] })))
}

pub(crate) struct Host {
    pub(crate) performer: Performer,
    pub(crate) requests: Arc<Requests>,
    inbox: mpsc::Receiver<Event>,
    /// The last manifest of each object.
    manifests: BTreeMap<String, Manifest>,
    /// The last HPA of any.
    hpa: Option<HpaView>,
    attempts: u64,
}

impl Host {
    pub(crate) async fn start(kubeconfig: &Path) -> Result<Self> {
        let (requests, store) = (Arc::new(Requests::default()), Arc::new(Store::default()));
        let client = kube::connect(Some(kubeconfig), requests.clone()).await?;
        let (events, inbox) = mpsc::channel(64);
        let parts = Parts {
            client: client.clone(),
            store: store.clone(),
            catalogue: Arc::new(loaded()),
            events: events.clone(),
            instance: "test".into(),
            all_events: false,
            cluster_namespace: "bellows".into(),
        };
        let performer = Performer::new(parts);
        tokio::spawn(performer.clone().run(std::future::pending()));
        let (synced, mut listed) = watch::channel(false);
        tokio::spawn(Watches { client, scope: Scope::default(), store, events, synced }.run());
        let listed = tokio::time::timeout(PATIENCE, listed.wait_for(|listed| *listed)).await;
        listed.context("the first lists are told")??;
        Ok(Self { performer, requests, inbox, manifests: BTreeMap::new(), hpa: None, attempts: 0 })
    }

    /// The first event that `pick` takes; others are passed over.
    pub(crate) async fn hear<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> Result<T> {
        let heard = async {
            loop {
                let Some(event) = self.inbox.recv().await else { bail!("nobody tells anything any more") };
                match &event {
                    Event::Applied(manifest) => {
                        _ = self.manifests.insert(manifest.key.name.to_string(), (**manifest).clone());
                    }
                    Event::HpaObserved { hpa, .. } => self.hpa.clone_from(hpa),
                    Event::Gone(key) => _ = self.manifests.remove(&*key.name),
                    _ => {}
                }
                if let Some(picked) = pick(&event) {
                    return Ok(picked);
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.with_context(|| format!("waiting for {what}"))?
    }

    /// What a watch tells and what an effect is answered with come in either order.
    pub(crate) async fn applied(&mut self, name: &str, wanted: impl Fn(&Manifest) -> bool) -> Result<Manifest> {
        if let Some(manifest) = self.manifests.get(name).filter(|manifest| wanted(manifest)) {
            return Ok(manifest.clone());
        }
        let pick = |event: &Event| match event {
            Event::Applied(manifest) if &*manifest.key.name == name && wanted(manifest) => Some((**manifest).clone()),
            _ => None,
        };
        self.hear(name, pick).await
    }

    /// The manifest of `name` as it was last told.
    pub(crate) fn applied_again(&self, name: &str) -> Manifest {
        self.manifests.get(name).expect("it was told").clone()
    }

    pub(crate) async fn gone(&mut self, name: &str) -> Result<()> {
        if !self.manifests.contains_key(name) {
            return Ok(());
        }
        let pick = |event: &Event| matches!(event, Event::Gone(key) if &*key.name == name).then_some(());
        self.hear("that it is gone", pick).await
    }

    pub(crate) async fn hpa(&mut self, wanted: impl Fn(&HpaView) -> bool) -> Result<HpaView> {
        if let Some(hpa) = self.hpa.as_ref().filter(|hpa| wanted(hpa)) {
            return Ok(hpa.clone());
        }
        let pick = |event: &Event| match event {
            Event::HpaObserved { hpa, .. } => hpa.clone().filter(&wanted),
            _ => None,
        };
        self.hear("an HPA", pick).await
    }

    pub(crate) async fn resolve(&mut self, manifest: &Manifest) -> Result<Result<Resolution, Refusal>> {
        self.attempts += 1;
        let (attempt, draft) = (self.attempts, manifest.draft.clone());
        self.performer.perform(Effect::Resolve { key: manifest.key.clone(), attempt, draft });
        let pick = |event: &Event| match event {
            Event::Resolved { result, attempt: answered, .. } if *answered == attempt => Some(result.clone()),
            _ => None,
        };
        Ok(self.hear("what it resolves to", pick).await?.map(|resolution| *resolution))
    }

    pub(crate) async fn apply_hpa(
        &mut self,
        workload: &Workload,
        replaces: Option<&str>,
    ) -> Result<Result<u64, String>> {
        let (key, workload) = (workload.key.clone(), Arc::new(workload.clone()));
        self.performer.perform(Effect::ApplyHpa { key, workload, replaces: replaces.map(Into::into) });
        let pick = |event: &Event| match event {
            Event::HpaApplied { result, .. } => Some(result.clone().map_err(|failure| failure.message)),
            _ => None,
        };
        self.hear("that the HPA is applied", pick).await
    }

    pub(crate) async fn report(&mut self, name: &str, report: Report) -> Result<Result<(), String>> {
        self.performer.perform(Effect::Report { key: key(name), report: Box::new(report) });
        let pick = |event: &Event| match event {
            Event::Reported { result, .. } => Some(result.clone().map_err(|failure| failure.message)),
            _ => None,
        };
        self.hear("that the status is written", pick).await
    }
}
