//! From a crate to a component: where its sources are, which toolchain can build them for WebAssembly, and what the
//! compiler made of them, encoded.
//!
//! Cargo decides what is out of date; encoding is done again only for a module that is newer than its component. It
//! installs nothing, and runs nothing that it built.

mod compile;
mod encode;
mod found;
mod workspace;

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

pub use compile::{Build, TARGET, Toolchain, toolchain};
pub use encode::{Interfaces, encode, encode_anew, interfaces};
pub use found::{already_built, newest_source};
pub use workspace::{Package, Workspace, workspace};

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program is missing, or cannot be run.
    #[error("cannot run {program}: is Rust installed?")]
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
