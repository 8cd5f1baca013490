//! The kinds that Bellows serves: KEDA's `keda.sh/v1alpha1`, unchanged, and its own `bellows.dev/v1alpha1` Scaler, as Rust
//! types and as definitions for a cluster.
//!
//! Each field is declared once, in the Rust type; its schema is derived and compared with KEDA's own by a test. Nothing
//! here talks to a cluster, and nothing decides: `draft()` hands what was written to core, which does.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Number, Value};

pub mod authentication;
mod draft;
pub mod provider;
mod rollout;
pub mod scaled_object;
pub mod scaler;
mod schema;
mod selector;
pub mod status;
mod verification;

pub use authentication::{ClusterTriggerAuthentication, TriggerAuthentication, TriggerAuthenticationSpec};
pub use draft::{draft, key};
pub use scaled_object::{ScaledObject, ScaledObjectSpec};
pub use scaler::{Scaler, ScalerSpec};
pub use status::{Condition, ScaledObjectStatus};
pub use verification::{SignerIdentity, Verification};

/// The definitions could not be written as YAML.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A definition is no JSON document.
    #[error("cannot turn a definition into a document")]
    Document(#[source] serde_json::Error),
    /// A document is no YAML.
    #[error("cannot write a definition as YAML")]
    Yaml(#[source] serde_yaml_ng::Error),
}

/// The definitions to install, as an API server takes them.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    [ScaledObject::crd(), TriggerAuthentication::crd(), ClusterTriggerAuthentication::crd(), Scaler::crd()]
        .map(schema::finish)
        .into()
}

/// The same definitions as one stream of YAML, each after its `---`.
pub fn yaml() -> Result<String, WriteError> {
    let mut stream = String::new();
    for definition in all() {
        let mut document = serde_json::to_value(definition).map_err(WriteError::Document)?;
        whole_numbers(&mut document);
        stream.push_str("---\n");
        stream.push_str(&serde_yaml_ng::to_string(&document).map_err(WriteError::Yaml)?);
    }
    Ok(stream)
}

/// Writes `minimum: 1` for `minimum: 1.0`: the type of a bound is a float, and every bound here is whole.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < f64::from(i32::MAX));
            if let Some(whole) = whole.and_then(|float| format!("{float:.0}").parse::<i64>().ok()) {
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
