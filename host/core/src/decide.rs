//! Readings × bounds × now → what to do with the replicas, and why; "nothing, because…" included.

use std::sync::Arc;

/// One decision with the time it was first taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When, for people.
    pub date: jiff::Timestamp,
    /// What and why, in one sentence.
    pub text: Arc<str>,
}
