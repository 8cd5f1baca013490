//! A registry for images and charts, as a plain process: Debian's docker-registry, which keeps no list of what refers to a
//! manifest, or one that does and forgets everything at its end.
//!
//! Owns its configuration, its data, which go with its folder, and its end. It speaks plain HTTP and knows no users unless
//! it is told to, and drops the host of a name: `docker.io/bellows/redis:1` is `bellows/redis` there, with the tag `1`. Refuses to serve
//! anybody but this machine and the pods of its node: it listens on one address, which no network card has.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::free_port;
use crate::authority::Identity;
use crate::image::{Image, push};
use crate::paths;
use crate::process::{Life, Process, Recipe};
use crate::wait::{self, Stop};

/// Names its log and its record.
pub(crate) const NAME: &str = "docker-registry";

/// The other one, built by `setup`; it names its log and its record too.
pub(crate) const WITH_REFERRERS: &str = "referrers";

/// How long one attempt to connect may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a registry is to be, where plain HTTP without users does not do.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Speak HTTPS, as this.
    pub identity: Option<Identity>,
    /// Let in only who is in this file of users and bcrypt hashes.
    pub users: Option<PathBuf>,
    /// Keep lists of referrers. Then the two above are not to be had.
    pub referrers: bool,
}

/// A running registry. Dropping it ends it, unless it lives on its own; its data stays in its folder.
#[derive(Debug)]
pub struct Registry {
    process: Process,
    address: SocketAddr,
}

impl Registry {
    /// Starts one on a free port of `address`, with its data in `directory/registry`, and waits until it listens.
    ///
    /// # Errors
    /// docker-registry is not installed, or does not start.
    pub fn start(address: IpAddr, directory: &Path, life: Life) -> Result<Self> {
        Self::start_with(&RegistryOptions::default(), address, directory, life)
    }

    /// The same, encrypted or with users.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(options: &RegistryOptions, address: IpAddr, directory: &Path, life: Life) -> Result<Self> {
        if options.referrers {
            let address = SocketAddr::new(address, free_port(address)?);
            let (program, arguments) = (paths::binary(WITH_REFERRERS), vec![address.to_string()]);
            return Self::run(WITH_REFERRERS, program, arguments, address, directory, life);
        }
        let Some(program) = paths::program(NAME) else { bail!("{NAME} is missing: apt-get install {NAME}") };
        let data = directory.join("registry");
        fs::create_dir_all(&data).with_context(|| format!("make {}", data.display()))?;
        let address = SocketAddr::new(address, free_port(address)?);
        let configuration = directory.join("registry.yaml");
        let tls = options
            .identity
            .as_ref()
            .map(|identity| format!(", tls: {{certificate: {:?}, key: {:?}}}", identity.certificate, identity.key));
        let users = options.users.as_ref().map(|users| format!("auth: {{htpasswd: {{realm: r, path: {users:?}}}}}\n"));
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {data:?}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: \"{address}\", relativeurls: true{}}}\n{}log: {{level: warn, accesslog: {{disabled: true}}}}\n",
            tls.unwrap_or_default(),
            users.unwrap_or_default()
        );
        fs::write(&configuration, text).with_context(|| format!("write {}", configuration.display()))?;
        let arguments = vec!["serve".to_owned(), configuration.display().to_string()];
        Self::run(NAME, program, arguments, address, directory, life)
    }

    fn run(
        name: &str,
        program: PathBuf,
        arguments: Vec<String>,
        address: SocketAddr,
        directory: &Path,
        life: Life,
    ) -> Result<Self> {
        let mut process = Process::start(Recipe {
            name: name.to_owned(),
            program,
            arguments,
            environment: Vec::new(),
            directory: directory.to_path_buf(),
            life,
        })?;
        wait::until(&Stop::default(), "the registry listens", Duration::from_secs(20), || {
            if let Err(error) = process.check() {
                return Ok(Some(Err(error)));
            }
            TcpStream::connect_timeout(&address, PATIENCE).context("connect to the registry")?;
            Ok(Some(Ok(())))
        })??;
        Ok(Self { process, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts an image into it, under the image's name without its host, and says its digest.
    ///
    /// # Errors
    /// The archive cannot be read, or the registry refuses a part.
    pub fn push(&self, image: &Image) -> Result<String> {
        push::push(image, &self.address.to_string())
    }

    /// The process: its log, its id, its signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::image::write_archive_of_one_file;
    use crate::plain_http::ask;

    #[test]
    fn what_was_pushed_is_there_by_name_and_digest() {
        let directory = paths::own_directory("registry");
        fs::create_dir_all(&directory).unwrap();
        let registry = Registry::start(Ipv4Addr::LOCALHOST.into(), &directory, Life::WithUs).unwrap();
        let image = write_archive_of_one_file("ghcr.io/somebody/something:3", &directory);
        let digest = registry.push(&image).unwrap();
        // Once more, with every part there already.
        assert_eq!(registry.push(&image).unwrap(), digest);
        let address = registry.address().to_string();
        for reference in ["3", &digest] {
            let path = format!("/v2/somebody/something/manifests/{reference}");
            let answer = ask(&address, "GET", &path, &[("Accept", push::MANIFEST)], None).unwrap();
            assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        }
        let missing = ask(&address, "GET", "/v2/somebody/something/manifests/4", &[], None).unwrap_err();
        assert!(missing.to_string().contains("404"), "{missing}");
        drop(registry);
        fs::remove_dir_all(&directory).unwrap();
    }
}
