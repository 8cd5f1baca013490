//! Twenty of a hundred objects depend on a Redis behind a black hole, which neither answers nor refuses; the others must
//! not notice.
//!
//! Owns that comparison, in one run on one machine. Refuses to compare with a figure of another machine.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kube::Client;

use crate::crowd::{self, Key, Kind};
use crate::figure::{self, quantile};
use crate::stand::{INTERVAL, PERIOD, Stand};
use crate::watch;

const HEALTHY: usize = 80;
const DARK: usize = 20;
/// Healthy objects that get work: as many for each of the two measurements, so that none remembers the first.
const SAMPLE: usize = 10;
/// Items in a list: five replicas of ten each.
const WORK: usize = 45;
/// 1 → 4 → 5 takes two evaluations of an HPA, the first up to a period after the poll that saw the work.
const SCALED_MAX: Duration = Duration::from_secs(90);
/// What a busy machine may add to that.
const BUSY: Duration = Duration::from_secs(5);
/// Requests for metrics of dark objects.
const REQUESTS: usize = 50;
const ANSWER_MAX: Duration = Duration::from_millis(50);
const READY_MAX: Duration = Duration::from_secs(1);

/// Healthy objects go from 1 to 5 replicas as fast with dark ones beside them as without.
pub(crate) fn scales_as_before(stand: &mut Stand) -> Result<()> {
    let healthy = stand.healthy(HEALTHY)?;
    let (first, rest) = healthy.split_at(SAMPLE);
    let light = one_to_five(stand, first)?;
    tell("1 to 5 replicas without dark objects", &light);
    stand.dark(DARK)?;
    let dark = one_to_five(stand, rest.get(..SAMPLE).context("there are more healthy objects")?)?;
    tell("1 to 5 replicas beside 20 dark objects", &dark);
    let (light, dark) = (quantile(&light, 100), quantile(&dark, 100));
    // When work arrives between two evaluations, and between two polls, is chance in both measurements.
    let bound = light + PERIOD + INTERVAL;
    ensure!(dark <= bound, "{dark:?} beside dark objects, {light:?} without; at most {bound:?} is chance");
    // 1 → 4 → 5 is two evaluations after one poll, whatever the first measurement was.
    let bound = INTERVAL + PERIOD * 2 + BUSY;
    ensure!(dark <= bound, "{dark:?} beside dark objects, more than a poll and two evaluations take: {bound:?}");
    Ok(())
}

/// Times of all, sorted.
fn one_to_five(stand: &Stand, keys: &[Key]) -> Result<Vec<Duration>> {
    // Each list gets its work at a moment of its own, just before it is waited for.
    let mut began = Vec::new();
    for key in keys {
        began.push((key.clone(), Instant::now()));
        stand.redis.push(&key.list(), WORK)?;
    }
    let wait = watch::until(&stand.client, Kind::Deployment, keys.iter().cloned(), watch::five, SCALED_MAX);
    let seen = stand.runtime.block_on(wait)?;
    let took = |(key, began): &(Key, Instant)| seen.get(key).map(|seen| seen.saturating_duration_since(*began));
    let mut times: Vec<Duration> = began.iter().filter_map(took).collect();
    times.sort();
    Ok(times)
}

fn tell(name: &str, sorted: &[Duration]) {
    for (of, percent) in [("fastest", 1), ("median", 50), ("slowest", 100)] {
        figure::seconds(&format!("{name}, {of} of {}", sorted.len()), quantile(sorted, percent));
    }
}

/// The API server answers for a dark object at once, and the answer says why there is no value.
pub(crate) fn answers_at_once(stand: &mut Stand) -> Result<()> {
    stand.healthy(HEALTHY)?;
    let dark = stand.dark(DARK)?;
    figure::below("external metric of a dark object, slowest of 50", ANSWER_MAX, |_| {
        let mut times = Vec::new();
        for key in dark.iter().cycle().take(REQUESTS) {
            let began = Instant::now();
            let message = stand.runtime.block_on(refusal(&stand.client, key))?;
            times.push(began.elapsed());
            ensure!(message.contains("s0-redis-"), "the refusal does not name its metric: {message}");
        }
        times.sort();
        figure::milliseconds("external metric of a dark object, p50 of 50", quantile(&times, 50));
        Ok(quantile(&times, 100))
    })?;
    let some = dark.first().context("there are dark objects")?;
    println!("    its answer: {}", stand.runtime.block_on(refusal(&stand.client, some))?);
    Ok(())
}

/// What the API server says instead of a value.
async fn refusal(client: &Client, key: &Key) -> Result<String> {
    let request = http::Request::get(key.metric()).body(Vec::new()).context("make a request")?;
    match client.request_text(request).await {
        Ok(value) => bail!("{key} is dark, but has a value: {value}"),
        Err(kube::Error::Api(status)) if status.code == 503 => Ok(status.message),
        Err(error) => Err(error).with_context(|| format!("ask for the metric of {key}")),
    }
}

/// A new healthy object has its HPA and is Ready within a second of its creation.
pub(crate) fn ready_at_once(stand: &mut Stand) -> Result<()> {
    stand.healthy(HEALTHY)?;
    stand.dark(DARK)?;
    let shape = stand.shape();
    figure::below("a new object ready with HPA beside 20 dark ones", READY_MAX, |number| {
        let key = Key::numbered("new", number);
        let (client, wanted) = (&stand.client, || [key.clone()]);
        stand.runtime.block_on(async {
            crowd::create(client, Kind::Deployment, crowd::deployment(&key, 1)).await?;
            let began = Instant::now();
            crowd::create(client, Kind::ScaledObject, crowd::scaled_object(&key, &shape)).await?;
            tokio::try_join!(
                watch::until(client, Kind::ScaledObject, wanted(), watch::ready, SCALED_MAX),
                watch::until(client, Kind::Autoscaler, wanted(), watch::exists, SCALED_MAX),
            )?;
            Ok(began.elapsed())
        })
    })
}
