//! A component between being let in and being asked what it is: its rights can be judged while nothing of it has run.

use std::sync::Arc;

use bellows_core::rights::Rights;
use tokio::time::Instant;

use crate::capability::log::LogBudget;
use crate::engine::LoadError;
use crate::lift;
use crate::scaler::{Answer, Guest, Lent, Question, Scaler, patience};

/// A component that fits the contract and has not run yet.
pub struct Prepared {
    guest: Guest,
    imports: Vec<String>,
}

impl Prepared {
    pub(crate) fn new(guest: Guest, imports: Vec<String>) -> Self {
        Self { guest, imports }
    }

    /// The interfaces of the contract that it imports, by their short names: `redis`, `memo`.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Asks it what it is. Nothing is lent for that.
    pub async fn describe(self) -> Result<Arc<Scaler>, LoadError> {
        self.describe_with(None).await
    }

    /// The same, within what a Scaler of the cluster grants.
    pub async fn describe_with(self, rights: Option<&Arc<Rights>>) -> Result<Arc<Scaler>, LoadError> {
        let Self { mut guest, imports } = self;
        let lent = Lent::nothing(rights);
        let (answer, _) = guest.ask(lent, Question::Describe, Instant::now() + patience(rights)).await;
        let Answer::Describe(described) = answer.map_err(LoadError::Describe)? else {
            return Err(LoadError::Describe(lift::breach("answer", "an answer to another question")));
        };
        let description = lift::description(described).map_err(LoadError::Description)?;
        guest.log = Arc::new(LogBudget::new(&description.name));
        Ok(Arc::new(Scaler::new(guest, description, imports)))
    }
}
