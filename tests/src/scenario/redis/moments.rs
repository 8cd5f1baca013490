//! The moments that make up the timeline.
//!
//! Owns when what was first seen, once there was work. Refuses to count a moment before that.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::scenario::watch::Row;

/// When what was first seen, once there was work.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// The list was not empty.
    pub arrived: Option<Instant>,
    /// A replica was wanted.
    pub scaled: Option<Instant>,
    /// A replica was ready.
    pub ready: Option<Instant>,
    /// As many replicas were ready as were ever wanted.
    pub all_ready: Option<Instant>,
    /// The list was empty.
    pub drained: Option<Instant>,
    /// No replica was wanted, and none was left.
    pub stopped: Option<Instant>,
    /// The most replicas that were ever wanted.
    pub wanted_most: usize,
    /// What `kubectl get hpa` showed, from TARGETS to REPLICAS, each once and in the order of the alphabet.
    pub autoscaler: BTreeSet<String>,
}

impl Moments {
    pub(super) fn note(&mut self, row: &Row) {
        let now = Instant::now();
        let length = row.waiting.iter().flatten().sum::<usize>();
        if length > 0 {
            self.arrived.get_or_insert(now);
        }
        if self.arrived.is_none() {
            return;
        }
        if row.wanted > self.wanted_most {
            self.wanted_most = row.wanted;
            self.all_ready = None;
        }
        if !row.autoscaler.is_empty() {
            self.autoscaler.insert(row.autoscaler.clone());
        }
        let first = |moment: &mut Option<Instant>, seen: bool| {
            if seen {
                moment.get_or_insert(now);
            }
        };
        first(&mut self.scaled, row.wanted > 0);
        first(&mut self.ready, row.ready > 0);
        first(&mut self.all_ready, row.ready > 0 && row.ready == self.wanted_most);
        first(&mut self.drained, length == 0);
        first(&mut self.stopped, row.stopped() && self.scaled.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_wanted_replicas_move_the_moment_at_which_all_are_ready() {
        let mut moments = Moments::default();
        moments.note(&Row { waiting: vec![Some(5)], wanted: 1, present: 1, ready: 1, ..Row::default() });
        assert!(moments.all_ready.is_some());
        moments.note(&Row { waiting: vec![Some(50)], wanted: 5, present: 5, ready: 1, ..Row::default() });
        assert!(moments.all_ready.is_none());
    }
}
