//! A scaler that `cargo component` builds, taken by `bellows scaler build` and held to its cases.
//!
//! That program is built from 541 crates, which is more than a test run has time for; so this is left out by name where it
//! is not installed. Refuses to have targets downloaded: where the toolchain has none, Debian's builds its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use bellows_build::Toolchain;
use bellows_tests::{paths, setup};
use libtest_mimic::{Arguments, Failed, Trial};

const NAME: &str = "what_cargo_component_built_is_taken_and_holds_its_cases";
const TARGET: &str = "wasm32-unknown-unknown";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let installed = Command::new("cargo-component").arg("--version").output().is_ok();
    if !installed && !arguments.list {
        eprintln!("{NAME} is left out: cargo-component is not installed (cargo install --locked cargo-component)");
    }
    let prove = || -> Result<(), Failed> { proof().map_err(|error| format!("{error:#}").into()) };
    let trial = Trial::test(NAME, prove).with_ignored_flag(!installed);
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

fn proof() -> Result<()> {
    setup::prepare(setup::Needs { components: true, ..setup::Needs::default() })?;
    let folder = tempfile::tempdir()?;
    let sdk = paths::root().join("sdk").display().to_string();
    bellows(folder.path(), folder.path(), &["new", "my-queue", "--over", "redis", "--sdk", &sdk])?;
    let scaler = folder.path().join("my-queue");
    fs::copy(paths::root().join("Cargo.lock"), scaler.join("Cargo.lock"))?;

    let output = paths::target().join("component-tool-build");
    let mut cargo = Command::new("cargo-component");
    cargo.args(["component", "build", "--release", "--target", TARGET]);
    if bellows_build::toolchain(&scaler)? == Toolchain::Debian {
        cargo.env("RUSTUP_TOOLCHAIN", "debian").env("RUSTC_BOOTSTRAP", "1").env("PATH", has_wasi(folder.path())?);
        // As an argument, -Zbuild-std=std,panic_abort is taken for a package, `-p anic_abort`.
        cargo.env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
    }
    succeeds(cargo.current_dir(&scaler).env("CARGO_TARGET_DIR", &output))?;

    let built = output.join(TARGET).join("release/my_queue.wasm");
    ensure!(fs::read(&built)?.starts_with(b"\0asm\x0d\0\x01\0"), "{} is no component", built.display());
    let told = bellows(folder.path(), &scaler, &["build"])?;
    let expected = format!("taken as it was built: {}\n", built.display());
    ensure!(told.starts_with(&expected), "expected {expected:?}, found {told:?}");
    let tested = bellows(folder.path(), &scaler, &["test"])?;
    ensure!(tested.ends_with(" cases, all as expected\n"), "{tested}");
    Ok(())
}

/// A search path on which `rustc` says that it has the target wasm32-wasip1: `cargo component` would download that, whichever
/// it builds for.
fn has_wasi(folder: &Path) -> Result<String> {
    let (sysroot, shim) = (folder.join("sysroot"), folder.join("shim"));
    fs::create_dir_all(sysroot.join("lib/rustlib/wasm32-wasip1"))?;
    fs::create_dir_all(&shim)?;
    let rustc = paths::program("rustc").context("rustc is on the search path")?;
    let answer = format!("[ \"$*\" = '--print sysroot' ] && exec echo '{}'", sysroot.display());
    fs::write(shim.join("rustc"), format!("#!/bin/sh\n{answer}\nexec '{}' \"$@\"\n", rustc.display()))?;
    fs::set_permissions(shim.join("rustc"), fs::Permissions::from_mode(0o755))?;
    Ok(format!("{}:{}", shim.display(), std::env::var("PATH").unwrap_or_default()))
}

/// `bellows scaler …` in a folder; what it printed.
fn bellows(home: &Path, folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut program = Command::new(paths::bellows());
    program.arg("scaler").args(arguments).current_dir(folder);
    program.env("CARGO_TARGET_DIR", paths::target().join("component-tool-build"));
    succeeds(program.env("XDG_CACHE_HOME", home.join("cache")))
}

fn succeeds(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} ended with {}:\n{out}{err}", output.status);
    Ok(out.into_owned())
}
