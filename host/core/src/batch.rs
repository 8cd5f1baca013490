//! Which triggers travel in one call: those that one component is asked for, from one namespace, over equal connections.
//!
//! A guest can so ask its source once for all of them, and the host holds one connection for them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::connection::Connection;

/// Triggers with equal keys may travel together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchKey {
    /// Digest of the component.
    pub scaler: Arc<str>,
    /// Namespace, because names are looked up as the workload would.
    pub namespace: Arc<str>,
    /// Connections, by the name that the component opens them by.
    pub connections: BTreeMap<String, Connection>,
}

/// Most triggers of one call. At the budget of 10 µs for each that is 1 ms of a component's time, and a reply for each
/// of 100 commands stays far below the caps on a call's buffers.
pub const BATCH_MAX: usize = 100;

impl BatchKey {
    /// Spreads polls: equal for equal keys, in this process.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }

    /// `host:port` of the connections, for messages; empty where there is none.
    pub fn endpoints(&self) -> String {
        self.connections.values().map(Connection::endpoint).collect::<Vec<_>>().join(", ")
    }
}
