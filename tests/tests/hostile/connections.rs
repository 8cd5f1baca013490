//! Connections to a real Redis: let in and shut out, encrypted and not, shared, lost and found again.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellows_core::connection::{Identity, RedisConnection, Secret, Tls};
use bellows_core::failure::{Blame, FailureKind, Scope};
use bellows_tests::authority::{Authority, Subject};
use bellows_tests::services::{BlackHole, Redis, RedisOptions};
use bellows_wasm::{Endpoint, Scaler};

use super::bench::{Bench, ask, call, failure, patient, question, server, trigger};

fn redis(options: RedisOptions) -> Redis {
    Redis::start(options).unwrap()
}

/// What a server was asked by the component and answered.
async fn answer(scaler: &Scaler, connection: &RedisConnection, command: &str) -> String {
    let measured = scaler.measure(patient(question(connection, command))).await;
    assert_eq!(measured.endpoint, Endpoint::Answered, "{command}: {measured:?}");
    failure(measured).message
}

fn with_password(connection: RedisConnection, password: &str) -> RedisConnection {
    RedisConnection { password: Some(Secret::new(password)), ..connection }
}

fn with_tls(connection: RedisConnection, tls: Tls) -> RedisConnection {
    RedisConnection { tls: Some(tls), ..connection }
}

fn trusting(redis: &Redis) -> Tls {
    Tls { verify: true, authorities: Some(fs::read_to_string(redis.authority().unwrap()).unwrap()), identity: None }
}

fn clients(redis: &Redis) -> usize {
    redis.cli(&["CLIENT", "LIST"]).unwrap().lines().filter(|line| line.contains("name=bellows")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_redis_scaler_plans_and_measures() {
    let (bench, redis) = (Bench::new(), redis(RedisOptions::default()));
    redis.push("celery", 12).unwrap();
    let scaler = bench.redis().await;
    let celery = trigger(0, "redis", &[("listName", "celery"), ("listLength", "5")]);
    assert_eq!(scaler.plan(&celery).await.unwrap().len(), 1);
    let missing = trigger(1, "redis", &[("listName", "nothing"), ("listLength", "5")]);
    let measured = scaler.measure(call(Some(server(redis.address())), vec![celery, missing])).await;
    let values: Vec<f64> = measured.outcomes.iter().flatten().flatten().map(|reading| reading.value).collect();
    assert_eq!(values, [12.0, 0.0], "{measured:?}");
    assert_eq!(measured.endpoint, Endpoint::Answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_objects_share_one_connection() {
    let (bench, redis) = (Bench::new(), redis(RedisOptions::default()));
    let scaler = bench.misbehaving().await;
    let connection = server(redis.address());
    let calls = (0..50).map(|number| {
        let mut call = call(Some(connection.clone()), vec![trigger(number, "ask", &[("command", "PING")])]);
        call.namespace = format!("namespace-{number}");
        let scaler = Arc::clone(&scaler);
        tokio::spawn(async move { scaler.measure(call).await.endpoint })
    });
    for endpoint in futures::future::join_all(calls).await {
        assert_eq!(endpoint.unwrap(), Endpoint::Answered);
    }
    assert_eq!(clients(&redis), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_has_a_connection_of_its_own() {
    let (bench, redis) = (Bench::new(), redis(RedisOptions::default()));
    redis.cli(&["-n", "3", "SET", "k", "v"]).unwrap();
    let scaler = bench.misbehaving().await;
    let connection = server(redis.address());
    assert!(answer(&scaler, &connection, "EXISTS k").await.contains("(0)"));
    let third = RedisConnection { database: 3, ..connection.clone() };
    assert!(answer(&scaler, &third, "EXISTS k").await.contains("(1)"));
    let none = failure(ask(&scaler, &RedisConnection { database: 99, ..connection }, "PING").await);
    assert_eq!((none.kind, none.code.as_str()), (FailureKind::Denied, "database"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_lets_in_and_a_wrong_or_missing_one_is_denied_without_being_told() {
    let options = RedisOptions { password: Some("foobared".into()), ..RedisOptions::default() };
    let (bench, redis) = (Bench::new(), redis(options));
    let scaler = bench.misbehaving().await;
    let connection = server(redis.address());
    assert!(answer(&scaler, &with_password(connection.clone(), "foobared"), "PING").await.contains("PONG"));
    for refused in [connection.clone(), with_password(connection.clone(), "s3cr3t")] {
        let failure = failure(ask(&scaler, &refused, "PING").await);
        assert_eq!((failure.kind, failure.blame), (FailureKind::Denied, Blame::Operator), "{failure}");
        assert_eq!((failure.code.as_str(), failure.scope), ("unauthorized", Scope::Endpoint), "{failure}");
        assert!(!failure.message.contains("s3cr3t"), "{failure}");
    }
    redis.cli(&["ACL", "SETUSER", "reader", "on", ">r3ad", "~*", "+@read", "+ping"]).unwrap();
    let reader = RedisConnection { username: Some("reader".into()), ..with_password(connection, "r3ad") };
    assert!(answer(&scaler, &reader, "PING").await.contains("PONG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_verified_unless_the_connection_says_otherwise() {
    let (bench, redis) = (Bench::new(), redis(RedisOptions { tls: true, ..RedisOptions::default() }));
    let scaler = bench.misbehaving().await;
    let connection = server(redis.address());
    let trusted = with_tls(connection.clone(), trusting(&redis));
    assert!(answer(&scaler, &trusted, "PING").await.contains("PONG"));
    let by_name = RedisConnection { host: "localhost".into(), ..trusted.clone() };
    assert!(answer(&scaler, &by_name, "PING").await.contains("PONG"));
    let nobody = Tls { verify: true, authorities: None, identity: None };
    let unknown = failure(ask(&scaler, &with_tls(connection.clone(), nobody), "PING").await);
    assert_eq!((unknown.kind, unknown.blame), (FailureKind::Transient, Blame::Operator), "{unknown}");
    assert_eq!((unknown.code.as_str(), unknown.scope), ("tls", Scope::Endpoint), "{unknown}");
    let anyone = Tls { verify: false, authorities: None, identity: None };
    assert!(answer(&scaler, &with_tls(connection.clone(), anyone), "PING").await.contains("PONG"));
    let garbage = Tls { authorities: Some("not a certificate".into()), ..trusting(&redis) };
    let unusable = failure(ask(&scaler, &with_tls(connection.clone(), garbage), "PING").await);
    assert_eq!((unusable.kind, unusable.code.as_str()), (FailureKind::Denied, "tls"), "{unusable}");
    let plain = failure(ask(&scaler, &connection, "PING").await);
    assert_eq!(plain.kind, FailureKind::Transient, "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_host_is_not_taken() {
    let options = RedisOptions { tls: true, address: Ipv4Addr::new(127, 0, 0, 1).into(), ..RedisOptions::default() };
    let (bench, redis) = (Bench::new(), redis(options));
    let scaler = bench.misbehaving().await;
    // The same machine by a spelling that the certificate does not have.
    let other = RedisConnection { host: "::ffff:127.0.0.1".into(), ..server(redis.address()) };
    let failure = failure(ask(&scaler, &with_tls(other, trusting(&redis)), "PING").await);
    assert_eq!(failure.code, "tls", "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_lets_in_where_one_is_wanted() {
    let (bench, redis) = (Bench::new(), redis(RedisOptions { tls: true, ..RedisOptions::default() }));
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path(), "clients").unwrap();
    let ours = authority.issue("us", &Subject { name: "us", groups: &[], hosts: &[] }).unwrap();
    let trusted_by_us = trusting(&redis);
    let trusted_by_server = authority.certificate.display().to_string();
    redis.cli(&["CONFIG", "SET", "tls-ca-cert-file", &trusted_by_server, "tls-auth-clients", "yes"]).unwrap();
    let identity = Identity {
        certificate: fs::read_to_string(&ours.certificate).unwrap(),
        key: Secret::new(fs::read_to_string(&ours.key).unwrap()),
    };
    let scaler = bench.misbehaving().await;
    let anonymous = with_tls(server(redis.address()), trusted_by_us.clone());
    let known = with_tls(server(redis.address()), Tls { identity: Some(identity), ..trusted_by_us });
    assert!(answer(&scaler, &known, "PING").await.contains("PONG"));
    let refused = failure(ask(&scaler, &anonymous, "PING").await);
    assert_eq!((refused.kind, refused.code.as_str()), (FailureKind::Transient, "tls"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarted_is_asked_again_at_once() {
    let (bench, mut redis) = (Bench::new(), redis(RedisOptions::default()));
    let scaler = bench.misbehaving().await;
    let connection = server(redis.address());
    assert!(answer(&scaler, &connection, "PING").await.contains("PONG"));
    redis.kill().unwrap();
    let gone = failure(ask(&scaler, &connection, "PING").await);
    assert_eq!((gone.kind, gone.code.as_str()), (FailureKind::Transient, "refused"), "{gone}");
    redis.start_again().unwrap();
    assert!(answer(&scaler, &connection, "PING").await.contains("PONG"));
    // Killed from the other side, the connection is replaced within the question.
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    assert!(answer(&scaler, &connection, "PING").await.contains("PONG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stopped_in_its_tracks_costs_a_bounded_time_and_is_found_again() {
    let (bench, redis) = (Bench::new(), redis(RedisOptions::default()));
    let scaler = bench.misbehaving().await;
    let connection = server(redis.address());
    assert!(answer(&scaler, &connection, "PING").await.contains("PONG"));
    redis.pause().unwrap();
    for _ in 0..2 {
        let started = Instant::now();
        let silent = failure(ask(&scaler, &connection, "PING").await);
        assert_eq!((silent.kind, silent.code.as_str()), (FailureKind::Transient, "timeout"), "{silent}");
        assert_eq!((silent.blame, silent.scope), (Blame::Source, Scope::Endpoint));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
    redis.resume().unwrap();
    assert!(answer(&scaler, &connection, "PING").await.contains("PONG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_swallows_everything_is_a_timeout_for_all_who_wait_for_it_at_once() {
    let (bench, hole) = (Bench::new(), BlackHole::make().unwrap());
    let scaler = bench.misbehaving().await;
    let connection = server(SocketAddr::new(hole.address(), 6379));
    let started = Instant::now();
    let asks = (0..20).map(|_| {
        let (scaler, connection) = (scaler.clone(), connection.clone());
        tokio::spawn(async move { ask(&scaler, &connection, "PING").await })
    });
    for measured in futures::future::join_all(asks).await {
        assert_eq!(failure(measured.unwrap()).code, "timeout");
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_is_not_dialled_unless_it_is_allowed() {
    let (bench, redis) = (Bench::allowing(&[]), redis(RedisOptions::default()));
    let scaler = bench.misbehaving().await;
    for host in ["127.0.0.1", "localhost"] {
        let connection = RedisConnection { host: host.into(), ..server(redis.address()) };
        let failure = failure(ask(&scaler, &connection, "PING").await);
        assert_eq!((failure.kind, failure.blame), (FailureKind::Denied, Blame::Operator), "{failure}");
        assert_eq!((failure.code.as_str(), failure.scope), ("egress", Scope::Endpoint), "{failure}");
    }
    assert_eq!(clients(&redis), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_too_large_is_cut_off_and_the_next_question_is_answered() {
    let (bench, redis) = (Bench::new(), redis(RedisOptions::default()));
    redis.cli(&["SETRANGE", "large", "67108863", "x"]).unwrap();
    let scaler = bench.misbehaving().await;
    let connection = server(redis.address());
    let large = failure(ask(&scaler, &connection, "GET large").await);
    assert_eq!(large.code, "reply-size", "{large}");
    assert!(answer(&scaler, &connection, "PING").await.contains("PONG"));
}
