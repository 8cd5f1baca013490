//! AMQP against a real RabbitMQ: let in and shut out, encrypted and not, shared, lost and found again.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bellows_core::connection::{AmqpConnection, Identity, Secret, Tls};
use bellows_core::failure::{Failure, FailureKind, Scope};
use bellows_core::grant::EgressPolicy;
use bellows_tests::services::{ClientCertificate, Kind, RabbitMq, RabbitMqOptions};
use bellows_tests::wait::{self, Stop};
use bellows_wasm::{AmqpQueue, Inspected, NetworkSettings, Sources};

const PASSWORD: &str = "p@:/?#% w\u{fc}";

fn sources() -> Sources {
    let egress = EgressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
    bellows_wasm::pools(&NetworkSettings { egress, ..NetworkSettings::default() }).unwrap()
}

fn connection(address: SocketAddr, password: &str) -> AmqpConnection {
    AmqpConnection {
        host: address.ip().to_string(),
        port: address.port(),
        virtual_host: "/".into(),
        login: Some(("celery".into(), Secret::new(password))),
        tls: None,
    }
}

fn at(virtual_host: &str, connection: &AmqpConnection) -> AmqpConnection {
    AmqpConnection { virtual_host: virtual_host.into(), ..connection.clone() }
}

async fn ask<Q: AsRef<str>>(sources: &Sources, connection: &AmqpConnection, queues: &[Q]) -> Inspected {
    let queues = queues.iter().map(|queue| queue.as_ref().to_owned()).collect();
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    sources.amqp.inspect("shop", connection, queues, until).await
}

/// Counts, or the code of a failure.
fn short(answers: &[Result<AmqpQueue, Failure>]) -> Vec<String> {
    let one = |answer: &Result<AmqpQueue, Failure>| match answer {
        Ok(queue) => format!("{}/{}", queue.ready, queue.consumers),
        Err(failure) => failure.code.clone(),
    };
    answers.iter().map(one).collect()
}

/// Our connections, when the statistics have caught up with what is expected.
fn ours(rabbitmq: &RabbitMq, expected: usize) {
    wait::until(&Stop::default(), "our connections are counted", Duration::from_secs(15), || {
        let listed = rabbitmq.connections()?;
        let named = listed.iter().filter(|one| one["client_properties"]["connection_name"] == "bellows").count();
        anyhow::ensure!(named == expected, "{named} connections are ours");
        Ok(Some(()))
    })
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_of_a_real_broker_are_counted_whatever_they_and_their_places_are_called() {
    let rabbitmq =
        RabbitMq::start(RabbitMqOptions { password: PASSWORD.into(), ..RabbitMqOptions::default() }).unwrap();
    let (sources, connection) = (sources(), connection(rabbitmq.amqp(), PASSWORD));
    for (virtual_host, queue, kind) in [
        ("/", "a b", Kind::Classic),
        ("%2F", "c/d?e#f", Kind::Quorum),
        ("team/one two", "\u{fc}ber 'x' \"y\"", Kind::Classic),
        ("/", "stream", Kind::Stream),
    ] {
        if virtual_host != "/" {
            rabbitmq.add_vhost(virtual_host).unwrap();
        }
        rabbitmq.declare(virtual_host, queue, kind).unwrap();
        rabbitmq.publish(virtual_host, queue, 12).unwrap();
        let held = (kind != Kind::Stream).then(|| rabbitmq.hold(virtual_host, queue, 2).unwrap());
        let (place, asked) = (at(virtual_host, &connection), ["missing", queue, "missing too"]);
        let mut answers = ask(&sources, &place, &asked).await.unwrap();
        // RabbitMQ says this of a quorum queue that does not answer it within 250 ms; forty times are ten seconds.
        for _ in 0..40 {
            if kind != Kind::Quorum || short(&answers)[1] != "0/0" {
                break;
            }
            answers = ask(&sources, &place, &asked).await.unwrap();
        }
        // A stream is a log: its messages are not ready for anybody, and RabbitMQ counts them by segments.
        if held.is_some() {
            assert_eq!(short(&answers), ["no-such-queue", "10/1", "no-such-queue"], "{virtual_host} {queue}");
        } else {
            assert!(answers[1].is_ok(), "{answers:?}");
        }
        let missing = answers[0].as_ref().unwrap_err();
        assert_eq!((missing.kind, missing.scope), (FailureKind::Absent, Scope::Trigger));
    }
    ours(&rabbitmq, 3);

    let wrong = AmqpConnection { login: Some(("celery".into(), Secret::new("s3cr3t"))), ..connection.clone() };
    rabbitmq.add_user("stranger", "s3cr3t", "", "/").unwrap();
    rabbitmq.add_vhost("closed").unwrap();
    let stranger =
        AmqpConnection { login: Some(("stranger".into(), Secret::new("s3cr3t"))), ..at("closed", &connection) };
    for (connection, code) in
        [(wrong, "unauthorized"), (at("nowhere", &connection), "no-such-vhost"), (stranger, "forbidden")]
    {
        let refused = ask(&sources, &connection, &["a b"]).await.unwrap_err();
        assert_eq!((refused.kind, refused.code.as_str(), refused.scope), (FailureKind::Denied, code, Scope::Endpoint));
        assert!(!refused.message.contains("s3cr3t"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_queues_take_one_connection_which_is_replaced_when_it_or_the_broker_is_lost() {
    let mut rabbitmq = RabbitMq::start(RabbitMqOptions::default()).unwrap();
    let (sources, connection) = (sources(), connection(rabbitmq.amqp(), "foobared"));
    let mut names: Vec<String> = (0..1_000).map(|number| format!("queue {number}")).collect();
    let queue = |name: &String| serde_json::json!({"name": name, "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}});
    let definitions = serde_json::json!({"queues": names.iter().map(queue).collect::<Vec<_>>()});
    rabbitmq.api("POST", "/definitions", Some(&definitions)).unwrap();
    rabbitmq.publish("/", "queue 7", 5).unwrap();
    names.insert(500, "missing".into());
    let started = Instant::now();
    let answers = ask(&sources, &connection, &names).await.unwrap();
    let took = started.elapsed();
    assert_eq!(short(&answers[7..8]), ["5/0"]);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1_000);
    assert_eq!(answers[500].as_ref().unwrap_err().code, "no-such-queue");
    println!("1,000 queues of a real broker in {took:?}");
    let calls = (0..20).map(|_| ask(&sources, &connection, &names[..200]));
    for answers in futures::future::join_all(calls).await {
        assert!(answers.unwrap().iter().all(Result::is_ok));
    }
    ours(&rabbitmq, 1);

    // Closed from the other side, it is replaced within the question.
    rabbitmq.close_connections().unwrap();
    assert_eq!(short(&ask(&sources, &connection, &["queue 7"]).await.unwrap()), ["5/0"]);
    ours(&rabbitmq, 1);
    rabbitmq.pause().unwrap();
    let started = Instant::now();
    let silent = ask(&sources, &connection, &["queue 7"]).await.unwrap_err();
    assert_eq!((silent.kind, silent.code.as_str(), silent.scope), (FailureKind::Transient, "timeout", Scope::Endpoint));
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    rabbitmq.resume().unwrap();
    assert_eq!(short(&ask(&sources, &connection, &["queue 7"]).await.unwrap()), ["5/0"]);
    rabbitmq.kill().unwrap();
    let gone = ask(&sources, &connection, &["queue 7"]).await.unwrap_err();
    assert_eq!((gone.kind, gone.code.as_str()), (FailureKind::Transient, "refused"), "{gone}");
    rabbitmq.start_again().unwrap();
    assert_eq!(short(&ask(&sources, &connection, &["queue 7"]).await.unwrap()), ["5/0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_verified_unless_told_otherwise_and_a_broker_short_of_memory_still_answers() {
    let options = RabbitMqOptions {
        tls: true,
        // RabbitMQ is short of memory from the first moment on, and takes no messages.
        configuration: vec!["vm_memory_high_watermark.absolute = 1".into()],
        ..RabbitMqOptions::default()
    };
    let rabbitmq = RabbitMq::start(options).unwrap();
    rabbitmq.declare("/", "celery", Kind::Classic).unwrap();
    let (sources, plain) = (sources(), connection(rabbitmq.amqp(), "foobared"));
    let authority = fs::read_to_string(rabbitmq.authority().unwrap()).unwrap();
    let trusting = Tls { verify: true, authorities: Some(authority), identity: None };
    let with = |tls: Tls| AmqpConnection { tls: Some(tls), ..plain.clone() };
    let by_name = AmqpConnection { host: "localhost".into(), ..with(trusting.clone()) };
    let anyone = with(Tls { verify: false, authorities: None, identity: None });
    for good in [with(trusting.clone()), by_name, anyone] {
        assert_eq!(short(&ask(&sources, &good, &["celery"]).await.unwrap()), ["0/0"]);
    }
    let unknown = ask(&sources, &with(Tls { authorities: None, ..trusting.clone() }), &["celery"]).await.unwrap_err();
    assert_eq!((unknown.kind, unknown.code.as_str(), unknown.scope), (FailureKind::Transient, "tls", Scope::Endpoint));
    let other_name = AmqpConnection { host: "::ffff:127.0.0.1".into(), ..with(trusting) };
    assert_eq!(ask(&sources, &other_name, &["celery"]).await.unwrap_err().code, "tls");
    assert_eq!(ask(&sources, &plain, &["celery"]).await.unwrap_err().kind, FailureKind::Transient);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_the_login_where_there_is_no_other() {
    let options =
        RabbitMqOptions { tls: true, client_certificate: ClientCertificate::IsTheUser, ..RabbitMqOptions::default() };
    let rabbitmq = RabbitMq::start(options).unwrap();
    rabbitmq.declare("/", "celery", Kind::Classic).unwrap();
    rabbitmq.add_user("autoscaler", "", "", "/").unwrap();
    let sources = sources();
    let authority = fs::read_to_string(rabbitmq.authority().unwrap()).unwrap();
    let named = |name: &str| {
        let files = rabbitmq.client_certificate(name).unwrap();
        let certificate = fs::read_to_string(files.certificate).unwrap();
        let key = Secret::new(fs::read_to_string(files.key).unwrap());
        let identity = Some(Identity { certificate, key });
        let tls = Some(Tls { verify: true, authorities: Some(authority.clone()), identity });
        AmqpConnection { login: None, tls, ..connection(rabbitmq.amqp(), "") }
    };
    assert_eq!(short(&ask(&sources, &named("autoscaler"), &["celery"]).await.unwrap()), ["0/0"]);
    let unknown = ask(&sources, &named("nobody"), &["celery"]).await.unwrap_err();
    assert_eq!((unknown.kind, unknown.code.as_str()), (FailureKind::Denied, "unauthorized"), "{unknown}");
    assert!(unknown.message.contains("client certificate"), "{unknown}");
    let both = AmqpConnection { login: Some(("celery".into(), Secret::new("foobared"))), ..named("nobody") };
    assert_eq!(short(&ask(&sources, &both, &["celery"]).await.unwrap()), ["0/0"]);
    let anonymous = AmqpConnection {
        tls: Some(Tls { verify: true, authorities: Some(authority.clone()), identity: None }),
        ..connection(rabbitmq.amqp(), "foobared")
    };
    let refused = ask(&sources, &anonymous, &["celery"]).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_str()), (FailureKind::Transient, "tls"), "{refused}");
}
