//! Components that loop, grab, crash, flood and lie.

use std::time::Duration;

use bellows_core::connection::RedisConnection;
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_wasm::{Endpoint, PlanError, RedisSource, RedisValue, Replies};

use super::bench::{Bench, Stopwatch, call, failure, patient, server, trigger};

/// Answers every command with what it is made of.
struct Always(Result<RedisValue, Failure>);

impl RedisSource for Always {
    fn pipeline<'call>(
        &'call self,
        _namespace: &'call str,
        _connection: &'call RedisConnection,
        commands: Vec<Vec<String>>,
        _until: tokio::time::Instant,
    ) -> futures::future::BoxFuture<'call, Result<Replies, Failure>> {
        let reply = self.0.clone().map(|value| commands.iter().map(|_| vec![value.clone()]).collect());
        Box::pin(std::future::ready(reply))
    }
}

fn somewhere() -> Option<RedisConnection> {
    Some(server("192.0.2.1:6379".parse().unwrap()))
}

#[tokio::test]
async fn each_kind_of_misconduct_fails_as_the_scalers_own() {
    let bench = Bench::scripted_at_length(Always(Ok(RedisValue::Integer(1))));
    let scaler = bench.misbehaving().await;
    for (kind, code, says) in [
        ("loop", "deadline", "computed for more than 1s"),
        ("greed", "memory", "more than 64 MiB"),
        ("recursion", "trap", "call stack exhausted"),
        ("trap", "trap", "unreachable"),
        ("wrong-count", "wrong-count", "0 results for 1 triggers"),
        ("many", "too-many-readings", "10000 readings"),
        ("chatty", "host-calls", "more than 1000 times"),
        ("insatiable", "host-calls", "more than 1000 times"),
    ] {
        let (watch, asked) = (Stopwatch::start(), call(somewhere(), vec![trigger(0, kind, &[])]));
        let failure = failure(scaler.measure(patient(asked)).await);
        assert_eq!((failure.code.as_str(), failure.blame), (code, Blame::Scaler), "{kind}: {failure}");
        assert!(failure.message.contains(says), "{kind}: {failure}");
        assert!(watch.took() < Duration::from_secs(2), "{kind} took {:?}", watch.took());
    }
}

#[tokio::test]
async fn what_a_guest_says_is_cut_and_escaped() {
    let bench = Bench::new();
    let scaler = bench.misbehaving().await;
    let failure = failure(scaler.measure(call(None, vec![trigger(0, "shouting", &[])])).await);
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Transient, "shout"));
    assert!(failure.message.len() <= 1024 && !failure.message.chars().any(char::is_control), "{failure}");
}

#[tokio::test]
async fn no_number_is_a_zero_and_never_an_error() {
    let bench = Bench::new();
    let scaler = bench.misbehaving().await;
    for kind in ["nan", "infinite", "negative"] {
        let measured = scaler.measure(call(None, vec![trigger(0, kind, &[])])).await;
        let values: Vec<f64> = measured.outcomes.iter().flatten().flatten().map(|reading| reading.value).collect();
        assert_eq!(values, [0.0], "{kind}");
    }
}

#[tokio::test]
async fn what_is_lent_is_bounded_and_refused_by_name() {
    let bench = Bench::scripted(Always(Ok(RedisValue::Integer(1))));
    let scaler = bench.misbehaving().await;
    for (kind, code) in [("hoarding", "too-many-handles"), ("keeping", "memo-size"), ("greedy", "asked")] {
        let failure = failure(scaler.measure(call(somewhere(), vec![trigger(0, kind, &[])])).await);
        assert_eq!(failure.code, code, "{kind}: {failure}");
    }
    let failure = failure(scaler.measure(call(None, vec![trigger(0, "ask", &[])])).await);
    assert_eq!(failure.code, "no-such-connection", "{failure}");
}

#[tokio::test]
async fn a_command_that_does_more_than_read_is_refused_and_the_endpoint_is_not_to_blame() {
    let bench = Bench::scripted(Always(Ok(RedisValue::Integer(1))));
    let scaler = bench.misbehaving().await;
    for command in ["EVAL return 0", "KEYS *", "CONFIG GET requirepass", "SET k v", "SUBSCRIBE c"] {
        let measured = super::bench::ask(&scaler, &somewhere().unwrap(), command).await;
        assert_eq!(measured.endpoint, Endpoint::Unused);
        let failure = failure(measured);
        assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Denied, "command"), "{failure}");
    }
}

#[tokio::test]
async fn planning_is_bounded_too() {
    let bench = Bench::new();
    let scaler = bench.misbehaving().await;
    for (kind, code) in [("plan-loop", "deadline"), ("plan-trap", "trap")] {
        let Err(PlanError::Failed(failure)) = scaler.plan(&trigger(0, kind, &[])).await else { panic!("{kind}") };
        assert_eq!((failure.code.as_str(), failure.blame), (code, Blame::Scaler), "{kind}: {failure}");
    }
    let Err(PlanError::Problems(problems)) = scaler.plan(&trigger(0, "unheard-of", &[])).await else { panic!() };
    assert_eq!(problems.len(), 1);
}

#[tokio::test]
async fn one_culprit_among_a_hundred_costs_the_others_nothing() {
    let bench = Bench::new();
    let scaler = bench.misbehaving().await;
    for (kind, code) in [("trap", "trap"), ("loop", "deadline"), ("greed", "memory")] {
        let mut triggers: Vec<_> = (0..100).map(|id| trigger(id, "nan", &[("behaves", "true")])).collect();
        triggers[37] = trigger(37, kind, &[]);
        let watch = Stopwatch::start();
        let measured = scaler.measure(patient(call(None, triggers))).await;
        assert!(watch.took() < Duration::from_secs(5), "{kind} took {:?}", watch.took());
        for (id, outcome) in measured.outcomes.iter().enumerate() {
            match outcome {
                Ok(readings) => assert!(id != 37 && readings[0].value == 1.0, "{kind} {id}"),
                Err(failure) => assert_eq!((id, failure.code.as_str()), (37, code), "{failure}"),
            }
        }
    }
}

#[tokio::test]
async fn a_guest_that_loops_does_not_stop_the_others_of_its_thread() {
    let bench = Bench::new();
    let scaler = bench.misbehaving().await;
    let looping = scaler.measure(call(None, vec![trigger(0, "loop", &[])]));
    let behaving = async {
        let mut slowest = Duration::ZERO;
        for id in 0..5 {
            let watch = Stopwatch::start();
            scaler.measure(call(None, vec![trigger(id, "loop", &[("behaves", "true")])])).await;
            slowest = slowest.max(watch.took());
        }
        slowest
    };
    let (_, slowest) = tokio::join!(looping, behaving);
    assert!(slowest < Duration::from_millis(150), "one of them took {slowest:?}");
}

#[tokio::test]
async fn the_host_says_whose_a_failed_connection_is_and_how_far_it_reaches() {
    let seen = Failure::new(FailureKind::Denied, Blame::Operator, "egress", "not dialled").of_endpoint();
    let bench = Bench::scripted(Always(Err(seen.clone())));
    let scaler = bench.misbehaving().await;
    let measured = scaler.measure(call(somewhere(), vec![trigger(0, "ask", &[])])).await;
    assert_eq!(measured.endpoint, Endpoint::Failed(seen.clone()));
    assert_eq!(failure(measured), seen);
}
