//! From a reference to a component: describe, which fetches a manifest and a config, then fetch, which fetches layers. In
//! between may be decided whether it is wanted at all.

use std::fs::File;
use std::path::Path;

use super::artifacts::{ArtifactCache, Kept};
use super::config::{ARCHITECTURE, CONFIG_BYTES_MAX, Interfaces, OS, WasmConfig};
use super::digest::{Digest, Hasher};
use super::error::OciError;
use super::form::{self, Form, Packing};
use super::keyring::Keyring;
use super::manifest::{Content, Descriptor, Image, Manifest, WASM_CONFIG};
use super::reference::Reference;
use super::registry::Registry;
use super::unpack::{self, UnpackError};

/// What a reference means, known without its layers.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// What was asked for, by its digest: that of the index where there is one.
    pub reference: Reference,
    /// The digest that the reference means.
    pub digest: Digest,
    /// The manifest of the component itself.
    pub manifest: Digest,
    /// Imports and exports, where the config says them.
    pub interfaces: Option<Interfaces>,
    /// The digest of the component, where it is known before it is fetched.
    pub component: Option<Digest>,
    /// Bytes to be fetched.
    pub bytes: u64,
    /// What else was noted in the manifest.
    pub annotations: std::collections::BTreeMap<String, String>,
    form: Form,
}

impl Registry {
    /// Fetches what describes a component, and refuses what is none that is read here.
    pub async fn describe(&self, reference: &Reference, keyring: &Keyring) -> Result<Artifact, OciError> {
        let subject = reference.to_string();
        let unsupported = |why| OciError::Unsupported { subject: subject.clone(), why };
        let top = self.manifest(reference, keyring).await?;
        let (digest, manifest, image) = match top.content {
            Content::Image(image) => (top.digest, top.digest, image),
            Content::Index(index) => {
                let entry = form::entry(&index).map_err(unsupported)?;
                match self.manifest(&reference.pinned(entry.digest), keyring).await? {
                    Manifest { digest, content: Content::Image(image), .. } => (top.digest, digest, image),
                    _ => return Err(unsupported("it is an index within an index".to_owned())),
                }
            }
        };
        let form = form::form(&image).map_err(unsupported)?;
        let bytes = self.bounded(&subject, &form)?;
        let reference = reference.pinned(digest);
        let interfaces = self.interfaces(&reference, &image, &form, keyring).await?;
        let component = if let Form::Layer(layer) = &form { Some(layer.digest) } else { None };
        let annotations = image.annotations;
        Ok(Artifact { reference, digest, manifest, interfaces, component, bytes, annotations, form })
    }

    /// Fetches the component into a new file, and says its digest. What is there after an error is worth nothing.
    pub async fn fetch(&self, artifact: &Artifact, keyring: &Keyring, to: &Path) -> Result<Digest, OciError> {
        match &artifact.form {
            Form::Layer(layer) => {
                self.fetch_blob(&artifact.reference, layer, keyring, to).await?;
                Ok(layer.digest)
            }
            Form::Image(layers) => self.fetch_packed(artifact, layers, keyring, to).await,
        }
    }

    /// The component of a reference in the cache: fetched unless it is there, and remembered as what the reference means.
    pub async fn pull(
        &self,
        reference: &Reference,
        keyring: &Keyring,
        cache: &ArtifactCache,
    ) -> Result<Kept, OciError> {
        let digest = self.resolve(reference, keyring).await?;
        let kept = match cache.of_manifest(digest)? {
            Some(kept) => kept,
            None => {
                let artifact = self.describe(&reference.pinned(digest), keyring).await?;
                self.pull_described(&artifact, keyring, cache).await?
            }
        };
        cache.remember(reference, &kept)?;
        Ok(kept)
    }

    /// Fetches a component into the cache. What its reference means is for whoever takes it into service to remember.
    pub async fn pull_described(
        &self,
        artifact: &Artifact,
        keyring: &Keyring,
        cache: &ArtifactCache,
    ) -> Result<Kept, OciError> {
        let unfinished = cache.unfinished();
        let fetched = self.fetch(artifact, keyring, &unfinished).await;
        let kept = fetched.and_then(|component| cache.keep(artifact.digest, component, &unfinished));
        if kept.is_err() {
            // What is left of it is swept later, if not now.
            _ = std::fs::remove_file(&unfinished);
        }
        kept
    }

    /// The bytes of all layers, if they are not too many.
    fn bounded(&self, subject: &str, form: &Form) -> Result<u64, OciError> {
        let (bytes, bytes_max) = match form {
            Form::Layer(layer) => (layer.size, self.component_bytes_max),
            Form::Image(layers) => {
                let sum = layers.iter().fold(0_u64, |sum, (layer, _)| sum.saturating_add(layer.size));
                (sum, unpack::layer_bytes_max(self.component_bytes_max))
            }
        };
        if bytes > bytes_max { Err(OciError::TooLarge { subject: subject.to_owned(), bytes_max }) } else { Ok(bytes) }
    }

    async fn interfaces(
        &self,
        reference: &Reference,
        image: &Image,
        form: &Form,
        keyring: &Keyring,
    ) -> Result<Option<Interfaces>, OciError> {
        let (Form::Layer(layer), WASM_CONFIG) = (form, image.config.media_type.as_str()) else { return Ok(None) };
        let bytes = self.small_blob(reference, &image.config, CONFIG_BYTES_MAX, keyring).await?;
        let unsupported = |why: String| OciError::Unsupported { subject: reference.to_string(), why };
        let config: WasmConfig = serde_json::from_slice(&bytes)
            .map_err(|error| unsupported(format!("its config cannot be read: {error}")))?;
        if (config.architecture.as_str(), config.os.as_str()) != (ARCHITECTURE, OS) {
            let machine = crate::printable::line(&format!("{}/{}", config.os, config.architecture), 100);
            return Err(unsupported(format!("it is for {machine}, where components are for {OS}/{ARCHITECTURE}")));
        }
        if !config.layer_digests.is_empty() && !config.layer_digests.contains(&layer.digest) {
            return Err(unsupported("its config is that of another layer".to_owned()));
        }
        Ok(config.component)
    }

    pub(super) async fn fetch_blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        keyring: &Keyring,
        to: &Path,
    ) -> Result<(), OciError> {
        let write = |source| OciError::File { path: to.to_owned(), source };
        let mut file = tokio::fs::File::from_std(crate::cache::create(to).map_err(write)?);
        self.blob(reference, blob, keyring, &mut file).await?;
        file.sync_all().await.map_err(write)
    }

    async fn fetch_packed(
        &self,
        artifact: &Artifact,
        layers: &[(Descriptor, Packing)],
        keyring: &Keyring,
        to: &Path,
    ) -> Result<Digest, OciError> {
        let packed = to.with_extension("layer.unfinished");
        let mut paths = Vec::new();
        for (layer, packing) in layers {
            self.fetch_blob(&artifact.reference, layer, keyring, &packed).await?;
            let (packed, to, packing) = (packed.clone(), to.to_owned(), *packing);
            let (bytes_max, again) = (self.component_bytes_max, !paths.is_empty());
            let unpacking = tokio::task::spawn_blocking(move || unpack_into(&packed, packing, bytes_max, &to, again));
            let joined = unpacking.await.unwrap_or_else(|error| Err(UnpackError::Write(std::io::Error::other(error))));
            paths.extend(joined.map_err(|error| self.not_unpacked(artifact, error, bytes_max))?);
        }
        match paths.as_slice() {
            [_] => digest_of(to),
            [] => Err(self.unsupported(artifact, "no layer of it holds a .wasm file".to_owned())),
            several => Err(self.unsupported(artifact, format!("it holds several components: {}", several.join(", ")))),
        }
    }

    fn unsupported(&self, artifact: &Artifact, why: String) -> OciError {
        OciError::Unsupported { subject: artifact.reference.to_string(), why }
    }

    fn not_unpacked(&self, artifact: &Artifact, error: UnpackError, bytes_max: u64) -> OciError {
        let subject = artifact.reference.to_string();
        match error {
            UnpackError::Wrong(why) => OciError::Unsupported { subject, why },
            UnpackError::TooLarge => OciError::TooLarge { subject, bytes_max },
            UnpackError::Write(source) => OciError::File { path: subject.into(), source },
        }
    }
}

/// Unpacks a fetched layer and removes it. Of a second component only the path is wanted, for the message.
fn unpack_into(
    packed: &Path,
    packing: Packing,
    bytes_max: u64,
    to: &Path,
    again: bool,
) -> Result<Option<String>, UnpackError> {
    let layer = File::open(packed).map_err(UnpackError::Write)?;
    // The file is open, and its name is free for the next layer.
    std::fs::remove_file(packed).map_err(UnpackError::Write)?;
    let mut into = if again { File::options().write(true).open(to) } else { File::create(to) };
    let into = into.as_mut().map_err(|error| UnpackError::Write(std::io::Error::other(error.to_string())))?;
    unpack::unpack(layer, packing, bytes_max, into)
}

pub(super) fn digest_of(path: &Path) -> Result<Digest, OciError> {
    let read = |source| OciError::File { path: path.to_owned(), source };
    let mut hasher = Hasher::default();
    let mut file = File::open(path).map_err(read)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = std::io::Read::read(&mut file, &mut buffer).map_err(read)?;
        match buffer.get(..count) {
            Some(bytes) if count > 0 => hasher.update(bytes),
            _ => return Ok(hasher.finish()),
        }
    }
}
