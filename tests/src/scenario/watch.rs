//! Watching a workload: a table while it runs.
//!
//! Owns one look a second at the work that waits, the HPA, the Deployment and Bellows' own reason. Refuses to print the
//! same row or the same reason twice in a row; a sign of life comes every ten seconds.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::paths;
use crate::process::output;
use crate::wait::{self, Stop};

/// One look.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest silence.
const SILENCE: Duration = Duration::from_secs(10);

/// What is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    pub(super) namespace: &'static str,
    /// The ScaledObject.
    pub(super) object: &'static str,
    pub(super) deployment: &'static str,
    /// What the columns with waiting work are called, each with its width.
    pub(super) waiting: &'static [(&'static str, usize)],
    /// How wide the column with the HPA is.
    pub(super) autoscaler: usize,
}

/// What waits to be done.
pub(super) trait Work {
    /// How much waits, in the order of [`Workload::waiting`]; nothing where it cannot be asked just now.
    fn waiting(&self) -> Result<Vec<Option<usize>>>;

    /// Called after each look, with the workers that are ready, where work has to be done for stand-ins.
    fn turn(&self, _ready: usize, _turn: usize) -> Result<()> {
        Ok(())
    }
}

/// What was seen at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) waiting: Vec<Option<usize>>,
    /// Replicas that are asked for, that are there, and that are ready.
    pub(super) wanted: usize,
    pub(super) present: usize,
    pub(super) ready: usize,
    pub(super) autoscaler: String,
    pub(super) why: String,
}

impl Row {
    /// Whether no worker is wanted and none is left.
    pub(super) fn stopped(&self) -> bool {
        self.wanted == 0 && self.present == 0
    }

    /// Whether exactly this many workers are wanted, there, and ready.
    pub(super) fn at(&self, count: usize) -> bool {
        (self.wanted, self.present, self.ready) == (count, count, count)
    }
}

/// Looks and prints.
pub(super) struct Watch<'a> {
    cluster: &'a Cluster,
    workload: Workload,
    work: &'a dyn Work,
    began: Instant,
    printed: Option<(Instant, Row)>,
    turn: usize,
}

impl<'a> Watch<'a> {
    /// Prints the table's head.
    pub(super) fn new(cluster: &'a Cluster, workload: Workload, work: &'a dyn Work) -> Self {
        let waiting = columns(&workload, |name, _| name.to_owned());
        let width = workload.autoscaler;
        println!("{:>6}  {waiting}  {:>10}  {:<width$}  why", "time", "ready/want", "kubectl get hpa");
        Self { cluster, workload, work, began: Instant::now(), printed: None, turn: 0 }
    }

    /// Looks once a second until `enough`, at most for `limit`, and says what it saw then; see [`wait::until`].
    pub(super) fn until(
        &mut self,
        stop: &Stop,
        limit: Duration,
        what: &str,
        mut enough: impl FnMut(&Row) -> bool,
    ) -> Result<Row> {
        wait::until_each(stop, what, limit, PERIOD, || {
            let row = self.look()?;
            self.print(&row);
            if enough(&row) {
                return Ok(Some(Ok(row)));
            }
            let turned = self.work.turn(row.ready, self.turn);
            self.turn += 1;
            Ok(turned.err().map(Err))
        })?
    }

    /// Since the table began.
    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn look(&self) -> Result<Row> {
        let Workload { namespace, object, deployment, .. } = self.workload;
        let get = |kind: &str, name: &str, format: &str| {
            self.cluster.kubectl(&["get", kind, name, "--namespace", namespace, format])
        };
        let seen = get("deployment", deployment, "--output=json")?;
        let seen: Value = serde_json::from_str(&seen).context("read the Deployment")?;
        let count = |path: &str| {
            let value = seen.pointer(path).and_then(Value::as_u64).unwrap_or_default();
            usize::try_from(value).unwrap_or_default()
        };
        let autoscaler = get("hpa", &format!("keda-hpa-{object}"), "--no-headers");
        Ok(Row {
            waiting: self.work.waiting()?,
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
        let name = format!("{}/{}", self.workload.namespace, self.workload.object);
        command.args(["why", &name, "--output=json", "--kubeconfig"]).arg(self.cluster.admin_kubeconfig());
        let answer = output(&mut command).and_then(|text| serde_json::from_str(&text).context("read Bellows' answer"));
        answer.map_or_else(|_unknown| "not known to Bellows yet".to_owned(), |answer| latest(&answer))
    }

    fn print(&mut self, row: &Row) {
        let due = match &self.printed {
            Some((when, last)) => last != row || when.elapsed() >= SILENCE,
            None => true,
        };
        if due {
            let known = self.printed.as_ref().is_some_and(|(_, last)| last.why == row.why);
            let why = if known { "" } else { row.why.as_str() };
            println!("{:>4} s  {}  {why}", self.began.elapsed().as_secs(), self.cells(row));
            self.printed = Some((Instant::now(), row.clone()));
        }
    }

    fn cells(&self, row: &Row) -> String {
        let waiting = columns(&self.workload, |_, place| match row.waiting.get(place) {
            Some(Some(count)) => count.to_string(),
            _ => "?".to_owned(),
        });
        let replicas = format!("{}/{}", row.ready, row.wanted);
        format!("{waiting}  {replicas:>10}  {:<width$}", row.autoscaler, width = self.workload.autoscaler)
    }
}

fn columns(workload: &Workload, text: impl Fn(&str, usize) -> String) -> String {
    let cells = workload.waiting.iter().enumerate();
    let cells: Vec<String> = cells.map(|(place, (name, width))| format!("{:>width$}", text(name, place))).collect();
    cells.join("  ")
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
}
