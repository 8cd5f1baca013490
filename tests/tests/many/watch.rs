//! Waiting for many objects at once, by a watch: when each of them was first seen as wanted.
//!
//! Owns the conditions that the trials wait for. Refuses to poll.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::StreamExt as _;
use kube::api::{Api, DynamicObject};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::crowd::{Key, Kind};

/// Whether an object is as it is waited for.
pub(crate) type Condition = fn(&DynamicObject) -> bool;

/// It is there.
pub(crate) fn exists(_object: &DynamicObject) -> bool {
    true
}

/// Its condition Ready is True.
pub(crate) fn ready(object: &DynamicObject) -> bool {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        let is = |field: &str, value: &str| condition.get(field).and_then(Value::as_str) == Some(value);
        is("type", "Ready") && is("status", "True")
    })
}

/// Five replicas are wanted.
pub(crate) fn five(object: &DynamicObject) -> bool {
    object.data.pointer("/spec/replicas").and_then(Value::as_u64) == Some(5)
}

/// Waits until all have been seen as wanted, and says when each was, first.
pub(crate) async fn until(
    client: &Client,
    kind: Kind,
    wanted: impl IntoIterator<Item = Key>,
    condition: Condition,
    limit: Duration,
) -> Result<BTreeMap<Key, Instant>> {
    let mut left: BTreeSet<Key> = wanted.into_iter().collect();
    let mut seen = BTreeMap::new();
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource());
    let mut objects = pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    let end = tokio::time::Instant::now() + limit;
    while !left.is_empty() {
        let Ok(object) = tokio::time::timeout_at(end, objects.next()).await else {
            let some: Vec<String> = left.iter().take(5).map(ToString::to_string).collect();
            bail!("after {limit:?} {} of {kind:?} are not as wanted, among them {}", left.len(), some.join(", "));
        };
        // The watcher itself goes on after an error, and says what is there now.
        let Ok(object) = object.context("a watch has no end")? else { continue };
        let key = Key::new(&object.namespace().unwrap_or_default(), &kind.owner(&object.name_any()));
        if condition(&object) && left.remove(&key) {
            seen.insert(key, Instant::now());
        }
    }
    Ok(seen)
}
