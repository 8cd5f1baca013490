//! `Effect::Poll` → a call of a component → `Event::Polled`. Knows no Kubernetes.
//!
//! How many polls are under way is the machine's decision; every one of them ends within twice the deadline, or
//! three times while a component takes the place of another.

use std::sync::Arc;
use std::time::Duration;

use bellows_core::effect::Poll;
use bellows_core::event::{Endpoint, Event};
use bellows_wasm::{Call, Measured};
use tokio::sync::mpsc;

use crate::scalers::Scalers;
use crate::serve::Clock;
use crate::telemetry::Telemetry;

/// Time for one poll: a source that needs longer than half of the HPA's period is as good as down.
pub(crate) const DEADLINE: Duration = Duration::from_secs(7);

/// Performs polls.
#[derive(Clone)]
pub struct Poller {
    /// The components.
    pub scalers: Arc<Scalers>,
    /// The time.
    pub clock: Clock,
    /// Where answers go.
    pub events: mpsc::Sender<Event>,
    /// Where they are counted.
    pub telemetry: Arc<Telemetry>,
}

impl Poller {
    /// Asks in the background.
    pub fn ask(&self, poll: Poll) {
        let poller = self.clone();
        // The task ends with its answer; that there is one is guaranteed by the call's own deadline.
        drop(tokio::spawn(async move {
            let id = poll.id;
            let begun = (poller.clock)();
            let _under_way = poller.telemetry.poll_begins(poll.late);
            let measured = poller.measure(&poll).await;
            let took = (poller.clock)().steady.saturating_sub(begun.steady);
            poller.telemetry.exchanged(&poll.batch.namespace, &poll.triggers, &measured.exchanges);
            poller.telemetry.polled(&poll.triggers, &measured.outcomes, took, poll.late);
            let endpoint = match measured.endpoint {
                bellows_wasm::Endpoint::Unused => Endpoint::Unused,
                bellows_wasm::Endpoint::Answered => Endpoint::Answered,
                bellows_wasm::Endpoint::Failed(failure) => Endpoint::Failed(failure),
            };
            // Nobody listens any more only when the process ends.
            _ = poller.events.send(Event::Polled { id, endpoint, outcomes: measured.outcomes }).await;
        }));
    }

    async fn measure(&self, poll: &Poll) -> Measured {
        let found = match self.scalers.of_poll(&poll.batch.scaler, &poll.batch.namespace) {
            Ok(found) => found,
            Err(failure) => {
                let outcomes = poll.triggers.iter().map(|_| Err(failure.clone())).collect();
                let endpoint = bellows_wasm::Endpoint::Unused;
                return Measured { endpoint, outcomes, exchanges: Vec::new(), usage: bellows_wasm::Usage::default() };
            }
        };
        let call = Call {
            at: (self.clock)().wall,
            namespace: poll.batch.namespace.to_string(),
            connections: Arc::new(poll.batch.connections.clone()),
            triggers: poll.triggers.clone(),
            deadline: DEADLINE,
        };
        match found.trial {
            Some(trial) => trial.measure(&found.scaler, call, found.rights.as_ref()).await,
            None => found.scaler.measure_with(call, found.rights.as_ref()).await,
        }
    }
}
