//! `bellows scaler run`: by script, and against a real Redis.

use bellows_tests::services::{Redis, RedisOptions};

use crate::desk::{Desk, cases_of, component};

#[test]
fn a_poll_by_script_shows_the_metric_what_was_asked_and_the_reading() {
    let (desk, redis, cases) = (Desk::new(), component("redis"), cases_of("redis"));
    let run = |more: &[&str]| {
        let case = "a list is as long as LLEN says";
        desk.bellows(&[&["scaler", "run", &redis, "--cases", &cases, "--case", case], more].concat())
    };
    let expected = "\
metric   redis-jobs, target 10 (AverageValue)
asked    [TYPE jobs] then [LLEN jobs]
reading  redis-jobs 7, active
";
    let done = run(&[]);
    assert_eq!((done.code, &*done.out), (0, expected), "{}", done.err);
    let twice = run(&["--every", "10ms", "--count", "2", "--set", "activationListLength=7"]);
    assert_eq!(twice.out.matches("reading  redis-jobs 7, not active").count(), 2, "{}", twice.out);
    let wrong = run(&["--set", "listLength=many"]);
    assert_eq!(wrong.code, 1);
    assert_eq!(wrong.out, "problem  listLength: accepted is a whole number from 1, not \"many\"\n");
    let outage = desk.bellows(&["scaler", "run", &redis, "--cases", &cases, "--case", "a wrong password is denied"]);
    assert_eq!(outage.code, 1);
    assert!(outage.out.contains("failed   denied, of the operator: unauthorized: WRONGPASS"), "{}", outage.out);
}

#[test]
fn a_poll_of_a_real_source_reads_it_and_tells_the_exact_failure() {
    let mut server = Redis::start(RedisOptions::default()).unwrap();
    server.push("jobs", 3).unwrap();
    let (desk, redis) = (Desk::new(), component("redis"));
    let address = format!("address={}", server.address());
    let run = |more: &[&str]| {
        desk.bellows(
            &[&["scaler", "run", &redis, "--live", "--set", &address, "--set", "listName=jobs"], more].concat(),
        )
    };
    let done = run(&["--set", "lenght=9"]);
    let expected = "\
warning  lenght is no parameter of redis, and is ignored
metric   redis-jobs, target 5 (AverageValue)
reading  redis-jobs 3, active
";
    assert_eq!((done.code, &*done.out), (0, expected), "{}", done.err);
    let recorded = run(&["--record", "cases.toml"]);
    assert!(recorded.out.contains("recorded in cases.toml\n"), "{}{}", recorded.out, recorded.err);
    let held = desk.bellows(&["scaler", "test", &redis]);
    assert_eq!((held.code, &*held.out), (0, "ok    recorded\n1 case, all as expected\n"), "{}", held.err);
    let credentials = run(&["--set-auth-from-env", "password=BELLOWS_NO_SUCH_VARIABLE"]);
    assert_eq!(credentials.code, 2);
    assert!(credentials.err.contains("there is no variable BELLOWS_NO_SUCH_VARIABLE"), "{}", credentials.err);
    server.kill().unwrap();
    let failed = run(&[]);
    assert_eq!(failed.code, 1);
    assert!(failed.out.contains("failed   transient, of the source: "), "{}", failed.out);
}

#[test]
fn what_answers_must_be_said_and_a_required_setting_be_given() {
    let (desk, redis) = (Desk::new(), component("redis"));
    let done = desk.bellows(&["scaler", "run", &redis]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--case <NAME>"), "{}", done.err);
    let done = desk.bellows(&["scaler", "run", &redis, "--live"]);
    assert_eq!(done.code, 1);
    assert!(done.out.starts_with("problem  metadata.listName: required: give metadata.listName\n"), "{}", done.out);
}
