//! What is shown of every object: written by the driver, read by the listeners.
//!
//! Owns the map and nothing in it. Never waits: a lock is held for one look-up or one insertion, and never across an
//! `await`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bellows_core::metric::View;
use bellows_core::workload::ObjectKey;

/// The last published view of every object that this host serves.
#[derive(Debug, Default)]
pub struct Snapshot {
    views: RwLock<HashMap<ObjectKey, Arc<View>>>,
}

impl Snapshot {
    /// Shows `view`, or no longer shows the object.
    pub fn publish(&self, key: ObjectKey, view: Option<Arc<View>>) {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        // What is replaced is dropped after the lock: freeing a view takes longer than exchanging a pointer.
        let replaced = match view {
            Some(view) => views.insert(key, view),
            None => views.remove(&key),
        };
        drop(views);
        drop(replaced);
    }

    /// What is shown of one object.
    pub fn view(&self, key: &ObjectKey) -> Option<Arc<View>> {
        self.views.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// What is shown of all objects, in no order: one pointer for each.
    pub fn views(&self) -> Vec<Arc<View>> {
        self.views.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
