//! Which language a folder is written in, by the file that says what it needs.

use std::fmt;
use std::path::Path;

/// A language that scalers are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Built by cargo.
    Rust,
    /// Built by componentize-js.
    JavaScript,
    /// Built by componentize-py.
    Python,
}

/// The language of a folder. What is neither of the two others is cargo's to judge, which also looks further up.
#[must_use]
pub fn language(folder: &Path) -> Language {
    let has = |file: &str| folder.join(file).is_file();
    if has("Cargo.toml") {
        Language::Rust
    } else if has("package.json") {
        Language::JavaScript
    } else if has("pyproject.toml") {
        Language::Python
    } else {
        Language::Rust
    }
}

impl fmt::Display for Language {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_in_the_language_of_its_manifest_and_a_crate_first() {
        let folder = tempfile::tempdir().unwrap();
        let with = |file: &str| {
            std::fs::write(folder.path().join(file), "").unwrap();
            language(folder.path())
        };
        assert_eq!(language(folder.path()), Language::Rust);
        assert_eq!(with("pyproject.toml"), Language::Python);
        assert_eq!(with("package.json"), Language::JavaScript);
        assert_eq!(with("Cargo.toml"), Language::Rust);
    }
}
