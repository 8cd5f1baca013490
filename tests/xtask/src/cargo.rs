//! Cargo, called by a program that cargo itself runs.
//!
//! Owns the one way to call it. Refuses to hand on what `cargo run` says of the task runner: build scripts of libraries look at
//! these variables, so that TLS and all that needs it would be compiled anew whenever it is called by hand, and again from
//! here.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

use anyhow::Result;
use bellows_tests::paths;
use bellows_tests::process::run;

/// Cargo in the house.
pub(crate) fn cargo<Word: AsRef<OsStr>>(arguments: impl IntoIterator<Item = Word>) -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(&name);
        }
    }
    command.args(arguments).current_dir(paths::root());
    command
}

/// Builds Bellows. The whole workspace is named, so that libraries have the same features as in tests, and are built once.
pub(crate) fn build_programs() -> Result<()> {
    build(&["--quiet", "--workspace", "--bins"])
}

/// Builds what the arguments say.
pub(crate) fn build(arguments: &[&str]) -> Result<()> {
    run(&mut cargo([&["build"], arguments].concat()))
}
