//! Building scaler components: every crate under `scalers/` into `target/scalers/`, every example under `sdk/examples/`
//! into `target/examples/`, every test guest under `tests/guests/` into `target/guests/`.
//!
//! Cargo decides what is out of date; encoding is done again only for a module that is newer than its component. It
//! installs nothing: which toolchain can build for WebAssembly is asked, and setting one up is for `setup`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use wit_component::ComponentEncoder;

use crate::paths;

const TARGET: &str = "wasm32-unknown-unknown";

/// One crate that becomes a component.
struct Guest {
    package: String,
    /// What the compiler makes of it, below the build's output.
    module: PathBuf,
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
    compile(&guests)?;
    let mut encoded = 0;
    for guest in &guests {
        encoded += usize::from(encode(guest).with_context(|| format!("cannot make a component of {}", guest.package))?);
    }
    let count = guests.len();
    println!("components: {count} up to date, {encoded} of them new, in {:.1} s", started.elapsed().as_secs_f32());
    Ok(guests.into_iter().map(|guest| guest.component).collect())
}

/// The crates of the workspace that lie in one of the three folders.
fn find() -> Result<Vec<Guest>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(paths::root())
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")?;
    let packages =
        metadata.get("packages").and_then(|packages| packages.as_array()).context("there are no packages")?;

    let root = paths::root();
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

fn guest(package: &serde_json::Value, sources: &Path, components: &Path) -> Option<Guest> {
    let name = package.get("name")?.as_str()?;
    let folder = Path::new(package.get("manifest_path")?.as_str()?).parent()?;
    if folder.parent()? != sources {
        return None;
    }
    let module = build_output().join(TARGET).join("guest").join(format!("{}.wasm", name.replace('-', "_")));
    let component = components.join(format!("{}.wasm", folder.file_name()?.to_str()?));
    Some(Guest { package: name.to_owned(), module, component })
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

fn compile(guests: &[Guest]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(paths::root());
    if !active_toolchain_has_target()? {
        // Debian's compiler comes with the sources of the standard library, which are built along. Naming the toolchain
        // works only where the one that runs us does not hold the choice fixed.
        cargo.env_remove("RUSTUP_TOOLCHAIN").env("RUSTC_BOOTSTRAP", "1");
        cargo.args(["+debian", "build", "-Zbuild-std=std,panic_abort"]);
        if !build_output().join(TARGET).exists() {
            println!("components: building the standard library for WebAssembly, once; 1 to 2 minutes");
        }
    } else {
        cargo.arg("build");
    }
    cargo.args(["--quiet", "--profile", "guest", "--target", TARGET, "--target-dir"]).arg(build_output());
    for guest in guests {
        cargo.args(["--package", &guest.package]);
    }
    let status = cargo.status().context("cannot run cargo build")?;
    if !status.success() {
        bail!(
            "the components did not build ({status}); where the target is missing, `rustup target add {TARGET}` adds \
             it, or on Debian the packages that `cargo xtask cluster up` names"
        );
    }
    Ok(())
}

fn active_toolchain_has_target() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(paths::root())
        .output()
        .context("cannot run rustc")?;
    Ok(output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Whether it had to be done.
fn encode(guest: &Guest) -> Result<bool> {
    let Guest { module, component, .. } = guest;
    if component.exists() && modified(component)? >= modified(module)? {
        return Ok(false);
    }
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode())
        .with_context(|| format!("cannot encode {}", module.display()))?;
    let folder = component.parent().context("a component lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // A process that reads the folder meanwhile sees the old component or the new one, and never a half.
    let unfinished = component.with_extension("wasm.unfinished");
    fs::write(&unfinished, &encoded).with_context(|| format!("cannot write {}", unfinished.display()))?;
    fs::rename(&unfinished, component).with_context(|| format!("cannot write {}", component.display()))?;
    Ok(true)
}

fn modified(path: &Path) -> Result<SystemTime> {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .with_context(|| format!("cannot read {}", path.display()))
}
