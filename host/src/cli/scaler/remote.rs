//! A registry as an author reaches it: with the logins of `docker login`, and his own machine among what may be dialled.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bellows_core::grant::Cidr;
use bellows_wasm::NetworkSettings;
use bellows_wasm::oci::{Keyring, Reference, Registry, RegistrySettings};
use tokio::runtime::Runtime;

use super::run::reachable;

/// How registries are reached.
#[derive(Debug, clap::Args)]
pub(super) struct RemoteArguments {
    /// Registry without encryption, exactly as it stands in the reference; may be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    plain_http: Vec<String>,
    /// File of logins, as `docker login` writes it [default: config.json in $DOCKER_CONFIG or ~/.docker]
    #[arg(long, value_name = "FILE")]
    docker_config: Option<PathBuf>,
    /// Folder of PEM files whose certificates are trusted besides those of the machine; may be repeated
    #[arg(long, value_name = "FOLDER")]
    ca_dir: Vec<PathBuf>,
    /// Reach addresses that are refused otherwise (link-local, metadata, multicast); may be repeated
    #[arg(long, value_name = "CIDR")]
    allow_egress: Vec<Cidr>,
}

/// A client, its logins, and what runs it.
pub(super) struct Remote {
    pub(super) runtime: Runtime,
    pub(super) registry: Registry,
    pub(super) keyring: Keyring,
}

impl RemoteArguments {
    /// Reads the logins and prepares to reach registries.
    pub(super) fn open(&self) -> anyhow::Result<Remote> {
        let network = NetworkSettings {
            egress: reachable(&self.allow_egress)?,
            authorities: crate::cli::authorities(&self.ca_dir)?,
            ..NetworkSettings::default()
        };
        let keyring = match self.logins() {
            Some(path) => Keyring::of_docker_config_file(&path)?,
            None => Keyring::default(),
        };
        let settings = RegistrySettings { network, plain_http: self.plain_http.clone(), ..RegistrySettings::default() };
        let runtime = crate::cli::runtime()?;
        let registry = {
            let _within = runtime.enter();
            Registry::new(&settings).context("cannot set up the network")?
        };
        Ok(Remote { runtime, registry, keyring })
    }

    fn logins(&self) -> Option<PathBuf> {
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = || given("DOCKER_CONFIG").or_else(|| given("HOME").map(|home| home.join(".docker")));
        self.docker_config.clone().or_else(|| folder().map(|folder| folder.join("config.json")))
    }
}

/// What a command is about: a file of this machine, or an artifact of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    File(PathBuf),
    Registry(Reference),
}

impl Place {
    /// A file if there is one of that name, else a reference.
    pub(super) fn of(text: &str) -> anyhow::Result<Self> {
        let path = Path::new(text);
        if path.exists() {
            return Ok(Self::File(path.to_owned()));
        }
        match text.parse() {
            Ok(reference) => Ok(Self::Registry(reference)),
            Err(_) if text.ends_with(".wasm") || !text.contains('/') => {
                bail!("there is no {text}: give a component (.wasm), or where one is: REGISTRY/REPOSITORY:TAG")
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A component that is fetched and removed again, unless it is moved to where it is wanted.
pub(super) struct Fetched {
    pub(super) path: PathBuf,
}

impl Fetched {
    /// A file beside `beside` that nothing else is.
    pub(super) fn beside(beside: &Path) -> Self {
        let name = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { path: beside.with_file_name(format!(".{name}.{}.unfinished", std::process::id())) }
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        // Where it was moved, nothing is left to remove.
        _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_comes_first_and_what_is_neither_is_told() {
        assert_eq!(Place::of("Cargo.toml").unwrap(), Place::File("Cargo.toml".into()));
        assert!(matches!(Place::of("ghcr.io/a/b:1").unwrap(), Place::Registry(_)));
        let told = |text: &str| Place::of(text).unwrap_err().to_string();
        assert!(told("mine.wasm").starts_with("there is no mine.wasm: give a component"), "{}", told("mine.wasm"));
        assert!(told("ghcr.io/a").contains("names no version"), "{}", told("ghcr.io/a"));
    }
}
