//! Scalers in JavaScript and Python: begun, built and tried as those in Rust are, and equal to them.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use bellows_tests::paths;
use serde_json::Value;

use crate::desk::{Desk, Done, write};

/// An interpreter takes all processors for half a minute to compile, and is given up after three times that: one at a time.
static COMPILING: Mutex<()> = Mutex::new(());

const LANGUAGES: [&str; 2] = ["javascript", "python"];

/// A desk with the tools of both languages, and the SDKs with their examples as they lie in the repository.
fn desk() -> Desk {
    let desk = Desk::fluent();
    let sdk = paths::root().join("sdk");
    for folder in ["javascript", "python", "examples"] {
        copy(&sdk.join(folder), &desk.path("sdk").join(folder));
    }
    lend_packages(&desk, "sdk/examples/bullmq-python");
    desk
}

/// As `pip install --target .packages` in a folder leaves them; those of JavaScript are found above it.
fn lend_packages(desk: &Desk, folder: &str) {
    std::os::unix::fs::symlink(paths::python_packages(), desk.path(folder).join(".packages")).unwrap();
}

/// Files, and links as links.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap().success());
}

fn good(what: &str, done: &Done) {
    assert_eq!(done.code, 0, "{what}: {}{}", done.out, done.err);
}

/// What a component says of its trigger types, in one form: a default that is a number is one.
fn described(desk: &Desk, component: &str) -> Value {
    let json = desk.bellows(&["scaler", "inspect", component, "--output", "json"]);
    good(component, &json);
    let mut about: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(about["needs"], serde_json::json!(["redis"]), "{component}");
    assert!(!json.out.contains("wasi"), "{component}");
    for parameter in about["triggerTypes"][0]["parameters"].as_array_mut().unwrap() {
        if let Some(number) = parameter["default"].as_str().and_then(|text| text.parse::<f64>().ok()) {
            parameter["default"] = number.into();
        }
    }
    about["triggerTypes"].take()
}

#[test]
fn bullmq_in_three_languages_holds_the_same_cases_and_says_the_same_of_itself() {
    let _alone = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let desk = desk();
    let built = desk.bellows(&["scaler", "build", &paths::root().join("sdk/examples/bullmq").display().to_string()]);
    good("rust", &built);
    let rust = described(
        &desk,
        &crate::desk::author_output().join("components/bellows-example-bullmq.wasm").display().to_string(),
    );
    for language in LANGUAGES {
        let folder = format!("sdk/examples/bullmq-{language}");
        let tested = desk.bellows(&["scaler", "test", &folder]);
        good(language, &tested);
        assert!(tested.out.ends_with("7 cases, all as expected\n"), "{language}: {}", tested.out);
        let again = desk.bellows(&["scaler", "build", &folder]);
        good(language, &again);
        assert!(!again.err.contains("wrapping"), "nothing changed, so nothing is built: {}", again.err);
        assert!(
            again.out.starts_with(&format!("bellows-example-bullmq-{language} 0.1.0  Scales on ")),
            "{}",
            again.out
        );
        let component = format!("{folder}/target/components/bullmq-{language}.wasm");
        assert_eq!(described(&desk, &component), rust, "{language}");
        let polled = desk.bellows(&["scaler", "run", &folder, "--case", "a job is due in the millisecond of the poll"]);
        good(language, &polled);
        assert!(polled.out.ends_with("reading  bullmq-mail 1, active\n"), "{}", polled.out);
    }
}

#[test]
fn a_scaler_of_each_kind_is_begun_with_a_test_that_passes_and_one_over_http_holds_its_cases() {
    let _alone = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let desk = Desk::fluent();
    for (language, code) in [("javascript", "scaler.js"), ("python", "scaler.py")] {
        for over in ["redis", "http", "nothing"] {
            let name = format!("{language}-over-{over}");
            let begun = desk.bellows(&["scaler", "new", &name, "--language", language, "--over", over]);
            good(&name, &begun);
            assert!(begun.out.ends_with(" && bellows scaler test\n"), "{}", begun.out);
            assert!(desk.path(&name).join(".github/workflows/scaler.yml").is_file());
            let native = match language {
                "javascript" => desk.run_in(&name, "node", &["--test"]),
                _ => desk.run_in(&name, "python3", &["-m", "unittest"]),
            };
            good(&name, &native);
        }
        let name = format!("{language}-over-http");
        if language == "python" {
            lend_packages(&desk, &name);
        }
        let tested = desk.bellows_in(&name, &["scaler", "test"]);
        good(&name, &tested);
        assert!(tested.out.ends_with(" cases, all as expected\n"), "{}", tested.out);
        // The language's own words say what does not build, and nothing is left of what was built before.
        write(&desk.path(&name).join(code), "this is no scaler\n");
        let broken = desk.bellows_in(&name, &["scaler", "build"]);
        assert_eq!(broken.code, 2, "{}", broken.out);
        assert!(broken.err.contains(" did not build: the build failed"), "{}", broken.err);
    }
}

#[test]
fn what_is_missing_or_not_offered_is_told_with_what_to_do() {
    let desk = Desk::new();
    let told = |arguments: &[&str]| {
        let done = desk.bellows(&[&["scaler"], arguments].concat());
        assert_eq!((done.code, &*done.out), (2, ""), "{arguments:?}");
        done.err
    };
    for (language, install) in [
        ("javascript", "@bytecodealliance/componentize-js is not installed: `npm install`"),
        (
            "python",
            "componentize-py is not installed: `python3 -m pip install --target .packages --upgrade -r requirements.txt`",
        ),
    ] {
        let refused = told(&["new", "other", "--language", language, "--over", "amqp"]);
        let expected = format!("bellows: --over amqp is not offered in {language} by this release of Bellows: redis,");
        assert!(refused.starts_with(&expected), "{refused}");
        let refused = told(&["new", "other", "--language", language, "--sdk", "."]);
        assert!(
            refused.contains(&format!("--sdk is for rust: a scaler in {language} has its SDK copied")),
            "{refused}"
        );
        good(language, &desk.bellows(&["scaler", "new", language, "--language", language]));
        let missing = told(&["test", language]);
        assert!(missing.contains(install), "{missing}");
        let profile = told(&["build", language, "--profile", "dev"]);
        assert!(profile.contains("--profile is cargo's"), "{profile}");
    }
    assert!(!desk.path("other").exists());
}

#[test]
fn the_sdks_hold_what_the_one_for_rust_holds() {
    let desk = desk();
    good("javascript", &desk.run_in("sdk/javascript", "node", &["--test"]));
    let discover = ["-m", "unittest", "discover", "-s", "tests"];
    good("python", &desk.run_in("sdk/python", "python3", &discover));
}
