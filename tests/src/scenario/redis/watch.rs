//! Watching: a table while it runs, and the moments that make up its timeline.
//!
//! Owns one look a second at the list, the HPA, the Deployment and Bellows' own reason. Refuses to print the same row or
//! the same reason twice in a row; a sign of life comes every ten seconds.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::stage::{Broker, OBJECT};
use crate::cluster::Cluster;
use crate::paths;
use crate::process::output;
use crate::wait::Stop;

/// One look.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest silence.
const SILENCE: Duration = Duration::from_secs(10);

/// What was seen at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    length: usize,
    wanted: usize,
    present: usize,
    ready: usize,
    autoscaler: String,
    why: String,
}

impl Row {
    /// Whether no worker is wanted and none is left.
    pub(super) fn stopped(&self) -> bool {
        self.wanted == 0 && self.present == 0
    }
}

/// When what was first seen, once there was work.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// The list was not empty.
    pub arrived: Option<Instant>,
    /// A replica was wanted.
    pub scaled: Option<Instant>,
    /// A replica was ready.
    pub ready: Option<Instant>,
    /// As many replicas were ready as were ever wanted.
    pub all_ready: Option<Instant>,
    /// The list was empty.
    pub drained: Option<Instant>,
    /// No replica was wanted, and none was left.
    pub stopped: Option<Instant>,
    /// The most replicas that were ever wanted.
    pub wanted_most: usize,
    /// What `kubectl get hpa` showed, from TARGETS to REPLICAS, each once and in the order of the alphabet.
    pub autoscaler: BTreeSet<String>,
}

impl Moments {
    fn note(&mut self, row: &Row) {
        let now = Instant::now();
        if row.length > 0 {
            self.arrived.get_or_insert(now);
        }
        if self.arrived.is_none() {
            return;
        }
        if row.wanted > self.wanted_most {
            self.wanted_most = row.wanted;
            self.all_ready = None;
        }
        if !row.autoscaler.is_empty() {
            self.autoscaler.insert(row.autoscaler.clone());
        }
        let first = |moment: &mut Option<Instant>, seen: bool| {
            if seen {
                moment.get_or_insert(now);
            }
        };
        first(&mut self.scaled, row.wanted > 0);
        first(&mut self.ready, row.ready > 0);
        first(&mut self.all_ready, row.ready > 0 && row.ready == self.wanted_most);
        first(&mut self.drained, row.length == 0);
        first(&mut self.stopped, row.stopped() && self.scaled.is_some());
    }
}

/// Looks and prints.
pub(super) struct Watch<'a> {
    cluster: &'a Cluster,
    broker: &'a Broker,
    began: Instant,
    printed: Option<(Instant, Row)>,
    turn: usize,
}

impl<'a> Watch<'a> {
    /// Prints the table's head.
    pub(super) fn new(cluster: &'a Cluster, broker: &'a Broker) -> Self {
        println!("{:>6}  {:>4}  {:>11}  {:<24}  why", "time", "list", "ready/want", "kubectl get hpa");
        Self { cluster, broker, began: Instant::now(), printed: None, turn: 0 }
    }

    /// Looks once a second until `enough`, at most for `limit`.
    pub(super) fn until(
        &mut self,
        stop: &Stop,
        limit: Duration,
        what: &str,
        enough: impl Fn(&Row, &Moments) -> bool,
    ) -> Result<Moments> {
        let began = Instant::now();
        let mut moments = Moments::default();
        while began.elapsed() < limit {
            if stop.requested() {
                bail!("interrupted");
            }
            let looked = Instant::now();
            let row = self.look()?;
            moments.note(&row);
            self.print(&row);
            if enough(&row, &moments) {
                return Ok(moments);
            }
            self.broker.drain(row.ready, self.turn)?;
            self.turn += 1;
            std::thread::sleep(PERIOD.saturating_sub(looked.elapsed()));
        }
        bail!("waited {} s until {what}, which did not happen", limit.as_secs())
    }

    fn look(&self) -> Result<Row> {
        let deployment = self.cluster.kubectl(&["get", "deployment", "celery-worker", "--output=json"])?;
        let deployment: Value = serde_json::from_str(&deployment).context("read the Deployment")?;
        let count = |path: &str| {
            let value = deployment.pointer(path).and_then(Value::as_u64).unwrap_or_default();
            usize::try_from(value).unwrap_or_default()
        };
        let autoscaler = self.cluster.kubectl(&["get", "hpa", "keda-hpa-redis-scaledobject", "--no-headers"]);
        Ok(Row {
            length: self.broker.length()?,
            wanted: count("/spec/replicas"),
            present: count("/status/replicas"),
            ready: count("/status/readyReplicas"),
            autoscaler: targets(&autoscaler.unwrap_or_default()),
            why: self.why(),
        })
    }

    /// What Bellows says about the workload: its latest decision.
    fn why(&self) -> String {
        let mut command = Command::new(paths::bellows());
        command.args(["why", OBJECT, "--output=json", "--kubeconfig"]).arg(self.cluster.admin_kubeconfig());
        let answer = output(&mut command).and_then(|text| serde_json::from_str(&text).context("read Bellows' answer"));
        answer.map_or_else(|_unknown| "not known to Bellows yet".to_owned(), |answer| latest(&answer))
    }

    fn print(&mut self, row: &Row) {
        let due = match &self.printed {
            Some((when, last)) => last != row || when.elapsed() >= SILENCE,
            None => true,
        };
        if due {
            let replicas = format!("{}/{}", row.ready, row.wanted);
            let seconds = self.began.elapsed().as_secs();
            let known = self.printed.as_ref().is_some_and(|(_, last)| last.why == row.why);
            let why = if known { "" } else { row.why.as_str() };
            println!("{seconds:>4} s  {:>4}  {replicas:>11}  {:<24}  {why}", row.length, row.autoscaler);
            self.printed = Some((Instant::now(), row.clone()));
        }
    }
}

/// The latest decision. A change tells more than the rest that follows it in the same second.
fn latest(answer: &Value) -> String {
    let decisions = answer.get("decisions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let word =
        |decision: &Value, field: &str| decision.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    // A date's first nineteen characters say it to the second.
    let second = |decision: &Value| word(decision, "date").chars().take(19).collect::<String>();
    let Some(last) = decisions.last() else { return "nothing decided yet".to_owned() };
    let together = decisions.iter().rev().take_while(|decision| second(decision) == second(last));
    let told = together.map(|decision| word(decision, "text")).find(|text| text.contains('→'));
    told.unwrap_or_else(|| word(last, "text"))
}

/// The line of `kubectl get hpa` from TARGETS to REPLICAS, without names and age.
fn targets(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.get(2..words.len().saturating_sub(1)).unwrap_or_default().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_of_an_autoscaler_are_what_is_between_reference_and_age() {
        let line = "keda-hpa-redis-scaledobject   Deployment/celery-worker   9/10 (avg)   1   10   3   8m15s\n";
        assert_eq!(targets(line), "9/10 (avg) 1 10 3");
    }

    #[test]
    fn a_change_is_told_before_the_rest_that_follows_it() {
        let answer = serde_json::json!({"decisions": [
            {"date": "2026-11-23T19:54:01.1Z", "text": "hold: inactive"},
            {"date": "2026-11-23T19:54:05.1Z", "text": "0 → 4: busy"},
            {"date": "2026-11-23T19:54:05.2Z", "text": "hold: active"},
        ]});
        assert_eq!(latest(&answer), "0 → 4: busy");
    }

    #[test]
    fn more_wanted_replicas_move_the_moment_at_which_all_are_ready() {
        let mut moments = Moments::default();
        moments.note(&Row { length: 5, wanted: 1, present: 1, ready: 1, ..Row::default() });
        assert!(moments.all_ready.is_some());
        moments.note(&Row { length: 50, wanted: 5, present: 5, ready: 1, ..Row::default() });
        assert!(moments.all_ready.is_none());
    }
}
