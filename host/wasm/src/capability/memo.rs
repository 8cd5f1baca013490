//! State that a trigger keeps from one poll to the next, bounded for each trigger and in total. A guest reaches only the
//! state of triggers that travel in its call, and only what the same component wrote.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bellows_core::failure::{Blame, Failure, FailureKind};

use crate::bindings::memo::Host;
use crate::bindings::{GuestFailure, failure_for_guest};
use crate::state::State;

/// Bytes of one trigger's state, as the contract promises.
const STATE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all states: 1,024 full ones, or 64,000 of a kibibyte. Beyond it the oldest written are forgotten.
const TOTAL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// States kept, so that many tiny ones are bounded too: with some 200 bytes of keeping each, 20 MiB.
const STATES_MAX: usize = 100_000;

type Key = (Arc<str>, String);

/// All states of a host.
#[derive(Debug, Default)]
pub(crate) struct MemoStore {
    shelves: Mutex<Shelves>,
}

#[derive(Debug, Default)]
struct Shelves {
    states: HashMap<Key, (u64, Vec<u8>)>,
    by_age: BTreeMap<u64, Key>,
    bytes: usize,
    writes: u64,
}

impl Shelves {
    fn remove(&mut self, key: &Key) {
        if let Some((age, state)) = self.states.remove(key) {
            self.by_age.remove(&age);
            self.bytes -= state.len();
        }
    }

    fn insert(&mut self, key: Key, state: Vec<u8>) {
        self.remove(&key);
        self.writes += 1;
        self.bytes += state.len();
        self.by_age.insert(self.writes, key.clone());
        self.states.insert(key, (self.writes, state));
        while self.bytes > TOTAL_BYTES_MAX || self.states.len() > STATES_MAX {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.remove(&oldest);
        }
    }
}

/// The states of one call's triggers.
pub(crate) struct MemoView {
    pub(crate) store: Arc<MemoStore>,
    pub(crate) digest: Arc<str>,
    pub(crate) triggers: Vec<String>,
}

impl MemoView {
    fn key(&self, trigger: String) -> Option<Key> {
        self.triggers.contains(&trigger).then(|| (Arc::clone(&self.digest), trigger))
    }

    fn get(&self, trigger: String) -> Option<Vec<u8>> {
        let key = self.key(trigger)?;
        let shelves = self.store.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.states.get(&key).map(|(_, state)| state.clone())
    }

    fn set(&self, trigger: String, state: Vec<u8>) -> Result<(), Failure> {
        let refuse = |code: &str, message: String| Failure::new(FailureKind::Invalid, Blame::Scaler, code, message);
        if state.len() > STATE_BYTES_MAX {
            return Err(refuse("memo-size", format!("a state has at most {STATE_BYTES_MAX} bytes")));
        }
        let key = self.key(trigger).ok_or_else(|| refuse("memo-trigger", "no such trigger in this call".to_owned()))?;
        let mut shelves = self.store.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.insert(key, state);
        Ok(())
    }
}

impl Host for State {
    async fn get(&mut self, trigger: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.budget.host_call()?;
        Ok(self.memo.get(trigger))
    }

    async fn set(&mut self, trigger: String, state: Vec<u8>) -> wasmtime::Result<Result<(), GuestFailure>> {
        self.budget.host_call()?;
        Ok(self.memo.set(trigger, state).map_err(|failure| failure_for_guest(&failure)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(store: &Arc<MemoStore>, digest: &str, trigger: &str) -> MemoView {
        MemoView { store: Arc::clone(store), digest: digest.into(), triggers: vec![trigger.to_owned()] }
    }

    #[test]
    fn a_state_is_found_by_the_same_component_and_trigger_only() {
        let store = Arc::new(MemoStore::default());
        view(&store, "a", "n/o/0").set("n/o/0".into(), vec![1]).unwrap();
        assert_eq!(view(&store, "a", "n/o/0").get("n/o/0".into()), Some(vec![1]));
        assert_eq!(view(&store, "b", "n/o/0").get("n/o/0".into()), None);
        assert_eq!(view(&store, "a", "n/o/1").get("n/o/0".into()), None);
    }

    #[test]
    fn a_state_that_is_too_large_is_refused() {
        let store = Arc::new(MemoStore::default());
        let failure = view(&store, "a", "t").set("t".into(), vec![0; STATE_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(failure.code, "memo-size");
    }

    #[test]
    fn the_oldest_states_give_way_when_the_total_is_reached() {
        let store = Arc::new(MemoStore::default());
        for trigger in 0..1_025 {
            let trigger = trigger.to_string();
            view(&store, "a", &trigger).set(trigger, vec![0; STATE_BYTES_MAX]).unwrap();
        }
        assert_eq!(view(&store, "a", "0").get("0".into()), None);
        assert!(view(&store, "a", "1").get("1".into()).is_some());
        assert_eq!(store.shelves.lock().unwrap().bytes, TOTAL_BYTES_MAX);
    }

    #[test]
    fn whatever_is_kept_is_the_last_that_was_accepted_and_is_counted_right() {
        use proptest::prelude::*;

        let size = prop_oneof![0_usize..64, (STATE_BYTES_MAX - 2)..(STATE_BYTES_MAX + 3)];
        let writes = prop::collection::vec((0_usize..3, 0_usize..4, size), 0..40);
        crate::fuzz::target("memo", writes, |writes| {
            let store = Arc::new(MemoStore::default());
            let mut kept = BTreeMap::new();
            for (number, (component, trigger, size)) in writes.into_iter().enumerate() {
                let (digest, id) = (format!("component-{component}"), format!("n/o/{trigger}"));
                let mut state = vec![0; size];
                state.iter_mut().take(1).for_each(|byte| *byte = u8::try_from(number).unwrap());
                let accepted = view(&store, &digest, &id).set(id.clone(), state.clone());
                assert_eq!(accepted.is_ok(), size <= STATE_BYTES_MAX);
                if accepted.is_ok() {
                    kept.insert((digest, id), state);
                }
            }
            for ((digest, id), state) in &kept {
                assert_eq!(view(&store, digest, id).get(id.clone()).as_ref(), Some(state));
            }
            let shelves = store.shelves.lock().unwrap();
            assert_eq!(shelves.bytes, kept.values().map(Vec::len).sum::<usize>());
            assert_eq!((shelves.states.len(), shelves.by_age.len()), (kept.len(), kept.len()));
        });
    }
}
