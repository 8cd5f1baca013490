//! A document against the schema that the cluster holds for its kind: every field that the cluster would refuse.
//!
//! Owns types, required fields, closed lists and bounds. What two fields mean together is decided in core.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};

use super::{
    Finding, Severity,
    manifest::{Manifest, below},
    spelling,
};

/// What is said against a document, and what is left of it.
pub(super) struct Shape {
    /// The findings, in the order of the document.
    pub(super) findings: Vec<Finding>,
    /// The document with each field that has the wrong type replaced, so that the others can be looked at further.
    pub(super) value: Value,
}

/// Compares `manifest` with the schema of its kind.
pub(super) fn compare(manifest: &Manifest, schema: &JSONSchemaProps) -> Shape {
    let mut reader = Reader { manifest, findings: Vec::new() };
    let value = reader.value("", &manifest.value, schema);
    Shape { findings: reader.findings, value }
}

struct Reader<'a> {
    manifest: &'a Manifest,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn say(&mut self, severity: Severity, field: &str, message: String) {
        self.findings.push(Finding::new(self.manifest, severity, field, message));
    }

    /// The value at `path` where it has the type of `schema`, else something that has.
    fn value(&mut self, path: &str, value: &Value, schema: &JSONSchemaProps) -> Value {
        match (schema.type_.as_deref(), value) {
            (Some("object"), Value::Object(fields)) => self.object(path, fields, schema),
            (Some("array"), Value::Array(items)) => self.array(path, items, schema),
            (Some("string"), Value::String(text)) => {
                self.text(path, text, schema);
                value.clone()
            }
            (Some("integer"), Value::Number(number)) if number.is_i64() => self.integer(path, value, schema),
            (None, Value::Number(number)) if schema.x_kubernetes_int_or_string == Some(true) && !number.is_i64() => {
                self.say(Severity::Problem, path, wrong_type(value, "string"));
                Value::String(plain(value))
            }
            (Some("boolean"), Value::Bool(_)) | (None, _) => value.clone(),
            (Some(wanted), _) => {
                self.say(Severity::Problem, path, wrong_type(value, wanted));
                if wanted == "string" { Value::String(plain(value)) } else { blank(schema) }
            }
        }
    }

    fn object(&mut self, path: &str, fields: &Map<String, Value>, schema: &JSONSchemaProps) -> Value {
        let mut read = Map::new();
        // A field that is null counts as absent, as the API server has it.
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let path = below(path, name);
            match field(schema, name) {
                Field::Known(schema) => {
                    let value = self.value(&path, value, schema);
                    read.insert(name.clone(), value);
                }
                Field::Free => _ = read.insert(name.clone(), value.clone()),
                Field::Unknown => {
                    let known = schema.properties.iter().flat_map(|properties| properties.keys().map(String::as_str));
                    let hint = spelling::hint(name, known);
                    self.say(Severity::Warning, &path, format!("is no field here and has no effect{hint}"));
                }
            }
        }
        for name in
            schema.required.iter().flatten().filter(|name| !read.contains_key(*name)).cloned().collect::<Vec<_>>()
        {
            let wanted = schema.properties.as_ref().and_then(|properties| properties.get(&name));
            let about = wanted.and_then(|schema| schema.description.as_deref()).unwrap_or("give it a value");
            self.say(Severity::Problem, &below(path, &name), format!("required, but absent: {about}"));
            read.insert(name, wanted.map_or(Value::Null, blank));
        }
        Value::Object(read)
    }

    fn array(&mut self, path: &str, items: &[Value], schema: &JSONSchemaProps) -> Value {
        if schema.min_items.is_some_and(|least| i64::try_from(items.len()).is_ok_and(|count| count < least)) {
            self.say(Severity::Problem, path, "must have an entry".to_owned());
        }
        let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items else { return Value::Array(items.to_vec()) };
        let item = |(index, item)| self.value(&format!("{path}[{index}]"), item, schema);
        Value::Array(items.iter().enumerate().map(item).collect())
    }

    fn text(&mut self, path: &str, text: &str, schema: &JSONSchemaProps) {
        if schema.min_length.is_some_and(|least| i64::try_from(text.chars().count()).is_ok_and(|count| count < least)) {
            self.say(Severity::Problem, path, "must not be empty".to_owned());
        }
        let Some(allowed) = &schema.enum_ else { return };
        let allowed: Vec<&str> = allowed.iter().filter_map(|JSON(value)| value.as_str()).collect();
        if !allowed.contains(&text) {
            let message = format!(
                "is {text:?}, must be one of {}{}",
                allowed.join(", "),
                spelling::hint(text, allowed.iter().copied())
            );
            self.say(Severity::Problem, path, message);
        }
    }

    fn integer(&mut self, path: &str, value: &Value, schema: &JSONSchemaProps) -> Value {
        let number = value.as_i64().unwrap_or_default();
        if schema.format.as_deref() == Some("int32") && i32::try_from(number).is_err() {
            self.say(Severity::Problem, path, format!("is {number}, must be at most {}", i32::MAX));
            return blank(schema);
        }
        if let Some(least) =
            schema.minimum.filter(|least| i32::try_from(number).is_ok_and(|number| f64::from(number) < *least))
        {
            self.say(Severity::Problem, path, format!("is {number}, must be {least} or more"));
        }
        value.clone()
    }
}

/// What a schema says of a field.
enum Field<'a> {
    Known(&'a JSONSchemaProps),
    Free,
    Unknown,
}

fn field<'a>(schema: &'a JSONSchemaProps, name: &str) -> Field<'a> {
    match (&schema.properties, &schema.additional_properties) {
        (Some(properties), _) if properties.contains_key(name) => {
            properties.get(name).map_or(Field::Free, Field::Known)
        }
        (_, Some(JSONSchemaPropsOrBool::Schema(schema))) => Field::Known(schema),
        (None, _) | (_, Some(JSONSchemaPropsOrBool::Bool(true))) => Field::Free,
        _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => Field::Free,
        _ => Field::Unknown,
    }
}

fn wrong_type(value: &Value, wanted: &str) -> String {
    let is = match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(truth) => format!("the truth value {truth}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a group of fields".to_owned(),
    };
    let must_be = match wanted {
        "string" if value.is_array() || value.is_object() => "text".to_owned(),
        "string" => format!("text: write {:?}, with the quotes", plain(value)),
        "integer" => match value.as_str().and_then(|text| text.trim().parse::<i64>().ok()) {
            Some(number) => format!("a whole number: write {number}, without quotes"),
            None => "a whole number".to_owned(),
        },
        "boolean" => "true or false, without quotes".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "a group of fields".to_owned(),
        other => other.to_owned(),
    };
    format!("is {is}, must be {must_be}")
}

/// What was probably meant by a scalar where text was wanted.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// The least that has the type of `schema`.
fn blank(schema: &JSONSchemaProps) -> Value {
    match schema.type_.as_deref() {
        Some("string") => Value::String(String::new()),
        Some("integer") => Value::Number(schema.minimum.map_or(0, |least| if least > 0.0 { 1 } else { 0 }).into()),
        Some("boolean") => Value::Bool(false),
        Some("array") => Value::Array(Vec::new()),
        Some("object") => {
            let required = schema.required.iter().flatten();
            let field = |name: &String| Some((name.clone(), blank(schema.properties.as_ref()?.get(name)?)));
            Value::Object(required.filter_map(field).collect())
        }
        _ => Value::Null,
    }
}
