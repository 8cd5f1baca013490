//! From JavaScript to a component: node runs a script of ours, which bundles with esbuild and wraps componentize-js.
//!
//! Both are taken from where the folder's own package.json had them installed, in the version that it pins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::BuildError;
use crate::script::Workplace;

const SCRIPT: (&str, &str) = ("build.mjs", include_str!("javascript/build.mjs"));
/// What wraps, and what bundles; with the versions that the SDK is tried with.
const TOOLS: [(&str, &str); 2] = [("@bytecodealliance/componentize-js", "0.23.0"), ("esbuild", "0.28.2")];

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    version: String,
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
    #[serde(default, rename = "devDependencies")]
    development: serde_json::Map<String, serde_json::Value>,
}

/// Makes the component of a folder in JavaScript, unless there is one that is as new; says where it
/// is. `begins` is called where it has to be made.
///
/// # Errors
/// A tool is missing or not the one that is pinned, or the script has said what is wrong.
pub fn javascript(folder: &Path, begins: fn()) -> Result<PathBuf, BuildError> {
    let place = Workplace::of(folder);
    let wanted = read(&folder.join("package.json"))?;
    for (tool, tried) in TOOLS {
        judge(folder, &wanted, tool, tried)?;
    }
    let (name, text) = SCRIPT;
    if !place.is_fresh(name, text) {
        begins();
        let mut node = Command::new("node");
        node.arg(place.prepare(name, text)?);
        place.run("node", node)?;
    }
    Ok(place.component)
}

/// Whether a tool is installed as the manifest wants it.
fn judge(folder: &Path, wanted: &Manifest, tool: &'static str, tried: &str) -> Result<(), BuildError> {
    let missing = |why: String, command: String| Err(BuildError::Tool { tool, why, command });
    let Some(pinned) = wanted.development.get(tool).or_else(|| wanted.dependencies.get(tool)) else {
        let command = format!("npm install --save-dev --save-exact {tool}@{tried}");
        return missing("is not among the devDependencies of package.json".to_owned(), command);
    };
    let command = if folder.join("package-lock.json").is_file() { "npm ci" } else { "npm install" }.to_owned();
    // As node looks: in the folder, then in each above it.
    let mut places = folder.ancestors().map(|above| above.join("node_modules").join(tool).join("package.json"));
    let Some(found) = places.find(|place| place.is_file()) else {
        return missing("is not installed".to_owned(), command);
    };
    let (installed, pinned) = (read(&found)?.version, pinned.as_str().unwrap_or_default());
    // A range is npm's to judge, which installed what it found to fit.
    if pinned.starts_with(|letter: char| letter.is_ascii_digit()) && pinned != installed {
        return missing(format!("is installed as {installed}, and package.json pins {pinned}"), command);
    }
    Ok(())
}

fn read(path: &Path) -> Result<Manifest, BuildError> {
    let text = fs::read(path).map_err(|source| BuildError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&text)
        .map_err(|error| BuildError::Manifest { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_pinned_or_not_installed_or_another_is_told_with_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let told = || javascript(folder.path(), || {}).unwrap_err().to_string();
        write("package.json", "{}");
        let js = "@bytecodealliance/componentize-js";
        assert_eq!(
            told(),
            format!(
                "{js} is not among the devDependencies of package.json: `npm install --save-dev --save-exact {js}@0.23.0`"
            )
        );
        write("package.json", &format!(r#"{{"devDependencies": {{"{js}": "0.23.0", "esbuild": "^0.28.0"}}}}"#));
        assert_eq!(told(), format!("{js} is not installed: `npm install`"));
        write("package-lock.json", "{}");
        assert_eq!(told(), format!("{js} is not installed: `npm ci`"));
        write(&format!("node_modules/{js}/package.json"), r#"{"version": "0.22.0"}"#);
        assert_eq!(told(), format!("{js} is installed as 0.22.0, and package.json pins 0.23.0: `npm ci`"));
        write(&format!("node_modules/{js}/package.json"), r#"{"version": "0.23.0"}"#);
        assert_eq!(told(), "esbuild is not installed: `npm ci`");
        write("package.json", "{");
        assert!(told().contains("package.json"), "{}", told());
    }
}
