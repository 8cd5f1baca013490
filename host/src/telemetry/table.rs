//! The names of all metrics, what they mean and by what they are told apart. `host/METRICS.md` is this table for people.
//!
//! KEDA's names and labels are kept wherever we have something to say under them, with its spelling and all.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// One metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// As it is asked for: with unit, and with the suffix of a counter.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    /// What it means, without the full stop at its end.
    pub(super) help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// An older name of a counter, which OpenMetrics would not let a counter have.
    Unknown,
}

impl Row {
    /// The name without what a writer adds to it: unit and suffix.
    pub(super) fn stem(&self) -> &'static str {
        let family = self.family();
        match self.unit() {
            Some(Unit::Seconds) => family.trim_end_matches("_seconds"),
            Some(Unit::Bytes) => family.trim_end_matches("_bytes"),
            _ => family,
        }
    }

    /// The name without the suffix of a counter.
    pub(super) fn family(&self) -> &'static str {
        if self.kind == Kind::Counter { self.name.trim_end_matches("_total") } else { self.name }
    }

    /// The name says it.
    pub(super) fn unit(&self) -> Option<Unit> {
        let family = self.family();
        if family.ends_with("_seconds") {
            Some(Unit::Seconds)
        } else if family.ends_with("_bytes") {
            Some(Unit::Bytes)
        } else {
            None
        }
    }
}

impl From<Kind> for MetricType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter,
            Kind::Gauge => Self::Gauge,
            Kind::Histogram => Self::Histogram,
            Kind::Unknown => Self::Unknown,
        }
    }
}

macro_rules! rows {
    ($($constant:ident $kind:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(pub(super) const $constant: Row =
            Row { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// All of them, in this order.
        #[cfg(test)]
        pub(super) const ALL: &[Row] = &[$($constant),*];
    };
}

rows! {
    // KEDA's.
    BUILD_INFO Gauge "keda_build_info" ["version" "git_commit" "goversion" "goos" "goarch"]
        "Version of this program, and for what it was built";
    ACTIVE Gauge "keda_scaler_active" ["namespace" "metric" "scaledObject" "scaler" "triggerIndex" "type"]
        "Whether a trigger called itself active when last read";
    VALUE Gauge "keda_scaler_metrics_value" ["namespace" "metric" "scaledObject" "scaler" "triggerIndex" "type"]
        "The last value of a metric that was read";
    LATENCY Gauge "keda_scaler_metrics_latency_seconds" ["namespace" "metric" "scaledObject" "scaler" "triggerIndex" "type"]
        "How long the last call of a scaler for a metric took";
    DETAIL_ERRORS Counter "keda_scaler_detail_errors_total" ["namespace" "metric" "scaledObject" "scaler" "triggerIndex" "type"]
        "Polls of a metric that gave no value, and those that its settings made impossible";
    OBJECT_ERRORS Counter "keda_scaled_object_errors_total" ["namespace" "scaledObject"]
        "Polls for a ScaledObject that gave no value, of all of its triggers, and those that its settings made impossible";
    PAUSED Gauge "keda_scaled_object_paused" ["namespace" "scaledObject"]
        "Whether a pause is asked for";
    LOOP_LATENCY Gauge "keda_internal_scale_loop_latency_seconds" ["namespace" "type" "resource"]
        "How much later than planned an object was last polled";
    HTTP_REQUESTS Counter "keda_scaler_http_requests_total" ["namespace" "scaled_resource" "scaler" "trigger_name" "metric_name" "status_code"]
        "Requests that scalers made over HTTP, by trigger type and status code, or error where there was no answer";
    HTTP_SECONDS Histogram "keda_scaler_http_request_duration_seconds" ["scaler" "status_code"]
        "How long requests of scalers over HTTP took, with those that were sent together";
    RESOURCES Gauge "keda_resource_registered_total" ["type" "namespace"]
        "Objects that this host looks after, by kind";
    TRIGGERS Gauge "keda_trigger_registered_total" ["type"]
        "Triggers of all objects that are served, by type";
    // Those of KEDA 2.10 and older, with --legacy-metric-names.
    OLDER_VALUE Gauge "keda_metrics_adapter_scaler_metrics_value" ["namespace" "metric" "scaledObject" "scaler" "scalerIndex"]
        "Older name of keda_scaler_metrics_value";
    OLDER_ERRORS Unknown "keda_metrics_adapter_scaler_errors" ["namespace" "metric" "scaledObject" "scaler" "scalerIndex"]
        "Older name of keda_scaler_detail_errors_total";
    OLDER_ERRORS_OF_ALL Unknown "keda_metrics_adapter_scaler_errors_total" []
        "Errors of all scaled objects together";
    OLDER_OBJECT_ERRORS Unknown "keda_metrics_adapter_scaled_object_errors" ["namespace" "scaledObject"]
        "Older name of keda_scaled_object_errors_total";
    OLDER_OBJECT_ERROR_TOTALS Unknown "keda_metrics_adapter_scaled_object_error_totals" ["namespace" "scaledObject"]
        "Older name of keda_scaled_object_errors_total";
    // Our own.
    REQUESTS Counter "bellows_api_requests_total" ["verb" "resource"]
        "Requests to the API server";
    POLLS Counter "bellows_polls_total" ["outcome" "blame"]
        "Triggers asked for their metrics, by what came of it (read, transient, denied, absent, invalid) and whose fault it was (source, operator, scaler, host)";
    POLL_SECONDS Histogram "bellows_poll_duration_seconds" []
        "How long a call of a scaler took";
    POLL_LATENESS Histogram "bellows_poll_lateness_seconds" []
        "How much later than planned a call of a scaler began";
    POLLS_IN_FLIGHT Gauge "bellows_polls_in_flight" []
        "Calls of scalers under way";
    STEP_SECONDS Histogram "bellows_step_duration_seconds" []
        "How long a step of the machine took";
    QUEUE_DEPTH Gauge "bellows_queue_depth" ["queue"]
        "What waits in a queue";
    REVIEWS Counter "bellows_access_reviews_total" ["result"]
        "Whether somebody may read a metric, by how it was found out (remembered, allowed, denied, failed)";
    METRIC_ANSWERS Counter "bellows_external_metric_requests_total" ["code"]
        "Requests to the metrics API, by the HTTP code of the answer";
}
