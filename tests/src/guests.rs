//! Building scaler components: every crate under `scalers/` into `target/scalers/`, every example under `sdk/examples/`
//! into `target/examples/`, every test guest under `tests/guests/` into `target/guests/`.
//!
//! How a component is made of a crate is `bellows-build`'s, the same as for `bellows scaler build`. It installs nothing:
//! setting a toolchain up is for `setup`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use bellows_build::{Build, BuildError, Package};

use crate::paths;

/// One crate that becomes a component.
struct Guest {
    package: String,
    library: String,
    component: PathBuf,
}

/// Builds all components, and says where they are: scalers first, in the order of their names.
///
/// # Errors
/// The build of a crate, or the encoding of its module; the message names the crate.
pub fn build_all() -> Result<Vec<PathBuf>> {
    let started = Instant::now();
    let guests = find()?;
    let _alone = lock()?;
    let (root, output) = (paths::root(), build_output());
    let build = Build { root: &root, output: &output, profile: "guest", quiet: true };
    compile(&build, &guests)?;
    let mut encoded = 0;
    for guest in &guests {
        encoded += usize::from(bellows_build::encode(&build.module(&guest.library), &guest.component)?);
    }
    let count = guests.len();
    println!("components: {count} up to date, {encoded} of them new, in {:.1} s", started.elapsed().as_secs_f32());
    Ok(guests.into_iter().map(|guest| guest.component).collect())
}

/// The crates of the workspace that lie in one of the three folders.
fn find() -> Result<Vec<Guest>> {
    let root = paths::root();
    let packages = bellows_build::workspace(&root)?.packages;
    let mut guests = Vec::new();
    for (sources, components) in [
        (root.join("scalers"), paths::scalers()),
        (root.join("sdk/examples"), paths::examples()),
        (root.join("tests/guests"), paths::target().join("guests")),
    ] {
        let mut found: Vec<Guest> =
            packages.iter().filter_map(|package| guest(package, &sources, &components)).collect();
        found.sort_by(|left, right| left.component.cmp(&right.component));
        guests.extend(found);
    }
    ensure!(!guests.is_empty(), "there is no crate in {}", root.join("scalers").display());
    Ok(guests)
}

fn guest(package: &Package, sources: &Path, components: &Path) -> Option<Guest> {
    if package.folder.parent()? != sources {
        return None;
    }
    let component = components.join(format!("{}.wasm", package.folder.file_name()?.to_str()?));
    Some(Guest { package: package.name.clone(), library: package.library.clone()?, component })
}

/// A folder of its own, because two compilers that share one build everything anew in turn.
fn build_output() -> PathBuf {
    paths::target().join("guest-build")
}

/// Held while components are made: tests of several processes want them at the same moment.
fn lock() -> Result<File> {
    let folder = build_output();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("components.lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn compile(build: &Build<'_>, guests: &[Guest]) -> Result<()> {
    let toolchain = bellows_build::toolchain(build.root)
        .context("on Debian, `cargo xtask cluster up` names the packages that are missing")?;
    if build.builds_standard_library(toolchain) {
        println!("components: building the standard library for WebAssembly, once; 1 to 2 minutes");
    }
    let packages: Vec<&str> = guests.iter().map(|guest| guest.package.as_str()).collect();
    let built = build.compile(toolchain, &packages);
    built.map_err(|error: BuildError| anyhow::Error::new(error).context("the components did not build"))
}
