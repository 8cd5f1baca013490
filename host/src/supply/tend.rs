//! The task of one Scaler: it asks the registry every interval, more and more seldom where that fails, and goes on with a
//! rollout meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::serving::Serving;
use super::{Supply, Told, Wish};
use crate::scalers::{Rank, Trial};

/// First and longest wait after an attempt that failed and may do better: a registry that is away for a week is asked 12
/// times an hour.
const WAIT_MIN: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Between two questions what a tag names.
const INTERVAL: Duration = Duration::from_secs(600);
/// People hear how a rollout does this often at least: twelve writes a minute of one status, while there is one.
const PACE: Duration = Duration::from_secs(5);

/// A Scaler that is tended. Its task ends with it.
pub(super) struct Tended {
    pub(super) rank: Rank,
    pub(super) uid: String,
    pub(super) wishes: watch::Sender<Wish>,
    pub(super) task: JoinHandle<()>,
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tends one Scaler for as long as it is there.
pub(super) async fn tend(supply: Arc<Supply>, places: Arc<Semaphore>, mut wishes: watch::Receiver<Wish>) {
    let (mut serving, mut failures, mut written) = (None::<Serving>, 0_u32, None);
    let mut refusals = supply.scalers.namespaces().refusals();
    loop {
        refusals.mark_unchanged();
        let wish = wishes.borrow_and_update().clone();
        let Ok(place) = places.acquire().await else { return };
        let mut told = supply.attempt(&wish, &mut serving).await;
        drop(place);
        report(&supply, &wish, &told, &mut written).await;
        let retry = told.progress.halt.as_ref().is_some_and(|halt| halt.retry) || written.is_none();
        failures = if retry { failures.saturating_add(1) } else { 0 };
        let next = Instant::now() + wait(failures, wish.interval);
        loop {
            tokio::select! {
                changed = wishes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    failures = 0;
                    break;
                }
                () = sleep_until(next) => break,
                _ = refusals.changed(), if serving.as_ref().is_some_and(Serving::is_by_labels) => break,
                () = turn(&supply, serving.as_ref()) => {
                    told = supply.go_on(&wish, &mut serving, &told).await;
                    report(&supply, &wish, &told, &mut written).await;
                }
            }
        }
    }
}

/// Until there is something new to say of a rollout; for ever where there is none.
async fn turn(supply: &Supply, serving: Option<&Serving>) {
    let Some(candidate) = serving.and_then(|serving| serving.candidate.as_ref()) else {
        return std::future::pending().await;
    };
    let trial: &Trial = &candidate.trial;
    tokio::select! {
        () = trial.decided() => {}
        () = sleep(trial.remaining((supply.clock)().steady).min(PACE)) => {}
    }
}

async fn report(supply: &Supply, wish: &Wish, told: &Told, written: &mut Option<(Option<i64>, Told)>) {
    let news = (wish.generation, told.clone());
    if written.as_ref() == Some(&news) {
        return;
    }
    if let Some(halt) = &told.progress.halt {
        tracing::warn!(scaler = wish.rank.1, reason = halt.reason, "{}", halt.message);
    }
    *written = supply.desk.report(wish, told).await.then_some(news);
}

/// How long to wait after so many failures in a row.
fn wait(failures: u32, interval: Option<Duration>) -> Duration {
    match failures {
        0 => interval.unwrap_or(INTERVAL),
        _ => WAIT_MIN.saturating_mul(1 << (failures - 1).min(6)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_is_away_is_asked_more_and_more_seldom() {
        let waits: Vec<u64> = (0..9).map(|failures| wait(failures, None).as_secs()).collect();
        assert_eq!(waits, [600, 5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(wait(0, Some(Duration::from_secs(30))).as_secs(), 30);
    }
}
