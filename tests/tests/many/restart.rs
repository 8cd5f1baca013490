//! Bellows is killed and started again: how soon everybody is asked for.
//!
//! Redis itself says which keys it was asked for. Refuses to trust what Bellows says of itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bellows_tests::services::Wire;

use crate::crowd::Key;
use crate::figure;
use crate::stand::Stand;

const HEALTHY: usize = 80;
const DARK: usize = 20;
const POLLED_MAX: Duration = Duration::from_secs(3);
/// What is waited for before it is called never.
const LIMIT: Duration = Duration::from_secs(60);

/// All healthy objects are polled within three seconds of the new process' start, dark ones beside them or not.
pub(crate) fn polled_at_once(stand: &mut Stand) -> Result<()> {
    let healthy = stand.healthy(HEALTHY)?;
    stand.dark(DARK)?;
    figure::below("kill and restart, last first poll of 80 healthy beside 20 dark", POLLED_MAX, |_| {
        stand.bellows.sigkill()?;
        let mut monitor = Wire::open(stand.redis.address())?.monitor()?;
        let began = Instant::now();
        stand.bellows.process().start_again()?;
        let keys: BTreeSet<String> = healthy.iter().map(Key::list).collect();
        let (last, never) = monitor.all_named(keys, LIMIT)?;
        ensure!(never.is_empty(), "never polled: {never:?}");
        stand.bellows.wait_until_ready(&Default::default(), LIMIT)?;
        Ok(last.saturating_duration_since(began))
    })
}
