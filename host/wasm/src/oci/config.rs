//! The config of a component as the CNCF's artifact has it: what it imports and exports, known before it is fetched.

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// Bytes of a config: a thousand interfaces' names, ten times over.
pub(super) const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// When everything was made: equal components give equal artifacts.
const CREATED: &str = "1970-01-01T00:00:00Z";
pub(super) const ARCHITECTURE: &str = "wasm";
/// That of components, whether they import any of it or nothing.
pub(super) const OS: &str = "wasip2";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WasmConfig {
    #[serde(default)]
    created: String,
    pub(super) architecture: String,
    pub(super) os: String,
    #[serde(default)]
    pub(super) layer_digests: Vec<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<Interfaces>,
}

/// The full names of interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interfaces {
    /// What the component gives.
    #[serde(default)]
    pub exports: Vec<String>,
    /// What it must be lent.
    #[serde(default)]
    pub imports: Vec<String>,
}

impl WasmConfig {
    pub(super) fn new(layer: Digest, component: Interfaces) -> Self {
        Self {
            created: CREATED.to_owned(),
            architecture: ARCHITECTURE.to_owned(),
            os: OS.to_owned(),
            layer_digests: vec![layer],
            component: Some(component),
        }
    }
}
