//! Which of KEDA's tests there are, which are ours to pass, and why some are not.
//!
//! Owns the default list and the reasons. Refuses to leave a test out silently.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// What is run unless folders are named: what this release serves.
pub const DEFAULT: [&str; 10] = [
    "scalers/redis/redis_standalone_lists",
    "scalers/rabbitmq",
    "scalers/cpu",
    "scalers/memory",
    "internals/fallback/deployments",
    "internals/update_ta",
    "internals/replica_update_so",
    "internals/trigger_update_so",
    "internals/events",
    "internals/status_update",
];

/// Folders that cannot be run on one machine without a network, and why.
const OUT_OF_REACH: [(&str, &str); 4] = [
    ("scalers/rabbitmq/rabbitmq_queue_http_aad_wi", "it needs an identity of Azure"),
    ("scalers/rabbitmq/rabbitmq_queue_http_regex_aad_wi", "it needs an identity of Azure"),
    ("scalers/rabbitmq/rabbitmq_queue_http_oauth2", "it needs Keycloak, which is on no package registry"),
    ("internals/fallback/rollouts", "it needs Argo Rollouts, which is on no package registry"),
];

/// What is refused by name, as it stands in the tests: a failed assertion that speaks of it is no failure of ours.
pub const NOT_SERVED: [(&str, &str); 1] = [("ScaledJob", "ScaledJob is not served by this release")];

/// Why a folder cannot be run here.
#[must_use]
pub fn out_of_reach(folder: &str) -> Option<&'static str> {
    OUT_OF_REACH.iter().find(|(name, _)| *name == folder).map(|(_, reason)| *reason)
}

/// The folders with tests among those named and below them, in the order of their names.
///
/// # Errors
/// There is none where one was named.
pub fn expand(source: &Path, named: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in named {
        let name = name.trim_matches('/');
        let before = found.len();
        let root = source.join("tests");
        collect(&root, &root.join(name), &mut found)?;
        if found.len() == before {
            bail!("there is no test in tests/{name} of KEDA");
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("look for tests in {}", folder.display()))?.flatten();
    let mut holds_tests = false;
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            collect(root, &path, found)?;
        }
        holds_tests |= path.to_string_lossy().ends_with("_test.go");
    }
    if holds_tests {
        let below = folder.strip_prefix(root).context("a folder of tests is below them all")?;
        found.push(below.display().to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_all_tests_below_it() {
        let root = crate::paths::own_directory("keda-folders");
        for path in ["tests/a/b/b_test.go", "tests/a/c/c_test.go", "tests/a/help.go", "tests/d/d_test.go"] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let named = ["a/".to_owned(), "a/b".to_owned()];
        assert_eq!(expand(&root, &named).unwrap(), ["a/b", "a/c"]);
        let missing = expand(&root, &["a/b".to_owned(), "e".to_owned()]).unwrap_err();
        assert!(format!("{missing:#}").contains("look for tests in"), "{missing:#}");
        fs::remove_dir_all(&root).unwrap();
    }
}
