//! Manifests from YAML, each field with the line that it was written on.
//!
//! Reads scalars as `kubectl` does, where a bare `on` is a truth value and not a word. Knows no kind; a `List` is taken
//! apart into its items.

use std::collections::BTreeMap;

use saphyr::{MarkedYaml, Scalar, ScalarStyle, YamlData, YamlLoader};
use saphyr_parser::{BufferedInput, Parser};
use serde_json::{Map, Number, Value};

/// The key of a mapping that shares the fields of another one.
const MERGE: &str = "<<";

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Manifest {
    /// The file, as it was named.
    pub(super) file: String,
    /// The document.
    pub(super) value: Value,
    /// Lines by the path of the field, `spec.triggers[0].type`; the document itself is the empty path.
    lines: BTreeMap<String, usize>,
}

/// A file is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Where reading stopped, from 1.
    pub(super) line: usize,
    /// Why.
    pub(super) message: String,
}

impl Manifest {
    /// The text at `path`, where it is text and not empty.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        text(path.iter().try_fold(&self.value, |value, name| value.get(name))?)
    }

    /// Whether this is a document of `kind` that goes by `name`, as far as `namespace` can tell: a document may leave it
    /// to the command line.
    pub(super) fn is(&self, kind: &str, name: &str, namespace: Option<&str>) -> bool {
        let own = self.text(&["metadata", "namespace"]);
        self.text(&["kind"]) == Some(kind)
            && self.text(&["metadata", "name"]) == Some(name)
            && (own.is_none() || namespace.is_none() || own == namespace)
    }

    /// The line of `field`, or of the nearest thing around it that is there.
    pub(super) fn line(&self, field: &str) -> usize {
        let mut path = field;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            if path.is_empty() {
                return 1;
            }
            path = parent(path);
        }
    }

    /// The items of a `List`, or the document itself.
    fn items(self) -> Vec<Self> {
        let is_list = self.text(&["kind"]).is_some_and(|kind| kind.ends_with("List"));
        let Some(items) = self.value.get("items").and_then(Value::as_array).filter(|_| is_list) else {
            return vec![self];
        };
        let item = |(index, value): (usize, &Value)| {
            let prefix = format!("items[{index}]");
            let below = self.lines.iter().filter_map(|(path, line)| {
                let rest = path.strip_prefix(&prefix)?;
                Some((rest.strip_prefix('.').unwrap_or(rest).to_owned(), *line))
            });
            Self { file: self.file.clone(), value: value.clone(), lines: below.collect() }
        };
        items.iter().enumerate().map(item).collect()
    }
}

/// The text of `value`, where it is text and not empty.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// The path of the field called `name` in the one at `path`.
pub(super) fn below(path: &str, name: &str) -> String {
    match (path, name.contains(['.', '/', '['])) {
        ("", _) => name.to_owned(),
        (path, true) => format!("{path}[{name}]"),
        (path, false) => format!("{path}.{name}"),
    }
}

/// The path of what the field at `path` is in.
fn parent(path: &str) -> &str {
    let cut = if path.ends_with(']') { path.rfind('[') } else { path.rfind('.') };
    cut.and_then(|cut| path.get(..cut)).unwrap_or_default()
}

/// All documents of `source`, without the empty ones.
pub(super) fn read(file: &str, source: &str) -> Result<Vec<Manifest>, Unreadable> {
    let unreadable = |error: saphyr::ScanError| Unreadable {
        line: error.marker().line(),
        message: format!("is no YAML: {}", error.info()),
    };
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    loader.early_parse(false);
    Parser::new(BufferedInput::new(source.chars())).load(&mut loader, true).map_err(unreadable)?;
    if let Some(error) = loader.error() {
        return Err(unreadable(error.clone()));
    }
    let mut manifests = Vec::new();
    for document in loader.into_documents() {
        let mut lines = BTreeMap::from([(String::new(), document.span.start.line())]);
        let value = value(&document, "", &mut lines);
        if !value.is_null() {
            manifests.extend(Manifest { file: file.to_owned(), value, lines }.items());
        }
    }
    Ok(manifests)
}

/// What `node` holds; writes the lines of everything in it to `lines`.
fn value(node: &MarkedYaml<'_>, path: &str, lines: &mut BTreeMap<String, usize>) -> Value {
    match &node.data {
        YamlData::Representation(text, style, tag) => {
            let plain = *style == ScalarStyle::Plain && tag.is_none();
            match truth(text).filter(|_| plain) {
                Some(truth) => Value::Bool(truth),
                None => Scalar::parse_from_cow_and_metadata(text.clone(), *style, tag.as_ref())
                    .map_or(Value::Null, |read| scalar(&read)),
            }
        }
        YamlData::Value(read) => scalar(read),
        YamlData::Sequence(items) => {
            let item = |(index, item): (usize, &MarkedYaml<'_>)| {
                let path = format!("{path}[{index}]");
                lines.insert(path.clone(), item.span.start.line());
                value(item, &path, lines)
            };
            Value::Array(items.iter().enumerate().map(item).collect())
        }
        YamlData::Mapping(fields) => {
            let mut object = Map::new();
            let mut shared = Vec::new();
            for (key, field) in fields {
                let Some(name) = name(key) else { continue };
                let path = if name == MERGE { path.to_owned() } else { below(path, &name) };
                let lines_of_field = if name == MERGE { &mut BTreeMap::new() } else { &mut *lines };
                lines_of_field.insert(path.clone(), key.span.start.line());
                match value(field, &path, lines_of_field) {
                    Value::Object(fields) if name == MERGE => shared.extend(fields),
                    value => _ = object.insert(name, value),
                }
            }
            // What the mapping says itself counts before what it shares.
            for (name, value) in shared {
                object.entry(name).or_insert(value);
            }
            Value::Object(object)
        }
        YamlData::Tagged(_, inner) => value(inner, path, lines),
        YamlData::Alias(_) | YamlData::BadValue => Value::Null,
    }
}

fn name(key: &MarkedYaml<'_>) -> Option<String> {
    match &key.data {
        YamlData::Representation(text, _, _) => Some(text.to_string()),
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

fn scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(truth) => Value::Bool(*truth),
        Scalar::Integer(number) => Value::Number((*number).into()),
        Scalar::FloatingPoint(number) => Number::from_f64(number.into_inner()).map_or(Value::Null, Value::Number),
        Scalar::String(text) => Value::String(text.to_string()),
    }
}

/// The words that YAML 1.1, which Kubernetes speaks, reads as a truth value and YAML 1.2 does not.
fn truth(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(source: &str) -> Manifest {
        let mut manifests = read("a.yaml", source).unwrap();
        assert_eq!(manifests.len(), 1);
        manifests.remove(0)
    }

    #[test]
    fn every_field_knows_its_line() {
        let manifest = one("# first\nkind: A\nspec:\n  list:\n  - name: x\n    b.c/d: 1\n  - name: y\n");
        for (field, line) in [
            ("", 2),
            ("kind", 2),
            ("spec.list", 4),
            ("spec.list[0]", 5),
            ("spec.list[0][b.c/d]", 6),
            ("spec.list[1].name", 7),
        ] {
            assert_eq!(manifest.line(field), line, "{field}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_has_the_line_of_what_is_around_it() {
        let manifest = one("kind: A\nspec:\n  list:\n  - name: x\n");
        for (field, line) in [("spec.absent.deeper", 2), ("spec.list[0].type", 4), ("spec.list[7]", 3), ("absent", 1)] {
            assert_eq!(manifest.line(field), line, "{field}");
        }
    }

    #[test]
    fn scalars_are_those_that_the_cluster_reads() {
        let manifest = one("a: on\nb: 'on'\nc: 10\nd: \"10\"\ne:\nf: 1.5\ng: no\nh: text\ni: !!str 5\n");
        let expected = serde_json::json!({
            "a": true, "b": "on", "c": 10, "d": "10", "e": null, "f": 1.5, "g": false, "h": "text", "i": "5",
        });
        assert_eq!(manifest.value, expected);
    }

    #[test]
    fn a_mapping_shares_the_fields_of_another_one() {
        let manifest = one("base: &base { a: 1, b: 2 }\nown:\n  <<: *base\n  b: 3\n");
        assert_eq!(manifest.value["own"], serde_json::json!({ "a": 1, "b": 3 }));
        assert_eq!((manifest.line("own.a"), manifest.line("own.b")), (2, 4));
    }

    #[test]
    fn documents_and_items_of_a_list_are_manifests_of_their_own() {
        let source = "---\nkind: A\n---\n# nothing\n---\nkind: List\nitems:\n- kind: B\n  spec:\n    x: 1\n- kind: C\n";
        let manifests = read("a.yaml", source).unwrap();
        let kinds: Vec<_> = manifests.iter().filter_map(|manifest| manifest.text(&["kind"])).collect();
        assert_eq!(kinds, ["A", "B", "C"]);
        assert_eq!((manifests[1].line(""), manifests[1].line("spec.x")), (8, 10));
    }

    #[test]
    fn a_file_that_is_no_yaml_says_where() {
        assert_eq!(read("a.yaml", "kind: A\nspec: [1, 2\nother: }\n").unwrap_err().line, 3);
    }
}
