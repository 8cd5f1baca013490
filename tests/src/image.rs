//! Container images without a container engine.
//!
//! Owns what is in the images of tests and the demo, and their cache below `target/images`, keyed by all that went in.
//! Refuses to run anything of a package: files are unpacked, no scripts.

mod assemble;
pub mod bellows;
mod layout;
pub mod push;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::paths;

/// Changes with the way images are put together, so that older ones are made again.
const EDITION: &str = "2";

/// An image in an archive that containerd can import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its full name, as in a Pod.
    pub name: String,
    /// The archive, an OCI layout in a tar.
    pub archive: PathBuf,
}

/// What is to be in an image.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Its full name, `docker.io/…:tag`.
    pub name: String,
    /// Debian packages, with what they depend on. busybox fills in for all other commands.
    pub debian: Vec<String>,
    /// Python packages, in `/app`; they bring Debian's Python.
    pub python: Vec<String>,
    /// Text files: where, and what.
    pub files: Vec<(String, String)>,
    /// Programs of this machine that need no libraries: where, and from where.
    pub programs: Vec<(String, PathBuf)>,
    /// Scripts: where, and what.
    pub scripts: Vec<(String, String)>,
    /// What runs, if a Pod's own arguments are to come behind it.
    pub entrypoint: Vec<String>,
    /// What runs, unless a Pod says otherwise.
    pub command: Vec<String>,
    /// As whom: a number; root by default.
    pub user: Option<String>,
}

impl Contents {
    /// The archive, from the cache where it is there already. A new one takes some 2 to 30 s, most of it downloads.
    ///
    /// # Errors
    /// A package cannot be had or unpacked.
    pub fn assemble(&self) -> Result<Image> {
        let short = self.name.rsplit('/').next().unwrap_or(&self.name).replace(':', "-");
        let archive = paths::target().join(format!("images/{short}-{}.tar", self.key()?));
        if !archive.is_file() {
            assemble::assemble(self, &archive)?;
        }
        Ok(Image { name: self.name.clone(), archive })
    }

    fn key(&self) -> Result<String> {
        let mut digest = Sha256::new();
        digest.update(format!("{EDITION} {self:?}"));
        for (_, program) in &self.programs {
            digest.update(fs::read(program).with_context(|| format!("read {}", program.display()))?);
        }
        let mut key = hex(&digest.finalize());
        key.truncate(16);
        Ok(key)
    }
}

/// The image that holds a pod's namespaces.
///
/// # Errors
/// See [`Contents::assemble`].
pub fn pause() -> Result<Image> {
    contents("pause", &["busybox-static"], &[], &["sleep", "2147483647"]).assemble()
}

/// busybox, to look around with.
///
/// # Errors
/// See [`Contents::assemble`].
pub fn busybox() -> Result<Image> {
    contents("busybox", &["busybox-static"], &[], &["sh"]).assemble()
}

/// Redis: server and tools.
///
/// # Errors
/// See [`Contents::assemble`].
pub fn redis() -> Result<Image> {
    contents("redis", &["redis-server", "redis-tools"], &[], &["redis-server"]).assemble()
}

/// Celery with its Redis transport.
///
/// # Errors
/// See [`Contents::assemble`].
pub fn celery() -> Result<Image> {
    // Environment markers are judged by the machine's Python, so what an older one needs besides is named.
    contents("celery", &["tzdata"], &["celery[redis]", "async-timeout"], &["python3", "-m", "celery"]).assemble()
}

/// RabbitMQ with its management, which reads `/etc/rabbitmq` as everywhere.
///
/// # Errors
/// See [`Contents::assemble`].
pub fn rabbitmq() -> Result<Image> {
    rabbitmq_contents("docker.io/bellows/rabbitmq:1").assemble()
}

/// What is in it, under another name.
pub(crate) fn rabbitmq_contents(name: &str) -> Contents {
    let scripts = ["rabbitmq-server", "rabbitmqctl", "rabbitmq-plugins", "rabbitmq-diagnostics"];
    let script = |script: &str| (format!("/usr/local/bin/{script}"), include_str!("image/rabbitmq.sh").to_owned());
    Contents {
        name: name.to_owned(),
        scripts: scripts.map(script).to_vec(),
        ..contents("rabbitmq", &["rabbitmq-server"], &[], &["rabbitmq-server"])
    }
}

fn contents(name: &str, debian: &[&str], python: &[&str], command: &[&str]) -> Contents {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Contents {
        name: format!("docker.io/bellows/{name}:1"),
        debian: owned(debian),
        python: owned(python),
        command: owned(command),
        ..Contents::default()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An archive of an image with one file, for tests that push it.
#[cfg(test)]
pub(crate) fn write_archive_of_one_file(name: &str, directory: &std::path::Path) -> Image {
    let layer = "not really a layer";
    let digest = |text: &str| format!("sha256:{}", hex(&Sha256::digest(text)));
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": push::MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest("{}"), "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(layer), "size": layer.len()}],
    })
    .to_string();
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{"digest": digest(&manifest)}]}).to_string();
    let archive = directory.join("image.tar");
    let mut writer = tar::Builder::new(std::fs::File::create(&archive).unwrap());
    for (path, text) in [layer, "{}", &manifest]
        .map(|text| (format!("./blobs/{}", digest(text).replace(':', "/")), text))
        .into_iter()
        .chain([("./index.json".to_owned(), index.as_str())])
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        writer.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    Image { name: name.to_owned(), archive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_another_image() {
        let one = contents("x", &["a"], &[], &[]);
        let other = Contents { files: vec![("/a".to_owned(), "b".to_owned())], ..one.clone() };
        assert_ne!(one.key().unwrap(), other.key().unwrap());
        assert_eq!(one.key().unwrap(), one.clone().key().unwrap());
    }
}
