//! A thousand healthy objects, alone and then beside objects whose component loops, traps and grabs: the host's own driver,
//! machine and engine, with a cluster and a source that answer at once.
//!
//! Late is what an answer comes after the poll was due: the wait for the machine, for a thread and for an instance, and the
//! call itself. Both halves are of one run on one machine. Refuses to count polls whose object has just come.
//!
//! A program of its own, because hostile components of other tests would be beside the healthy ones from the start. It is
//! the compiler's child process too.

#![cfg(test)]

#[path = "../hostile/bench.rs"]
#[expect(dead_code, reason = "most of it is for components that are tried one by one")]
mod bench;
mod cluster;
#[path = "../hostile/handmade.rs"]
mod handmade;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellows::poll::Poller;
use bellows::scalers::Scalers;
use bellows::serve::{Clock, snapshot::Snapshot};
use bellows::telemetry::{Sources as Counted, Telemetry};
use bellows::{clock, driver};
use bellows_core::draft::{Draft, TargetDraft, TriggerDraft};
use bellows_core::event::{Event, Manifest, Remembered};
use bellows_core::reading::Reading;
use bellows_core::workload::ObjectKey;
use bellows_tests::paths;
use bellows_wasm::Limits;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use bench::Bench;
use cluster::{Cluster, Due, Empty};

/// Named among the arguments of the child.
const CHILD: &str = "a_child_compiles_what_it_is_given";

const HEALTHY: usize = 1000;
/// Ten of each kind. A loop takes a second of a processor in each poll, as long as it is let.
const HOSTILE: [&str; 3] = ["loop", "trap", "greed"];
const OF_EACH: usize = 10;
/// Between two polls of an object that says nothing of it. With less, ten loops of a second each would want all processors
/// of a small machine.
const INTERVAL: Duration = Duration::from_secs(30);
/// What is measured: so many polls of each healthy object, after one that is not.
const ROUNDS: u32 = 1;
/// How much later polls may be beside the hostile ones, on average and of a hundred the latest, as a share of the interval.
const SHARE_MAX: f64 = 0.05;

/// How late each poll of a healthy object was answered, and how many of hostile ones failed.
#[derive(Default)]
struct Book {
    late: Vec<Duration>,
    failed: usize,
}

/// A host without a cluster.
struct Host {
    events: mpsc::Sender<Event>,
    book: Arc<Mutex<Book>>,
    fingerprints: u64,
    cancel: CancellationToken,
    _folder: tempfile::TempDir,
    _bench: Bench,
}

impl Host {
    async fn start() -> Self {
        let bench = Bench::scripted_at_length(Empty);
        let (healthy, hostile) = (bench.redis().await, bench.misbehaving().await);
        let folder = tempfile::tempdir().unwrap();
        for (name, from) in
            [("redis", paths::scalers().join("redis.wasm")), ("bad", paths::target().join("guests/misbehaving.wasm"))]
        {
            std::fs::copy(from, folder.path().join(format!("{name}.wasm"))).unwrap();
        }
        let clock = clock::start();
        let scalers = Arc::new(Scalers::open(folder.path().to_path_buf(), bench.engine.clone()).await);
        let telemetry = Arc::new(Telemetry::new(Counted::of(Arc::new(Snapshot::default()), clock.clone())));
        let (events, inbox) = mpsc::channel(driver::EVENTS_MAX);
        let (told, answered) = mpsc::channel(driver::EVENTS_MAX);
        let poller = Poller { scalers, clock: clock.clone(), events: told, telemetry };
        let cluster = Cluster { poller, healthy, hostile, events: events.clone(), due: Arc::default() };
        let (cancel, book) = (CancellationToken::new(), Arc::<Mutex<Book>>::default());
        let listening = listen(answered, Arc::clone(&cluster.due), Arc::clone(&book), clock.clone(), events.clone());
        drop(tokio::spawn(listening));
        let driving = driver::run(inbox, clock, move |effect| cluster.dispatch(effect), |_, _| {}, cancel.clone());
        drop(tokio::spawn(driving));
        Self { events, book, fingerprints: 0, cancel, _folder: folder, _bench: bench }
    }

    async fn apply(&mut self, name: &str, kind: &str, settings: &[(&str, &str)]) {
        self.fingerprints += 1;
        let metadata = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let draft = Draft {
            target: TargetDraft { name: name.into(), ..TargetDraft::default() },
            polling_interval: Some(i64::try_from(INTERVAL.as_secs()).unwrap()),
            min_replicas: Some(1),
            triggers: vec![TriggerDraft { kind: kind.into(), metadata, ..TriggerDraft::default() }],
            ..Draft::default()
        };
        let manifest = Manifest {
            key: ObjectKey::new("shop", name),
            uid: name.into(),
            fingerprint: self.fingerprints,
            created: jiff::Timestamp::UNIX_EPOCH,
            deleting: false,
            adopted: true,
            draft: Arc::new(draft),
            remembered: Remembered::default(),
        };
        self.events.send(Event::Applied(Box::new(manifest))).await.unwrap();
    }

    /// How late polls of healthy objects are, sorted, and how many triggers failed meanwhile.
    async fn measured(&self) -> Book {
        // The first round is that in which objects come, or in which hostile ones are met.
        tokio::time::sleep(INTERVAL).await;
        std::mem::take(&mut *self.book.lock().unwrap());
        tokio::time::sleep(INTERVAL * ROUNDS).await;
        let mut book = std::mem::take(&mut *self.book.lock().unwrap());
        book.late.sort();
        book
    }
}

/// Enters every answer into the book, and hands it on.
async fn listen(
    mut answered: mpsc::Receiver<Event>,
    due: Arc<Mutex<Due>>,
    book: Arc<Mutex<Book>>,
    clock: Clock,
    events: mpsc::Sender<Event>,
) {
    while let Some(event) = answered.recv().await {
        if let Event::Polled { id, outcomes, .. } = &event
            && let Some((due, count, healthy)) = due.lock().unwrap().remove(id)
        {
            let mut book = book.lock().unwrap();
            let late = clock().steady.saturating_sub(due);
            if healthy {
                let good = |readings: &Vec<Reading>| readings.len() == 1;
                assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(good)), "{outcomes:?}");
                book.late.extend(std::iter::repeat_n(late, count));
            } else {
                book.failed += outcomes.iter().filter(|outcome| outcome.is_err()).count();
            }
        }
        if events.send(event).await.is_err() {
            return;
        }
    }
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

fn mean(all: &[Duration]) -> Duration {
    all.iter().sum::<Duration>() / u32::try_from(all.len()).unwrap()
}

fn share(of: Duration) -> f64 {
    of.as_secs_f64() / INTERVAL.as_secs_f64()
}

#[test]
fn a_child_compiles_what_it_is_given() {
    let arguments: Vec<_> = std::env::args().collect();
    let Some([name, input, output]) = arguments.last_chunk() else { return };
    if name == CHILD {
        bellows_wasm::compile(Path::new(input), Path::new(output), &Limits::default()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_healthy_objects_are_polled_as_punctually_beside_hostile_ones() {
    let mut host = Host::start().await;
    for number in 0..HEALTHY {
        let name = format!("healthy-{number}");
        host.apply(&name, "redis", &[("listName", &name), ("listLength", "5")]).await;
    }
    let alone = host.measured().await;
    for kind in HOSTILE {
        for number in 0..OF_EACH {
            host.apply(&format!("{kind}-{number}"), kind, &[]).await;
        }
    }
    let beside = host.measured().await;
    host.cancel.cancel();
    for (name, book) in [("alone", &alone), ("beside 30 hostile ones", &beside)] {
        let (mean, slowest) = (mean(&book.late), quantile(&book.late, 99));
        println!(
            "figure: lateness of 1000 healthy objects {name}, mean = {:.1} ms ({:.2} % of 30 s)",
            mean.as_secs_f64() * 1e3,
            share(mean) * 100.0
        );
        println!(
            "figure: lateness of 1000 healthy objects {name}, p99 = {:.1} ms ({:.2} % of 30 s)",
            slowest.as_secs_f64() * 1e3,
            share(slowest) * 100.0
        );
        // Each was polled in each round, but for one that fell on the edge.
        assert!(book.late.len() >= HEALTHY * (ROUNDS as usize) * 9 / 10, "{name}: {} polls", book.late.len());
    }
    assert_eq!(alone.failed, 0);
    assert!(beside.failed >= HOSTILE.len() * OF_EACH, "only {} hostile triggers were met", beside.failed);
    for (what, of) in [("mean", mean as fn(&[Duration]) -> Duration), ("p99", |late| quantile(late, 99))] {
        let later = of(&beside.late).saturating_sub(of(&alone.late));
        let (milliseconds, percent) = (later.as_secs_f64() * 1e3, share(later) * 100.0);
        println!("figure: later beside hostile ones, {what} = {milliseconds:.1} ms ({percent:.2} % of 30 s)");
        assert!(share(later) < SHARE_MAX, "{what}: {later:?} later beside hostile ones, {percent:.1} % of 30 s");
    }
}
