//! What one call may use: memory, tables, processor time, host calls. It counts; the numbers come with the settings.
//!
//! Epochs stop a guest that computes; a guest that waits in a host call is stopped by the deadline of the whole call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use bellows_core::rights::{Allowance, Ceiling};
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::state::State;

/// How often a running guest can be interrupted. 10 ms: a loop is noticed within a hundredth of a second, and a hundred
/// wake-ups a second cost less than a thousandth of a core.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Instances alive at once: the 256 polls that the machine has under way at most, so that none waits for a dark source's
/// place, and the 32 objects that are planned at once. Address space is reserved for all of them.
pub(crate) const INSTANCES_MAX: u32 = 288;

/// Memory of all guests together. 288 Rust guests at 2 MiB come to 600 MiB, 25 interpreters at 40 MiB to 1 GiB; beyond
/// it a guest is stopped, which costs a poll, where the host out of memory would cost all.
const ALL_MEMORY_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Bytes that a guest may hand to the host, or be handed back, in one crossing: a thousand triggers with 4 KiB of
/// settings each come to 4 MiB, twice that is room enough.
pub(crate) const CROSSING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bounds of one component and of each call of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, all memories of an instance together.
    pub memory_bytes_max: usize,
    /// Elements of all tables together; interpreters need tens of thousands.
    pub table_elements_max: usize,
    /// Time that a guest may compute in one call. Waiting for a source is not counted but for one tick a wait.
    pub processor_time_max: Duration,
    /// Calls from the guest to the host in one call.
    pub host_calls_max: u32,
    /// What the three above may be raised to for one component, by whoever grants it rights.
    pub ceiling: Ceiling,
    /// Size of a component's file.
    pub component_bytes_max: u64,
    /// Address space of the process that compiles a component.
    pub compiler_bytes_max: u64,
    /// Processor time of the process that compiles a component.
    pub compiler_seconds_max: u64,
}

impl Limits {
    /// The same bounds with what a component is allowed, which may be more or less, and never above the ceiling.
    pub(crate) fn with(mut self, allowance: &Allowance) -> Self {
        let memory = allowance.memory_bytes.unwrap_or(self.memory_bytes_max as u64).min(self.ceiling.memory_bytes);
        self.memory_bytes_max = usize::try_from(memory).unwrap_or(usize::MAX);
        let time = allowance.processor_time.unwrap_or(self.processor_time_max);
        self.processor_time_max = time.min(self.ceiling.processor_time);
        self.host_calls_max = allowance.host_calls.unwrap_or(self.host_calls_max).min(self.ceiling.host_calls);
        self
    }

    /// The largest memory that any component can have.
    pub(crate) fn largest_memory(&self) -> usize {
        self.memory_bytes_max.max(usize::try_from(self.ceiling.memory_bytes).unwrap_or(usize::MAX))
    }
}

/// Memory of one instance. A Rust guest uses 2 MiB, Python 40 MiB.
const MEMORY_BYTES: usize = 64 * 1024 * 1024;
/// A batch of 1,000 triggers takes a Rust guest 2 ms, a Python guest 25 ms.
const PROCESSOR_TIME: Duration = Duration::from_secs(1);
/// Two rounds for each of a few hundred connections' worth of questions.
const HOST_CALLS: u32 = 1_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes_max: MEMORY_BYTES,
            table_elements_max: 50_000,
            processor_time_max: PROCESSOR_TIME,
            host_calls_max: HOST_CALLS,
            ceiling: Ceiling {
                memory_bytes: MEMORY_BYTES as u64,
                processor_time: PROCESSOR_TIME,
                host_calls: HOST_CALLS,
            },
            // CPython with its library is 18 MiB.
            component_bytes_max: 64 * 1024 * 1024,
            // The largest honest component known (CPython) compiles within 800 MiB, of which it touches 350.
            compiler_bytes_max: 4 * 1024 * 1024 * 1024,
            // CPython takes 10 s; a small machine may be three times slower, and busy.
            compiler_seconds_max: 60,
        }
    }
}

/// A bound that a guest ran into. It reaches the caller inside the trap that it causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("it wanted more than {} MiB of memory", .0 / (1024 * 1024))]
    Memory(usize),
    #[error("all scalers together wanted more than {} MiB of memory", .0 / (1024 * 1024))]
    AllMemory(usize),
    #[error("it wanted more than {0} table elements")]
    Table(usize),
    #[error("it computed for more than {0:?}")]
    ProcessorTime(Duration),
    #[error("it called the host more than {0} times")]
    HostCalls(u32),
}

impl Exceeded {
    /// The word for this in a failure's code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Memory(_) | Self::AllMemory(_) | Self::Table(_) => "memory",
            Self::ProcessorTime(_) => "deadline",
            Self::HostCalls(_) => "host-calls",
        }
    }
}

/// What one run of a component used of its bounds; of several runs, the most that any one used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of linear memory, all memories of the instance together.
    pub memory_bytes: usize,
    /// Calls from the guest to the host.
    pub host_calls: u32,
    /// Values that were no numbers (NaN or infinite), and were read as 0.
    pub not_numbers: u32,
}

impl Usage {
    /// The most of each.
    #[must_use]
    pub fn or_more(self, other: Self) -> Self {
        Self {
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            host_calls: self.host_calls.max(other.host_calls),
            not_numbers: self.not_numbers.max(other.not_numbers),
        }
    }
}

/// What one call has used so far.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    all_memory_bytes: Arc<AtomicUsize>,
    memory_bytes: usize,
    table_elements: usize,
    ticks: u32,
    host_calls: u32,
}

impl Budget {
    /// `all_memory_bytes` is what all budgets that are alive count together.
    pub(crate) fn new(limits: Limits, all_memory_bytes: Arc<AtomicUsize>) -> Self {
        Self { limits, all_memory_bytes, memory_bytes: 0, table_elements: 0, ticks: 0, host_calls: 0 }
    }

    /// Counts a call from the guest.
    pub(crate) fn host_call(&mut self) -> Result<(), Exceeded> {
        self.host_calls += 1;
        let over = self.host_calls > self.limits.host_calls_max;
        if over { Err(Exceeded::HostCalls(self.limits.host_calls_max)) } else { Ok(()) }
    }

    /// What was used until now. Memory does not shrink, so this is also the most.
    pub(crate) fn usage(&self) -> Usage {
        Usage { memory_bytes: self.memory_bytes, host_calls: self.host_calls, not_numbers: 0 }
    }

    fn tick(&mut self) -> Result<(), Exceeded> {
        self.ticks += 1;
        let over = TICK * self.ticks > self.limits.processor_time_max;
        if over { Err(Exceeded::ProcessorTime(self.limits.processor_time_max)) } else { Ok(()) }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.all_memory_bytes.fetch_sub(self.memory_bytes, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = desired.saturating_sub(current);
        let total = self.memory_bytes.saturating_add(grown);
        if total > self.limits.memory_bytes_max {
            // An error traps at once and names the bound; `false` would leave the guest to abort for no stated reason.
            return Err(Exceeded::Memory(self.limits.memory_bytes_max).into());
        }
        let all = self.all_memory_bytes.fetch_add(grown, Ordering::Relaxed).saturating_add(grown);
        // Counted before it is judged, so that it is given back with the rest when the call ends.
        self.memory_bytes = total;
        if all > ALL_MEMORY_BYTES_MAX { Err(Exceeded::AllMemory(ALL_MEMORY_BYTES_MAX).into()) } else { Ok(true) }
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.limits.table_elements_max {
            return Err(Exceeded::Table(self.limits.table_elements_max).into());
        }
        self.table_elements = total;
        Ok(true)
    }
}

/// Puts the bounds of its state's budget on a store. At each tick a guest yields to the other tasks of its thread.
pub(crate) fn bind(store: &mut Store<State>) {
    store.limiter(|state| &mut state.budget);
    store.set_hostcall_fuel(CROSSING_BYTES_MAX);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context| {
        context.data_mut().budget.tick()?;
        Ok(UpdateDeadline::Yield(1))
    });
}

/// The thread that advances the epoch; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread ends within a tick and cannot panic; there is nobody to tell if it did.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_what_it_is_allowed_and_never_more_than_the_ceiling() {
        let kept = Limits::default().with(&Allowance::default());
        assert_eq!(kept, Limits::default());
        let ceiling = Ceiling { memory_bytes: 96 << 20, processor_time: Duration::from_secs(2), host_calls: 1_500 };
        let limits = Limits { ceiling, ..Limits::default() };
        let of = |memory_bytes, milliseconds, host_calls| {
            let processor_time = Some(Duration::from_millis(milliseconds));
            let limits = limits.with(&Allowance { memory_bytes: Some(memory_bytes), processor_time, host_calls });
            (limits.memory_bytes_max >> 20, limits.processor_time_max.as_millis(), limits.host_calls_max)
        };
        assert_eq!(of(80 << 20, 1_500, Some(10)), (80, 1_500, 10));
        assert_eq!(of(1 << 40, 90_000, None), (96, 2_000, 1_000));
        assert_eq!(limits.largest_memory(), 96 << 20);
    }
}
