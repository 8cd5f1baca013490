//! Many calls of one component at once: each within its own bounds, all together beyond those of the host.

use std::sync::Arc;

use bellows_core::connection::RedisConnection;
use bellows_core::failure::{Blame, Failure};
use bellows_wasm::{Measured, RedisSource, RedisValue, Replies, Scaler};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bench::{Bench, call, failure, server, trigger};

/// Answers nobody until all are let go, and counts who waits.
#[derive(Clone)]
struct Held {
    waiting: watch::Sender<usize>,
    let_go: watch::Sender<bool>,
}

impl Held {
    fn new() -> Self {
        Self { waiting: watch::Sender::new(0), let_go: watch::Sender::new(false) }
    }

    async fn until_waiting(&self, count: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting == count).await.unwrap();
    }
}

impl RedisSource for Held {
    fn pipeline<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call RedisConnection,
        commands: Vec<Vec<String>>,
        _until: tokio::time::Instant,
    ) -> futures::future::BoxFuture<'call, Result<Replies, Failure>> {
        Box::pin(async move {
            self.waiting.send_modify(|waiting| *waiting += 1);
            self.let_go.subscribe().wait_for(|let_go| *let_go).await.unwrap();
            Ok(commands.iter().map(|_| vec![RedisValue::Integer(1)]).collect())
        })
    }
}

async fn measure(scaler: Arc<Scaler>, kind: &'static str) -> Measured {
    let somewhere = server("192.0.2.1:6379".parse().unwrap());
    let mut call = call(Some(somewhere), vec![trigger(0, kind, &[])]);
    // A busy machine needs a while to begin hundreds of calls.
    call.deadline = std::time::Duration::from_secs(20);
    scaler.measure(call).await
}

/// So many calls that wait for their source, all at once.
async fn held(bench: &Bench, source: &Held, kind: &'static str, count: usize) -> (Arc<Scaler>, JoinSet<Measured>) {
    let scaler = bench.misbehaving().await;
    let mut calls = JoinSet::new();
    for _ in 0..count {
        calls.spawn(measure(Arc::clone(&scaler), kind));
    }
    source.until_waiting(count).await;
    (scaler, calls)
}

async fn answered(source: &Held, calls: JoinSet<Measured>) {
    source.let_go.send_replace(true);
    for measured in calls.join_all().await {
        assert_eq!(failure(measured).code, "asked");
    }
}

#[tokio::test]
async fn beyond_a_gibibyte_of_all_guests_the_next_is_stopped_and_the_others_are_not() {
    let source = Held::new();
    let bench = Bench::scripted(source.clone());
    // Some 58 MiB each, with what a guest has from the start: seventeen are below 1 GiB, and the eighteenth is not.
    let (scaler, calls) = held(&bench, &source, "holding", 17).await;
    let stopped = failure(measure(Arc::clone(&scaler), "holding").await);
    // Whom it hits is chance, so it is nobody's fault but the host's.
    assert_eq!((stopped.code.as_str(), stopped.blame), ("memory", Blame::Host), "{stopped}");
    assert!(stopped.message.contains("all scalers together wanted more than 1024 MiB"), "{stopped}");
    answered(&source, calls).await;
    assert_eq!(failure(measure(scaler, "holding").await).code, "asked", "what was taken is given back");
}

#[tokio::test]
async fn when_all_instances_are_taken_a_call_waits_for_its_own_time_only() {
    let source = Held::new();
    let bench = Bench::scripted(source.clone());
    let (scaler, calls) = held(&bench, &source, "ask", 288).await;
    let busy = failure(scaler.measure(call(None, vec![trigger(0, "nan", &[("behaves", "true")])])).await);
    assert_eq!((busy.code.as_str(), busy.blame), ("busy", Blame::Host), "{busy}");
    assert!(busy.message.contains("no instance became free within"), "{busy}");
    answered(&source, calls).await;
    let measured = scaler.measure(call(None, vec![trigger(0, "nan", &[("behaves", "true")])])).await;
    assert!(measured.outcomes.iter().all(Result::is_ok), "{measured:?}");
}
