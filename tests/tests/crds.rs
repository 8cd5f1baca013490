//! Our definitions against KEDA's own: the same fields, types, bounds, columns and rules, so that an object which one of
//! them stores the other stores too. And the names that metrics have of scalers, by which dashboards look.
//!
//! KEDA's definitions come from its Go module, pinned by version and by checksum. Descriptions are ours and not
//! compared; any other difference needs a line and a reason in `ALLOWED`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a definition of another shape than expected fails the test, and says where"
)]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde::Deserialize;
use serde_json::Value;

const MODULE: &str = "github.com/kedacore/keda/v2@v2.21.0";
const CHECKSUM: &str = "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=";

/// Differences that are meant: the path of one, and why it is right.
const ALLOWED: &[(&str, &str)] = &[];

#[test]
fn every_definition_is_the_one_of_keda() {
    let theirs = theirs();
    let mut ours = ours();
    ours.retain(|name, _| name.ends_with(".keda.sh"));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "the kinds themselves");
    let mut differences = Vec::new();
    for (name, theirs) in &theirs {
        compare(name, Some(&ours[name]), Some(theirs), &mut differences);
    }
    let unexpected: Vec<_> =
        differences.iter().filter(|line| !ALLOWED.iter().any(|(path, _)| line.starts_with(path))).collect();
    assert!(unexpected.is_empty(), "{} differences:\n{unexpected:#?}", unexpected.len());
    let unused: Vec<_> =
        ALLOWED.iter().filter(|(path, _)| !differences.iter().any(|line| line.starts_with(path))).collect();
    assert!(unused.is_empty(), "allowed, but no longer there: {unused:#?}");
}

#[test]
fn scalers_have_the_names_of_kedas_types_in_metrics() {
    let module = module();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let builder = read(&module.join("pkg/scaling/scalers_builder.go"));
    let sources: String = fs::read_dir(module.join("pkg/scalers"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "go"))
        .map(|path| read(&path))
        .collect();
    let kinds: Vec<&str> =
        builder.lines().filter_map(|line| line.trim().strip_prefix("case \"")?.strip_suffix("\":")).collect();
    assert!(kinds.len() > 70, "KEDA has more scalers than {kinds:?}");
    let unknown: Vec<_> = (kinds.iter().map(|kind| (kind, bellows::telemetry::scaler_name(kind))))
        .filter(|(_, name)| !sources.contains(&format!("type {name} struct")))
        .collect();
    assert!(unknown.is_empty(), "KEDA has no scalers of these names: {unknown:?}");
}

#[test]
fn a_difference_is_found_wherever_it_is() {
    let theirs = serde_json::json!({ "spec": { "list": [1, 2], "same": true, "theirs": 1 } });
    let ours = serde_json::json!({ "spec": { "list": [1, 3], "same": true, "ours": 1 } });
    let mut differences = Vec::new();
    compare("kind", Some(&ours), Some(&theirs), &mut differences);
    assert_eq!(
        differences,
        ["kind.spec.list[1]: ours 3, theirs 2", "kind.spec.ours: only ours: 1", "kind.spec.theirs: only theirs: 1"]
    );
}

#[test]
fn every_field_is_described() {
    let mut bare = Vec::new();
    for (name, definition) in parse(&bellows::crd::yaml().unwrap()) {
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        assert!(schema["properties"].is_object(), "{name} has no schema");
        undescribed(&name, schema, &mut bare);
    }
    assert_eq!(bare, Vec::<String>::new());
}

/// Collects the paths of properties below `schema` that have no description.
fn undescribed(path: &str, schema: &Value, bare: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        undescribed(&path, property, bare);
        if property["description"].is_null() && name != "metadata" {
            bare.push(path);
        }
    }
    if schema["items"].is_object() {
        undescribed(&format!("{path}[]"), &schema["items"], bare);
    }
}

/// Our definitions by name, as `bellows crds` prints them, without descriptions.
fn ours() -> BTreeMap<String, Value> {
    let mut definitions = parse(&bellows::crd::yaml().unwrap());
    definitions.values_mut().for_each(strip);
    definitions
}

/// KEDA's definitions by name, without descriptions and without the mark of the program that generated them.
fn theirs() -> BTreeMap<String, Value> {
    let folder = module().join("config/crd/bases");
    let mut definitions = BTreeMap::new();
    for plural in ["scaledobjects", "triggerauthentications", "clustertriggerauthentications"] {
        let path = folder.join(format!("keda.sh_{plural}.yaml"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        definitions.extend(parse(&text));
    }
    for definition in definitions.values_mut() {
        strip(definition);
        definition["metadata"].as_object_mut().unwrap().remove("annotations");
    }
    definitions
}

/// The folder of KEDA's module, downloaded once and checked against the checksum that this test was written with.
fn module() -> Box<Path> {
    let output = Command::new("go")
        .args(["mod", "download", "-json", MODULE])
        .current_dir(std::env::temp_dir())
        .output()
        .expect("Go fetches KEDA's definitions, so this test needs `go` in the PATH");
    assert!(output.status.success(), "cannot fetch {MODULE}: {}", String::from_utf8_lossy(&output.stderr));
    let module: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(module["Sum"], CHECKSUM, "{MODULE} is another one than this test was written against");
    Path::new(module["Dir"].as_str().unwrap()).into()
}

fn parse(stream: &str) -> BTreeMap<String, Value> {
    serde_yaml_ng::Deserializer::from_str(stream)
        .map(|document| Value::deserialize(document).unwrap())
        .map(|definition| (definition["metadata"]["name"].as_str().unwrap().to_owned(), definition))
        .collect()
}

/// Removes descriptions, at every depth; a *property* that is called description stays.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.remove("description");
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Appends a line for each place where the two differ. Numbers are compared by value, `required` as a set.
fn compare(path: &str, ours: Option<&Value>, theirs: Option<&Value>, differences: &mut Vec<String>) {
    match (ours, theirs) {
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            let names: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                compare(&format!("{path}.{name}"), ours.get(name), theirs.get(name), differences);
            }
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) => {
            let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
            if path.ends_with(".required") {
                ours.sort_by_key(Value::to_string);
                theirs.sort_by_key(Value::to_string);
            }
            for index in 0..ours.len().max(theirs.len()) {
                compare(&format!("{path}[{index}]"), ours.get(index), theirs.get(index), differences);
            }
        }
        (Some(Value::Number(ours)), Some(Value::Number(theirs))) if ours.as_f64() == theirs.as_f64() => {}
        (Some(ours), Some(theirs)) if ours == theirs => {}
        (Some(ours), Some(theirs)) => differences.push(format!("{path}: ours {ours}, theirs {theirs}")),
        (Some(ours), None) => differences.push(format!("{path}: only ours: {ours}")),
        (None, Some(theirs)) => differences.push(format!("{path}: only theirs: {theirs}")),
        (None, None) => {}
    }
}
