//! The schemas that a derive cannot give, and the step from a derived schema to one that an API server takes.
//!
//! Owns no field of any kind. Removes what the derive adds and KEDA's definitions do not have, so that an object which
//! KEDA stores is one that we store, and the reverse.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

/// A Kubernetes quantity: digits, perhaps a fraction, and a suffix or an exponent.
const QUANTITY: &str = concat!(
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))",
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
);

/// A point in time as RFC 3339 has it.
pub(super) fn date_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// A number or a text.
pub(super) fn number_or_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-int-or-string": true })
}

/// Ports and ranges of them.
pub(super) fn ports(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 256,
        "items": { "x-kubernetes-int-or-string": true }
    })
}

/// The behavior of a HorizontalPodAutoscaler, `autoscaling/v2`.
pub(super) fn behavior(_: &mut SchemaGenerator) -> Schema {
    let rules = |description: &str| {
        json_schema!({
            "type": "object",
            "description": description,
            "properties": {
                "policies": {
                    "type": "array",
                    "description": "How much may change within a period.",
                    "items": {
                        "type": "object",
                        "required": ["periodSeconds", "type", "value"],
                        "properties": {
                            "periodSeconds": { "type": "integer", "format": "int32", "description": "Length of the period, 1 to 1800 seconds." },
                            "type": { "type": "string", "description": "Pods or Percent." },
                            "value": { "type": "integer", "format": "int32", "description": "How many pods, or how much of a hundred, above 0." }
                        }
                    },
                    "x-kubernetes-list-type": "atomic"
                },
                "selectPolicy": { "type": "string", "description": "Which policy counts: Max, Min or Disabled." },
                "stabilizationWindowSeconds": { "type": "integer", "format": "int32", "description": "How far back recommendations count, 0 to 3600 seconds." },
                "tolerance": {
                    "description": "How far the metric may be from its target without a change, as a share of it.",
                    "pattern": QUANTITY,
                    "x-kubernetes-int-or-string": true
                }
            }
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "scaleDown": rules("How replicas are taken away."),
            "scaleUp": rules("How replicas are added.")
        }
    })
}

/// Makes a derived definition the one that is installed.
pub(super) fn finish(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let names = &mut definition.spec.names;
    // An API server fills these in, so they are said at once: a definition that is applied again is then unchanged.
    names.list_kind = Some(format!("{}List", names.kind));
    names.categories = names.categories.take().filter(|categories| !categories.is_empty());
    for version in &mut definition.spec.versions {
        version.selectable_fields = version.selectable_fields.take().filter(|fields| !fields.is_empty());
        let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        plain(root);
        let properties = root.properties.get_or_insert_default();
        properties.insert("apiVersion".to_owned(), typed("string", "Group and version of this object."));
        properties.insert("kind".to_owned(), typed("string", "Kind of this object."));
        properties.insert("metadata".to_owned(), typed("object", ""));
    }
    definition
}

/// A schema of one type and nothing more.
fn typed(type_name: &str, description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        type_: Some(type_name.to_owned()),
        description: Some(description.to_owned()).filter(|text| !text.is_empty()),
        ..JSONSchemaProps::default()
    }
}

/// Removes, at every depth, what the derive says of Rust rather than of the object: that an optional field may be null,
/// the names of types, and defaults that are the absence of a value.
fn plain(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    schema.default = schema.default.take().filter(|JSON(value)| !says_nothing(value));
    schema.enum_ =
        schema.enum_.take().map(|values| values.into_iter().filter(|JSON(value)| !value.is_null()).collect());
    schema.required = schema.required.take().filter(|names| !names.is_empty());
    if schema.x_kubernetes_int_or_string == Some(true) {
        // Said here, because the derive takes the types out of every alternative.
        schema.any_of = Some(["integer", "string"].map(|name| typed(name, "")).into());
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        plain(property);
    }
    match schema.items.as_mut() {
        Some(JSONSchemaPropsOrArray::Schema(items)) => plain(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(plain),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        plain(values);
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
