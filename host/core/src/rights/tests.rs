//! Rights, from what a person wrote to what is refused, and in which words.

use std::collections::BTreeMap;
use std::time::Duration;

use super::draft::Refused;
use super::*;
use crate::connection::Protocol;
use crate::scaler::{ConnectionSlot, Description, Feed, Parameter};

mod namespaces;

use namespaces::with;

const CEILING: Ceiling = Ceiling { memory_bytes: 64 << 20, processor_time: Duration::from_secs(1), host_calls: 1_000 };

fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

fn shop(part: PartDraft) -> GrantsDraft {
    let all = PartDraft { hosts: words(&["*.shop.svc"]), ports: words(&["6379"]), ..PartDraft::default() };
    let names = vec!["shop".to_owned()];
    GrantsDraft { all, namespaces: vec![SomeNamespacesDraft { names, selector: None, part }], ..GrantsDraft::default() }
}

fn granted(draft: &GrantsDraft) -> Grants {
    draft.parse("queue", &CEILING).unwrap()
}

/// The rights of a namespace without labels.
fn of<'a>(grants: &'a Grants, namespace: &str) -> &'a Rights {
    grants.of(namespace, Some(&Labels::new())).unwrap()
}

fn refused(draft: &GrantsDraft) -> (Vec<String>, Vec<String>) {
    let Refused { wrong, above } = draft.parse("queue", &CEILING).unwrap_err();
    let told = |problems: Vec<Problem>| problems.iter().map(Problem::to_string).collect();
    (told(wrong), told(above))
}

fn redis(address: &str) -> Connection {
    let fields = BTreeMap::from([("addresses".to_owned(), address.to_owned())]);
    Connection::parse(&[Protocol::Redis], &fields).unwrap()
}

fn parameter(name: &str, sources: &[Source], feeds: Option<&str>) -> Parameter {
    let feeds = feeds.map(|field| Feed { connection: "redis".into(), field: field.into() });
    let (name, sources) = (name.to_owned(), sources.to_vec());
    Parameter { name, summary: String::new(), required: false, default: None, sources, feeds, deprecated: None }
}

fn kind(parameters: Vec<Parameter>, protocol: Protocol) -> TriggerType {
    let connections = vec![ConnectionSlot { name: "redis".into(), protocols: vec![protocol] }];
    TriggerType { name: "list".into(), summary: String::new(), parameters, connections }
}

#[test]
fn a_host_and_a_port_that_are_not_granted_are_told_with_the_patch() {
    let grants = granted(&shop(PartDraft::default()));
    let rights = of(&grants, "elsewhere");
    assert_eq!(rights.judge_place(&redis("Redis.shop.svc:6379")), Ok(()));
    assert_eq!(
        rights.judge_place(&redis("redis.other:6379")).unwrap_err(),
        "hosts of Scaler queue do not allow redis.other:6379: granted is *.shop.svc; to allow it: kubectl patch scaler \
         queue --type json --patch '[{\"op\":\"add\",\"path\":\"/spec/grants/hosts/-\",\"value\":\"redis.other\"}]'"
    );
    assert_eq!(
        rights.judge_place(&redis("redis.shop.svc:6380")).unwrap_err(),
        "ports of Scaler queue do not allow redis.shop.svc:6380: granted is 6379; to allow it: kubectl patch scaler \
         queue --type json --patch '[{\"op\":\"add\",\"path\":\"/spec/grants/ports/-\",\"value\":6380}]'"
    );
}

#[test]
fn without_a_list_all_places_are_allowed_and_no_command_and_no_secret() {
    let grants = granted(&GrantsDraft::default());
    let rights = of(&grants, "shop");
    assert_eq!(rights.judge_place(&redis("anywhere.example:1")), Ok(()));
    assert!(!rights.allows_command("SMEMBERS") && !rights.allows_command("SET"));
    assert!(rights.secrets.items.is_empty());
}

#[test]
fn a_block_grants_addresses_as_they_are_written_and_says_so_of_a_name() {
    let all = PartDraft { hosts: words(&["10.0.0.0/8"]), ..PartDraft::default() };
    let grants = granted(&GrantsDraft { all, ..GrantsDraft::default() });
    assert_eq!(of(&grants, "shop").judge_place(&redis("10.1.2.3:6379")), Ok(()));
    let why = of(&grants, "shop").judge_place(&redis("redis.shop:6379")).unwrap_err();
    assert!(why.contains("a name is granted by a name"), "{why}");
    let why = of(&grants, "shop").judge_place(&redis("192.168.0.1:6379")).unwrap_err();
    assert!(!why.contains("a name is granted"), "{why}");
}

#[test]
fn what_is_given_for_a_namespace_stands_in_the_place_of_what_is_given_for_all() {
    let part =
        PartDraft { hosts: words(&["redis.shop.svc"]), redis_commands: words(&["smembers"]), ..PartDraft::default() };
    let grants = granted(&shop(part));
    assert_eq!(of(&grants, "shop").judge_place(&redis("redis.shop.svc:6379")), Ok(()));
    let why = of(&grants, "shop").judge_place(&redis("other.shop.svc:6379")).unwrap_err();
    assert!(why.contains("\"path\":\"/spec/grants/namespaces/0/hosts/-\""), "{why}");
    // What is not given there is as for all.
    assert!(of(&grants, "shop").judge_place(&redis("redis.shop.svc:1")).is_err());
    assert!(of(&grants, "shop").allows_command("SMEMBERS") && !of(&grants, "elsewhere").allows_command("SMEMBERS"));
    assert_eq!(of(&grants, "elsewhere").judge_place(&redis("other.shop.svc:6379")), Ok(()));
}

#[test]
fn a_namespace_may_be_given_more_than_all_others() {
    let grants = granted(&shop(PartDraft { hosts: words(&["*"]), ..PartDraft::default() }));
    assert_eq!(of(&grants, "shop").judge_place(&redis("anywhere.example:6379")), Ok(()));
}

#[test]
fn all_that_is_wrong_with_grants_is_told_by_its_field() {
    let mut draft = shop(PartDraft { ports: words(&["0"]), ..PartDraft::default() });
    draft.all.hosts = words(&["redis:6379"]);
    draft.namespaces.push(SomeNamespacesDraft { names: vec!["shop".into()], ..SomeNamespacesDraft::default() });
    draft.namespaces.push(SomeNamespacesDraft::default());
    draft.limits =
        LimitsDraft { memory: Some("1.5Gi".into()), processor_time: Some("1ms".into()), host_calls: Some(0) };
    let (wrong, above) = refused(&draft);
    let fields: Vec<&str> = wrong.iter().filter_map(|told| told.split(": ").next()).collect();
    let expected = [
        "spec.limits.memory",
        "spec.limits.processorTime",
        "spec.limits.hostCalls",
        "spec.grants.hosts[0]",
        "spec.grants.namespaces[0].ports[0]",
        "spec.grants.namespaces[1].names",
        "spec.grants.namespaces[2].names",
    ];
    assert_eq!((fields, above), (expected.to_vec(), vec![]), "{wrong:?}");
}

#[test]
fn an_empty_list_of_hosts_is_not_all_of_them() {
    let all = PartDraft { hosts: words(&[]), ports: words(&[]), ..PartDraft::default() };
    let (wrong, _) = refused(&GrantsDraft { all, ..GrantsDraft::default() });
    let empty = "is empty: leave it out to allow all, or name what is allowed";
    assert_eq!(wrong, [format!("spec.grants.hosts: {empty}"), format!("spec.grants.ports: {empty}")]);
}

#[test]
fn what_is_above_the_ceiling_is_told_with_the_ceiling_and_the_flag() {
    let limits =
        LimitsDraft { memory: Some("128Mi".into()), processor_time: Some("2s".into()), host_calls: Some(1_001) };
    let all = PartDraft { redis_commands: words(&["SMEMBERS", "KEYS"]), ..PartDraft::default() };
    let draft = GrantsDraft { all, limits, ..GrantsDraft::default() };
    let (wrong, above) = refused(&draft);
    assert_eq!(wrong, [""; 0]);
    assert_eq!(
        above[0],
        "spec.limits.memory: 128Mi is above the ceiling of this host, 64Mi; whoever runs it can raise that with \
         --scaler-memory-max"
    );
    assert!(above[1].starts_with("spec.limits.processorTime: 2s is above the ceiling of this host, 1s"), "{above:?}");
    assert!(above[2].starts_with("spec.limits.hostCalls: 1001 is above the ceiling of this host, 1000"), "{above:?}");
    assert!(above[3].starts_with("spec.grants.redisCommands[1]: \"KEYS\" cannot be granted: "), "{above:?}");
    let halt = crate::supply::Halt::from(draft.parse("queue", &CEILING).unwrap_err());
    assert_eq!((halt.step, halt.reason.as_str()), (crate::supply::Step::Granted, "AboveCeiling"));
    let raised = Ceiling { memory_bytes: 1 << 30, processor_time: Duration::from_secs(5), host_calls: 5_000 };
    let kept = GrantsDraft { all: PartDraft::default(), ..draft }.parse("queue", &raised).unwrap();
    assert_eq!(kept.anywhere().allowance().memory_bytes, Some(128 << 20));
}

#[test]
fn what_feeds_no_connection_may_enter_and_so_may_what_a_component_is_shown_of_one() {
    use Source::{Authentication, Metadata};
    let from = |source, feeds| parameter("p", &[source], feeds);
    let enters = |parameter: &Parameter, protocol| secrets::may_enter(&kind(vec![], protocol), parameter);
    assert!(enters(&from(Authentication, None), Protocol::Redis));
    assert!(!enters(&from(Metadata, None), Protocol::Redis));
    assert!(!enters(&from(Authentication, Some("password")), Protocol::Redis));
    assert!(enters(&from(Authentication, Some("vhost")), Protocol::Amqp));
    assert!(enters(&from(Authentication, Some("timeout")), Protocol::Http));
    assert!(!enters(&from(Authentication, Some("auth-modes")), Protocol::Http));
    assert!(!enters(&from(Authentication, Some("uri")), Protocol::Http));
    // Who speaks Redis does not read it, and would be shown anything.
    assert!(enters(&from(Authentication, Some("uri")), Protocol::Redis));
}

#[test]
fn a_secret_that_may_enter_is_asked_for_with_the_patch_that_grants_it() {
    let parameters =
        vec![parameter("token", &[Source::Authentication], None), parameter("word", &[Source::Authentication], None)];
    let kinds = vec![kind(parameters, Protocol::Redis)];
    let (name, version, summary) = ("list".into(), "1".into(), String::new());
    let description = Description { name, version, summary, trigger_types: kinds };
    let all = PartDraft { secrets: words(&["token"]), ..PartDraft::default() };
    let mut draft = GrantsDraft { all, ..GrantsDraft::default() };
    let halt = secrets::judge("queue", &description, &granted(&draft)).unwrap_err();
    assert_eq!(halt.reason, "GrantMissing");
    assert!(
        halt.message.ends_with(
            "kubectl patch scaler queue --type merge --patch '{\"spec\":{\"grants\":{\"secrets\":[\"token\",\"word\"]}}}'"
        ),
        "{halt}"
    );
    let part = PartDraft { secrets: words(&["word"]), ..PartDraft::default() };
    for some in [
        SomeNamespacesDraft { names: vec!["shop".into()], selector: None, part: part.clone() },
        SomeNamespacesDraft { part, ..with("team", "shop", &[]) },
    ] {
        draft.namespaces = vec![some];
        assert_eq!(secrets::judge("queue", &description, &granted(&draft)), Ok(()));
    }
}

#[test]
fn a_trigger_is_judged_by_its_secrets_and_its_connections_each_in_its_field() {
    let kind = kind(
        vec![
            parameter("address", &[Source::Metadata, Source::Environment], Some("addresses")),
            parameter("token", &[Source::Authentication], None),
            parameter("password", &[Source::Authentication], Some("password")),
        ],
        Protocol::Redis,
    );
    let sources = Sources {
        metadata: [("addressFromEnv", "A")].into(),
        authentication: [("token", "t"), ("password", "p")].into(),
        ..Sources::default()
    };
    let connections = [("redis", redis("redis.other:6379"))];
    let grants = granted(&shop(PartDraft { secrets: words(&["token"]), ..PartDraft::default() }));
    let told = |namespace: &str| {
        let problems = of(&grants, namespace).judge(&kind, &sources, connections.clone());
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect::<Vec<_>>()
    };
    let elsewhere = told("elsewhere");
    assert_eq!(elsewhere[0].0, "authenticationRef");
    assert!(elsewhere[0].1.contains("secrets of Scaler queue do not name it"), "{elsewhere:?}");
    assert!(elsewhere[0].1.ends_with("\"path\":\"/spec/grants/secrets\",\"value\":[\"token\"]}]'"), "{elsewhere:?}");
    assert_eq!(elsewhere[1].0, "metadata.addressFromEnv");
    assert_eq!(told("shop").len(), 1);
}

#[test]
fn the_rights_at_last_are_what_is_imported_granted_and_below_the_ceiling() {
    let part = PartDraft { hosts: words(&["redis.shop.svc"]), ..PartDraft::default() };
    let mut draft = shop(part);
    draft.limits.memory = Some("32Mi".into());
    let imports = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        granted(&draft).told(&imports(&["redis", "memo"]), &CEILING),
        "redis; hosts *.shop.svc; ports 6379; further redisCommands none; secrets none; memory 32Mi; processorTime 1s; \
         hostCalls 1000; in shop: hosts redis.shop.svc"
    );
    draft.namespaces = vec![with("team", "shop", &["redis.shop.svc"]), with("team", "mail", &["*.shop.svc"])];
    let told = granted(&draft).told(&imports(&["redis"]), &CEILING);
    let ends = "; in namespaces with team=shop: hosts redis.shop.svc; in namespaces with team=mail: as elsewhere";
    assert!(told.ends_with(ends), "{told}");
    assert_eq!(
        granted(&GrantsDraft::default()).told(&imports(&["memo"]), &CEILING),
        "lent nothing; secrets none; memory 64Mi; processorTime 1s; hostCalls 1000"
    );
}
