//! Artifacts in a folder, in the layout that OCI defines: with all that refers to them, so that signatures can be verified
//! where no registry is reached.
//!
//! Every byte is compared with its digest on both ways.

mod folder;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use self::folder::Layout;
use super::digest::Digest;
use super::error::OciError;
use super::keyring::Keyring;
use super::manifest::{Content, Descriptor, Image, Index, Manifest};
use super::reference::Reference;
use super::registry::Registry;
use super::unpack::layer_bytes_max;

/// Manifests of one artifact: itself, and what refers to it or to that. Each has blobs of a component's size at most, so
/// a folder has some GiB at most.
const MANIFESTS_MAX: usize = 100;
/// Where a descriptor says under which tag it is known.
const NAME: &str = "org.opencontainers.image.ref.name";
/// How signatures were tagged before there were referrers.
const SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// What was saved or loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The digest of the artifact.
    pub digest: Digest,
    /// How many manifests refer to it, or to one that does.
    pub referrers: usize,
}

impl Registry {
    /// Writes an artifact and all that refers to it into a folder, which is new or empty.
    pub async fn save(&self, reference: &Reference, keyring: &Keyring, folder: &Path) -> Result<Moved, OciError> {
        let top = self.manifest(reference, keyring).await?;
        let layout = Layout::begin(folder)?;
        let mut entry = top.descriptor();
        entry.annotations.extend(reference.tag().map(|tag| (NAME.to_owned(), tag.to_owned())));
        let (mut entries, mut seen) = (vec![entry], BTreeSet::from([top.digest]));
        let (digest, mut parts, mut waiting) = (top.digest, 1, vec![top]);
        while let Some(manifest) = waiting.pop() {
            if seen.len() > MANIFESTS_MAX {
                return Err(OciError::Unsupported {
                    subject: reference.to_string(),
                    why: format!("more than {MANIFESTS_MAX} manifests belong to it"),
                });
            }
            self.save_one(reference, &manifest, keyring, &layout).await?;
            if let Content::Index(index) = &manifest.content {
                for part in index.manifests.iter().filter(|part| seen.insert(part.digest)) {
                    waiting.push(self.manifest(&reference.untagged(part.digest), keyring).await?);
                    parts += 1;
                }
            }
            for about in self.referrers(reference, manifest.digest, keyring).await? {
                if seen.insert(about.digest) {
                    let referrer = self.manifest(&reference.untagged(about.digest), keyring).await?;
                    entries.push(referrer.descriptor());
                    waiting.push(referrer);
                }
            }
            for referrer in self.tagged(reference, manifest.digest, keyring).await? {
                entries.push(referrer.0);
                if seen.insert(referrer.1.digest) {
                    waiting.push(referrer.1);
                }
            }
        }
        layout.end(Index::new(entries))?;
        Ok(Moved { digest, referrers: seen.len() - parts })
    }

    /// Puts an artifact of a folder, and all that the folder has beside it, where the reference says.
    pub async fn load(&self, folder: &Path, reference: &Reference, keyring: &Keyring) -> Result<Moved, OciError> {
        let layout = Layout::of(folder);
        let index = layout.index()?;
        let main = layout.main(&index)?;
        let others: Vec<&Descriptor> = index.manifests.iter().filter(|entry| entry.digest != main.digest).collect();
        // The artifact comes last: whoever sees it sees its signatures too.
        for entry in &others {
            let to = match entry.annotations.get(NAME).filter(|tag| tag.starts_with("sha256-")) {
                Some(tag) => reference.tagged(tag.clone()),
                None => reference.untagged(entry.digest),
            };
            self.load_one(&layout, entry, &to, keyring).await?;
        }
        self.load_one(&layout, main, reference, keyring).await?;
        Ok(Moved { digest: main.digest, referrers: others.len() })
    }

    async fn save_one(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        keyring: &Keyring,
        layout: &Layout,
    ) -> Result<(), OciError> {
        layout.write(&manifest.bytes, manifest.digest)?;
        let Content::Image(image) = &manifest.content else { return Ok(()) };
        for blob in parts(image) {
            let path = layout.blob(blob.digest);
            if path.exists() {
                continue;
            }
            self.bound(blob)?;
            // A half blob is never under its name.
            let unfinished = path.with_extension("unfinished");
            self.fetch_blob(reference, blob, keyring, &unfinished).await?;
            fs::rename(&unfinished, &path).map_err(|source| OciError::File { path: path.clone(), source })?;
        }
        Ok(())
    }

    /// Pushes a manifest with all that it consists of.
    async fn load_one(
        &self,
        layout: &Layout,
        entry: &Descriptor,
        to: &Reference,
        keyring: &Keyring,
    ) -> Result<(), OciError> {
        let manifest = layout.manifest(entry)?;
        let mut images = vec![manifest.clone()];
        if let Content::Index(index) = &manifest.content {
            images = index
                .manifests
                .iter()
                .take(MANIFESTS_MAX)
                .map(|part| layout.manifest(part))
                .collect::<Result<_, _>>()?;
        }
        for image in &images {
            let Content::Image(content) = &image.content else { continue };
            for blob in parts(content) {
                self.bound(blob)?;
                self.push_blob(to, blob, layout.read(blob)?, keyring).await?;
            }
            if image.digest != manifest.digest {
                self.push_manifest(&to.untagged(image.digest), image, keyring).await?;
            }
        }
        self.push_manifest(to, &manifest, keyring).await.map(drop)
    }

    /// Signatures and the like under tags that are made of a digest.
    async fn tagged(
        &self,
        reference: &Reference,
        digest: Digest,
        keyring: &Keyring,
    ) -> Result<Vec<(Descriptor, Manifest)>, OciError> {
        let mut found = Vec::new();
        for suffix in SUFFIXES {
            let tag = format!("sha256-{}.{suffix}", digest.hex());
            match self.manifest(&reference.tagged(tag.clone()), keyring).await {
                Ok(manifest) => {
                    let mut entry = manifest.descriptor();
                    entry.annotations.insert(NAME.to_owned(), tag);
                    found.push((entry, manifest));
                }
                Err(OciError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn bound(&self, blob: &Descriptor) -> Result<(), OciError> {
        let bytes_max = layer_bytes_max(self.component_bytes_max);
        let subject = || format!("blob {}", blob.digest);
        if blob.size > bytes_max { Err(OciError::TooLarge { subject: subject(), bytes_max }) } else { Ok(()) }
    }
}

/// What a manifest consists of.
fn parts(image: &Image) -> impl Iterator<Item = &Descriptor> {
    std::iter::once(&image.config).chain(&image.layers)
}
