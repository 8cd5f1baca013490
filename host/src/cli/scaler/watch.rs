//! `bellows scaler watch`: build and test again whenever a source changes, and say what changed since the last time.
//!
//! Sources are looked at twice a second, which no file system refuses. It holds nothing open, so Ctrl-C leaves nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};

use super::build;
use super::subject::Subject;
use super::test::{Tried, attempt, line, summary};
use super::workshop::{Workshop, WorkshopArguments};
use crate::rehearse::Miss;

/// How often sources are looked at. A scaler has some dozens of files: a look costs less than a millisecond.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments of `bellows scaler watch`.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArguments {
    /// Folder of the scaler
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// File of cases [default: cases.toml of the folder]
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    #[command(flatten)]
    workshop: WorkshopArguments,
}

/// What became of each case, by its name.
type Results = BTreeMap<String, Vec<Miss>>;

/// Runs until it is interrupted.
pub(super) fn run(arguments: &WatchArguments) -> anyhow::Result<ExitCode> {
    if !arguments.folder.is_dir() {
        bail!("there is no folder {}: watched is the folder of a scaler", arguments.folder.display());
    }
    let output = build::output(&arguments.folder)?;
    let workshop = Workshop::open(arguments.workshop.folder()?)?;
    let mut before: Option<Results> = None;
    loop {
        let seen = stamp(arguments, &output)?;
        match once(arguments, &workshop) {
            Ok(tried) => {
                let results: Results = tried.iter().cloned().collect();
                print!("{}", changes(before.as_ref(), &results));
                println!("{}; waiting for a source to change", summary(&tried));
                before = Some(results);
            }
            // What does not build now may build after the next change.
            Err(error) => println!("cannot test: {error:#}; waiting for a source to change"),
        }
        while stamp(arguments, &output)? == seen {
            std::thread::sleep(LOOK);
        }
    }
}

fn once(arguments: &WatchArguments, workshop: &Workshop) -> anyhow::Result<Vec<Tried>> {
    let subject = Subject::of(&arguments.folder)?;
    let cases = subject.cases(arguments.cases.as_deref())?;
    attempt(workshop, &subject, &cases, |_| {})
}

/// When the sources and the cases last changed.
fn stamp(arguments: &WatchArguments, output: &std::path::Path) -> anyhow::Result<(SystemTime, Option<SystemTime>)> {
    let sources = bellows_build::newest_source(&arguments.folder, output).context("cannot watch the folder")?;
    let cases = arguments.cases.as_ref().and_then(|file| fs::metadata(file).ok()?.modified().ok());
    Ok((sources, cases))
}

/// Everything the first time; then what came out otherwise than before.
fn changes(before: Option<&Results>, now: &Results) -> String {
    let Some(before) = before else {
        return now.iter().map(|(name, missed)| line(name, missed)).collect();
    };
    let mut text = String::new();
    for (name, missed) in now {
        let word = match before.get(name) {
            Some(was) if was == missed => continue,
            None => "new",
            Some(was) if missed.is_empty() && !was.is_empty() => "mended",
            Some(was) if was.is_empty() => "broken",
            Some(_) => "other",
        };
        text.push_str(&format!("{word:<6}  {}", line(name, missed)));
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    text.extend(gone.map(|name| format!("gone          {name}\n")));
    if text.is_empty() { "nothing came out otherwise\n".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(all: &[(&str, Option<&str>)]) -> Results {
        let miss = |found: &str| Miss { what: "it".into(), expected: "1".into(), found: found.into() };
        all.iter().map(|(name, found)| ((*name).to_owned(), found.map(miss).into_iter().collect())).collect()
    }

    #[test]
    fn only_what_came_out_otherwise_is_told() {
        let before = results(&[("a", None), ("b", Some("2")), ("c", None), ("d", Some("3")), ("e", None)]);
        let now = results(&[("a", Some("2")), ("b", None), ("c", None), ("d", Some("4")), ("f", None)]);
        let expected = "\
broken  FAIL  a
      it
        expected  1
        found     2
mended  ok    b
other   FAIL  d
      it
        expected  1
        found     4
new     ok    f
gone          e
";
        assert_eq!(changes(Some(&before), &now), expected);
        assert_eq!(changes(Some(&now), &now), "nothing came out otherwise\n");
        assert!(changes(None, &now).starts_with("FAIL  a\n"));
    }
}
