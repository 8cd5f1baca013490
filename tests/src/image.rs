//! Container images without a container engine.
//!
//! Owns what is in the images of tests and the demo, and their cache below `target/images`, keyed by all that went in.
//! Refuses to run anything of a package: files are unpacked, no scripts.

mod assemble;

use std::path::PathBuf;

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::paths;

/// Changes with the way images are put together, so that older ones are made again.
const EDITION: &str = "1";

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
    /// What runs, unless a Pod says otherwise.
    pub command: Vec<String>,
}

impl Contents {
    /// The archive, from the cache where it is there already. A new one takes some 2 to 30 s, most of it downloads.
    ///
    /// # Errors
    /// A package cannot be had or unpacked.
    pub fn assemble(&self) -> Result<Image> {
        let short = self.name.rsplit('/').next().unwrap_or(&self.name).replace(':', "-");
        let archive = paths::target().join(format!("images/{short}-{}.tar", self.key()));
        if !archive.is_file() {
            assemble::assemble(self, &archive)?;
        }
        Ok(Image { name: self.name.clone(), archive })
    }

    fn key(&self) -> String {
        let mut key = hex(&Sha256::digest(format!("{EDITION} {self:?}")));
        key.truncate(16);
        key
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

fn contents(name: &str, debian: &[&str], python: &[&str], command: &[&str]) -> Contents {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Contents {
        name: format!("docker.io/bellows/{name}:1"),
        debian: owned(debian),
        python: owned(python),
        files: Vec::new(),
        command: owned(command),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_another_image() {
        let one = contents("x", &["a"], &[], &[]);
        let other = Contents { files: vec![("/a".to_owned(), "b".to_owned())], ..one.clone() };
        assert_ne!(one.key(), other.key());
        assert_eq!(one.key(), one.clone().key());
    }
}
