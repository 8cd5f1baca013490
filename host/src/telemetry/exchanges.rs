//! Requests of scalers over HTTP, under KEDA's names.
//!
//! A request may serve many triggers at once, so the labels of KEDA that name one of them are empty here. Bounded by
//! namespaces that have objects, types of triggers, and status codes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bellows_core::metric::View;
use bellows_wasm::Exchange;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::table;
use super::write::counters;

/// Namespace, type of trigger, status code.
type Key = (String, String, String);

/// By type of trigger and status code.
type Seconds = Family<[(&'static str, String); 2], Histogram, fn() -> Histogram>;

/// All that were made.
#[derive(Debug)]
pub(super) struct Exchanges {
    made: Mutex<BTreeMap<Key, u64>>,
    seconds: Seconds,
}

impl Default for Exchanges {
    fn default() -> Self {
        Self { made: Mutex::default(), seconds: Family::new_with_constructor(histogram) }
    }
}

/// The buckets that KEDA has.
fn histogram() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

impl Exchanges {
    pub(super) fn made(&self, namespace: &str, scaler: &str, exchange: Exchange) {
        let status = exchange.status.map_or_else(|| "error".to_owned(), |status| status.to_string());
        let labels = [("scaler", scaler.to_owned()), ("status_code", status.clone())];
        self.seconds.get_or_create(&labels).observe(exchange.took.as_secs_f64());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        *made.entry((namespace.to_owned(), scaler.to_owned(), status)).or_default() += 1;
    }

    /// How long they took.
    pub(super) fn seconds(&self) -> &Seconds {
        &self.seconds
    }

    /// Writes them; those of namespaces without objects are let go.
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>, views: &[Arc<View>]) -> fmt::Result {
        let namespaces: BTreeSet<&str> = views.iter().map(|view| &*view.key.namespace).collect();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|(namespace, ..), _| namespaces.contains(namespace.as_str()));
        let made = made.clone();
        let series = made
            .iter()
            .map(|((namespace, scaler, status), count)| ([&**namespace, "", scaler, "", "", status], *count));
        counters(encoder, table::HTTP_REQUESTS, series)
    }
}
