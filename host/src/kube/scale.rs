//! `Effect::Scale`: replicas of a target, through `/scale` alone.
//!
//! A write rests on the count that the decision was made for: where there is another by now, nothing is written.

use bellows_core::event::{ApiFailure, Event};
use bellows_core::workload::{ObjectKey, Target};
use kube::Client;
use kube::api::PostParams;

use super::FIELD_MANAGER;
use super::call::{CallError, call, if_found};
use super::target::{api, name, replicas};

/// Attempts to write while others change the target between our read and our write. Each sees the newest state, so the
/// second normally succeeds; the machine asks again after the last.
const ATTEMPTS_MAX: usize = 3;

/// What became of a wish for another count.
enum Change {
    Made,
    /// The target has this count, not the one that the wish rests on.
    Other(u32),
}

/// Goes from `from` to `to`, or tells of the count that there is instead.
pub(super) async fn scale(client: &Client, key: ObjectKey, target: &Target, from: u32, to: u32) -> Event {
    match change(client, &key, target, Some(from), to).await {
        Ok(Change::Made) => Event::Scaled { key, to, result: Ok(()) },
        Ok(Change::Other(count)) => Event::ScaleRead { key, replicas: count },
        Err(error) => {
            let failure = error.failure(format_args!("scale {} from {from} to {to}", name(&key, target)));
            Event::Scaled { key, to, result: Err(failure) }
        }
    }
}

/// Goes to `to` from whatever there is. A target that is gone is no obstacle.
pub(super) async fn restore(client: &Client, key: &ObjectKey, target: &Target, to: u32) -> Result<(), ApiFailure> {
    let changed = if_found(change(client, key, target, None, to).await);
    changed.map(drop).map_err(|error| error.failure(format_args!("restore {} to {to}", name(key, target))))
}

async fn change(
    client: &Client,
    key: &ObjectKey,
    target: &Target,
    from: Option<u32>,
    to: u32,
) -> Result<Change, CallError> {
    let api = api(client, key, target);
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let mut attempt = 1;
    loop {
        let mut scale = call(api.get_scale(&target.name)).await?;
        let present = replicas(scale.spec.as_ref().and_then(|spec| spec.replicas));
        if from.is_some_and(|from| from != present) {
            return Ok(Change::Other(present));
        }
        if present == to {
            return Ok(Change::Made);
        }
        // The document carries the version that was read, so a change in between makes this a conflict.
        scale.spec.get_or_insert_default().replicas = Some(i32::try_from(to).unwrap_or(i32::MAX));
        match call(api.replace_scale(&target.name, &parameters, &scale)).await {
            Ok(_) => return Ok(Change::Made),
            Err(error) if error.code() == 409 && attempt < ATTEMPTS_MAX => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
