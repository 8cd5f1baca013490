//! What a machine needs before a cluster can start, and how it gets there.
//!
//! Owns the list of Debian packages, the toolchains for components, and the cluster's binaries. Safe to run every time: it
//! takes under a second where nothing is missing. Refuses to start a service, and to install anything when not root; then
//! it says what is missing and how to get it.

mod binaries;
mod languages;
mod packages;

use std::process::Command;

use anyhow::Result;
use bellows_build::Toolchain;

use crate::paths;
use crate::process::output;

/// What the machine is needed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Scalers are to be built: a toolchain that knows WebAssembly.
    pub components: bool,
    /// Scalers in JavaScript and Python are to be built: the tools of these languages.
    pub languages: bool,
    /// A real node is to run: containerd, runc and the like.
    pub real_node: bool,
    /// Real services are to run: Redis, RabbitMQ, a registry.
    pub services: bool,
    /// Charts are to be rendered or installed, or the image that they name is to be made: helm.
    pub helm: bool,
    /// HPAs are to hear of processor and memory: metrics-server.
    pub metrics: bool,
    /// Alerts are to fire: Prometheus.
    pub prometheus: bool,
    /// KEDA's own tests are to run: stand-ins for the programs in their images.
    pub keda: bool,
    /// Artifacts are to be exchanged with other tools: oras, cosign, and a registry that keeps lists of referrers.
    pub artifacts: bool,
}

impl Needs {
    /// Everything.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            components: true,
            languages: true,
            real_node: true,
            services: true,
            helm: true,
            metrics: true,
            prometheus: true,
            keda: true,
            artifacts: true,
        }
    }
}

/// Brings the machine to where a cluster can start.
///
/// # Errors
/// Something that is needed is missing and cannot be installed; the error says how to get it.
pub fn prepare(needs: Needs) -> Result<()> {
    let mut wanted = vec!["util-linux"];
    if needs.components && !knows_wasm() {
        wanted.extend(["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"]);
    }
    if needs.real_node {
        wanted.extend(["runc", "containernetworking-plugins", "iptables", "iproute2", "docker-registry"]);
    }
    if needs.services {
        wanted.extend(["redis-server", "redis-tools", "rabbitmq-server", "openssl", "docker-registry"]);
    }
    if needs.helm {
        wanted.extend(["binutils", "ca-certificates"]);
    }
    packages::install(&wanted)?;
    if needs.components && !knows_wasm() {
        link_toolchain()?;
    }
    if needs.languages {
        languages::install()?;
    }
    let mut sets = vec![&binaries::CONTROL_PLANE];
    if needs.real_node {
        sets.extend([&binaries::NODE, &binaries::DNS]);
    }
    if needs.helm {
        sets.push(&binaries::HELM);
    }
    if needs.metrics {
        sets.push(&binaries::METRICS_SERVER);
    }
    if needs.prometheus {
        sets.push(&binaries::PROMETHEUS);
    }
    if needs.keda {
        sets.push(&binaries::STAND_INS);
    }
    if needs.artifacts {
        sets.extend([&binaries::ORAS, &binaries::REFERRERS, &binaries::COSIGN]);
    }
    binaries::build_all(&sets)
}

/// Whether the active toolchain can build components by itself.
fn knows_wasm() -> bool {
    matches!(bellows_build::toolchain(&paths::root()), Ok(Toolchain::Active))
}

/// Makes Debian's Rust known to rustup, as `debian`.
fn link_toolchain() -> Result<()> {
    if output(Command::new("rustup").args(["toolchain", "list"]))?.lines().any(|line| line.starts_with("debian")) {
        return Ok(());
    }
    println!("linking Debian's Rust as the toolchain `debian`");
    output(Command::new("rustup").args(["toolchain", "link", "debian", "/usr"])).map(drop)
}

/// Whether packages can be installed and interfaces made.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
