//! KEDA's own end-to-end tests, unmodified, against Bellows or against KEDA itself.
//!
//! Owns how they are found, built, run and judged, and the stand-ins for what they take from the internet. Their source is
//! KEDA's Go module, pinned by version and checksum, copied below `target/` because the module cache may not be written to.
//! Refuses to change a line of them.

pub mod folder;
mod images;
mod log;
mod oracle;
mod run;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::paths;
use crate::process::{output, run_with_log};
pub use log::Verdict;
pub use run::{Done, Setting, run};

/// KEDA, as Go names it.
const MODULE: &str = "github.com/kedacore/keda/v2@v2.21.0";
/// What Go computes of it.
const CHECKSUM: &str = "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=";

/// Everything of KEDA's tests: source, programs, logs.
fn output_folder() -> PathBuf {
    paths::target().join("keda")
}

/// A copy of KEDA's source that may be written to.
///
/// # Errors
/// Go cannot download it, or it is not the one that was pinned.
pub fn source() -> Result<PathBuf> {
    let copy = output_folder().join("source");
    let stamp = output_folder().join("source.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|copied| copied == CHECKSUM) && copy.is_dir() {
        return Ok(copy);
    }
    let mut download = Command::new("go");
    // Outside of any module, so that none is changed.
    fs::create_dir_all(output_folder()).with_context(|| format!("make {}", output_folder().display()))?;
    download.args(["mod", "download", "-json", MODULE]).current_dir("/");
    let answer = output(&mut download).context("download KEDA's module")?;
    let answer: Value = serde_json::from_str(&answer).context("read Go's answer")?;
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
    ensure!(text("Sum") == CHECKSUM, "{MODULE} has the checksum {}, not {CHECKSUM}", text("Sum"));
    // What was copied half goes.
    if copy.exists() {
        fs::remove_dir_all(&copy).with_context(|| format!("remove {}", copy.display()))?;
    }
    let mut command = Command::new("cp");
    command.args(["--recursive", "--no-preserve=mode"]).arg(text("Dir")).arg(&copy);
    output(&mut command).context("copy KEDA's source")?;
    fs::write(&stamp, CHECKSUM).with_context(|| format!("write {}", stamp.display()))?;
    Ok(copy)
}

/// Builds something of KEDA's, with its words in a log.
fn go_build(what: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("go");
    command.args(arguments).current_dir(source()?).env("CGO_ENABLED", "0");
    run_with_log(&mut command, &output_folder().join(format!("log/build/{what}.log")))
}

/// A name for files that belong to a folder of tests.
fn file_name(folder: &str) -> String {
    folder.replace('/', "_")
}

/// The sources of a folder of tests, and of the folders above it up to `tests`, which tests share.
fn sources(root: &Path, folder: &str) -> Vec<PathBuf> {
    let within = root.join("tests");
    let folders = Path::new(folder).ancestors().map(|part| within.join(part));
    let files = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "go")).collect()
}
