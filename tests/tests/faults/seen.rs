//! What became of all objects, looked at for all trials together: forty trials that each asked ten times a second would
//! be what is measured.
//!
//! Owns the looks and what they showed. Refuses to forget a visit: a count that was there at any look is in the range.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::Api;

/// Between two looks. A change between two of them shows in the generation.
const LOOK: Duration = Duration::from_millis(300);

/// One workload at the last look, and its range since it was last asked to begin anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workload {
    /// What the Deployment is asked to have.
    pub(crate) replicas: u64,
    /// How often the Deployment's spec was changed.
    pub(crate) generation: u64,
    /// The fewest and the most that it was asked to have, or that its HPA wanted.
    pub(crate) range: Option<(u64, u64)>,
    /// Status, reason and message of the object's condition Ready.
    pub(crate) ready: (String, String, String),
}

/// What is seen of a namespace.
pub(crate) struct Seen {
    workloads: Mutex<BTreeMap<String, Workload>>,
    problem: Mutex<Option<String>>,
}

impl Seen {
    /// Looks from now on, until nobody wants to know any more.
    pub(crate) fn begin(api: Arc<Api>, namespace: &'static str) -> Arc<Self> {
        let seen = Arc::new(Self { workloads: Mutex::default(), problem: Mutex::default() });
        let weak = Arc::downgrade(&seen);
        drop(thread::spawn(move || {
            while let Some(seen) = weak.upgrade() {
                let problem = seen.look(&api, namespace).err().map(|error| format!("{error:#}"));
                *seen.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
                drop(seen);
                thread::park_timeout(LOOK);
            }
        }));
        seen
    }

    /// A workload, once it was seen.
    pub(crate) fn of(&self, name: &str) -> Result<Workload> {
        let workloads = self.workloads.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = || self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
        workloads.get(name).cloned().with_context(|| format!("{name} was not seen yet {}", problem()))
    }

    /// Forgets the range of a workload.
    pub(crate) fn anew(&self, name: &str) {
        let mut workloads = self.workloads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workload) = workloads.get_mut(name) {
            workload.range = None;
        }
    }

    fn look(&self, api: &Api, namespace: &str) -> Result<()> {
        let deployments = api.list("deployments", namespace)?;
        let autoscalers = api.list("horizontalpodautoscalers", namespace)?;
        let objects = api.list("scaledobjects", namespace)?;
        let mut workloads = self.workloads.lock().unwrap_or_else(PoisonError::into_inner);
        for deployment in &deployments {
            let workload = workloads.entry(name(deployment, "")).or_default();
            workload.replicas = deployment["spec"]["replicas"].as_u64().unwrap_or_default();
            workload.generation = deployment["metadata"]["generation"].as_u64().unwrap_or_default();
            workload.count(workload.replicas);
        }
        for autoscaler in &autoscalers {
            let workload = workloads.entry(name(autoscaler, "keda-hpa-")).or_default();
            // One that computed nothing yet says 0, as does one whose target is at rest.
            if let Some(wanted) = autoscaler["status"]["desiredReplicas"].as_u64().filter(|wanted| *wanted > 0) {
                workload.count(wanted);
            }
        }
        for object in &objects {
            let conditions = object["status"]["conditions"].as_array();
            let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
            let text = |field: &str| ready.and_then(|ready| ready[field].as_str()).unwrap_or_default().to_owned();
            workloads.entry(name(object, "")).or_default().ready = (text("status"), text("reason"), text("message"));
        }
        Ok(())
    }
}

impl Workload {
    fn count(&mut self, replicas: u64) {
        let (least, most) = self.range.unwrap_or((replicas, replicas));
        self.range = Some((least.min(replicas), most.max(replicas)));
    }
}

fn name(object: &Value, prefix: &str) -> String {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}
