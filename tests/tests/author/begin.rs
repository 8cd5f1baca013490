//! From nothing to a component that holds its cases: `new`, `build`, `test`, `watch`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use bellows_tests::paths;

use crate::desk::{Desk, author_output, component, write};

const KINDS: [&str; 6] = ["redis", "http", "amqp", "broker", "workload", "nothing"];

/// Begins a scaler whose libraries are those of this checkout.
fn begin(desk: &Desk, name: &str, over: &str) {
    let sdk = paths::root().join("sdk").display().to_string();
    let done = desk.bellows(&["scaler", "new", name, "--over", over, "--sdk", &sdk]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.ends_with(&format!("next: cd {name} && bellows scaler test\n")), "{}", done.out);
    std::fs::copy(paths::root().join("Cargo.lock"), desk.path(name).join("Cargo.lock")).unwrap();
}

#[test]
fn a_scaler_of_each_kind_is_begun_built_and_holds_its_cases_as_a_component_and_natively() {
    let desk = Desk::new();
    for over in KINDS {
        let name = format!("over-{over}");
        begin(&desk, &name, over);
        let built = desk.bellows_in(&name, &["scaler", "build"]);
        assert_eq!(built.code, 0, "{over}: {}", built.err);
        assert!(built.out.starts_with(&format!("{name} 0.1.0  Scales ")), "{}", built.out);
        assert!(built.out.contains(&format!("\ntrigger type {name}  Scales ")), "{}", built.out);
        let tested = desk.bellows_in(&name, &["scaler", "test"]);
        assert_eq!(tested.code, 0, "{over}: {}{}", tested.out, tested.err);
        assert!(tested.out.ends_with(" cases, all as expected\n"), "{}", tested.out);
        let native = desk.cargo_in(&name, &["test", "--quiet"]);
        assert_eq!(native.code, 0, "{over}: {}{}", native.out, native.err);
    }
}

#[test]
fn a_folder_that_is_there_and_a_language_without_an_sdk_are_refused() {
    let desk = Desk::new();
    let sdk = paths::root().join("sdk").display().to_string();
    begin(&desk, "mine", "nothing");
    let again = desk.bellows(&["scaler", "new", "mine", "--sdk", &sdk]);
    assert_eq!((again.code, &*again.err), (2, "bellows: mine is there already: give another name, or remove it\n"));
    let done = desk.bellows(&["scaler", "new", "other", "--language", "go"]);
    assert_eq!(done.code, 2);
    let told =
        "bellows: --language go is not supported by this release of Bellows: its SDKs are for rust, javascript and";
    assert!(done.err.starts_with(told), "{}", done.err);
    assert!(!desk.path("other").exists());
}

#[test]
fn what_another_tool_built_is_taken_as_it_is_and_what_does_not_build_is_told() {
    let desk = Desk::new();
    begin(&desk, "taken", "redis");
    let place = author_output().join("wasm32-wasip1/release");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::copy(component("redis"), place.join("taken.wasm")).unwrap();
    let built = desk.bellows_in("taken", &["scaler", "build"]);
    assert_eq!(built.code, 0, "{}", built.err);
    let told = format!("taken as it was built: {}\n", place.join("taken.wasm").display());
    assert!(built.out.starts_with(&told) && built.out.contains("bellows-scaler-redis"), "{}", built.out);

    write(&desk.path("taken/src/lib.rs"), "//! Nothing.\nfn broken( {}\n");
    let broken = desk.bellows_in("taken", &["scaler", "build"]);
    assert_eq!(broken.code, 2);
    assert!(broken.err.contains("bellows: taken did not build: the build failed"), "{}", broken.err);

    write(&desk.path("taken/src/lib.rs"), "//! Nothing.\n");
    let empty = desk.bellows_in("taken", &["scaler", "build"]);
    assert_eq!(empty.code, 2);
    assert!(empty.err.contains("scaler!(…)") || empty.err.contains("does not export"), "{}", empty.err);
}

#[test]
fn watching_tells_what_a_change_broke() {
    let desk = Desk::new();
    begin(&desk, "watched", "redis");
    let mut watching = desk.program("watched", &["scaler", "watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    // Each wait ends with the line that ends a round, or with the program.
    let mut round = || {
        let lines: Vec<String> =
            lines.by_ref().take_while(|line| !line.ends_with("waiting for a source to change")).collect();
        lines.join("\n")
    };
    let first = round();
    assert!(first.contains("ok    a list is as long as LLEN says"), "{first}");
    let cases = std::fs::read_to_string(desk.path("watched/cases.toml")).unwrap();
    write(&desk.path("watched/cases.toml"), &cases.replace("value = 7.0", "value = 8.0"));
    let second = round();
    let expected = "\
broken  FAIL  a list is as long as LLEN says
      the outcome
        expected  8, active
        found     7, active";
    assert_eq!(second, expected);
    watching.kill().unwrap();
    watching.wait().unwrap();
}
