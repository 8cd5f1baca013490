//! Counting pods of the namespace that the triggers of a call have in common.
//!
//! The host asks the cluster, and answers with numbers only. There is nothing to configure, so there are no parameters.

use crate::connection::{Connection, ConnectionType};
use crate::desk::Desk;
use crate::failure::{Failure, Result};
use crate::settings::Parameter;

/// What is to be counted, by the label selector of pods. Pods that have ended count for nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// The pods.
    Pods(String),
    /// The nodes that they run on.
    Nodes(String),
}

/// The pods of the namespace, as a trigger sees them. Whatever several triggers wait for at the same time is asked at
/// once, and equal selectors once.
#[derive(Debug)]
pub struct Workload(Desk<Question, Result<u64>>);

impl Workload {
    /// The number of pods that a label selector selects.
    ///
    /// # Errors
    /// The failure to count them.
    pub async fn pods(&self, selector: impl Into<String>) -> Result<u64> {
        self.count(Question::Pods(selector.into())).await
    }

    /// The number of nodes that such pods run on.
    ///
    /// # Errors
    /// The failure to count them.
    pub async fn nodes(&self, selector: impl Into<String>) -> Result<u64> {
        self.count(Question::Nodes(selector.into())).await
    }

    async fn count(&self, question: Question) -> Result<u64> {
        self.0.ask(vec![question]).await?.pop().unwrap_or_else(|| Err(not_counted()))
    }
}

impl Connection for Workload {
    type Question = Question;
    type Answer = Result<u64>;
    const TYPE: Option<ConnectionType> = None;
    const PARAMETERS: &'static [Parameter] = &[];

    fn over(desk: Desk<Question, Result<u64>>) -> Self {
        Self(desk)
    }

    fn desk(&self) -> &Desk<Question, Result<u64>> {
        &self.0
    }
}

/// What an answer is that did not come.
pub(crate) fn not_counted() -> Failure {
    Failure::transient("unexpected-reply", "the host gave fewer counts than there were selectors")
}
