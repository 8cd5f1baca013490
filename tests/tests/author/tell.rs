//! What a component is, for people and for programs; completions and man pages.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::desk::{Desk, component, write};

#[test]
fn a_component_tells_what_it_needs_and_each_parameter() {
    let desk = Desk::new();
    let redis = component("redis");
    let told = desk.bellows(&["scaler", "inspect", &redis]).out;
    assert!(told.contains("\nneeds      redis\n"), "{told}");
    assert!(told.contains("required; from metadata  The key whose size is the metric."), "{told}");

    let json = desk.bellows(&["scaler", "inspect", &redis, "--output", "json"]).out;
    let about: Value = serde_json::from_str(&json).unwrap();
    let bytes = std::fs::read(&redis).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(about["digest"], format!("sha256:{digest}"));
    assert_eq!(about["bytes"], bytes.len());
    let parameters = about["triggerTypes"][0]["parameters"].as_array().unwrap();
    let found = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
    assert_eq!(found("listName")["required"], true);
    assert_eq!(found("listLength")["default"], "5");
    assert_eq!(found("address")["sources"].as_array().unwrap()[0], "metadata");

    let printed = desk.bellows(&["scaler", "digest", &redis]).out;
    assert_eq!(printed, format!("sha256:{digest}\n"));
    write(&desk.path("text.wasm"), "hello");
    let refused = desk.bellows(&["scaler", "digest", "text.wasm"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("it is no component"), "{}", refused.err);
}

#[test]
fn completions_and_man_pages_know_every_command_but_the_hidden_one() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let done = desk.bellows(&["completions", shell]);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.out.contains("inspect"), "{shell}");
    }
    assert_eq!(desk.bellows(&["man", "pages"]).code, 0);
    for page in ["bellows.1", "bellows-run.1", "bellows-scaler.1", "bellows-scaler-test.1"] {
        assert!(desk.path("pages").join(page).is_file(), "{page}");
    }
    assert!(!desk.path("pages/bellows-compile.1").exists());
}
