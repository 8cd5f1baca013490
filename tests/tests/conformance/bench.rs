//! One stage for all cases, and this very program as its compiler.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use bellows::rehearse::{Rounds, Stage};
use bellows_core::scaler::Trigger;
use bellows_sdk::testing::cases::Case;
use bellows_wasm::{Compiler, Measured, Scaler};
use tokio::runtime::Runtime;

pub(crate) struct Bench {
    runtime: Runtime,
    stage: Stage,
    _cache: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        let cache = tempfile::tempdir()?;
        let compiler = Compiler { program: std::env::current_exe()?, arguments: vec!["compile".into()] };
        let stage = Stage::open(cache.path().join("compiled"), compiler)?;
        Ok(Self { runtime: Runtime::new()?, stage, _cache: cache })
    }

    pub(crate) fn load(&self, component: &Path) -> Result<Arc<Scaler>> {
        Ok(self.runtime.block_on(self.stage.load(component))?)
    }

    /// Holds a component to what a case expects of it, and to what is true of every good scaler.
    pub(crate) fn hold(&self, component: &Path, case: &Case) -> Result<()> {
        let scaler = self.load(component)?;
        let missed = self.runtime.block_on(self.stage.hold(&scaler, case));
        let missed: Vec<String> = missed.iter().map(ToString::to_string).collect();
        ensure!(missed.is_empty(), "{}", missed.join("\n"));
        Ok(())
    }

    /// Measures triggers of one case in one call, and says what was asked meanwhile.
    pub(crate) fn measure(&self, scaler: &Scaler, case: &Case, triggers: Vec<Trigger>) -> (Measured, Rounds) {
        self.runtime.block_on(self.stage.measure(scaler, case, triggers))
    }
}
