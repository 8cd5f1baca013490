//! Composition: ports, tasks, shutdown. The only file that may know everybody.
//!
//! Decides nothing. The death of any task ends the process, because a host that only half lives is worse than one that
//! its supervisor starts again.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bellows_core::effect::Effect;
use bellows_core::event::Event;
use bellows_wasm::{Compiler, Engine};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::kube::aggregation::Aggregation;
use crate::kube::scaler::ScalerDesk;
use crate::kube::{self, Performer, Pods, Requests, Scope, Store, Watches};
use crate::poll::Poller;
use crate::scalers::Scalers;
use crate::serve::external_metrics::{ExternalMetrics, Parts};
use crate::serve::readiness::Readiness;
use crate::serve::snapshot::Snapshot;
use crate::serve::{Clock, admin};
use crate::supply::{self, Supply};
use crate::telemetry::{Counts, Sources, Telemetry};
use crate::{clock, driver};

mod settings;

pub use settings::Settings;
use settings::{engine_settings, face_settings, source};

/// Runs the host until it is told to end, or a part of it dies.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let (clock, cancel) = (clock::start(), CancellationToken::new());
    let (events, inbox) = mpsc::channel(driver::EVENTS_MAX);
    let (snapshot, requests, store) =
        (Arc::new(Snapshot::default()), Arc::new(Requests::default()), Arc::new(Store::default()));
    let (counted, present) = (requests.clone(), store.clone());
    let telemetry = Arc::new(Telemetry::new(Sources {
        snapshot: snapshot.clone(),
        clock: clock.clone(),
        requests: Counts::new(move || counted.snapshot()),
        authentications: Counts::new(move || present.authentications()),
        legacy_names: settings.legacy_metric_names,
    }));
    let readiness = Readiness::default();
    // Before anybody can ask: a list without conditions is ready.
    let (loaded, watched) = (readiness.condition("scalers loaded"), readiness.condition("objects listed"));
    let mut tasks = Tasks { set: JoinSet::new(), cancel: cancel.clone() };

    let admin_port = bind("--admin", settings.admin).await?;
    tasks.start("admin listener", admin::run(admin_port, readiness.clone(), telemetry.clone(), cancel.clone()));
    for address in &settings.prometheus {
        let port = bind("--prometheus", *address).await?;
        tasks.start("listener of metrics", admin::run_metrics(port, telemetry.clone(), cancel.clone()));
    }
    let engine = Engine::new(engine_settings(&settings)?).context("cannot start the engine for scalers")?;
    let scalers = Arc::new(Scalers::open(settings.scalers.clone(), engine.clone()).await);
    loaded.met();
    tasks.start("folder of scalers", scalers.clone().watch(events.clone(), cancel.clone()));

    let client = kube::connect(settings.kubeconfig.as_deref(), requests).await.context("cannot reach Kubernetes")?;
    engine.lend_pods(Arc::new(Pods::new(client.clone())));
    let metrics_port = bind("--metrics-api", settings.metrics_api).await?;
    let parts = Parts {
        snapshot: snapshot.clone(),
        clock: clock.clone(),
        api: Arc::new(Aggregation::new(client.clone(), &settings.service_namespace, &settings.service_name)),
        telemetry: telemetry.clone(),
        readiness,
    };
    let face = ExternalMetrics::new(face_settings(&settings), parts).context("cannot serve external metrics")?;
    tasks.start("metrics API", face.run(metrics_port, cancel.clone()));

    let performer = Performer::new(kube::Parts {
        client: client.clone(),
        store: store.clone(),
        catalogue: scalers.clone(),
        events: events.clone(),
        instance: settings.instance.clone(),
        all_events: settings.all_events,
        cluster_namespace: settings.cluster_object_namespace.clone(),
    });
    tasks.start_fallible("performer", performer.clone().run(cancel.clone().cancelled_owned()));
    tasks.supply(&settings, engine, &scalers, &events, &client, &clock)?;
    let (synced, listed) = watch::channel(false);
    let scope = Scope { namespace: settings.namespace.clone(), selector: settings.selector.clone() };
    let watches = Watches { client, scope, store, events: events.clone(), synced };
    tasks.start("watches", until(cancel.clone(), watches.run()));
    tasks.start("readiness of the watches", until(cancel.clone(), announce(listed, watched)));

    let poller = Poller { scalers, clock: clock.clone(), events, telemetry: telemetry.clone() };
    tasks.start("machine", drive(inbox, clock, poller, performer, snapshot, telemetry, cancel));
    tasks.finish().await
}

/// The driver, with everybody that an effect may concern.
async fn drive(
    inbox: mpsc::Receiver<Event>,
    clock: Clock,
    poller: Poller,
    performer: Performer,
    snapshot: Arc<Snapshot>,
    telemetry: Arc<Telemetry>,
    cancel: CancellationToken,
) {
    let counts = telemetry.clone();
    let dispatch = move |effect: Effect| match effect {
        Effect::Poll(poll) => poller.ask(poll),
        Effect::Publish { key, view } => {
            if view.is_none() {
                counts.gone(&key);
            }
            snapshot.publish(key, view);
        }
        effect => performer.perform(effect),
    };
    let stepped = move |took, waiting| {
        telemetry.stepped(took);
        telemetry.waiting("events", waiting);
    };
    driver::run(inbox, clock, dispatch, stepped, cancel).await;
}

async fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{flag}: cannot listen on {address}"))
}

/// This program again, as the child process that compiles components.
pub(crate) fn compiler() -> anyhow::Result<Compiler> {
    let program =
        std::env::current_exe().context("cannot find the program itself, which compiles scalers as a child")?;
    Ok(Compiler { program, arguments: vec!["compile".into()] })
}

async fn announce(mut listed: watch::Receiver<bool>, watched: crate::serve::readiness::Condition) {
    if listed.wait_for(|listed| *listed).await.is_ok() {
        watched.met();
        // The condition stays met: a watch that is interrupted goes on from what is known.
        std::future::pending::<()>().await;
    }
}

async fn until(cancel: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = task => {}
    }
}

/// The tasks of the process, by name.
struct Tasks {
    set: JoinSet<(&'static str, anyhow::Result<()>)>,
    cancel: CancellationToken,
}

impl Tasks {
    fn start(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(async move {
            task.await;
            (name, Ok(()))
        });
    }

    fn start_fallible<E: std::error::Error + Send + Sync + 'static>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.set.spawn(async move { (name, task.await.map_err(anyhow::Error::new)) });
    }

    /// Scalers of the cluster: who watches them, and who brings them into service.
    fn supply(
        &mut self,
        settings: &Settings,
        engine: Engine,
        scalers: &Arc<Scalers>,
        events: &mpsc::Sender<Event>,
        client: &::kube::Client,
        clock: &Clock,
    ) -> anyhow::Result<()> {
        let supply = Supply {
            engine,
            scalers: scalers.clone(),
            source: source(settings)?,
            desk: Arc::new(ScalerDesk::new(client.clone(), settings.service_namespace.clone())),
            events: events.clone(),
            clock: clock.clone(),
        };
        let (news, wishes) = mpsc::channel(supply::NEWS_MAX);
        let cancel = self.cancel.clone();
        let labels = kube::namespaces::watch(
            client.clone(),
            settings.namespace.clone(),
            scalers.namespaces().clone(),
            events.clone(),
        );
        self.start("watch of namespaces", until(cancel.clone(), labels));
        self.start("watch of Scalers", until(cancel.clone(), kube::scaler::watch(client.clone(), news)));
        self.start("supply of scalers", supply.run(wishes, cancel));
        Ok(())
    }

    /// Waits until the process is told to end or a task ends by itself; then ends all of them.
    async fn finish(mut self) -> anyhow::Result<()> {
        let outcome = tokio::select! {
            signal = terminated() => signal.map(|signal| tracing::info!(signal, "ending")),
            Some(ended) = self.set.join_next() => Err(death(ended)),
        };
        self.cancel.cancel();
        while self.set.join_next().await.is_some() {}
        outcome
    }
}

fn death(ended: Result<(&'static str, anyhow::Result<()>), tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok((name, Ok(()))) => anyhow::anyhow!("{name} ended by itself"),
        Ok((name, Err(error))) => error.context(format!("{name} ended")),
        Err(error) => anyhow::Error::new(error).context("a task died"),
    }
}

async fn terminated() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
