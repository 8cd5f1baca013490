//! What JavaScript and Python have in common: a script that is run in the scaler's folder by the language's own program,
//! the contract beside it, and whether there is anything to do.
//!
//! The script asks what the author wrote which interfaces it needs, so that a component imports these and no others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::BuildError;
use crate::encode::modified;

/// The contract, as the tools of other languages read it. What a component imports of it is decided for each.
const CONTRACT: [(&str, &str); 9] = [
    ("amqp.wit", include_str!("../../../wit/amqp.wit")),
    ("http.wit", include_str!("../../../wit/http.wit")),
    ("log.wit", include_str!("../../../wit/log.wit")),
    ("memo.wit", include_str!("../../../wit/memo.wit")),
    ("plugin.wit", include_str!("../../../wit/plugin.wit")),
    ("redis.wit", include_str!("../../../wit/redis.wit")),
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("workload.wit", include_str!("../../../wit/workload.wit")),
    ("world.wit", include_str!("../../../wit/world.wit")),
];

/// A folder whose sources are run, not compiled.
pub(crate) struct Workplace<'a> {
    /// Where the sources are.
    pub(crate) folder: &'a Path,
    /// The component to make.
    pub(crate) component: PathBuf,
}

impl<'a> Workplace<'a> {
    /// The component is called like the folder.
    pub(crate) fn of(folder: &'a Path) -> Self {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        Self { component: folder.join("target/components").join(format!("{name}.wasm")), folder }
    }

    /// What is written beside the component on the way to it.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join("target/bellows")
    }

    /// The files that the component was made of, as the script wrote them down; they count only with their times.
    fn inputs(&self) -> PathBuf {
        self.work().join("inputs")
    }

    /// Whether the component is newer than all that it was made of, and was made by this very script.
    pub(crate) fn is_fresh(&self, script: &str, text: &str) -> bool {
        let Ok(made) = modified(&self.component) else { return false };
        let same = fs::read_to_string(self.work().join(script)).is_ok_and(|before| before == text);
        let inputs = fs::read_to_string(self.inputs()).unwrap_or_default();
        let newer = |input: &str| modified(&self.folder.join(input)).is_ok_and(|time| time <= made);
        same && !inputs.is_empty() && inputs.lines().all(newer)
    }

    /// Lays the script and the contract out.
    pub(crate) fn prepare(&self, script: &str, text: &str) -> Result<PathBuf, BuildError> {
        let work = self.work();
        let contract = work.join("wit");
        let folder = |folder: &Path| {
            fs::create_dir_all(folder).map_err(|source| BuildError::Write { path: folder.to_owned(), source })
        };
        folder(&contract)?;
        folder(self.component.parent().unwrap_or(self.folder))?;
        for (name, text) in CONTRACT {
            write(&contract.join(name), text)?;
        }
        let script = work.join(script);
        write(&script, text)?;
        // Written anew by a script that comes to its end; where none was before, there is nothing to remove.
        _ = fs::remove_file(self.inputs());
        Ok(script)
    }

    /// Runs the script, which writes the component. What it prints goes to standard error: it is for people.
    pub(crate) fn run(&self, program: &'static str, mut script: Command) -> Result<(), BuildError> {
        let unfinished = self.component.with_extension("wasm.unfinished");
        script.args([&self.work().join("wit"), &self.work(), &unfinished]);
        script.current_dir(self.folder).stdin(Stdio::null()).stdout(Stdio::from(io::stderr()));
        let status = script.status().map_err(|source| BuildError::Start { program, source })?;
        if !status.success() {
            return Err(BuildError::Script { program, status });
        }
        fs::rename(&unfinished, &self.component)
            .map_err(|source| BuildError::Write { path: self.component.clone(), source })
    }
}

fn write(path: &Path, text: &str) -> Result<(), BuildError> {
    fs::write(path, text).map_err(|source| BuildError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_component_is_fresh_until_a_file_that_it_was_made_of_or_the_script_changes() {
        let folder = tempfile::tempdir().unwrap();
        let place = Workplace::of(folder.path());
        place.prepare("build.mjs", "1").unwrap();
        let source = folder.path().join("scaler.js");
        fs::write(&source, "").unwrap();
        assert!(!place.is_fresh("build.mjs", "1"), "there is none");
        fs::write(&place.component, "").unwrap();
        assert!(!place.is_fresh("build.mjs", "1"), "nobody knows what it was made of");
        fs::write(place.inputs(), "scaler.js\n").unwrap();
        assert!(place.is_fresh("build.mjs", "1"));
        assert!(!place.is_fresh("build.mjs", "2"));
        let later = SystemTime::now() + Duration::from_secs(5);
        fs::File::options().append(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(!place.is_fresh("build.mjs", "1"));
        fs::remove_file(&source).unwrap();
        assert!(!place.is_fresh("build.mjs", "1"));
    }

    #[test]
    fn the_contract_is_the_one_of_this_repository_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.filter(|name| name.ends_with(".wit")).collect();
        files.sort();
        assert_eq!(files, CONTRACT.map(|(name, _)| name));
    }
}
