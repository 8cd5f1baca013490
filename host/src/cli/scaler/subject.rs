//! What a command is about: a component, or the folder of a crate that one is built of first.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bellows_sdk::testing::cases::{self, Case};

use super::build;

/// Most that is read of a file of cases: 16 MiB, a hundred times the longest known.
const CASES_BYTES_MAX: u64 = 16 << 20;

/// A component and where its cases are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// The component.
    pub(super) component: PathBuf,
    /// Its cases, unless others are named.
    cases: PathBuf,
}

impl Subject {
    /// Takes a file as it is, and builds a folder.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            let component = build::build(path, None)?.component;
            return Ok(Self { component, cases: path.join("cases.toml") });
        }
        if !path.exists() {
            bail!("there is no {}: give the folder of a crate, or a component (.wasm)", path.display());
        }
        Ok(Self { component: path.to_owned(), cases: PathBuf::from("cases.toml") })
    }

    /// The cases, those of another file where one is named.
    pub(super) fn cases(&self, named: Option<&Path>) -> anyhow::Result<Vec<Case>> {
        let path = named.unwrap_or(&self.cases);
        let missing = || format!("cannot read {}: name the file of cases with --cases FILE", path.display());
        let length = fs::metadata(path).with_context(missing)?.len();
        if length > CASES_BYTES_MAX {
            bail!("{} has more than {} MiB", path.display(), CASES_BYTES_MAX >> 20);
        }
        let text = fs::read_to_string(path).with_context(missing)?;
        let cases = cases::read(&text).with_context(|| format!("{} is no file of cases", path.display()))?;
        if cases.is_empty() {
            bail!("{} has no case", path.display());
        }
        Ok(cases)
    }
}

/// The case of that name, or of the only one whose name holds it.
pub(super) fn named<'a>(cases: &'a [Case], name: &str) -> anyhow::Result<&'a Case> {
    if let Some(case) = cases.iter().find(|case| case.name == name) {
        return Ok(case);
    }
    let near: Vec<&Case> = cases.iter().filter(|case| case.name.contains(name)).collect();
    match near.as_slice() {
        [case] => Ok(case),
        [] => {
            let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            bail!("there is no case {name:?}; there are:\n  {}", names.join("\n  "))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|case| case.name.as_str()).collect();
            bail!("{name:?} is in the names of several cases; say which:\n  {}", names.join("\n  "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> Vec<Case> {
        let case = |name: &str| format!("[[case]]\nname = '{name}'\ntrigger-type = 'x'\n");
        cases::read(&["a list", "a list of lists", "a set"].map(case).concat()).unwrap()
    }

    #[test]
    fn a_case_is_named_as_a_whole_or_by_what_is_in_no_other_name() {
        let cases = cases();
        assert_eq!(named(&cases, "a list").unwrap().name, "a list");
        assert_eq!(named(&cases, "set").unwrap().name, "a set");
        let told = |name: &str| named(&cases, name).unwrap_err().to_string();
        assert_eq!(told("lists!"), "there is no case \"lists!\"; there are:\n  a list\n  a list of lists\n  a set");
        let several = "\"a li\" is in the names of several cases; say which:\n  a list\n  a list of lists";
        assert_eq!(told("a li"), several);
    }

    #[test]
    fn a_path_that_is_not_there_is_named_with_what_could_be_given() {
        let told = Subject::of(Path::new("/nowhere/x.wasm")).unwrap_err().to_string();
        assert_eq!(told, "there is no /nowhere/x.wasm: give the folder of a crate, or a component (.wasm)");
    }
}
