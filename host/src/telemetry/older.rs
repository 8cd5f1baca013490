//! The names that KEDA's metrics had up to 2.10, for alerts and dashboards that still ask for them.
//!
//! Owns the sum of all errors, which must not fall when an object goes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellows_core::metric::View;
use bellows_core::workload::ObjectKey;
use prometheus_client::encoding::DescriptorEncoder;

use super::objects::{Series, object};
use super::table;
use super::write::{counters, gauges};

/// The older names.
#[derive(Debug, Default)]
pub(super) struct Older(Mutex<Sum>);

/// The errors of all objects ever shown, and those of each that is, as they were at the last scrape.
#[derive(Debug, Default)]
struct Sum {
    total: u64,
    seen: HashMap<ObjectKey, u64>,
}

impl Older {
    pub(super) fn encode(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        views: &[Arc<View>],
        all: &[Series<'_>],
        now: Duration,
    ) -> fmt::Result {
        let values = all.iter().filter_map(|one| Some((one.labels(), one.metric.last?.value)));
        gauges(encoder, table::OLDER_VALUE, values)?;
        let errors = all.iter().map(|one| (one.labels(), one.metric.errors.at(now)));
        counters(encoder, table::OLDER_ERRORS, errors)?;
        counters(encoder, table::OLDER_ERRORS_OF_ALL, [([], self.total(views, now))])?;
        let errors = || views.iter().map(|view| (object(view), view.errors.at(now)));
        counters(encoder, table::OLDER_OBJECT_ERRORS, errors())?;
        counters(encoder, table::OLDER_OBJECT_ERROR_TOTALS, errors())
    }

    fn total(&self, views: &[Arc<View>], now: Duration) -> u64 {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen: HashMap<ObjectKey, u64> = views.iter().map(|view| (view.key.clone(), view.errors.at(now))).collect();
        // A namesake of one that went begins below what was seen; then all of its errors are new.
        let more = seen.iter().map(|(key, errors)| {
            let before = sum.seen.get(key).copied().unwrap_or_default();
            errors.checked_sub(before).unwrap_or(*errors)
        });
        sum.total = sum.total.saturating_add(more.sum());
        sum.seen = seen;
        sum.total
    }
}
