//! Components that were built once for a published version of the contract, and are never built again: what ran then runs
//! now, with the cases of then.
//!
//! Refuses a component that is not the one that was built then.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bellows_sdk::testing::cases;
use bellows_tests::paths;
use libtest_mimic::Trial;

use crate::bench::Bench;
use crate::{imports, same, trial};

/// `tests/contract/VERSION/NAME.wasm`, with `NAME.toml` beside it and a line in `DIGESTS`.
fn folder() -> PathBuf {
    paths::root().join("tests/contract")
}

/// All cases of all versions.
pub(crate) fn trials(bench: &Arc<Bench>) -> Result<Vec<Trial>> {
    let mut trials = vec![trial("contract: every published version has a component".to_owned(), covers_the_current)];
    for version in listed(&folder())?.into_iter().filter(|path| path.is_dir()) {
        for component in listed(&version)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "wasm"))
        {
            let name = format!("contract {}, {}", word(&version), word(&component.with_extension("")));
            let file = component.with_extension("toml");
            let text = fs::read_to_string(&file).with_context(|| format!("{} has no cases", component.display()))?;
            for case in cases::read(&text).with_context(|| format!("cannot read {}", file.display()))? {
                let (bench, component) = (Arc::clone(bench), component.clone());
                trials.push(trial(format!("{name}: {}", case.name), move || bench.hold(&component, &case)));
            }
            trials.push(trial(format!("{name}: is what was built then"), move || is_old(&component)));
        }
    }
    Ok(trials)
}

/// The version in `wit/` has its folder, and what is in it imports that version and nothing else.
fn covers_the_current() -> Result<()> {
    let world = fs::read_to_string(paths::root().join("wit/world.wit"))?;
    let package = world.lines().find_map(|line| line.strip_prefix("package bellows:scaler@")).context("a package")?;
    let version = package.trim_end_matches(';');
    let (series, _) = version.rsplit_once('.').context("a version has three parts")?;
    let built =
        listed(&folder().join(series)).with_context(|| format!("{series} was published without a component"))?;
    let components: Vec<_> = built.iter().filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    ensure!(!components.is_empty(), "tests/contract/{series} has no component");
    for component in components {
        let mut strangers = imports(component)?;
        strangers.retain(|name| !(name.starts_with("bellows:scaler/") && name.contains(&format!("@{series}."))));
        same("what an old component imports besides its contract", strangers, Vec::new())?;
    }
    Ok(())
}

/// The digest is the one in `DIGESTS`, as `sha256sum` writes it.
fn is_old(component: &Path) -> Result<()> {
    let list = fs::read_to_string(component.with_file_name("DIGESTS"))?;
    let digest = bellows_wasm::digest(&fs::read(component)?);
    let line = format!("{digest}  {}", word(component));
    ensure!(
        list.lines().any(|listed| listed == line),
        "{line} is not in DIGESTS: components of then are not built again"
    );
    Ok(())
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn word(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
