//! One container, and what becomes of each kind of variable. Owns no set-up but the container.

use super::*;
use serde_json::json;

fn worker() -> Container {
    let key = |name: &str, key: &str| json!({ "name": name, "key": key });
    serde_json::from_value(json!({
        "name": "worker",
        "envFrom": [
            { "configMapRef": { "name": "defaults" } },
            { "prefix": "DB_", "secretRef": { "name": "database" } },
            { "configMapRef": { "name": "extra", "optional": true } },
        ],
        "env": [
            { "name": "HOST", "value": "redis" },
            { "name": "ADDRESS", "value": "$(HOST):$(PORT)" },
            { "name": "PASSWORD", "valueFrom": { "secretKeyRef": key("login", "password") } },
            { "name": "URL", "value": "redis://:$(PASSWORD)@$(ADDRESS)/$(NOWHERE)$$(HOST)" },
            { "name": "EARLY", "value": "$(LATE)" },
            { "name": "LATE", "value": "late" },
            { "name": "NODE", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } },
            { "name": "MAYBE", "valueFrom": { "configMapKeyRef": { "name": "extra", "key": "maybe", "optional": true } } },
        ],
    }))
    .unwrap()
}

fn secret(name: &str) -> Reference {
    Reference { keeper: Keeper::Secret, name: name.into() }
}

fn config_map(name: &str) -> Reference {
    Reference { keeper: Keeper::ConfigMap, name: name.into() }
}

fn entries(pairs: &[(&str, &str)]) -> Contents {
    Contents::Entries(pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
}

fn contents() -> BTreeMap<Reference, Contents> {
    [
        (config_map("defaults"), entries(&[("PORT", "6379"), ("DB_USER", "default")])),
        (secret("database"), entries(&[("USER", "owner")])),
        (config_map("extra"), Contents::NotThere),
        (secret("login"), entries(&[("password", "hunter2")])),
    ]
    .into()
}

fn get_with(contents: &BTreeMap<Reference, Contents>, name: &str) -> Variable {
    let worker = worker();
    Environment::new(&worker, "shop", &worker.needed([name]).unwrap(), contents).get(name)
}

fn get(name: &str) -> Variable {
    get_with(&contents(), name)
}

fn some(value: &str) -> Variable {
    Ok(Some(value.into()))
}

#[test]
fn a_variable_has_the_value_that_the_container_would_see() {
    assert_eq!(get("HOST"), some("redis"));
    assert_eq!(get("URL"), some("redis://:hunter2@redis:6379/$(NOWHERE)$(HOST)"));
    assert_eq!(get("DB_USER"), some("owner"));
    assert_eq!(get("PORT"), some("6379"));
    assert_eq!(get("MAYBE"), Ok(None));
    assert_eq!(get("ABSENT"), Ok(None));
}

#[test]
fn a_variable_that_is_defined_later_is_not_expanded() {
    assert_eq!(get("EARLY"), some("$(LATE)"));
}

#[test]
fn only_what_can_contribute_is_read() {
    let read = |name: &str| worker().needed([name]).unwrap().references.into_iter().collect::<Vec<_>>();
    assert_eq!(read("HOST"), []);
    assert_eq!(read("PASSWORD"), [secret("login")]);
    assert_eq!(read("ADDRESS"), [config_map("defaults"), config_map("extra")]);
    assert_eq!(read("DB_USER"), [config_map("defaults"), config_map("extra"), secret("database")]);
    assert_eq!(read("NODE"), []);
}

#[test]
fn a_missing_secret_or_key_is_named_and_never_an_empty_credential() {
    let mut contents = contents();
    contents.insert(secret("login"), Contents::NotThere);
    let missing = "there is no Secret login in namespace shop; key password of it is needed";
    assert_eq!(get_with(&contents, "PASSWORD"), Err(missing.into()));
    assert_eq!(get_with(&contents, "URL"), Err(missing.into()));
    contents.insert(secret("login"), entries(&[("pass", "x")]));
    assert_eq!(get_with(&contents, "PASSWORD"), Err("Secret login in namespace shop has no key password".into()));
    contents.insert(secret("login"), Contents::Unread("forbidden".into()));
    let unread = "Secret login in namespace shop cannot be read: forbidden";
    assert_eq!(get_with(&contents, "PASSWORD"), Err(unread.into()));
}

#[test]
fn a_source_that_is_missing_may_be_the_one_that_has_the_variable() {
    let mut contents = contents();
    contents.insert(config_map("defaults"), Contents::NotThere);
    let missing = "there is no ConfigMap defaults in namespace shop; key PORT of it is needed";
    assert_eq!(get_with(&contents, "PORT"), Err(missing.into()));
    assert_eq!(get_with(&contents, "DB_USER"), some("owner"));
}

#[test]
fn what_only_the_running_pod_knows_is_told_so() {
    let told = "variable NODE is known only to the running pod: give a value, a Secret or a ConfigMap";
    assert_eq!(get("NODE"), Err(told.into()));
}

#[test]
fn values_that_double_at_every_step_are_refused_in_time() {
    let mut variables = vec![json!({ "name": "V0", "value": "x" })];
    variables.extend((1..200).map(|n| json!({ "name": format!("V{n}"), "value": format!("$(V{0})$(V{0})", n - 1) })));
    let container: Container = serde_json::from_value(json!({ "name": "worker", "env": variables })).unwrap();
    let needed = container.needed(["V199"]).unwrap();
    let told = Environment::new(&container, "shop", &needed, &BTreeMap::new()).get("V199");
    assert_eq!(told, Err("variable V21 makes the environment larger than 2097152 bytes".into()));
}

#[test]
fn a_container_with_too_many_entries_is_refused() {
    let variables: Vec<_> = (0..=ENTRIES_MAX).map(|n| json!({ "name": format!("V{n}"), "value": "x" })).collect();
    let container: Container = serde_json::from_value(json!({ "name": "worker", "env": variables })).unwrap();
    let told = container.needed(["V0"]).unwrap_err();
    assert_eq!(told, "the container has more than 1000 entries in env and envFrom");
}

#[test]
fn a_wrong_container_is_answered_with_those_there_are() {
    let containers = [worker(), Container { name: "sidecar".into(), ..Container::default() }];
    let problem = container(&containers, Some("main")).unwrap_err();
    assert_eq!(problem.message, "the target has no container main: it has worker, sidecar");
    assert_eq!(container(&containers, None).unwrap().name, "worker");
}
