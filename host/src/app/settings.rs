//! What the operator says, as the parts of the host want to hear it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bellows_core::grant::{Cidr, EgressPolicy};
use bellows_core::rights::Ceiling;
use bellows_wasm::oci::{ArtifactCache, CACHE_BYTES_MAX, Registry, RegistrySettings};
use bellows_wasm::{EngineSettings, Limits, NetworkSettings};

use super::compiler;
use crate::serve::certificate::{Lifetimes, ServiceName};
use crate::serve::external_metrics::Settings as FaceSettings;
use crate::supply::Source;

/// The time between two looks at our APIService: somebody may have replaced it.
const REGISTRATION_LOOK: Duration = Duration::from_secs(30);

/// What the operator of the host says; each field is a flag of `bellows run`.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is documented where it is declared as a flag, in `cli/run.rs`")]
pub struct Settings {
    pub scalers: PathBuf,
    pub cache: PathBuf,
    pub kubeconfig: Option<PathBuf>,
    pub namespace: Option<String>,
    pub selector: Option<String>,
    pub authorities: Vec<String>,
    pub allowed: Vec<Cidr>,
    pub ceiling: Ceiling,
    pub cluster_domain: String,
    pub name_servers: Vec<SocketAddr>,
    pub plain_http_registries: Vec<String>,
    pub metrics_api: SocketAddr,
    pub admin: SocketAddr,
    pub prometheus: Vec<SocketAddr>,
    pub service_name: String,
    pub service_namespace: String,
    pub cluster_object_namespace: String,
    pub instance: String,
    pub all_events: bool,
    pub legacy_metric_names: bool,
}

pub(super) fn engine_settings(settings: &Settings) -> anyhow::Result<EngineSettings> {
    Ok(EngineSettings {
        cache: settings.cache.clone(),
        compiler: compiler()?,
        limits: Limits { ceiling: settings.ceiling, ..Limits::default() },
        network: network(settings),
    })
}

/// Guests and registries are reached by the same rules.
fn network(settings: &Settings) -> NetworkSettings {
    NetworkSettings {
        egress: EgressPolicy::new(settings.allowed.clone()),
        cluster_domain: settings.cluster_domain.clone(),
        name_servers: settings.name_servers.clone(),
        authorities: settings.authorities.clone(),
    }
}

/// Registries of Scalers, and what is kept of them beside the compiled components.
pub(super) fn source(settings: &Settings) -> anyhow::Result<Source> {
    let registry = Registry::new(&RegistrySettings {
        network: network(settings),
        namespace: settings.service_namespace.clone(),
        plain_http: settings.plain_http_registries.clone(),
        component_bytes_max: Limits::default().component_bytes_max,
        ..RegistrySettings::default()
    });
    let (folder, notes) = (settings.cache.join("artifacts"), settings.cache.join("verified"));
    // The folder around it is for this user alone: the engine refuses any other.
    std::fs::create_dir_all(&notes).with_context(|| format!("--cache: cannot make {}", notes.display()))?;
    Ok(Source {
        registry: registry.context("cannot set up the client of registries")?,
        cache: Arc::new(
            ArtifactCache::open(&folder, CACHE_BYTES_MAX).context("--cache: cannot keep scalers of registries")?,
        ),
        notes,
    })
}

pub(super) fn face_settings(settings: &Settings) -> FaceSettings {
    FaceSettings {
        service: ServiceName {
            name: settings.service_name.clone(),
            namespace: settings.service_namespace.clone(),
            cluster_domain: settings.cluster_domain.clone(),
        },
        lifetimes: Lifetimes::default(),
        look_every: REGISTRATION_LOOK,
        trust: Default::default(),
    }
}
