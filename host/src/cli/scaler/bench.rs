//! `bellows scaler bench`: what a component costs, cold and warm, alone and in a batch, beside what the host allows.
//!
//! Only what is measured is printed. Replies come by script, so no time of a source is in it; every call has a fresh
//! instance, as in the host, so an instance's making is in each.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bellows_core::draft::TRIGGERS_MAX;
use bellows_core::failure::Blame;
use bellows_core::scaler::Trigger;
use bellows_sdk::testing::cases::Case;
use bellows_wasm::{Limits, Scaler, Usage};

use super::about::size;
use super::subject::{Subject, named};
use super::workshop::{Workshop, WorkshopArguments};
use crate::rehearse::trigger;
use crate::serve::Clock;

/// Arguments of `bellows scaler bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every call has a fresh instance, as in the host, and replies come at once. The exit code is 1 \
                        where the component does not keep within the default limits."
)]
pub(super) struct BenchArguments {
    /// Folder of the crate, which is built first, or a component (.wasm)
    #[arg(value_name = "FOLDER|FILE", default_value = ".")]
    subject: PathBuf,
    /// Case to measure: its name, or a part of it that no other name has [default: the first with a reading]
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// File of cases [default: cases.toml of the folder; of the current one, with a component]
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Warm calls of each kind
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    calls: u32,
    #[command(flatten)]
    workshop: WorkshopArguments,
}

/// What was measured.
struct Costs {
    bytes: u64,
    first_load: Duration,
    next_load: Duration,
    plan: Times,
    one: Times,
    batch: Times,
    /// The most of one call and of a batch.
    used: [Usage; 2],
    /// The component's own fault, if it did not come to an end.
    fault: Option<String>,
}

/// Half of the calls took no longer than the one, all but one of a hundred no longer than the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    p50: Duration,
    p99: Duration,
}

/// Runs the command.
pub(super) fn run(arguments: &BenchArguments) -> anyhow::Result<ExitCode> {
    let subject = Subject::of(&arguments.subject)?;
    let cases = subject.cases(arguments.cases.as_deref())?;
    let case = match &arguments.case {
        Some(name) => named(&cases, name)?,
        None => cases.iter().find(|case| case.reading.is_some()).context(
            "no case expects a reading, so there is nothing to measure: write one, or name a case with --case",
        )?,
    };
    eprintln!("measuring \"{}\": two loads, and {} calls of each kind", case.name, arguments.calls);
    let costs = measure(&subject.component, case, arguments.calls, &arguments.workshop.folder()?)?;
    let limits = Limits::default();
    print!("{}", costs.text(&limits));
    let over = costs.over(&limits);
    over.iter().for_each(|over| println!("verdict      does not fit: {over}"));
    if over.is_empty() {
        println!("verdict      fits the default limits");
    }
    Ok(if over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(component: &Path, case: &Case, calls: u32, cache: &Path) -> anyhow::Result<Costs> {
    let clock = crate::clock::start();
    // A folder of its own, so that nothing is compiled already.
    let cold = Folder(cache.join(format!("bench-{}", std::process::id())));
    let load = || -> anyhow::Result<_> {
        let workshop = Workshop::open(cold.0.clone())?;
        let begun = clock().steady;
        let scaler = workshop.load(component)?;
        Ok((workshop, scaler, clock().steady.saturating_sub(begun)))
    };
    let (_, _, first_load) = load()?;
    let (workshop, scaler, next_load) = load()?;
    let trigger_of = |index: usize| trigger(case, &format!("default/bench/{index}"));
    let one = trigger_of(0);
    let plan = times(calls, &clock, || drop(workshop.runtime.block_on(scaler.plan(&one))));
    let mut fault = None;
    let mut used = [Usage::default(); 2];
    let mut call = |which: usize, triggers: Vec<Trigger>| {
        let (usage, failed) = ask(&workshop, &scaler, case, triggers);
        if let Some(most) = used.get_mut(which) {
            *most = most.or_more(usage);
        }
        fault = fault.take().or(failed);
    };
    let alone = times(calls, &clock, || call(0, vec![one.clone()]));
    let all: Vec<Trigger> = (0..TRIGGERS_MAX).map(trigger_of).collect();
    let batch = times(calls, &clock, || call(1, all.clone()));
    let bytes = std::fs::metadata(component).with_context(|| format!("cannot read {}", component.display()))?.len();
    Ok(Costs { bytes, first_load, next_load, plan, one: alone, batch, used, fault })
}

fn ask(workshop: &Workshop, scaler: &Scaler, case: &Case, triggers: Vec<Trigger>) -> (Usage, Option<String>) {
    let (measured, _) = workshop.runtime.block_on(workshop.stage.measure(scaler, case, triggers));
    let failures = measured.outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let fault = failures.filter(|failure| failure.blame == Blame::Scaler).map(ToString::to_string).next();
    (measured.usage, fault)
}

fn times(calls: u32, clock: &Clock, mut call: impl FnMut()) -> Times {
    let mut timed = || {
        let begun = clock().steady;
        call();
        clock().steady.saturating_sub(begun)
    };
    Times::of((0..calls).map(|_| timed()).collect())
}

impl Times {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let at = |hundredths: usize| {
            let rank = (took.len() * hundredths).div_ceil(100).saturating_sub(1);
            took.get(rank).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99) }
    }
}

impl Costs {
    fn text(&self, limits: &Limits) -> String {
        let mebibytes = |bytes: usize| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let [one, batch] = &self.used;
        let rows = [
            ("size", format!("{}, of {} MiB allowed", size(self.bytes as usize), limits.component_bytes_max >> 20)),
            ("first load", format!("{:.1?}: compile in a child process, link, describe", self.first_load)),
            ("next load", format!("{:.1?}: map what was compiled, link, describe", self.next_load)),
            ("plan", self.plan.to_string()),
            ("1 trigger", self.one.to_string()),
            ("100 triggers", format!("{}, of {:?} allowed to compute", self.batch, limits.processor_time_max)),
            (
                "memory",
                format!(
                    "{} for 1 trigger, {} for 100, of {} allowed",
                    mebibytes(one.memory_bytes),
                    mebibytes(batch.memory_bytes),
                    mebibytes(limits.memory_bytes_max)
                ),
            ),
            (
                "host calls",
                format!(
                    "{} for 1 trigger, {} for 100, of {} allowed",
                    one.host_calls, batch.host_calls, limits.host_calls_max
                ),
            ),
        ];
        rows.into_iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
    }

    /// Each bound that it does not keep. The host stops a component at its bounds, so what is left of a call that was
    /// stopped is the component's fault; time is held against the bound of computing, of which it is the most there was.
    fn over(&self, limits: &Limits) -> Vec<String> {
        let mut over: Vec<String> = self.fault.iter().cloned().collect();
        if self.batch.p99 > limits.processor_time_max {
            over.push(format!("a call of {TRIGGERS_MAX} triggers takes {:.1?}", self.batch.p99));
        }
        over
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.1?} p50, {:.1?} p99", self.p50, self.p99)
    }
}

/// A folder that goes when this is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed only takes up space, in a folder that is a cache.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_calls_and_all_but_one_of_a_hundred() {
        let times = Times::of((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(times, Times { p50: Duration::from_millis(50), p99: Duration::from_millis(99) });
        assert_eq!(times.to_string(), "50.0ms p50, 99.0ms p99");
    }

    #[test]
    fn a_bound_that_is_not_kept_is_named() {
        let times = |milliseconds| Times { p50: Duration::ZERO, p99: Duration::from_millis(milliseconds) };
        let costs = |milliseconds, fault: Option<&str>| Costs {
            bytes: 1,
            first_load: Duration::ZERO,
            next_load: Duration::ZERO,
            plan: times(1),
            one: times(1),
            batch: times(milliseconds),
            used: [Usage::default(); 2],
            fault: fault.map(str::to_owned),
        };
        assert!(costs(2, None).over(&Limits::default()).is_empty());
        assert_eq!(costs(2, Some("memory: x")).over(&Limits::default()), ["memory: x"]);
        assert_eq!(costs(1500, None).over(&Limits::default()), ["a call of 100 triggers takes 1.5s"]);
    }
}
