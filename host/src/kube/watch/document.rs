//! A ScaledObject as it is read from a watch: what is wrong with one that is none is told with the field's path.
//!
//! Nothing is judged here but the shape.

use std::borrow::Cow;

use kube::Resource;
use kube::api::ObjectMeta;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::crd::ScaledObject;

/// A ScaledObject that names the field when it cannot be read.
#[derive(Debug, Clone)]
pub(super) struct Document(pub(super) ScaledObject);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_path_to_error::deserialize(deserializer).map(Self).map_err(D::Error::custom)
    }
}

impl Resource for Document {
    type DynamicType = ();
    type Scope = <ScaledObject as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        ScaledObject::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        ScaledObject::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        ScaledObject::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        ScaledObject::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_with_its_path_and_keeps_its_metadata() {
        let cases = [
            (json!({ "triggers": "none" }), "spec.triggers: "),
            (json!({ "triggers": [{ "type": "redis", "metadata": 1 }] }), "spec.triggers[0].metadata: "),
        ];
        for (spec, path) in cases {
            let mut spec = spec;
            spec["scaleTargetRef"] = json!({ "name": "worker" });
            let document = json!({
                "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": { "name": "web" }, "spec": spec,
            });
            let read: DeserializeGuard<Document> = serde_json::from_value(document).unwrap();
            assert_eq!(read.meta().name.as_deref(), Some("web"));
            let invalid = read.0.unwrap_err();
            assert!(invalid.error.to_lowercase().starts_with(path), "{}", invalid.error);
        }
    }
}
