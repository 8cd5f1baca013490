//! Keeps the certificate fresh and the API server told of its authority.
//!
//! Owns the rhythm: look at the registration every half minute, because somebody may have replaced it; after a failure
//! try again soon, then later. Readiness says whether the API server can reach us.

use std::sync::Arc;
use std::time::Duration;

use tokio::time;
use tokio_util::sync::CancellationToken;

use super::Clock;
use super::certificate::Certificates;
use super::readiness::Condition;
use super::upstream::{ApiServer, chain};

/// The first retry of a failed registration; doubled up to the time between looks.
const RETRY_FIRST: Duration = Duration::from_millis(500);

/// Keeps `certificates`; `look_every` is the time between looks at the registration.
pub(super) struct Keeper {
    pub(super) certificates: Certificates,
    pub(super) api: Arc<dyn ApiServer>,
    pub(super) clock: Clock,
    pub(super) condition: Condition,
    pub(super) look_every: Duration,
}

impl Keeper {
    /// Keeps until it is cancelled.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let mut retry = RETRY_FIRST;
        loop {
            let wait = match self.pass().await {
                Ok(()) => {
                    retry = RETRY_FIRST;
                    self.condition.met();
                    let due = self.certificates.due().saturating_sub((self.clock)().steady);
                    self.look_every.min(due)
                }
                Err(reason) => {
                    tracing::warn!(reason, "the API server is not told of our certificate");
                    self.condition.missing(reason);
                    let wait = retry;
                    retry = (retry * 2).min(self.look_every);
                    wait
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = time::sleep(wait.max(SHORTEST)) => {}
            }
        }
    }

    async fn pass(&mut self) -> Result<(), String> {
        self.certificates.renew((self.clock)()).map_err(|error| chain(&error))?;
        self.api.register(&self.certificates.bundle()).await.map_err(|error| chain(&error))?;
        self.certificates.registered((self.clock)());
        Ok(())
    }
}

/// The shortest wait, so that rounding makes no spin of it.
const SHORTEST: Duration = Duration::from_millis(10);
