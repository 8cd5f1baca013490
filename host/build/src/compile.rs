//! Running cargo for WebAssembly, with whichever toolchain can.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::BuildError;

/// What is built for: no operating system, and nothing that looks like one.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that is active, which has the target.
    Active,
    /// Debian's, which comes with the sources of the standard library: they are built along.
    Debian,
}

/// One run of cargo.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// Where cargo runs: the folder of the workspace.
    pub root: &'a Path,
    /// Where what is built goes.
    pub output: &'a Path,
    /// The profile, by its name.
    pub profile: &'a str,
    /// Whether cargo says nothing but errors.
    pub quiet: bool,
}

/// The toolchain that can build for WebAssembly in a folder.
///
/// # Errors
/// There is no compiler, or none that can.
pub fn toolchain(folder: &Path) -> Result<Toolchain, BuildError> {
    let start = |source| BuildError::Start { program: "rustc", source };
    let mut active = Command::new("rustc");
    active.args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder);
    let active = active.output().map_err(start)?;
    if active.status.success() && Path::new(String::from_utf8_lossy(&active.stdout).trim()).is_dir() {
        return Ok(Toolchain::Active);
    }
    let mut debian = Command::new("rustc");
    debian.env_remove("RUSTUP_TOOLCHAIN").args(["+debian", "--version"]).current_dir(folder);
    let debian = debian.output().map_err(start)?;
    if debian.status.success() { Ok(Toolchain::Debian) } else { Err(BuildError::NoTarget) }
}

impl Build<'_> {
    /// Builds packages.
    ///
    /// # Errors
    /// Cargo could not be run, or has said why it failed.
    pub fn compile(&self, toolchain: Toolchain, packages: &[&str]) -> Result<(), BuildError> {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(self.root);
        match toolchain {
            Toolchain::Active => _ = cargo.arg("build"),
            Toolchain::Debian => {
                // Naming the toolchain works only where the one that runs us does not hold the choice fixed.
                cargo.env_remove("RUSTUP_TOOLCHAIN").env("RUSTC_BOOTSTRAP", "1");
                cargo.args(["+debian", "build", "-Zbuild-std=std,panic_abort"]);
            }
        }
        if self.quiet {
            cargo.arg("--quiet");
        }
        cargo.args(["--lib", "--profile", self.profile, "--target", TARGET, "--target-dir"]).arg(self.output);
        for package in packages {
            cargo.args(["--package", package]);
        }
        let status = cargo.status().map_err(|source| BuildError::Start { program: "cargo", source })?;
        if status.success() { Ok(()) } else { Err(BuildError::Compile { status }) }
    }

    /// Whether the standard library is built along for the first time, which takes 1 to 2 minutes.
    #[must_use]
    pub fn builds_standard_library(&self, toolchain: Toolchain) -> bool {
        toolchain == Toolchain::Debian && !self.output.join(TARGET).exists()
    }

    /// What the compiler makes of a library.
    #[must_use]
    pub fn module(&self, library: &str) -> PathBuf {
        // Cargo's oldest profile is the one that has a folder of another name.
        let folder = if self.profile == "dev" { "debug" } else { self.profile };
        self.output.join(TARGET).join(folder).join(format!("{library}.wasm"))
    }
}
