//! `bellows scaler test` on components that are good, and on one that does everything wrong.

use crate::desk::{Desk, cases_of, component, write};

#[test]
fn the_cases_of_a_scaler_of_ours_are_as_expected() {
    let done = Desk::new().bellows(&["scaler", "test", &component("redis"), "--cases", &cases_of("redis")]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("ok    a list is as long as LLEN says\n"), "{}", done.out);
    assert!(done.out.ends_with(" cases, all as expected\n"), "{}", done.out);
}

#[test]
fn each_difference_is_shown_with_what_was_expected_and_the_exit_code_is_1() {
    let desk = Desk::new();
    write(
        &desk.path("cases.toml"),
        r#"
[[case]]
name = "a list"
trigger-type = "redis"
settings = { listName = "jobs" }
replies = [{ to = ["TYPE", "jobs"], text = "list" }, { to = ["LLEN", "jobs"], integer = 7 }]
metric = { name = "jobs", target = 5.0, target-type = "AverageValue" }
reading = { value = 8.0, active = true }
rounds = [[["LLEN", "jobs"]]]

[[case]]
name = "a stream"
trigger-type = "streams"
reading = { value = 8.0, active = true }
"#,
    );
    let done = desk.bellows(&["scaler", "test", &component("redis")]);
    let expected = "\
FAIL  a list
      the plan
        expected  jobs, target 5 (AverageValue)
        found     redis-jobs, target 5 (AverageValue)
      the outcome
        expected  8, active
        found     7, active
      what was asked
        expected  [LLEN jobs]
        found     [TYPE jobs] then [LLEN jobs]
FAIL  a stream
      the trigger type
        expected  streams, which is the case's trigger-type
        found     a component that serves redis
2 cases, 2 not as expected
";
    assert_eq!((done.code, &*done.out), (1, expected));
    let filtered = desk.bellows(&["scaler", "test", &component("redis"), "a stream"]);
    assert!(filtered.out.ends_with("1 case, 1 not as expected\n"), "{}", filtered.out);
}

#[test]
fn what_no_good_scaler_does_is_found_without_a_case_for_it() {
    let desk = Desk::new();
    let case = |kind: &str| {
        format!("[[case]]\nname = '{kind}'\ntrigger-type = '{kind}'\nreading = {{ value = 0.0, active = true }}\n")
    };
    write(&desk.path("cases.toml"), &["nan", "stranger", "trap"].map(case).concat());
    let done = desk.bellows(&["scaler", "test", &component("misbehaving")]);
    assert_eq!(done.code, 1, "{}", done.err);
    for told in [
        "found     1 that are NaN or infinite, which the host reads as 0; answer with a failure instead",
        "found     also never-planned",
        "found     the scaler's own fault: trap: ",
    ] {
        assert!(done.out.contains(told), "{told}: {}", done.out);
    }
}

#[test]
fn where_nothing_can_be_tried_the_exit_code_is_2_and_the_message_says_what_to_do() {
    let desk = Desk::new();
    let redis = component("redis");
    write(&desk.path("text.wasm"), "hello");
    write(&desk.path("typo.toml"), "[[case]]\nname = 'a'\ntrigger-type = 'redis'\nreplys = []\n");
    for (arguments, told) in [
        (&["nowhere.wasm"][..], "there is no nowhere.wasm: give the folder of a crate, or a component (.wasm)"),
        (&[&redis], "cannot read cases.toml: name the file of cases with --cases FILE"),
        (&[&redis, "--cases", "typo.toml"], "typo.toml is no file of cases: "),
        (
            &[&redis, "nothing of that name", "--cases", &cases_of("redis")],
            "no case has \"nothing of that name\" in its name",
        ),
        (&["text.wasm", "--cases", &cases_of("redis")], "text.wasm is refused, here as by the host: "),
    ] {
        let done = desk.bellows(&[&["scaler", "test"], arguments].concat());
        assert_eq!((done.code, &*done.out), (2, ""), "{told}");
        assert!(done.err.starts_with(&format!("bellows: {told}")), "{told}: {}", done.err);
    }
}
