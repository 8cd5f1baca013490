//! Putting an archive of an image into a registry, without a container engine.
//!
//! Owns the few requests that it takes, over plain HTTP and without a login: a registry of this machine, or a mirror
//! behind one. Refuses to send a part that is there already.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tar::Archive;

use super::Image;
use crate::plain_http::{Body, ask};

/// The media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Where an archive has its parts, each named by its digest.
const BLOBS: &str = "blobs/sha256/";

/// Puts an image into the registry at `HOST:PORT`, under its own name without the host, and says its digest.
///
/// # Errors
/// The archive cannot be read, or the registry refuses a part.
pub fn push(image: &Image, registry: &str) -> Result<String> {
    push_parts(image, registry).with_context(|| format!("push {} to {registry}", image.name))
}

fn push_parts(image: &Image, registry: &str) -> Result<String> {
    let (repository, tag) = repository_and_tag(&image.name);
    let index: Value = serde_json::from_str(&text(image, "index.json")?).context("understand the archive's index")?;
    let digest = index.pointer("/manifests/0/digest").and_then(Value::as_str).context("the index names a manifest")?;
    let manifest_path = format!("{BLOBS}{}", digest.trim_start_matches("sha256:"));
    // The manifest comes last: a registry takes it only when it has all parts.
    let mut archive = open(image)?;
    for entry in archive.entries().context("read the archive")? {
        let mut entry = entry.context("read the archive")?;
        let path = entry.path().context("read a name in the archive")?.to_string_lossy().into_owned();
        let path = path.trim_start_matches("./");
        let part = path.strip_prefix(BLOBS).filter(|name| !name.is_empty() && path != manifest_path);
        if let Some(name) = part {
            let size = entry.size();
            push_blob(registry, &repository, &format!("sha256:{name}"), Body { size, bytes: &mut entry })?;
        }
    }
    let manifest = text(image, &manifest_path)?;
    let body = Body { size: manifest.len() as u64, bytes: &mut manifest.as_bytes() };
    let path = format!("/v2/{repository}/manifests/{tag}");
    ask(registry, "PUT", &path, &[("Content-Type", MANIFEST)], Some(body))?;
    Ok(digest.to_owned())
}

fn push_blob(registry: &str, repository: &str, digest: &str, blob: Body<'_>) -> Result<()> {
    if ask(registry, "HEAD", &format!("/v2/{repository}/blobs/{digest}"), &[], None).is_ok() {
        return Ok(());
    }
    let nothing = Body { size: 0, bytes: &mut std::io::empty() };
    let answer = ask(registry, "POST", &format!("/v2/{repository}/blobs/uploads/"), &[], Some(nothing))?;
    let place = answer.header("location").context("the registry did not say where to")?;
    // It may be a whole URL, or only its path.
    let path = match place.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/"),
        None => place,
    };
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}digest={digest}");
    ask(registry, "PUT", &path, &[("Content-Type", "application/octet-stream")], Some(blob)).map(drop)
}

/// The name in a registry, which is without the host, and the tag.
fn repository_and_tag(name: &str) -> (String, String) {
    let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
    let path = match name.split_once('/') {
        Some((first, rest)) if is_host(first) => rest,
        _ => name,
    };
    let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
    (repository.to_owned(), tag.to_owned())
}

fn open(image: &Image) -> Result<Archive<File>> {
    let file = File::open(&image.archive).with_context(|| format!("open {}", image.archive.display()))?;
    Ok(Archive::new(file))
}

/// A small file of the archive.
fn text(image: &Image, wanted: &str) -> Result<String> {
    let mut archive = open(image)?;
    for entry in archive.entries().context("read the archive")? {
        let mut entry = entry.context("read the archive")?;
        let path = entry.path().context("read a name in the archive")?.to_string_lossy().into_owned();
        if path.trim_start_matches("./") == wanted {
            let mut text = String::new();
            entry.read_to_string(&mut text).with_context(|| format!("read {wanted} in the archive"))?;
            return Ok(text);
        }
    }
    bail!("{} has no {wanted}", image.archive.display())
}

#[cfg(test)]
mod tests {
    use super::repository_and_tag;

    #[test]
    fn a_registry_drops_the_host_of_a_name() {
        let of = |name| {
            let (repository, tag) = repository_and_tag(name);
            format!("{repository} {tag}")
        };
        assert_eq!(of("docker.io/library/redis:7.0"), "library/redis 7.0");
        assert_eq!(of("localhost:5000/bellows"), "bellows latest");
        assert_eq!(of("bellows/redis:1"), "bellows/redis 1");
    }
}
