//! `bellows scaler run`: polls of a component, one or many: against the replies of a case, or against a real source with
//! the host's own connections.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bellows_core::grant::Cidr;
use bellows_core::reading::Outcome;
use bellows_core::scaler::{Metric, Trigger};
use bellows_sdk::testing::cases::Case;
use bellows_wasm::Scaler;

use super::setting::{Setting, time};
use super::subject::{Subject, named};
use super::workshop::{Workshop, WorkshopArguments};
use crate::rehearse::{metrics_in_words, outcome_in_words, rounds_in_words, trigger};
use crate::telemetry::{self, LogFormat};

mod live;

pub(super) use live::reachable;

/// Time between polls where only their number is given.
const EVERY: Duration = Duration::from_secs(5);

/// Arguments of `bellows scaler run`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With --case, a poll is answered by the replies of that case. With --live, by a real source: its \
                        address is one of the settings (address, url or host, as `bellows scaler inspect` tells), and \
                        addresses of this machine itself may be reached. A setting NAMEFromEnv names a variable of the \
                        environment of this command. The exit code is 1 where a poll gave no reading."
)]
pub(super) struct RunArguments {
    /// Folder of the crate, which is built first, or a component (.wasm)
    #[arg(value_name = "FOLDER|FILE", default_value = ".")]
    subject: PathBuf,
    /// Case whose settings and replies are used: its name, or a part of it that no other name has
    #[arg(long, value_name = "NAME", required_unless_present = "live", conflicts_with = "live")]
    case: Option<String>,
    /// File of cases [default: cases.toml of the folder; of the current one, with a component]
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    cases: Option<PathBuf>,
    /// Ask the real source
    #[arg(long)]
    live: bool,
    /// A setting of the trigger, as in its metadata; instead of the case's; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<Setting>,
    /// Trigger type, of a component that serves several
    #[arg(long = "type", value_name = "TYPE", requires = "live")]
    kind: Option<String>,
    /// A setting that a TriggerAuthentication would give; others on this machine can read it: prefer the next; may be
    /// repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "live")]
    set_auth: Vec<Setting>,
    /// The same from a variable of this command's environment; may be repeated
    #[arg(long, value_name = "NAME=VARIABLE", requires = "live")]
    set_auth_from_env: Vec<Setting>,
    /// Reach addresses that are refused otherwise (link-local, metadata, multicast); may be repeated
    #[arg(long, value_name = "CIDR", requires = "live")]
    allow_egress: Vec<Cidr>,
    /// Append the poll to a file of cases: settings, replies, and what came of them; no credential is in it
    #[arg(long, value_name = "FILE", requires = "live", conflicts_with_all = ["every", "count"])]
    record: Option<PathBuf>,
    /// Poll again and again, with this time between polls: 500ms, 5s, 2m
    #[arg(long, value_name = "TIME", value_parser = time)]
    every: Option<Duration>,
    /// Poll so many times [default: 1; with --every, until Ctrl-C]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// What to log of scalers and connections: a level, or a filter
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
    #[command(flatten)]
    workshop: WorkshopArguments,
}

/// Runs the command.
pub(super) fn run(arguments: &RunArguments) -> anyhow::Result<ExitCode> {
    telemetry::init(LogFormat::Text, &arguments.log).context("cannot write logs")?;
    let subject = Subject::of(&arguments.subject)?;
    match &arguments.case {
        Some(name) => {
            let workshop = Workshop::open(arguments.workshop.folder()?)?;
            let cases = subject.cases(arguments.cases.as_deref())?;
            let scaler = workshop.load(&subject.component)?;
            rehearse(arguments, &workshop, &scaler, named(&cases, name)?)
        }
        None => live::run(arguments, &crate::cli::runtime()?, &subject.component),
    }
}

fn rehearse(
    arguments: &RunArguments,
    workshop: &Workshop,
    scaler: &Arc<Scaler>,
    case: &Case,
) -> anyhow::Result<ExitCode> {
    let mut case = case.clone();
    case.settings.extend(arguments.set.iter().map(|set| (set.name.clone(), set.value.clone())));
    let trigger = trigger(&case, "default/rehearsal/0");
    workshop.runtime.block_on(async {
        if plan(scaler, &trigger).await.is_none() {
            return Ok(ExitCode::FAILURE);
        }
        poll(arguments, || async {
            let (measured, rounds) = workshop.stage.measure(scaler, &case, vec![trigger.clone()]).await;
            println!("asked    {}", rounds_in_words(&rounds));
            Ok(measured.outcomes)
        })
        .await
    })
}

/// Prints the metrics of a trigger, or what is wrong with its settings; nothing where there is nothing to poll.
async fn plan(scaler: &Scaler, trigger: &Trigger) -> Option<Vec<Metric>> {
    match scaler.plan(trigger).await {
        Ok(metrics) => {
            println!("metric   {}", metrics_in_words(&metrics));
            Some(metrics)
        }
        Err(bellows_wasm::PlanError::Problems(problems)) => {
            problems.iter().for_each(|problem| println!("problem  {problem}"));
            None
        }
        Err(bellows_wasm::PlanError::Failed(failure)) => {
            println!("failed   {failure}");
            None
        }
    }
}

/// Polls as often as was asked for, and prints what each gave.
async fn poll<F>(arguments: &RunArguments, ask: impl Fn() -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<Vec<Outcome>>>,
{
    let mut left = arguments.count.or(arguments.every.is_none().then_some(1));
    let mut good = true;
    loop {
        let outcomes = ask().await?;
        for outcome in &outcomes {
            good &= outcome.is_ok();
            println!("{}", told(outcome));
        }
        if outcomes.is_empty() {
            bail!("the component gave no outcome");
        }
        left = left.map(|left| left.saturating_sub(1));
        if left == Some(0) {
            return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        tokio::time::sleep(arguments.every.unwrap_or(EVERY)).await;
    }
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Ok(_) => format!("reading  {}", outcome_in_words(outcome)),
        Err(failure) => {
            let (kind, blame) = (failure.kind.label(), failure.blame.label());
            format!("failed   {kind}, of the {blame}: {failure}")
        }
    }
}

/// Names and values.
fn pairs(settings: &[Setting]) -> BTreeMap<&str, &str> {
    settings.iter().map(|setting| (setting.name.as_str(), setting.value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::failure::{Blame, Failure, FailureKind};
    use bellows_core::reading::Reading;

    #[test]
    fn a_failure_says_what_the_host_would_do_and_whose_it_is() {
        let failure = Failure::new(FailureKind::Denied, Blame::Source, "unauthorized", "NOAUTH");
        assert_eq!(told(&Err(failure)), "failed   denied, of the source: unauthorized: NOAUTH");
        assert_eq!(told(&Ok(vec![Reading::new("m", 7.0, true)])), "reading  m 7, active");
    }
}
