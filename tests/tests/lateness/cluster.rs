//! A cluster and a source in miniature: each effect of the machine is answered at once, but for polls, which are asked of the
//! components.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellows::poll::Poller;
use bellows_core::connection::{Connection, RedisConnection};
use bellows_core::draft::Draft;
use bellows_core::effect::{Effect, Poll};
use bellows_core::event::{Event, HpaView, Resolution};
use bellows_core::failure::Failure;
use bellows_core::scaler::Trigger;
use bellows_core::workload::{ObjectKey, Planned, Target};
use bellows_wasm::{RedisSource, RedisValue, Replies, Scaler};
use tokio::sync::mpsc;

use crate::bench::server;

/// When each poll under way was due, of how many triggers it is, and whether of healthy objects.
pub(crate) type Due = BTreeMap<u64, (Duration, usize, bool)>;

/// A Redis whose lists are all empty.
pub(crate) struct Empty;

impl RedisSource for Empty {
    fn pipeline<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call RedisConnection,
        commands: Vec<Vec<String>>,
        _until: tokio::time::Instant,
    ) -> futures::future::BoxFuture<'call, Result<Replies, Failure>> {
        let reply = |command: &Vec<String>| match command.first().map(String::as_str) {
            Some("TYPE") => vec![RedisValue::Text("list".into())],
            _ => vec![RedisValue::Integer(0)],
        };
        Box::pin(std::future::ready(Ok(commands.iter().map(reply).collect())))
    }
}

/// Answers what the machine asks for.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) poller: Poller,
    pub(crate) healthy: Arc<Scaler>,
    pub(crate) hostile: Arc<Scaler>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) due: Arc<Mutex<Due>>,
}

impl Cluster {
    pub(crate) fn dispatch(&self, effect: Effect) {
        let answers = match effect {
            Effect::Poll(poll) => return self.poll(poll),
            Effect::Resolve { key, attempt, draft } => {
                let cluster = self.clone();
                drop(tokio::spawn(async move {
                    let resolution = cluster.resolve(&key, &draft).await;
                    let event = Event::Resolved { key, attempt, result: Ok(Box::new(resolution)) };
                    _ = cluster.events.send(event).await;
                }));
                return;
            }
            Effect::Adopt { key } => vec![Event::Adopted { key, result: Ok(()) }],
            Effect::ApplyHpa { key, workload, .. } => {
                let name = workload.hpa.name.as_str().into();
                let hpa = HpaView { name, fingerprint: 1, replicas: None, desired: None, scaling: None };
                vec![Event::HpaApplied { key: key.clone(), result: Ok(1) }, Event::HpaObserved { key, hpa: Some(hpa) }]
            }
            Effect::Scale { key, to, .. } => vec![Event::Scaled { key, to, result: Ok(()) }],
            Effect::Report { key, .. } => vec![Event::Reported { key, result: Ok(()) }],
            _ => Vec::new(),
        };
        let events = self.events.clone();
        // Apart, because whoever dispatches is whom the events are for.
        drop(tokio::spawn(async move {
            for event in answers {
                _ = events.send(event).await;
            }
        }));
    }

    fn poll(&self, poll: Poll) {
        let due = (self.poller.clock)().steady.saturating_sub(poll.late);
        let healthy = *poll.batch.scaler == *self.healthy.digest();
        self.due.lock().unwrap().insert(poll.id, (due, poll.triggers.len(), healthy));
        self.poller.ask(poll);
    }

    async fn resolve(&self, key: &ObjectKey, draft: &Draft) -> Resolution {
        let written = &draft.triggers[0];
        let healthy = written.kind == "redis";
        let scaler = if healthy { &self.healthy } else { &self.hostile };
        let settings = written.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let trigger =
            Trigger { id: format!("{key}/0"), trigger_type: written.kind.clone(), metric_type: None, settings };
        let metrics = scaler.plan(&trigger).await.unwrap();
        let redis = Connection::Redis(server("192.0.2.1:6379".parse().unwrap()));
        let planned = Planned {
            scaler: scaler.digest().into(),
            connections: if healthy { [("redis".to_owned(), redis)].into() } else { BTreeMap::new() },
            trigger,
            metrics,
            warnings: Vec::new(),
        };
        let target = Target {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            resource: "deployments".into(),
            name: draft.target.name.clone(),
        };
        let workload = draft.parse(key, target, vec![planned]).unwrap();
        Resolution { workload, replicas: 1, ready: Some(1), authentications: BTreeMap::new() }
    }
}
