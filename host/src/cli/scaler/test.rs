//! `bellows scaler test`: each case of a scaler against its component, one line each, and what is true of every good
//! scaler beside it. The exit code is 1 where something is not as expected, and 2 where nothing could be tried.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use bellows_sdk::testing::cases::Case;

use super::subject::Subject;
use super::workshop::{Workshop, WorkshopArguments};
use crate::rehearse::Miss;

/// Arguments of `bellows scaler test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Beside what a case expects, each is tried for what is true of every good scaler: values are \
                        finite numbers, metrics keep the names that were planned, the same input gives the same \
                        output, and a hundred triggers of one call stay within the calls that the host allows.")]
pub(super) struct TestArguments {
    /// Folder of the crate, which is built first, or a component (.wasm)
    #[arg(value_name = "FOLDER|FILE", default_value = ".")]
    subject: PathBuf,
    /// Run the cases whose name holds this
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// File of cases [default: cases.toml of the folder; of the current one, with a component]
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    #[command(flatten)]
    workshop: WorkshopArguments,
}

/// What became of a case: its name, and what is not as it should be.
pub(super) type Tried = (String, Vec<Miss>);

/// Runs the command.
pub(super) fn run(arguments: &TestArguments) -> anyhow::Result<ExitCode> {
    let subject = Subject::of(&arguments.subject)?;
    let mut cases = subject.cases(arguments.cases.as_deref())?;
    if let Some(filter) = &arguments.filter {
        cases.retain(|case| case.name.contains(filter.as_str()));
        if cases.is_empty() {
            bail!("no case has {filter:?} in its name");
        }
    }
    let workshop = Workshop::open(arguments.workshop.folder()?)?;
    let tried = attempt(&workshop, &subject, &cases, |(name, missed)| print!("{}", line(name, missed)))?;
    println!("{}", summary(&tried));
    let good = tried.iter().all(|(_, missed)| missed.is_empty());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tries cases, and tells each as it is done.
pub(super) fn attempt(
    workshop: &Workshop,
    subject: &Subject,
    cases: &[Case],
    tell: impl Fn(&Tried),
) -> anyhow::Result<Vec<Tried>> {
    let scaler = workshop.load(&subject.component)?;
    let mut tried = Vec::with_capacity(cases.len());
    for case in cases {
        let missed = workshop.runtime.block_on(workshop.stage.hold(&scaler, case));
        let one = (case.name.clone(), missed);
        tell(&one);
        tried.push(one);
    }
    Ok(tried)
}

/// A line for what is as expected, and one pair more for each thing that is not.
pub(super) fn line(name: &str, missed: &[Miss]) -> String {
    let mut text = if missed.is_empty() { format!("ok    {name}\n") } else { format!("FAIL  {name}\n") };
    for Miss { what, expected, found } in missed {
        text.push_str(&format!("      {what}\n        expected  {expected}\n        found     {found}\n"));
    }
    text
}

/// `12 cases, 1 not as expected`.
pub(super) fn summary(tried: &[Tried]) -> String {
    let failed = tried.iter().filter(|(_, missed)| !missed.is_empty()).count();
    let cases = if tried.len() == 1 { "1 case".to_owned() } else { format!("{} cases", tried.len()) };
    if failed == 0 { format!("{cases}, all as expected") } else { format!("{cases}, {failed} not as expected") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_was_expected_and_what_came() {
        let miss = Miss { what: "the outcome".into(), expected: "7, active".into(), found: "0, not active".into() };
        let tried = [("a set".to_owned(), vec![]), ("a list".to_owned(), vec![miss])];
        let expected = "\
ok    a set
FAIL  a list
      the outcome
        expected  7, active
        found     0, not active
";
        assert_eq!(tried.iter().map(|(name, missed)| line(name, missed)).collect::<String>(), expected);
        assert_eq!(summary(&tried), "2 cases, 1 not as expected");
        assert_eq!(summary(&tried[..1]), "1 case, all as expected");
    }
}
