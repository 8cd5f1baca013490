//! An engine of the author's own: the same as the host's, with a folder of compiled components in his home.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bellows_wasm::Scaler;
use tokio::runtime::Runtime;

use crate::rehearse::Stage;

/// Where compiled components are kept.
#[derive(Debug, clap::Args)]
pub(super) struct WorkshopArguments {
    /// Folder of compiled components, for this user alone; made where it is missing [default: bellows in
    /// $XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

impl WorkshopArguments {
    /// The folder.
    pub(super) fn folder(&self) -> anyhow::Result<PathBuf> {
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || given("HOME").map(|home| home.join(".cache"));
        let usual = || given("XDG_CACHE_HOME").or_else(home).map(|folder| folder.join("bellows"));
        let none = "there is no $HOME to keep compiled components in: name a folder with --cache";
        self.cache.clone().or_else(usual).context(none)
    }
}

/// A stage, and what runs it.
pub(super) struct Workshop {
    /// What runs it.
    pub(super) runtime: Runtime,
    /// The engine and the sources of cases.
    pub(super) stage: Stage,
}

impl Workshop {
    /// A stage that keeps compiled components in `cache`.
    pub(super) fn open(cache: PathBuf) -> anyhow::Result<Self> {
        let runtime = crate::cli::runtime()?;
        let compiler = crate::app::compiler()?;
        let stage = {
            let _within = runtime.enter();
            Stage::open(cache, compiler).context("cannot start the engine for scalers")?
        };
        Ok(Self { runtime, stage })
    }

    /// Loads a component, as the host would; one that is new is compiled first.
    pub(super) fn load(&self, component: &Path) -> anyhow::Result<Arc<Scaler>> {
        let loading = self.runtime.block_on(self.stage.load(component));
        loading.with_context(|| format!("{} is refused, here as by the host", component.display()))
    }
}
