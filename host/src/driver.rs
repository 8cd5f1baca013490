//! Receive, step, dispatch: the task that owns the machine.
//!
//! Knows neither Kubernetes nor components nor HTTP: what an effect takes is the business of whom it is dispatched to,
//! and dispatching never waits.

use std::time::Duration;

use bellows_core::effect::Effect;
use bellows_core::event::Event;
use bellows_core::machine::Machine;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::serve::Clock;

/// Events that may wait for the machine. A step takes some microseconds, so a thousand wait for milliseconds; who would
/// add one more waits with it.
pub const EVENTS_MAX: usize = 1024;
/// The machine is stepped this often at least, should nothing else happen.
const IDLE: Duration = Duration::from_secs(60);

/// Drives the machine until it is cancelled or nobody can send events any more. `dispatch` is handed every
/// effect; `stepped` how long a step took and how many events wait.
pub async fn run(
    mut events: mpsc::Receiver<Event>,
    clock: Clock,
    mut dispatch: impl FnMut(Effect),
    mut stepped: impl FnMut(Duration, usize),
    cancel: CancellationToken,
) {
    let mut machine = Machine::default();
    loop {
        let asleep = machine.next_wake().unwrap_or(Duration::MAX).saturating_sub(clock().steady).min(IDLE);
        let event = tokio::select! {
            () = cancel.cancelled() => return,
            event = events.recv() => match event {
                Some(event) => event,
                None => return,
            },
            () = tokio::time::sleep(asleep) => Event::Tick,
        };
        let now = clock();
        let effects = machine.step(event, now);
        stepped(clock().steady.saturating_sub(now.steady), events.len());
        for effect in effects {
            dispatch(effect);
        }
    }
}
