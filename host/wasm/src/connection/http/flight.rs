//! Equal requests of one moment: the first is sent, and the others have its answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bellows_core::failure::Failure;
use tokio::sync::OnceCell;
use tokio::time::Duration;

use crate::capability::http::HttpResponse;

/// How long an answer stands for those who come a little later: ten batches of one tick begin within some milliseconds,
/// and a reading may be this much older than it says.
const STANDS_FOR: Duration = Duration::from_millis(100);
/// Requests that can be shared at once; further ones are sent by themselves.
const FLIGHTS_MAX: usize = 1_024;

type Answer = Result<HttpResponse, Failure>;
type Flight = Arc<OnceCell<Answer>>;

/// The requests of one origin that are under way or were answered a moment ago.
#[derive(Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<String, Flight>>>);

impl Flights {
    /// The answer to the request `key`, by `ask` if nobody asks the same already. If whoever asks gives up, the next one
    /// asks in his place.
    pub(super) async fn join(&self, key: String, ask: impl Future<Output = Answer>) -> Answer {
        let flight = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match flights.get(&key) {
                Some(flight) => Some(Arc::clone(flight)),
                None if flights.len() < FLIGHTS_MAX => {
                    let flight = Flight::default();
                    flights.insert(key.clone(), Arc::clone(&flight));
                    Some(flight)
                }
                None => None,
            }
        };
        let Some(flight) = flight else { return ask.await };
        let landing = Landing { flights: Arc::downgrade(&self.0), key, flight: Arc::clone(&flight) };
        let answer = flight.get_or_init(|| ask).await.clone();
        drop(landing);
        answer
    }
}

/// Takes a flight off the list: a moment after it was answered, or at once where the last who waited gave up.
struct Landing {
    flights: Weak<Mutex<HashMap<String, Flight>>>,
    key: String,
    flight: Flight,
}

impl Drop for Landing {
    fn drop(&mut self) {
        // The list and the one who leaves hold it: nobody else waits.
        if Arc::strong_count(&self.flight) > 3 {
            return;
        }
        let (flights, key, flight) = (self.flights.clone(), std::mem::take(&mut self.key), Arc::clone(&self.flight));
        let remove = move || {
            let Some(flights) = flights.upgrade() else { return };
            let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
            if flights.get(&key).is_some_and(|listed| Arc::ptr_eq(listed, &flight)) {
                flights.remove(&key);
            }
        };
        if self.flight.initialized() {
            drop(tokio::spawn(async move {
                tokio::time::sleep(STANDS_FOR).await;
                remove();
            }));
        } else {
            remove();
        }
    }
}
