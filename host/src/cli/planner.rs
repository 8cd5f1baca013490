//! The real components for `bellows check`: loaded as `bellows run` loads them, asked for a plan and for nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bellows_core::problem::Problem;
use bellows_core::scaler::{Metric, Trigger, TriggerType};
use bellows_core::workload::ObjectKey;
use bellows_wasm::{Engine, EngineSettings, Limits, NetworkSettings, PlanError};
use tokio::runtime::Runtime;

use crate::check::Planner;
use crate::plan::Catalogue;
use crate::scalers::Scalers;

/// Components of a folder.
pub(super) struct Components {
    runtime: Runtime,
    scalers: Arc<Scalers>,
    trigger_types: Vec<TriggerType>,
}

impl Components {
    /// Loads the components of `folder`; what cannot be loaded is logged.
    pub(super) fn load(folder: &Path, cache: PathBuf) -> anyhow::Result<Self> {
        let runtime = super::runtime()?;
        let settings = EngineSettings {
            cache,
            compiler: crate::app::compiler()?,
            limits: Limits::default(),
            network: NetworkSettings::default(),
        };
        let scalers = runtime.block_on(async {
            let engine = Engine::new(settings).context("cannot start the engine for scalers")?;
            anyhow::Ok(Arc::new(Scalers::open(folder.to_owned(), engine).await))
        })?;
        let served = scalers.served("");
        let kind = |name: &String| {
            let found = scalers.find(&ObjectKey::new("", ""), None, name)?;
            found.planner.description().trigger_types.iter().find(|kind| kind.name == *name).cloned()
        };
        let trigger_types = served.iter().filter_map(kind).collect();
        Ok(Self { runtime, scalers, trigger_types })
    }
}

impl Planner for Components {
    fn trigger_types(&self) -> &[TriggerType] {
        &self.trigger_types
    }

    fn plan(&self, trigger: &Trigger) -> Result<Vec<Metric>, Vec<Problem>> {
        let gone = || vec![Problem::new("", format!("no scaler is loaded that serves {}", trigger.trigger_type))];
        let object = ObjectKey::new(trigger.namespace(), "");
        let found = self.scalers.find(&object, None, &trigger.trigger_type).ok_or_else(gone)?;
        self.runtime.block_on(found.planner.plan(trigger)).map_err(|error| match error {
            PlanError::Problems(problems) => problems,
            PlanError::Failed(failure) => vec![Problem::new("", failure.to_string())],
        })
    }
}
