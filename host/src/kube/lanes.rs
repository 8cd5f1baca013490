//! **Pure**: who goes next. Work of one object is done in order and one at a time; of many objects, so many at once.
//!
//! Bounded for each object; the number of objects is the cluster's.

use std::collections::{HashMap, HashSet, VecDeque};

use bellows_core::workload::ObjectKey;

/// Lanes of one kind of work.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    waiting: HashMap<ObjectKey, VecDeque<T>>,
    /// Objects that have work waiting and none running, longest waiting first.
    ready: VecDeque<ObjectKey>,
    running: HashSet<ObjectKey>,
    running_max: usize,
    waiting_max: usize,
}

impl<T> Lanes<T> {
    /// At most `running_max` at once, and `waiting_max` that wait for one object.
    pub(super) fn new(running_max: usize, waiting_max: usize) -> Self {
        let (waiting, ready, running) = (HashMap::new(), VecDeque::new(), HashSet::new());
        Self { waiting, ready, running, running_max, waiting_max }
    }

    /// Puts `work` at the end of the object's lane, or gives it back if that is full.
    pub(super) fn push(&mut self, key: &ObjectKey, work: T) -> Result<(), T> {
        let lane = self.waiting.entry(key.clone()).or_default();
        if lane.len() >= self.waiting_max {
            return Err(work);
        }
        lane.push_back(work);
        if lane.len() == 1 && !self.running.contains(key) {
            self.ready.push_back(key.clone());
        }
        Ok(())
    }

    /// The next work that may start now. [`Lanes::done`] must follow.
    pub(super) fn next(&mut self) -> Option<(ObjectKey, T)> {
        if self.running.len() >= self.running_max {
            return None;
        }
        let key = self.ready.pop_front()?;
        let lane = self.waiting.get_mut(&key)?;
        let work = lane.pop_front()?;
        if lane.is_empty() {
            self.waiting.remove(&key);
        }
        self.running.insert(key.clone());
        Some((key, work))
    }

    /// The work of `key` that was running is done.
    pub(super) fn done(&mut self, key: &ObjectKey) {
        if self.running.remove(key) && self.waiting.contains_key(key) {
            self.ready.push_back(key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("shop", name)
    }

    fn started(lanes: &mut Lanes<u32>) -> Vec<u32> {
        std::iter::from_fn(|| lanes.next()).map(|(_, work)| work).collect()
    }

    #[test]
    fn work_of_one_object_is_done_in_order_and_one_at_a_time() {
        let mut lanes = Lanes::new(8, 8);
        for work in [1, 2, 3] {
            lanes.push(&key("web"), work).unwrap();
        }
        assert_eq!(started(&mut lanes), [1]);
        lanes.done(&key("web"));
        assert_eq!(started(&mut lanes), [2]);
    }

    #[test]
    fn many_objects_are_served_at_once_up_to_the_bound_and_in_turn() {
        let mut lanes = Lanes::new(2, 8);
        for (name, work) in [("a", 1), ("a", 2), ("b", 3), ("c", 4)] {
            lanes.push(&key(name), work).unwrap();
        }
        assert_eq!(started(&mut lanes), [1, 3]);
        lanes.done(&key("a"));
        assert_eq!(started(&mut lanes), [4]);
        lanes.done(&key("b"));
        assert_eq!(started(&mut lanes), [2]);
    }

    #[test]
    fn a_full_lane_gives_work_back() {
        let mut lanes = Lanes::new(1, 1);
        lanes.push(&key("web"), 1).unwrap();
        assert_eq!(lanes.push(&key("web"), 2), Err(2));
        assert_eq!(lanes.push(&key("other"), 3), Ok(()));
    }

    #[test]
    fn nothing_is_kept_of_an_object_without_work() {
        let mut lanes = Lanes::new(1, 1);
        lanes.push(&key("web"), 1).unwrap();
        assert_eq!(started(&mut lanes), [1]);
        lanes.done(&key("web"));
        assert!(lanes.waiting.is_empty() && lanes.ready.is_empty() && lanes.running.is_empty());
    }
}
