//! From Python to a component: python3 runs a script of ours, which wraps componentize-py.
//!
//! It is taken from the folder's `.packages` or `.venv`, else from the Python that is active, in the version that the
//! folder's own requirements.txt pins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::BuildError;
use crate::script::Workplace;

const SCRIPT: (&str, &str) = ("build.py", include_str!("python/build.py"));
const TOOL: &str = "componentize-py";
/// Where `pip install --target` puts packages, which needs no virtual environment.
const PACKAGES: &str = ".packages";
/// Prints the version of the tool, or fails.
const PROBE: &str = "import importlib.metadata as m; print(m.version('componentize-py'))";

/// Makes the component of a folder in Python, unless there is one that is as new; says where it
/// is. `begins` is called where it has to be made.
///
/// # Errors
/// The tool is missing or not the one that is pinned, or the script has said what is wrong.
pub fn python(folder: &Path, begins: fn()) -> Result<PathBuf, BuildError> {
    let place = Workplace::of(folder);
    let requirements = folder.join("requirements.txt");
    let wanted = fs::read_to_string(&requirements);
    judge(&wanted.map_err(|source| BuildError::Read { path: requirements, source })?, installed(folder)?)?;
    let (name, text) = SCRIPT;
    if !place.is_fresh(name, text) {
        begins();
        let mut script = interpreter(folder);
        script.arg(place.prepare(name, text)?);
        place.run("python3", script)?;
    }
    Ok(place.component)
}

/// The Python of the folder's own environment, or the active one, with the packages of the folder.
fn interpreter(folder: &Path) -> Command {
    let own = folder.join(".venv/bin/python3");
    let mut python = if own.is_file() { Command::new(own) } else { Command::new("python3") };
    let packages = folder.join(PACKAGES);
    if packages.is_dir() {
        python.env("PYTHONPATH", packages);
    }
    python
}

/// The version of the tool, if there is one.
fn installed(folder: &Path) -> Result<Option<String>, BuildError> {
    let probe = interpreter(folder).args(["-c", PROBE]).current_dir(folder).output();
    let probe = probe.map_err(|source| BuildError::Start { program: "python3", source })?;
    let version = String::from_utf8_lossy(&probe.stdout).trim().to_owned();
    Ok(probe.status.success().then_some(version))
}

/// Whether the tool is the one that the requirements pin.
fn judge(requirements: &str, installed: Option<String>) -> Result<(), BuildError> {
    let command = format!("python3 -m pip install --target {PACKAGES} --upgrade -r requirements.txt");
    let missing = |why: String, command: String| Err(BuildError::Tool { tool: TOOL, why, command });
    let bare = |line: &str| line.split(['#', ';']).next().unwrap_or_default().trim().to_owned();
    let Some(line) = requirements.lines().map(bare).find(|line| line.starts_with(TOOL)) else {
        let command = format!("echo {TOOL}==0.25.1 >> requirements.txt && {command}");
        return missing("is not in requirements.txt".to_owned(), command);
    };
    let Some(installed) = installed else { return missing("is not installed".to_owned(), command) };
    match line.split_once("==") {
        Some((_, pinned)) if pinned.trim() != installed => {
            missing(format!("is installed as {installed}, and requirements.txt pins {}", pinned.trim()), command)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_pinned_or_not_installed_or_another_is_told_with_the_command() {
        let command = "python3 -m pip install --target .packages --upgrade -r requirements.txt";
        let told = |requirements: &str, installed: Option<&str>| {
            judge(requirements, installed.map(str::to_owned)).map_err(|error| error.to_string())
        };
        let pinned = "# tools\ncomponentize-py==0.25.1  # wraps\n";
        assert_eq!(told(pinned, Some("0.25.1")), Ok(()));
        assert_eq!(told("componentize-py>=0.25", Some("0.26.0")), Ok(()));
        assert_eq!(told(pinned, None), Err(format!("componentize-py is not installed: `{command}`")));
        let other = "componentize-py is installed as 0.24.0, and requirements.txt pins 0.25.1";
        assert_eq!(told(pinned, Some("0.24.0")), Err(format!("{other}: `{command}`")));
        let none = format!(
            "componentize-py is not in requirements.txt: `echo componentize-py==0.25.1 >> requirements.txt && {command}`"
        );
        assert_eq!(told("requests\n", Some("0.25.1")), Err(none));
    }
}
