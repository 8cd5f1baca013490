//! Components that ask a broker for what they were not lent.

use std::sync::Arc;

use bellows_core::connection::{AmqpConnection, Connection};
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_wasm::{AmqpQueue, AmqpSource, Call, Endpoint, Inspected, Measured, Scaler, Sources};
use futures::future::BoxFuture;

use super::bench::{Bench, call, failure, server, trigger};

/// A broker that has one queue.
struct OneQueue;

impl AmqpSource for OneQueue {
    fn inspect<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call AmqpConnection,
        queues: Vec<String>,
        _until: tokio::time::Instant,
    ) -> BoxFuture<'call, Inspected> {
        let answer = |queue: String| match queue.as_str() {
            "celery" => Ok(AmqpQueue { ready: 7, consumers: 2 }),
            _ => Err(Failure::new(FailureKind::Absent, Blame::Source, "no-such-queue", "there is none")),
        };
        Box::pin(std::future::ready(Ok(queues.into_iter().map(answer).collect())))
    }
}

fn bench() -> Bench {
    Bench::with_sources(Sources { amqp: Arc::new(OneQueue), ..Sources::silent() })
}

/// A call that is lent a broker and a Redis.
fn lent(over: &str, queues: &str) -> Call {
    let mut call = call(
        Some(server("192.0.2.1:6379".parse().unwrap())),
        vec![trigger(0, "inspect", &[("over", over), ("command", queues)])],
    );
    let broker = AmqpConnection { host: "broker".into(), port: 5672, virtual_host: "/".into(), login: None, tls: None };
    Arc::make_mut(&mut call.connections).insert("amqp".into(), Connection::Amqp(broker));
    call
}

async fn inspect(scaler: &Scaler, over: &str, queues: &str) -> Measured {
    scaler.measure(lent(over, queues)).await
}

#[tokio::test]
async fn a_guest_looks_at_queues_over_what_it_was_lent_and_over_nothing_else() {
    let bench = bench();
    let scaler = bench.misbehaving().await;
    let measured = inspect(&scaler, "amqp", "celery gone").await;
    assert_eq!(measured.endpoint, Endpoint::Answered);
    let told = failure(measured).message;
    assert!(told.starts_with("7 ready for 2; ") && told.contains("no-such-queue"), "{told}");
    for (over, says) in [
        ("vault", "no connection \"vault\" is lent to this call"),
        ("redis", "the connection \"redis\" speaks Redis"),
        ("amqp://guest:guest@broker/", "is lent to this call"),
        ("", "is lent to this call"),
    ] {
        let measured = inspect(&scaler, over, "celery").await;
        assert_eq!(measured.endpoint, Endpoint::Unused);
        let refused = failure(measured);
        assert_eq!((refused.kind, refused.code.as_str()), (FailureKind::Invalid, "no-such-connection"), "{refused}");
        assert!(refused.message.contains(says), "{refused}");
    }
}

#[tokio::test]
async fn a_guest_asks_for_queues_without_a_name_or_without_end_in_vain() {
    let bench = bench();
    let scaler = bench.misbehaving().await;
    let long = "a".repeat(256);
    let told = failure(inspect(&scaler, "amqp", &format!("celery  {long}")).await).message;
    assert!(told.starts_with("7 ready for 2; ") && told.matches("queue-name").count() == 2, "{told}");
    let refused = failure(inspect(&scaler, "amqp", &"a ".repeat(2_000)).await);
    assert_eq!((refused.kind, refused.code.as_str()), (FailureKind::Invalid, "too-many-queues"), "{refused}");
}
