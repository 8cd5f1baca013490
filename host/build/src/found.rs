//! Components that somebody else's tool made in the usual places, and whether they are as new as the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::encode::{is_component, modified};
use crate::{BuildError, TARGET};

/// Where `cargo component build` leaves components, below the folder of all that is built.
const TARGETS: [&str; 3] = [TARGET, "wasm32-wasip1", "wasm32-wasip2"];
/// Optimised first.
const PROFILES: [&str; 2] = ["release", "debug"];
/// Files and folders of a crate that are looked at; a crate with more of them is not a scaler's.
const ENTRIES_MAX: usize = 10_000;

/// The component of a library that another tool built and that is as new as the sources, if there is one.
///
/// # Errors
/// The folder of the crate cannot be read.
pub fn already_built(output: &Path, library: &str, folder: &Path) -> Result<Option<PathBuf>, BuildError> {
    let places =
        TARGETS.iter().flat_map(|target| PROFILES.iter().map(move |profile| output.join(target).join(profile)));
    let built = places.map(|place| place.join(format!("{library}.wasm")));
    let mut built = built.filter(|file| begins_as_component(file)).peekable();
    if built.peek().is_none() {
        return Ok(None);
    }
    let sources = newest_source(folder, output)?;
    Ok(built.find(|file| modified(file).is_ok_and(|time| time >= sources)))
}

/// When a source of a crate last changed: everything in its folder but what is built and what hides behind a dot.
///
/// # Errors
/// The folder cannot be read.
pub fn newest_source(folder: &Path, output: &Path) -> Result<SystemTime, BuildError> {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut folders = vec![folder.to_owned()];
    let mut entries = 0;
    while let Some(folder) = folders.pop() {
        let read = |source| BuildError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(read)? {
            let path = entry.map_err(read)?.path();
            entries += 1;
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            // What was installed is no source either.
            let others = ["target", "Cargo.lock", "node_modules", "__pycache__"];
            let built = path == output || others.iter().any(|other| path.ends_with(other));
            if hidden || built || entries > ENTRIES_MAX {
                continue;
            }
            // What disappears while we look is no source any more.
            let Ok(about) = fs::symlink_metadata(&path) else { continue };
            newest = newest.max(about.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(newest)
}

fn begins_as_component(file: &Path) -> bool {
    use std::io::Read as _;
    let mut beginning = [0; 8];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut beginning));
    read.is_ok() && is_component(&beginning)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Crate(tempfile::TempDir);

    impl Crate {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("src")).unwrap();
            fs::write(folder.path().join("src/lib.rs"), "").unwrap();
            Self(folder)
        }

        fn built(&self, place: &str, bytes: &[u8], age: i64) -> PathBuf {
            let file = self.0.path().join("target").join(place).join("mine.wasm");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, bytes).unwrap();
            let sources = newest_source(self.0.path(), &self.0.path().join("target")).unwrap();
            let difference = Duration::from_secs(age.unsigned_abs());
            let time = if age < 0 { sources + difference } else { sources - difference };
            fs::File::options().append(true).open(&file).unwrap().set_modified(time).unwrap();
            file
        }

        fn found(&self) -> Option<PathBuf> {
            already_built(&self.0.path().join("target"), "mine", self.0.path()).unwrap()
        }
    }

    #[test]
    fn a_component_as_new_as_the_sources_is_found_and_the_optimised_one_first() {
        let sources = Crate::new();
        assert_eq!(sources.found(), None);
        let component = wat::parse_str("(component)").unwrap();
        let debug = sources.built("wasm32-wasip1/debug", &component, -1);
        assert_eq!(sources.found(), Some(debug));
        let release = sources.built("wasm32-wasip1/release", &component, 0);
        assert_eq!(sources.found(), Some(release));
    }

    #[test]
    fn an_old_component_and_a_module_are_not() {
        let sources = Crate::new();
        sources.built("wasm32-wasip2/release", &wat::parse_str("(component)").unwrap(), 5);
        sources.built("wasm32-unknown-unknown/release", &wat::parse_str("(module)").unwrap(), -5);
        assert_eq!(sources.found(), None);
    }
}
