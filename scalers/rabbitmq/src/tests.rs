//! The scaler as a call sees it: several triggers at once, and what they cost.

use std::collections::BTreeSet;

use bellows_sdk::broker::{Answer, Question, Reply};
use bellows_sdk::component::trigger_type;
use bellows_sdk::http::{Request, Response};
use bellows_sdk::testing::{NEW_YEAR, Script, cases, measure, plan, trigger};

use super::*;

type Server = Script<Question, Answer>;

const HOST: &str = "http://rabbit:15672/shop";

fn get(path: &str) -> Question {
    Question::Get(Request::get(path))
}

fn body(text: &str) -> Answer {
    Ok(Reply::Response(Response::new(200, text.as_bytes())))
}

fn list(page: u32) -> Question {
    get(&format!(
        "/api/queues/shop?page={page}&page_size=500&disable_stats=true&enable_queue_totals=true&columns=name,messages,\
         messages_ready"
    ))
}

/// A page of queues `queue-FIRST` and on, each with as many messages as its number, and one more that is not acknowledged.
fn page(pages: u32, numbers: std::ops::Range<usize>) -> Answer {
    let queue = |number| {
        let all = number + 1;
        format!("{{\"name\":\"queue-{number}\",\"messages\":{all},\"messages_ready\":{number}}}")
    };
    let items: Vec<String> = numbers.map(queue).collect();
    body(&format!("{{\"page_count\":{pages},\"items\":[{}]}}", items.join(",")))
}

fn queue(number: usize) -> bellows_sdk::component::Trigger {
    trigger::<Queues>(&[("host", HOST), ("queueName", &format!("queue-{number}"))])
}

fn values(server: &mut Server, triggers: &[bellows_sdk::component::Trigger]) -> Vec<Result<f64>> {
    let measured = measure::<Queues>(NEW_YEAR, triggers, server);
    measured.into_iter().map(|measured| measured.map(|measured| measured.reading.value)).collect()
}

#[test]
fn the_cases_hold() {
    assert_eq!(cases::run::<Queues>(include_str!("../cases.toml")), Ok(()));
}

#[test]
fn no_credential_reaches_the_scaler() {
    let parameters = trigger_type::<Queues>().parameters;
    let seen: BTreeSet<&str> = parameters
        .iter()
        .filter(|parameter| parameter.feeds.is_none_or(|field| ["uri", "vhost", "timeout"].contains(&field)))
        .map(|parameter| parameter.name)
        .collect();
    for secret in ["username", "password", "ca", "cert", "key", "keyPassword", "clientSecret"] {
        assert!(!seen.contains(secret) && parameters.iter().any(|parameter| parameter.name == secret), "{secret}");
    }
}

#[test]
fn a_few_queues_are_asked_for_one_by_one_in_one_exchange() {
    let triggers: Vec<_> = (0..9).map(queue).collect();
    let path = |number| get(&format!("/api/queues/shop/queue-{number}{COLUMNS}"));
    let mut server = (0..9)
        .fold(Server::new(), |server, number| server.on(path(number), body(&format!("{{\"messages\":{number}}}"))));
    assert_eq!(values(&mut server, &triggers), (0..9).map(|number| Ok(f64::from(number))).collect::<Vec<_>>());
    assert_eq!(server.rounds.iter().map(Vec::len).collect::<Vec<_>>(), [9]);
}

/// rabbitmq-server#9437.
#[test]
fn many_queues_of_a_virtual_host_are_one_list() {
    let mut triggers: Vec<_> = (0..100).map(queue).collect();
    triggers[7].settings.push(("excludeUnacknowledged".into(), "true".into()));
    let mut server = Server::new().on(list(1), page(1, 0..300));
    let mut wanted: Vec<_> = (1..101).map(|number| Ok(f64::from(number))).collect();
    wanted[7] = Ok(7.0);
    assert_eq!(values(&mut server, &triggers), wanted);
    assert_eq!(server.rounds, [[list(1)]]);
}

/// rabbitmq-server#9437: the host sends equal requests of one moment once, so what counts are the different ones.
#[test]
fn a_thousand_triggers_on_one_broker_cost_two_requests() {
    let mut asked = BTreeSet::new();
    for call in 0..10 {
        let triggers: Vec<_> = (call * 100..call * 100 + 100).map(queue).collect();
        let mut server = Server::new().on(list(1), page(2, 0..500)).on(list(2), page(2, 500..1_000));
        let wanted: Vec<_> = (call * 100 + 1..call * 100 + 101).map(|number| Ok(number as f64)).collect();
        assert_eq!(values(&mut server, &triggers), wanted);
        asked.extend(server.rounds.into_iter().flatten());
    }
    assert_eq!(asked, BTreeSet::from([list(1), list(2)]));
}

#[test]
fn a_queue_that_a_whole_list_does_not_name_does_not_exist() {
    let triggers: Vec<_> = (0..12).map(queue).collect();
    let mut server = Server::new().on(list(1), page(1, 0..11));
    assert_eq!(values(&mut server, &triggers).pop(), Some(Err(no_such_queue("queue-11"))));
    assert_eq!(server.rounds.len(), 1);
}

#[test]
fn a_queue_that_several_pages_do_not_name_may_have_slipped_between_them_and_is_asked_for() {
    let triggers: Vec<_> = (0..12).map(queue).collect();
    let slipped = get(&format!("/api/queues/shop/queue-11{COLUMNS}"));
    let mut server = Server::new()
        .on(list(1), page(2, 0..11))
        .on(list(2), page(2, 12..20))
        .on(slipped.clone(), body("{\"messages\":3}"));
    assert_eq!(values(&mut server, &triggers).pop(), Some(Ok(3.0)));
    assert_eq!(server.rounds, [[list(1)], [list(2)], [slipped]]);
}

#[test]
fn of_a_virtual_host_that_is_too_large_to_list_the_rest_is_asked_for_one_by_one() {
    let triggers: Vec<_> = (490..502).map(queue).collect();
    let path = |number| get(&format!("/api/queues/shop/queue-{number}{COLUMNS}"));
    let mut server = Server::new()
        .on(list(1), page(6, 0..500))
        .on(path(500), body("{\"messages\":501}"))
        .on(path(501), body("{\"messages\":502}"));
    assert_eq!(values(&mut server, &triggers), (491..503).map(|number| Ok(f64::from(number))).collect::<Vec<_>>());
    assert_eq!(server.rounds, [vec![list(1)], vec![path(500), path(501)]]);
}

#[test]
fn a_list_without_totals_leaves_its_queues_to_be_asked_for() {
    let triggers: Vec<_> = (0..10).map(queue).collect();
    let items: Vec<String> = (0..10).map(|number| format!("{{\"name\":\"queue-{number}\"}}")).collect();
    let path = |number| get(&format!("/api/queues/shop/queue-{number}{COLUMNS}"));
    let listed = Server::new().on(list(1), body(&format!("{{\"page_count\":1,\"items\":[{}]}}", items.join(","))));
    let mut server =
        (0..10).fold(listed, |server, number| server.on(path(number), body(&format!("{{\"messages\":{number}}}"))));
    assert_eq!(values(&mut server, &triggers), (0..10).map(|number| Ok(f64::from(number))).collect::<Vec<_>>());
}

#[test]
fn a_list_that_fails_fails_its_triggers_and_is_not_made_up_for_by_a_storm_of_questions() {
    let triggers: Vec<_> = (0..100).map(queue).collect();
    let mut server = Server::new().on(list(1), Ok(Reply::Response(Response::new(503, *b""))));
    let failure = Failure::transient("server-error", "the server answered with status 503");
    assert_eq!(values(&mut server, &triggers), vec![Err(failure); 100]);
    assert_eq!(server.rounds.len(), 1);
}

#[test]
fn a_virtual_host_that_is_missing_is_absent_for_all_of_its_triggers() {
    let triggers: Vec<_> = (0..10).map(queue).collect();
    let failure = Failure::absent("no-such-vhost", "the broker has no such virtual host, or no HTTP API here");
    assert_eq!(values(&mut Server::new(), &triggers), vec![Err(failure); 10]);
}

#[test]
fn rates_and_patterns_are_not_on_the_list() {
    let mut triggers: Vec<_> = (0..10).map(queue).collect();
    triggers[9].settings.extend([("mode".into(), "MessageRate".into()), ("value".into(), "1".into())]);
    let path = |number| get(&format!("/api/queues/shop/queue-{number}{COLUMNS}"));
    let stats = "{\"messages\":1,\"message_stats\":{\"publish_details\":{\"rate\":2.5}}}";
    let mut server = (0..10).fold(Server::new(), |server, number| server.on(path(number), body(stats)));
    assert_eq!(values(&mut server, &triggers).pop(), Some(Ok(2.5)));
    assert_eq!(server.rounds.len(), 1, "nine are too few for a list");
}

/// keda#743 and KEDA's limit to one page.
#[test]
fn a_pattern_is_read_over_all_pages_in_two_exchanges() {
    let path = |page| {
        get(&format!(
            "/api/queues/shop?page={page}&page_size=2&name=queue-.%2A&use_regex=true&disable_stats=true&\
             enable_queue_totals=true&columns=name,messages,messages_ready"
        ))
    };
    let settings = [("host", HOST), ("queueName", "queue-.*"), ("useRegex", "true"), ("pageSize", "2")];
    let mut server = Server::new().on(path(1), page(3, 0..2)).on(path(2), page(3, 2..4)).on(path(3), page(3, 4..5));
    for (operation, value) in [("sum", 15.0), ("avg", 3.0), ("max", 5.0)] {
        let mut one = trigger::<Queues>(&settings);
        one.settings.push(("operation".into(), operation.into()));
        server.rounds.clear();
        assert_eq!(values(&mut server, &[one]), [Ok(value)], "{operation}");
        assert_eq!(server.rounds, [vec![path(1)], vec![path(2), path(3)]]);
    }
}

#[test]
fn a_page_that_is_missing_is_no_smaller_sum() {
    let settings = [("host", HOST), ("queueName", "q"), ("useRegex", "true"), ("pageSize", "500")];
    let path = |page| {
        get(&format!(
            "/api/queues/shop?page={page}&page_size=500&name=q&use_regex=true&disable_stats=true&\
             enable_queue_totals=true&columns=name,messages,messages_ready"
        ))
    };
    let gone = Ok(Reply::Response(Response::new(500, *b"")));
    let mut server = Server::new().on(path(1), page(2, 0..500)).on(path(2), gone);
    let failure = Failure::transient("server-error", "the server answered with status 500");
    assert_eq!(values(&mut server, &[trigger::<Queues>(&settings)]), [Err(failure)]);

    let mut endless = Server::new().on(path(1), page(21, 0..500));
    let failure = "more than 20 pages of 500 queues match, which is too many to read";
    let failure = Failure::transient("too-many-queues", failure);
    assert_eq!(values(&mut endless, &[trigger::<Queues>(&settings)]), [Err(failure)]);
}

#[test]
fn a_metric_is_named_after_its_queue_as_a_query_has_it() {
    for (name, metric) in
        [("a b", "rabbitmq-a+b"), ("ns/name", "rabbitmq-ns%2Fname"), ("^q.*$", "rabbitmq-%5Eq.%2A%24")]
    {
        let planned = plan::<Queues>(&trigger::<Queues>(&[("host", HOST), ("queueName", name)]));
        assert_eq!(planned.map(|metric| metric.name), Ok(metric.to_owned()));
    }
}
