//! `bellows scaler build`: a folder → a component, by the tool of its language or as another tool left it; then what the
//! component says of itself, loaded as the host would load it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use bellows_build::{Build, Language, Package, Workspace};

use super::about::About;
use super::workshop::{Workshop, WorkshopArguments};

/// What is built where nothing is said.
const PROFILE: &str = "release";

/// Arguments of `bellows scaler build`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The language is that of the folder's manifest: Cargo.toml, package.json or pyproject.toml. A component \
                        that `cargo component build` made, and that is as new as the sources, is taken as it is, unless \
                        --profile is given."
)]
pub(super) struct BuildArguments {
    /// Folder of the scaler
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Profile of cargo to build with [default: release]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    workshop: WorkshopArguments,
}

/// A component that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Built {
    /// Where it lies.
    pub(super) component: PathBuf,
    /// Where another tool had left it, if one had.
    pub(super) taken: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(arguments: &BuildArguments) -> anyhow::Result<ExitCode> {
    let built = build(&arguments.folder, arguments.profile.as_deref())?;
    let workshop = Workshop::open(arguments.workshop.folder()?)?;
    let loaded = workshop.load(&built.component);
    let scaler = loaded.map_err(|error| if built.taken.is_some() { elsewhere(error) } else { error })?;
    if let Some(taken) = &built.taken {
        println!("taken as it was built: {}", taken.display());
    }
    print!("{}", About::of(&built.component, &scaler)?.text());
    Ok(ExitCode::SUCCESS)
}

fn elsewhere(error: anyhow::Error) -> anyhow::Error {
    error.context(format!(
        "what another tool built is no scaler; where it imports wasi, build it with `cargo component build --release \
         --target {}`, or with cargo: `bellows scaler build --profile {PROFILE}`",
        bellows_build::TARGET
    ))
}

/// Makes the component of the scaler in `folder`. The language's tool says on standard error how far it is.
pub(super) fn build(folder: &Path, profile: Option<&str>) -> anyhow::Result<Built> {
    let folder = fs::canonicalize(folder).with_context(|| format!("there is no folder {}", folder.display()))?;
    let language = bellows_build::language(&folder);
    if language == Language::Rust {
        return of_crate(&folder, profile);
    }
    if profile.is_some() {
        bail!("--profile is cargo's, and {} is in {language}", folder.display());
    }
    let begins = || eprintln!("wrapping the language's engine into a component; half a minute");
    let made = match language {
        Language::Python => bellows_build::python(&folder, begins),
        Language::JavaScript | Language::Rust => bellows_build::javascript(&folder, begins),
    };
    let component = made.with_context(|| format!("{} did not build", folder.display()))?;
    Ok(Built { component, taken: None })
}

/// Where what is built of a folder goes.
pub(super) fn output(folder: &Path) -> anyhow::Result<PathBuf> {
    match bellows_build::language(folder) {
        Language::Rust => Ok(bellows_build::workspace(folder)?.output),
        Language::JavaScript | Language::Python => Ok(folder.join("target")),
    }
}

fn of_crate(folder: &Path, profile: Option<&str>) -> anyhow::Result<Built> {
    let workspace = bellows_build::workspace(folder).context("give the folder of a scaler, or begin one with `new`")?;
    let (package, library) = library(&workspace, folder)?;
    let component = workspace.output.join("components").join(format!("{}.wasm", package.name));
    if profile.is_none()
        && let Some(found) = bellows_build::already_built(&workspace.output, library, folder)?
    {
        bellows_build::encode_anew(&found, &component)?;
        return Ok(Built { component, taken: Some(found) });
    }
    let profile = profile.unwrap_or(PROFILE);
    let build = Build { root: &workspace.root, output: &workspace.output, profile, quiet: false };
    let toolchain = bellows_build::toolchain(folder)?;
    if build.builds_standard_library(toolchain) {
        eprintln!("building the standard library for WebAssembly first, once; 1 to 2 minutes");
    }
    build.compile(toolchain, &[&package.name]).with_context(|| format!("{} did not build", package.name))?;
    bellows_build::encode_anew(&build.module(library), &component)
        .context("does src/lib.rs end with `scaler!(…)`, which makes a component of it?")?;
    Ok(Built { component, taken: None })
}

/// The crate in the folder, and what the compiler calls its library.
fn library<'a>(workspace: &'a Workspace, folder: &Path) -> anyhow::Result<(&'a Package, &'a str)> {
    let here = |package: &&Package| fs::canonicalize(&package.folder).is_ok_and(|there| there == folder);
    let Some(package) = workspace.packages.iter().find(here) else {
        let could = workspace.packages.iter().filter(|package| package.library.is_some());
        let could: Vec<String> = could.map(|package| package.folder.display().to_string()).collect();
        bail!("{} holds no crate but a workspace; give one of:\n  {}", folder.display(), could.join("\n  "));
    };
    let Some(library) = &package.library else {
        bail!(
            "{} is no library that can become a component; give its Cargo.toml\n\n[lib]\ncrate-type = [\"cdylib\", \
             \"rlib\"]",
            package.name
        );
    };
    Ok((package, library))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(folder: &Path, library: Option<&str>) -> Workspace {
        let package = Package { name: "mine".into(), folder: folder.to_owned(), library: library.map(str::to_owned) };
        Workspace { root: folder.to_owned(), output: folder.join("target"), packages: vec![package] }
    }

    #[test]
    fn what_cannot_become_a_component_is_refused_with_what_to_write() {
        let folder = fs::canonicalize(std::env::temp_dir()).unwrap();
        let told = library(&workspace(&folder, None), &folder).unwrap_err().to_string();
        assert!(told.contains("crate-type = [\"cdylib\", \"rlib\"]"), "{told}");
        assert_eq!(library(&workspace(&folder, Some("mine")), &folder).unwrap().1, "mine");
    }

    #[test]
    fn a_workspace_is_answered_with_the_crates_that_could_be_meant() {
        let root = fs::canonicalize("/").unwrap();
        let told = library(&workspace(Path::new("/w/s"), Some("mine")), &root).unwrap_err().to_string();
        assert_eq!(told, "/ holds no crate but a workspace; give one of:\n  /w/s");
    }
}
