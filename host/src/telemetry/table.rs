//! The names of all metrics, what they mean and by what they are told apart.
//!
//! KEDA's names are kept where we have something to say under them. The text adds `_total` to the name of a counter.

/// One metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Name, without the suffix of a counter.
    pub(super) name: &'static str,
    /// What it means; without a full stop, which the text adds.
    pub(super) help: &'static str,
}

const fn row(name: &'static str, help: &'static str) -> Row {
    Row { name, help }
}

/// Labels version, git_commit, goversion, goos, goarch.
pub(super) const BUILD_INFO: Row = row("keda_build_info", "Version of this program, and for what it was built");
/// Labels namespace, metric, scaledObject, scaler, triggerIndex, type; so the two after it and the errors in detail.
pub(super) const ACTIVE: Row = row("keda_scaler_active", "Whether a trigger called itself active when last read");
/// The last good one.
pub(super) const VALUE: Row = row("keda_scaler_metrics_value", "The last value of a metric that was read");
/// The last one.
pub(super) const LATENCY: Row =
    row("keda_scaler_metrics_latency_seconds", "How long the last call of a scaler for a metric took");
/// A counter.
pub(super) const DETAIL_ERRORS: Row = row("keda_scaler_detail_errors", "Polls of a metric that gave no value");
/// A counter; labels namespace, scaledObject.
pub(super) const OBJECT_ERRORS: Row =
    row("keda_scaled_object_errors", "Polls for a ScaledObject that gave no value, of all of its triggers");
/// A gauge, in spite of its name; labels type, namespace.
pub(super) const RESOURCES: Row = row("keda_resource_registered_total", "Objects that are served, by kind");
/// A gauge, in spite of its name; label type.
pub(super) const TRIGGERS: Row = row("keda_trigger_registered_total", "Triggers with external metrics, by type");
/// A counter; labels verb, resource.
pub(super) const REQUESTS: Row = row("bellows_api_requests", "Requests to the API server");

/// Labels outcome (read, transient, denied, absent, invalid) and blame (source, operator, scaler, host).
pub(super) const POLLS: Row = row("bellows_polls", "Triggers asked for their metrics");
/// No labels.
pub(super) const POLL_SECONDS: Row = row("bellows_poll_duration_seconds", "How long a call of a scaler took");
/// No labels.
pub(super) const POLLS_IN_FLIGHT: Row = row("bellows_polls_in_flight", "Calls of scalers under way");
/// No labels.
pub(super) const STEP_SECONDS: Row = row("bellows_step_duration_seconds", "How long a step of the machine took");
/// Label queue.
pub(super) const QUEUE_DEPTH: Row = row("bellows_queue_depth", "What waits in a queue");
/// Label result (remembered, allowed, denied, failed).
pub(super) const REVIEWS: Row =
    row("bellows_access_reviews", "Whether somebody may read a metric, by how it was found out");
/// Label code.
pub(super) const METRIC_ANSWERS: Row = row("bellows_external_metric_requests", "Requests to the metrics API");
