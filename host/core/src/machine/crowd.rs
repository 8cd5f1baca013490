//! Endpoints that wait for a poll, any poll, to come back, because too many are under way; the longest first.
//!
//! Each stands in it once, so it is bounded by the number of endpoints.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::batch::BatchKey;

/// A queue of endpoints.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    queue: VecDeque<Arc<BatchKey>>,
    members: BTreeSet<Arc<BatchKey>>,
}

impl Crowd {
    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Puts an endpoint at the end, unless it waits already.
    pub(super) fn push(&mut self, batch: &Arc<BatchKey>) {
        if self.members.insert(batch.clone()) {
            self.queue.push_back(batch.clone());
        }
    }

    /// Takes the one that waited longest.
    pub(super) fn pop(&mut self) -> Option<Arc<BatchKey>> {
        let batch = self.queue.pop_front()?;
        self.members.remove(&batch);
        Some(batch)
    }
}
