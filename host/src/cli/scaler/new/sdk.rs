//! Where a new scaler gets the SDK from. It is in no registry, so there is no default but the checkout that this program
//! was built of, where that is still there.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A place of the SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sdk {
    /// On this machine.
    Folder(PathBuf),
    /// In a Git repository.
    Git(String),
    /// In the registry that cargo is configured with.
    Version(String),
}

impl Sdk {
    /// What was given on the command line: a version begins with a digit, a URL has a scheme, and a folder is there.
    pub(super) fn parse(given: &str) -> anyhow::Result<Self> {
        if given.contains(['"', '\\', '\n']) {
            bail!("--sdk: there is a quotation mark, a backslash or a line break in it");
        }
        if given.contains("://") || given.starts_with("git@") {
            return Ok(Self::Git(given.to_owned()));
        }
        if given.starts_with(|letter: char| letter.is_ascii_digit()) && !Path::new(given).exists() {
            return Ok(Self::Version(given.to_owned()));
        }
        Self::folder(Path::new(given)).with_context(|| format!("--sdk {given}"))
    }

    /// The checkout that this program was built of.
    pub(super) fn of_checkout() -> anyhow::Result<Self> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("sdk");
        Self::folder(&checkout).context(
            "the SDK is in no registry, and the checkout that this program was built of is gone: name a folder or a Git \
             URL with --sdk",
        )
    }

    fn folder(folder: &Path) -> anyhow::Result<Self> {
        let folder = fs::canonicalize(folder).with_context(|| format!("there is no folder {}", folder.display()))?;
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        if !manifest.contains("name = \"bellows-sdk\"") {
            bail!("{} is not the folder of bellows-sdk", folder.display());
        }
        Ok(Self::Folder(folder))
    }

    /// As a manifest spells it, between braces.
    pub(super) fn dependency(&self) -> String {
        match self {
            Self::Folder(folder) => format!("path = \"{}\"", folder.display()),
            Self::Git(url) => format!("git = \"{url}\""),
            Self::Version(version) => format!("version = \"{version}\""),
        }
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(out, "the one in {}", folder.display()),
            Self::Git(url) => write!(out, "the one of {url}"),
            Self::Version(version) => write!(out, "version {version} of your registry"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_a_url_and_a_version_are_told_apart() {
        let dependency = |given: &str| Sdk::parse(given).unwrap().dependency();
        assert_eq!(dependency("https://git.example/bellows"), "git = \"https://git.example/bellows\"");
        assert_eq!(dependency("0.1"), "version = \"0.1\"");
        let Sdk::Folder(folder) = Sdk::of_checkout().unwrap() else { panic!() };
        assert_eq!(dependency(&folder.display().to_string()), format!("path = \"{}\"", folder.display()));
    }

    #[test]
    fn what_is_none_of_them_is_refused_with_the_reason() {
        let told = |given: &str| format!("{:#}", Sdk::parse(given).unwrap_err());
        assert!(told("/nowhere").starts_with("--sdk /nowhere: there is no folder /nowhere"));
        assert!(told("/").ends_with("/ is not the folder of bellows-sdk"));
        assert!(told("a\"b").contains("quotation mark"));
    }
}
