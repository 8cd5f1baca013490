//! Against a broker of these tests on loopback. What a real RabbitMQ does is tried in `tests/tests/brokers`.

mod broker;

use bellows_core::connection::{Identity, Secret, Tls};
use bellows_core::failure::Scope;
use bellows_core::grant::EgressPolicy;

use self::broker::{Broker, Door, Says};
use super::*;
use crate::connection::NetworkSettings;

fn pool() -> AmqpPool {
    let egress = EgressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let settings = NetworkSettings { egress, cluster_domain: "cluster.local".into(), ..NetworkSettings::default() };
    AmqpPool::new(Arc::new(Reach::new(&settings).unwrap()))
}

fn connection(broker: &Broker) -> AmqpConnection {
    AmqpConnection {
        host: broker.address.ip().to_string(),
        port: broker.address.port(),
        virtual_host: "shop".into(),
        login: Some(("user".into(), Secret::new("s3cr3t"))),
        tls: None,
    }
}

async fn within(pool: &AmqpPool, connection: &AmqpConnection, queues: &[&str], milliseconds: u64) -> Inspected {
    let queues = queues.iter().map(|queue| (*queue).to_owned()).collect();
    pool.inspect("default", connection, queues, Instant::now() + Duration::from_millis(milliseconds)).await
}

async fn ask(pool: &AmqpPool, connection: &AmqpConnection, queues: &[&str]) -> Inspected {
    within(pool, connection, queues, 10_000).await
}

/// Counts, or the code of a failure.
fn short(answers: &[Result<crate::capability::amqp::AmqpQueue, Failure>]) -> Vec<String> {
    let one = |answer: &Result<crate::capability::amqp::AmqpQueue, Failure>| match answer {
        Ok(queue) => format!("{}/{}", queue.ready, queue.consumers),
        Err(failure) => failure.code.clone(),
    };
    answers.iter().map(one).collect()
}

const MISSING: Says = Says::Refuses(404, "NOT_FOUND - no queue 'gone' in vhost 'shop'");

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_queue_costs_its_channel_and_the_others_have_their_answers() {
    let queues = [("a b", Says::Holds(3, 0)), ("c/d", Says::Holds(7, 2)), ("gone", MISSING)];
    let (broker, pool) = (Broker::start(Door::Open, queues).await, pool());
    let asked = ["gone", "a b", "gone", "c/d", "gone", "a b"];
    let answers = ask(&pool, &connection(&broker), &asked).await.unwrap();
    assert_eq!(short(&answers), ["no-such-queue", "3/0", "no-such-queue", "7/2", "no-such-queue", "3/0"]);
    let missing = answers[0].as_ref().unwrap_err();
    assert_eq!((missing.kind, missing.blame, missing.scope), (FailureKind::Absent, Blame::Source, Scope::Trigger));
    assert_eq!(missing.message, "there is no queue \"gone\" in virtual host \"shop\"");
    let seen = broker.seen();
    assert_eq!(seen.connections, 1);
    assert_eq!(seen.asked.iter().filter(|queue| *queue == "a b").count(), 1, "{:?}", seen.asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_queues_of_many_calls_travel_over_one_connection_and_four_channels() {
    let (broker, pool) = (Broker::start(Door::Open, [("gone", MISSING)]).await, pool());
    let names: Vec<String> = (0..1_000).map(|number| format!("queue-{number}")).collect();
    let connection = connection(&broker);
    let calls = (0..10).map(|_| {
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["gone"]).collect();
        let (pool, connection) = (&pool, &connection);
        async move { ask(pool, connection, &names).await.unwrap() }
    });
    for answers in futures::future::join_all(calls).await {
        let (gone, there) = answers.split_last().unwrap();
        assert!(there.iter().all(Result::is_ok));
        assert_eq!(gone.as_ref().unwrap_err().code, "no-such-queue");
    }
    let seen = broker.seen();
    assert_eq!(seen.connections, 1);
    // Each of the ten missing ones costs one channel, whose number may not be free again at once.
    assert!(seen.channels.len() <= dial::CHANNELS_MAX + 10, "{:?}", seen.channels);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broker_refuses_of_one_queue_is_named_and_a_queue_out_of_reach_is_not_missing() {
    let queues = [
        (
            "down",
            Says::Refuses(
                404,
                "NOT_FOUND - home node 'rabbit@b' of durable queue 'down' in vhost 'shop' is down or inaccessible",
            ),
        ),
        (
            "torn",
            Says::Refuses(
                404,
                "NOT_FOUND - failed to perform operation on queue 'torn' in vhost 'shop' due to timeout",
            ),
        ),
        (
            "secret",
            Says::Refuses(403, "ACCESS_REFUSED - access to queue 'secret' in vhost 'shop' refused for user 'user'"),
        ),
        (
            "own",
            Says::Refuses(
                405,
                "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'own' in vhost 'shop'",
            ),
        ),
        ("odd", Says::Refuses(406, "PRECONDITION_FAILED - inequivalent arg")),
        ("lavin", Says::Refuses(404, "NOT_FOUND - Queue 'lavin' in vhost 'shop' doesn't exist")),
    ];
    let (broker, pool) = (Broker::start(Door::Open, queues).await, pool());
    for (queue, kind, code) in [
        ("down", FailureKind::Transient, "unavailable"),
        ("torn", FailureKind::Transient, "unavailable"),
        ("secret", FailureKind::Denied, "forbidden"),
        ("own", FailureKind::Transient, "exclusive"),
        ("odd", FailureKind::Transient, "refused"),
        ("lavin", FailureKind::Absent, "no-such-queue"),
    ] {
        let answers = ask(&pool, &connection(&broker), &[queue]).await.unwrap();
        let failure = answers[0].as_ref().unwrap_err();
        assert_eq!((failure.kind, failure.code.as_str(), failure.scope), (kind, code, Scope::Trigger), "{failure}");
        assert!(failure.message.contains(&format!("{queue:?}")), "{failure}");
        assert!(!failure.message.contains("user '"), "{failure}");
    }
    assert_eq!(broker.seen().connections, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_door_is_named_without_a_credential_and_concerns_the_endpoint() {
    for (door, kind, code, says) in [
        (
            Door::Login(403, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN."),
            FailureKind::Denied,
            "unauthorized",
            "the credentials were refused",
        ),
        (
            Door::VirtualHost(530, "NOT_ALLOWED - vhost shop not found"),
            FailureKind::Denied,
            "no-such-vhost",
            "there is no virtual host \"shop\"",
        ),
        (
            Door::VirtualHost(530, "NOT_ALLOWED - access to vhost 'shop' refused for user 'user'"),
            FailureKind::Denied,
            "forbidden",
            "the user may not enter the virtual host \"shop\"",
        ),
        (
            Door::VirtualHost(530, "NOT_ALLOWED - connection limit (5) is reached"),
            FailureKind::Transient,
            "refused",
            "connection limit (5) is reached",
        ),
        (Door::Garbage, FailureKind::Transient, "protocol", "is no AMQP 0-9-1"),
    ] {
        let (broker, pool) = (Broker::start(door, []).await, pool());
        let failure = ask(&pool, &connection(&broker), &["q"]).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_str(), failure.scope), (kind, code, Scope::Endpoint), "{failure}");
        assert!(failure.message.contains(says), "{failure}");
        assert!(failure.message.starts_with(&broker.address.to_string()), "{failure}");
        assert!(!failure.message.contains("s3cr3t") && !failure.message.contains("'user'"), "{failure}");
        broker.until(|seen| seen.ended == seen.connections).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_password_and_virtual_host_arrive_as_they_are_and_we_say_who_we_are() {
    let (broker, pool) = (Broker::start(Door::Open, []).await, pool());
    for (password, virtual_host) in [("p@:/?#% w\u{fc}", "/"), ("", "a/b c"), ("\\\"'", "%2F")] {
        let connection = AmqpConnection {
            login: Some(("us er".into(), Secret::new(password))),
            virtual_host: virtual_host.into(),
            ..connection(&broker)
        };
        ask(&pool, &connection, &["q"]).await.unwrap();
        let seen = broker.seen();
        let login = format!(
            "PLAIN\0\0\0{}\0us er\0{password}\u{5}en_US",
            char::from(7 + u8::try_from(password.len()).unwrap())
        );
        assert!(String::from_utf8_lossy(&seen.login).contains(&login), "{:?}", String::from_utf8_lossy(&seen.login));
        assert_eq!(seen.virtual_host, virtual_host);
        assert!(seen.properties.contains("connection_nameS\0\0\0\u{7}bellows"), "{}", seen.properties);
    }
}

#[tokio::test]
async fn a_certificate_without_a_login_is_the_login_and_nothing_at_all_is_the_usual_guest() {
    let broker = Broker::start(Door::Open, []).await;
    let tls = Tls {
        verify: true,
        authorities: None,
        identity: Some(Identity { certificate: "c".into(), key: Secret::new("k") }),
    };
    let bare = AmqpConnection { login: None, ..connection(&broker) };
    assert!(!refusal::by_certificate(&bare));
    assert!(refusal::by_certificate(&AmqpConnection { tls: Some(tls.clone()), ..bare.clone() }));
    assert!(!refusal::by_certificate(&AmqpConnection { tls: Some(tls), ..connection(&broker) }));
    ask(&pool(), &bare, &["q"]).await.unwrap();
    assert!(String::from_utf8_lossy(&broker.seen().login).contains("\0guest\0guest"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_under_the_question_is_replaced_and_the_question_asked_once_more() {
    for says in
        [Says::Leaves(320, "CONNECTION_FORCED - broker forced connection closure"), Says::Leaves(541, "INTERNAL_ERROR")]
    {
        let (broker, pool) = (Broker::start(Door::Open, [("q", says)]).await, pool());
        assert_eq!(short(&ask(&pool, &connection(&broker), &["q"]).await.unwrap()), ["0/0"]);
        assert_eq!(broker.seen().connections, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_silent_costs_a_bounded_time_and_its_connection_is_ended() {
    let (broker, pool) = (Broker::start(Door::Silent, []).await, pool());
    let started = Instant::now();
    let connection = connection(&broker);
    let asks = futures::future::join_all((0..20).map(|_| within(&pool, &connection, &["q"], 500))).await;
    for failure in asks {
        assert_eq!(failure.unwrap_err().code, "timeout");
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    broker.until(|seen| seen.ended == seen.connections).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_answered_for_costs_itself_and_what_came_in_time_is_good() {
    let queues = [("stuck", Says::Nothing), ("a", Says::Holds(1, 1))];
    let (broker, pool) = (Broker::start(Door::Open, queues).await, pool());
    // The connection is there before the time that is to be too short for one of them.
    assert_eq!(short(&ask(&pool, &connection(&broker), &["a"]).await.unwrap()), ["1/1"]);
    let answers = within(&pool, &connection(&broker), &["a", "stuck"], 1_500).await.unwrap();
    assert_eq!(short(&answers), ["1/1", "timeout"]);
    let alone = within(&pool, &connection(&broker), &["stuck"], 1_500).await.unwrap_err();
    assert_eq!((alone.code.as_str(), alone.scope), ("timeout", Scope::Endpoint));
    // The silent connection is replaced.
    assert_eq!(short(&ask(&pool, &connection(&broker), &["a"]).await.unwrap()), ["1/1"]);
    assert_eq!(broker.seen().connections, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_blocks_us_is_said_to() {
    let (broker, pool) = (Broker::start(Door::Blocked, []).await, pool());
    let failure = within(&pool, &connection(&broker), &["q"], 3_000).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Transient, "blocked"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_no_longer_needed_says_goodbye() {
    let (broker, pool) = (Broker::start(Door::Open, []).await, pool());
    ask(&pool, &connection(&broker), &["q"]).await.unwrap();
    drop(pool);
    broker.until(|seen| seen.goodbyes == 1 && seen.ended == 1).await;
}

#[tokio::test]
async fn names_that_a_broker_would_cut_within_a_letter_are_refused_alone() {
    let (broker, pool) = (Broker::start(Door::Open, []).await, pool());
    let (wide, long) = ("\u{fc}".repeat(100), "u".repeat(255));
    let answers = ask(&pool, &connection(&broker), &[&wide, &long, "\u{fc}"]).await.unwrap();
    assert_eq!(short(&answers), ["queue-name", "0/0", "0/0"]);
}

#[tokio::test]
async fn loopback_is_not_dialled_unless_it_is_allowed() {
    let broker = Broker::start(Door::Open, []).await;
    let closed = AmqpPool::new(Arc::new(Reach::new(&NetworkSettings::default()).unwrap()));
    let failure = ask(&closed, &connection(&broker), &["q"]).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_str(), failure.scope), (FailureKind::Denied, "egress", Scope::Endpoint));
    assert_eq!(broker.seen().connections, 0);
}
