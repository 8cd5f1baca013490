//! How a cluster is to be.
//!
//! Owns the choices and their two usual answers: a quick cluster for tests, and one like anybody's.

use std::path::PathBuf;
use std::time::Duration;

use crate::process::Life;
use crate::wait::Stop;

/// How a cluster is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often HPAs are evaluated. Kubernetes' default is 15 s.
    pub hpa_sync_period: Duration,
    /// How long HPAs remember a higher wish before they scale down. Kubernetes' default is 300 s.
    pub downscale_stabilization: Duration,
    /// How long HPAs doubt what a new pod's processor does. Kubernetes' default is 300 s.
    pub pod_start_up: Duration,
    /// Nodes without a machine: their pods are Ready at once and run nothing.
    pub stand_in_nodes: usize,
    /// A real node of this machine, with real pods. Needs root.
    pub real_node: bool,
    /// Whether it ends with us.
    pub life: Life,
    /// Where it keeps everything; an own folder below `target/cluster/run` by default.
    pub directory: Option<PathBuf>,
    /// Ends every wait early.
    pub stop: Stop,
}

impl Options {
    /// Kubernetes' own defaults for HPAs, as on anybody's cluster.
    #[must_use]
    pub fn as_anywhere() -> Self {
        Self {
            hpa_sync_period: Duration::from_secs(15),
            downscale_stabilization: Duration::from_secs(300),
            pod_start_up: Duration::from_secs(300),
            ..Self::default()
        }
    }
}

impl Default for Options {
    /// A cluster for tests: HPAs are evaluated every second and forget at once; one stand-in node.
    fn default() -> Self {
        Self {
            hpa_sync_period: Duration::from_secs(1),
            downscale_stabilization: Duration::ZERO,
            pod_start_up: Duration::from_secs(1),
            stand_in_nodes: 1,
            real_node: false,
            life: Life::WithUs,
            directory: None,
            stop: Stop::default(),
        }
    }
}
