//! What cargo says of a folder: the packages of its workspace, and where they are built. Reads no manifest itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::BuildError;

/// A workspace, or a crate that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Where its manifest lies.
    pub root: PathBuf,
    /// The folder of all that is built.
    pub output: PathBuf,
    /// Its packages, in the order of their names.
    pub packages: Vec<Package>,
}

/// A crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Where its manifest lies.
    pub folder: PathBuf,
    /// What the compiler calls its library, if that can become a component: if it is of type `cdylib`.
    pub library: Option<String>,
}

#[derive(Deserialize)]
struct Told {
    packages: Vec<ToldPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct ToldPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<ToldTarget>,
}

#[derive(Deserialize)]
struct ToldTarget {
    name: String,
    crate_types: Vec<String>,
}

/// The workspace that a folder belongs to.
///
/// # Errors
/// There is no cargo, or no crate in the folder.
pub fn workspace(folder: &Path) -> Result<Workspace, BuildError> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(folder)
        .output()
        .map_err(|source| BuildError::Start { program: "cargo", source })?;
    let wrong = |told: String| BuildError::Metadata { folder: folder.to_owned(), told };
    if !output.status.success() {
        return Err(wrong(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    read(&output.stdout).map_err(|error| wrong(error.to_string()))
}

fn read(told: &[u8]) -> Result<Workspace, serde_json::Error> {
    let told: Told = serde_json::from_slice(told)?;
    let mut packages: Vec<Package> = told.packages.into_iter().map(package).collect();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Workspace { root: told.workspace_root, output: told.target_directory, packages })
}

fn package(told: ToldPackage) -> Package {
    let library = told.targets.into_iter().find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
    Package {
        name: told.name,
        folder: told.manifest_path.parent().unwrap_or(Path::new("/")).to_owned(),
        library: library.map(|target| target.name.replace('-', "_")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_library_of_the_right_type_can_become_a_component() {
        let told = br#"{
          "workspace_root": "/w", "target_directory": "/w/target",
          "packages": [
            { "name": "tool", "manifest_path": "/w/tool/Cargo.toml",
              "targets": [{ "name": "tool", "crate_types": ["bin"] }] },
            { "name": "my-scaler", "manifest_path": "/w/s/Cargo.toml",
              "targets": [{ "name": "my-scaler", "crate_types": ["cdylib", "rlib"] }] }
          ] }"#;
        let read = read(told).unwrap();
        let found: Vec<_> = read.packages.iter().map(|found| (&*found.name, found.library.as_deref())).collect();
        assert_eq!(found, [("my-scaler", Some("my_scaler")), ("tool", None)]);
        assert_eq!(read.packages[0].folder, Path::new("/w/s"));
    }

    #[test]
    fn a_folder_without_a_crate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = workspace(folder.path()).unwrap_err();
        assert!(matches!(&error, BuildError::Metadata { told, .. } if told.contains("Cargo.toml")), "{error}");
    }
}
