//! What is held for each endpoint, whoever asks: made with the first question, closed when nobody asks any more.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bellows_core::failure::{Blame, Failure, FailureKind};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

/// Endpoints of one protocol that connections are held to: beyond 10,000 objects on as many servers, which no host has
/// file handles for.
pub(super) const SLOTS_MAX: usize = 4_096;
/// A connection that nobody asked anything over for this long is closed: twice the longest polling interval seen.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(600);
/// How often that is looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

struct Slot<V> {
    held: Arc<V>,
    used: Instant,
}

/// The slots of one protocol.
pub(super) struct Slots<K, V> {
    slots: Mutex<HashMap<K, Slot<V>>>,
}

impl<K, V> Default for Slots<K, V> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<K: Hash + Eq, V> Slots<K, V> {
    /// What is held under `key`.
    pub(super) fn get(&self, key: K, make: impl FnOnce(&K) -> V) -> Result<Arc<V>, Failure> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(&key) {
            slot.used = Instant::now();
            return Ok(Arc::clone(&slot.held));
        }
        if slots.len() >= SLOTS_MAX {
            retain_used(&mut slots, SWEEP_INTERVAL);
        }
        if slots.len() >= SLOTS_MAX {
            let message = format!("{SLOTS_MAX} endpoints are connected, no further one is");
            return Err(Failure::new(FailureKind::Transient, Blame::Host, "connections", message));
        }
        let held = Arc::new(make(&key));
        slots.insert(key, Slot { held: Arc::clone(&held), used: Instant::now() });
        Ok(held)
    }

    fn close_idle(&self) {
        retain_used(&mut self.slots.lock().unwrap_or_else(PoisonError::into_inner), IDLE_MAX);
    }
}

/// Who uses a slot holds a second reference to it.
fn retain_used<K: Hash + Eq, V>(slots: &mut HashMap<K, Slot<V>>, idle_max: Duration) {
    slots.retain(|_, slot| Arc::strong_count(&slot.held) > 1 || slot.used.elapsed() < idle_max);
}

/// Something of which parts fall idle.
pub(super) trait Idle: Send + Sync + 'static {
    /// Closes what nobody used lately.
    fn close_idle(&self);
}

impl<K: Hash + Eq + Send + 'static, V: Send + Sync + 'static> Idle for Slots<K, V> {
    fn close_idle(&self) {
        self.close_idle();
    }
}

/// The task that closes what is idle; it ends when this is dropped.
#[derive(Default)]
pub(super) struct Sweeper(Mutex<Option<JoinHandle<()>>>);

impl Sweeper {
    /// Starts it with the first question, because only then there is a runtime for certain.
    pub(super) fn ensure<I: Idle>(&self, swept: &Arc<I>) {
        let mut sweeper = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            *sweeper = Some(tokio::spawn(sweep(Arc::downgrade(swept))));
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(sweeper) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            sweeper.abort();
        }
    }
}

async fn sweep<I: Idle>(swept: Weak<I>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(swept) = swept.upgrade() else { return };
        swept.close_idle();
    }
}
