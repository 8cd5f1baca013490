//! The object that most tests are about.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::draft::{Draft, TargetDraft, TriggerDraft};
use crate::workload::ObjectKey;

pub(super) fn key() -> ObjectKey {
    ObjectKey::new("shop", "web")
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The baseline: one trigger at host `redis`, polled each 30 s, cooldown 60 s, bounds 0 to 10.
pub(super) fn draft() -> Draft {
    let metadata = BTreeMap::from([("host".to_owned(), "redis".to_owned())]);
    Draft {
        target: TargetDraft { name: "worker".into(), ..TargetDraft::default() },
        cooldown_period: Some(60),
        max_replicas: Some(10),
        triggers: vec![TriggerDraft { kind: "redis".into(), metadata, ..TriggerDraft::default() }],
        ..Draft::default()
    }
}
