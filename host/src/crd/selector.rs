//! A label selector of namespaces, as Kubernetes has it.
//!
//! Owns the shape only. What a selector means, and what is wrong with one, is decided in core.

use std::collections::BTreeMap;

use bellows_core::rights::{RequirementDraft, SelectorDraft};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Namespaces by their labels: those for which all that is given here holds. One that gives nothing would select all, and is
/// refused.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels and the values that they must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub match_labels: BTreeMap<String, String>,
    /// What else must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub match_expressions: Vec<NamespaceRequirement>,
}

/// What must hold of one label.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceRequirement {
    /// The label.
    pub key: String,
    /// In, NotIn, Exists or DoesNotExist. NotIn and DoesNotExist select namespaces without the label, too.
    pub operator: String,
    /// Of In and NotIn, one or more; of the others, none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub values: Vec<String>,
}

impl NamespaceSelector {
    /// What was written, for core to judge.
    #[must_use]
    pub fn draft(self) -> SelectorDraft {
        let requirement = |written: NamespaceRequirement| RequirementDraft {
            key: written.key,
            operator: written.operator,
            values: written.values,
        };
        let match_expressions = self.match_expressions.into_iter().map(requirement).collect();
        SelectorDraft { match_labels: self.match_labels, match_expressions }
    }
}
