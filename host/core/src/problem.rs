//! One thing wrong with what a person wrote. Parsers return all of them, never the first only.

use std::fmt;

/// One thing wrong with a manifest, in the words of who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// Path of the field, as written in the manifest: `spec.triggers[0].metadata.listLength`. Empty where it is about the whole.
    pub field: String,
    /// What is wrong and what would be accepted.
    pub message: String,
}

impl Problem {
    /// A problem of one field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// The same problem, its field below `prefix`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.field = match (prefix.is_empty(), self.field.is_empty()) {
            (true, _) => self.field,
            (false, true) => prefix.to_owned(),
            (false, false) => format!("{prefix}.{}", self.field),
        };
        self
    }

    /// What a scaler says of a parameter, as a problem of the trigger: `metricType` is written beside the metadata.
    #[must_use]
    pub fn of_trigger(self) -> Self {
        if self.field == "metricType" { self } else { self.under("metadata") }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(out, "{}", self.message)
        } else {
            write!(out, "{}: {}", self.field, self.message)
        }
    }
}

/// All problems in one line, for a condition's message.
pub fn sentence(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}
