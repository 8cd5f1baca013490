//! From the folder of a scaler to a component. Of Rust: where the sources are, which toolchain can build them for
//! WebAssembly, and what the compiler made of them, encoded. Of JavaScript and Python: the language's own tool, wrapped.
//!
//! Cargo decides what is out of date; encoding is done again only for a module that is newer than its component. It
//! installs nothing, and runs no component.

mod compile;
mod encode;
mod found;
mod javascript;
mod language;
mod python;
mod script;
mod workspace;

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

pub use compile::{Build, TARGET, Toolchain, toolchain};
pub use encode::{Interfaces, encode, encode_anew, interfaces};
pub use found::{already_built, newest_source};
pub use javascript::javascript;
pub use language::{Language, language};
pub use python::python;
pub use workspace::{Package, Workspace, workspace};

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program is missing, or cannot be run.
    #[error("cannot run {program}: is {} installed?", needed(.program))]
    Start {
        /// What was to be run.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Cargo does not understand the folder; in its own words.
    #[error("cargo cannot read the crate in {}: {told}", .folder.display())]
    Metadata {
        /// The folder.
        folder: PathBuf,
        /// What cargo said.
        told: String,
    },
    /// No toolchain can build for WebAssembly.
    #[error("no toolchain can build for {TARGET}: `rustup target add {TARGET}` adds it")]
    NoTarget,
    /// Cargo built nothing; it has said why.
    #[error("the build failed ({status}); cargo says why above")]
    Compile {
        /// How cargo ended.
        status: ExitStatus,
    },
    /// A tool of the language is not there as the folder wants it.
    #[error("{tool} {why}: `{command}`")]
    Tool {
        /// The tool.
        tool: &'static str,
        /// What is wrong with it.
        why: String,
        /// What mends that.
        command: String,
    },
    /// A script built nothing; it has said why.
    #[error("the build failed ({status}); {program} says why above")]
    Script {
        /// What ran it.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
    /// A manifest cannot be understood.
    #[error("cannot understand {}: {reason}", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was built cannot be made a component of.
    #[error("cannot make a component of {}: {reason}", .module.display())]
    Encode {
        /// What was built.
        module: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is no component.
    #[error("it is no component: {0}")]
    NoComponent(String),
    /// A file or folder could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What brings a program along.
fn needed(program: &str) -> &'static str {
    match program {
        "node" => "Node.js",
        "python3" => "Python",
        _ => "Rust",
    }
}
