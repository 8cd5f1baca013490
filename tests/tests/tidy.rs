//! The rules of the house that a compiler does not know: sizes, headers, words, and who may use whom.
//!
//! A rule that nobody runs is removed; one that is broken is mended, not excused.

#![expect(clippy::expect_used, reason = "a test that cannot read the house fails, and says at what")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a file before its tests.
const LINES_MAX: usize = 300;
/// Lines of `host/ARCHITECTURE.md`.
const ARCHITECTURE_LINES_MAX: usize = 150;
/// What lies at the top, besides what hides behind a dot.
const TOP: [&str; 9] = ["Cargo.lock", "Cargo.toml", "README.md", "charts", "host", "scalers", "sdk", "tests", "wit"];

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the house").to_owned()
}

/// Every file that belongs to the project, as git sees it.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(house())
        .output();
    let listing = String::from_utf8(output.expect("git lists files").stdout).expect("names are text");
    listing.lines().map(PathBuf::from).filter(|path| house().join(path).is_file()).collect()
}

fn rust() -> Vec<(PathBuf, String)> {
    let sources = files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.map(|path| (path.clone(), fs::read_to_string(house().join(path)).expect("sources are text"))).collect()
}

fn is_test(path: &Path) -> bool {
    path.starts_with("tests")
        || path.file_stem().is_some_and(|stem| stem == "tests")
        || path.iter().any(|part| part == "tests")
}

fn check(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn the_top_shows_the_card_and_nothing_else() {
    let shown =
        files().into_iter().filter_map(|path| path.iter().next().map(|part| part.to_string_lossy().into_owned()));
    let strangers: Vec<String> = shown.filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str())).collect();
    check("only the card at the top", strangers);
}

#[test]
fn every_source_opens_with_what_it_owns() {
    let bare = rust().into_iter().filter(|(_, text)| !text.starts_with("//!"));
    check("a file opens with //!", bare.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn a_file_is_at_most_three_hundred_lines_before_its_tests() {
    let long = rust().into_iter().filter_map(|(path, text)| {
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        (lines > LINES_MAX).then(|| format!("{}: {lines}", path.display()))
    });
    check("one idea a file", long.collect());
}

#[test]
fn no_room_is_a_drawer() {
    let drawers = ["util", "utils", "common", "manager", "helpers", "misc"];
    let found = files().into_iter().filter(|path| {
        path.iter().any(|part| {
            let stem = Path::new(part).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            drawers.contains(&stem.as_str())
        })
    });
    check("a name says what is inside", found.map(|path| path.display().to_string()).collect());
}

/// Arrows of the picture in `host/ARCHITECTURE.md`: these paths never use these crates.
const WALLS: [(&str, &[&str]); 10] = [
    (
        "host/core/src",
        &["tokio", "kube", "wasmtime", "serde", "tracing", "k8s_openapi", "axum", "redis", "bellows_sdk"],
    ),
    ("host/wasm/src", &["kube", "k8s_openapi", "axum", "clap", "bellows_sdk"]),
    ("host/build/src", &["tokio", "kube", "wasmtime", "clap", "bellows_wasm"]),
    ("host/src/rehearse", &["kube", "k8s_openapi", "axum", "clap"]),
    ("host/src/crd", &["tokio", "wasmtime", "axum", "bellows_wasm", "bellows_sdk"]),
    ("host/src/kube", &["wasmtime", "axum", "bellows_sdk"]),
    ("host/src/serve", &["kube", "wasmtime", "bellows_wasm", "bellows_sdk"]),
    ("host/src/driver.rs", &["kube", "wasmtime", "axum", "bellows_wasm", "bellows_sdk"]),
    ("host/src/poll.rs", &["kube", "k8s_openapi", "axum", "bellows_sdk"]),
    ("sdk/src", &["wasmtime", "kube", "tokio", "bellows_core"]),
];

#[test]
fn walls_hold() {
    let mut broken = Vec::new();
    for (path, text) in rust() {
        for (room, strangers) in WALLS.iter().filter(|(room, _)| path.starts_with(room)) {
            let uses = |name: &&str| {
                text.lines().any(|line| {
                    let line = line.trim_start();
                    !line.starts_with("//")
                        && (line.contains(&format!(" {name}::")) || line.contains(&format!("({name}::")))
                })
            };
            broken.extend(
                strangers
                    .iter()
                    .filter(|name| uses(name))
                    .map(|name| format!("{} uses {name}, which {room} does not", path.display())),
            );
        }
    }
    check("walls between rooms", broken);
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    // Spelled in two parts, so that this file does not find itself.
    let allow = concat!("#[", "allow(");
    let allow_all = concat!("#![", "allow(");
    let found = rust().into_iter().filter(|(_, text)| text.contains(allow) || text.contains(allow_all));
    check("`expect` with a reason", found.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn unsafe_code_is_in_one_place() {
    let found: Vec<String> = rust()
        .into_iter()
        .filter(|(_, text)| {
            text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(concat!("unsafe", " {")))
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(found, ["host/wasm/src/cache.rs"], "the one function that maps a compiled component");
}

#[test]
fn nothing_unfinished_is_left_in_the_code() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    let mut found = Vec::new();
    for (path, text) in rust() {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.split(|letter: char| !letter.is_alphanumeric()).any(|part| part == *word)) {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    check("finish it or refuse it by name", found);
}

#[test]
fn tests_do_not_sleep_where_they_could_wait() {
    let sleeping = rust().into_iter().filter(|(path, _)| is_test(path) && path.starts_with("tests/tests"));
    let found = sleeping.filter(|(path, text)| !path.ends_with("tidy.rs") && text.contains("thread::sleep("));
    check("wait for a condition", found.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn the_architecture_is_short_and_names_every_room() {
    let text = fs::read_to_string(house().join("host/ARCHITECTURE.md")).expect("there is a picture of the house");
    assert!(text.lines().count() <= ARCHITECTURE_LINES_MAX, "at most {ARCHITECTURE_LINES_MAX} lines");
    let rooms = files().into_iter().filter(|path| {
        let depth = path.iter().count();
        path.extension().is_some_and(|extension| extension == "rs")
            && depth <= 4
            && !path.ends_with("lib.rs")
            && (path.starts_with("host/core/src")
                || path.starts_with("host/wasm/src")
                || (path.starts_with("host/src") && depth == 3))
    });
    let missing = rooms.filter(|path| !text.contains(&*path.file_name().unwrap_or_default().to_string_lossy()));
    check("the picture names every file of the host", missing.map(|path| path.display().to_string()).collect());
}

#[test]
fn each_public_folder_says_what_it_is() {
    let folders = ["wit", "host", "sdk", "scalers", "scalers/redis", "tests", "charts/bellows"];
    let silent = folders.iter().filter(|folder| !house().join(folder).join("README.md").is_file());
    check("a README in each folder that people open", silent.map(ToString::to_string).collect());
}

#[test]
fn each_dependency_has_its_reason() {
    let text = fs::read_to_string(house().join("Cargo.toml")).expect("there is a manifest");
    let section =
        text.split("[workspace.dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).expect("dependencies");
    // A comment stands above a group: every group of lines begins with one.
    let bare = section.split("\n#").next().unwrap_or_default().lines().filter(|line| line.contains(" = "));
    let own = bare.filter(|line| !line.starts_with("bellows"));
    check("a reason above each group of dependencies", own.map(str::to_owned).collect());
}
