//! Manifests and indexes as registries hold them, kept with the very bytes that their digest is of; and which media types
//! mean what.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::OciError;

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What we ask for, and read.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                                   application/vnd.docker.distribution.manifest.v2+json, \
                                   application/vnd.docker.distribution.manifest.list.v2+json";
/// The config of a component, and its one layer.
pub(super) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(super) const WASM_LAYER: &str = "application/wasm";
/// The layer that tools wrote before.
pub(super) const LEGACY_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// Bytes of a manifest: as much as every registry must take.
pub(super) const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// What a manifest says of another piece of content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// By which it is known.
    pub digest: Digest,
    /// How long it is, in bytes.
    pub size: u64,
    /// What kind of artifact it is, of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// For which machine it is, of a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What else was noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// For which machine something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `wasm`, `amd64`…
    pub architecture: String,
    /// `wasip2`, `linux`…
    pub os: String,
}

impl Descriptor {
    /// That of these bytes.
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A manifest or an index, and its bytes.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The digest of the bytes.
    pub digest: Digest,
    /// What it is.
    pub media_type: String,
    /// As the registry holds it.
    pub bytes: Bytes,
    /// What it says.
    pub content: Content,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Of one artifact.
    Image(Box<Image>),
    /// Of several.
    Index(Index),
}

/// One artifact: a config and layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    schema_version: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    /// What kind of artifact it is, where the config does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What describes it.
    pub config: Descriptor,
    /// Its content.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about: it signs it, or is its bill of materials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// What else was noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Several artifacts, one for each platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    /// What it lists.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl Image {
    /// A manifest of the current form.
    pub(super) fn new(config: Descriptor, layer: Descriptor, annotations: BTreeMap<String, String>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(OCI_MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers: vec![layer],
            subject: None,
            annotations,
        }
    }
}

impl Index {
    /// An index of the current form.
    pub(super) fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: Some(OCI_INDEX.to_owned()), manifests }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    schema_version: Option<u8>,
    #[serde(default)]
    media_type: Option<String>,
}

impl Manifest {
    /// Reads what was fetched. `told` is what the registry says that it is; the manifest's own word counts more.
    pub(super) fn read(bytes: Bytes, told: Option<&str>, subject: &str) -> Result<Self, OciError> {
        let wrong = |error: serde_json::Error| OciError::Unsupported {
            subject: subject.to_owned(),
            why: format!("its manifest cannot be read: {}", crate::printable::line(&error.to_string(), 200)),
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(wrong)?;
        let told = told.map(|told| told.split(';').next().unwrap_or_default().trim());
        let media_type = head.media_type.as_deref().or(told).unwrap_or_default().to_owned();
        let content = match media_type.as_str() {
            OCI_MANIFEST | DOCKER_MANIFEST => Content::Image(serde_json::from_slice(&bytes).map_err(wrong)?),
            OCI_INDEX | DOCKER_LIST => Content::Index(serde_json::from_slice(&bytes).map_err(wrong)?),
            other => {
                let version = head.schema_version.map(|version| format!(" (version {version})")).unwrap_or_default();
                let why = format!("its manifest is {:?}{version}", crate::printable::line(other, 100));
                return Err(OciError::Unsupported { subject: subject.to_owned(), why });
            }
        };
        Ok(Self { digest: Digest::of(&bytes), media_type, bytes, content })
    }

    /// What refers to it in an index.
    pub(super) fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::of(&self.media_type, &self.bytes);
        if let Content::Image(image) = &self.content {
            let kind = image.artifact_type.clone().unwrap_or_else(|| image.config.media_type.clone());
            descriptor.artifact_type = Some(kind);
            descriptor.annotations = image.annotations.clone();
        }
        descriptor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, told: Option<&str>) -> Result<Manifest, String> {
        Manifest::read(Bytes::from(text.to_owned()), told, "x").map_err(|error| error.to_string())
    }

    #[test]
    fn its_own_word_counts_more_than_the_registrys() {
        let digest = Digest::of(b"");
        let part = format!(r#"{{"mediaType":"a","digest":"{digest}","size":0,"data":"","urls":[]}}"#);
        let image = format!(r#"{{"schemaVersion":2,"config":{part},"layers":[{part}]}}"#);
        let read_image = read(&image, Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8")).unwrap();
        assert!(matches!(read_image.content, Content::Image(image) if image.layers.len() == 1));
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{part}]}}"#);
        assert!(matches!(read(&index, Some(OCI_MANIFEST)).unwrap().content, Content::Index(_)));
    }

    #[test]
    fn what_is_another_thing_is_refused_by_its_name() {
        let old = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        let told = read(r#"{"schemaVersion":1}"#, Some(old)).unwrap_err();
        assert!(told.contains("manifest.v1+prettyjws") && told.contains("version 1"), "{told}");
        assert!(read("<html>", Some("text/html")).unwrap_err().contains("cannot be read"));
        let wrong = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"a","digest":"md5:0","size":0}}}}"#
        );
        assert!(read(&wrong, None).unwrap_err().contains("md5"), "{wrong}");
    }

    #[test]
    fn whatever_a_registry_sends_is_read_as_its_own_bytes_or_refused_in_a_line() {
        use proptest::prelude::*;

        let digest = Digest::of(b"");
        let part = format!(r#"{{"mediaType":"a","digest":"{digest}","size":1,"annotations":{{"b":"c"}}}}"#);
        let image = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{part},"layers":[{part}],"subject":{part}}}"#
        );
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{part}]}}"#);
        let inputs = prop_oneof![
            crate::fuzz::damaged(image.into_bytes()),
            crate::fuzz::damaged(index.into_bytes()),
            prop::collection::vec(any::<u8>(), 0..200)
        ];
        crate::fuzz::target("manifest", (inputs, prop::option::of(crate::fuzz::text())), |(bytes, told)| {
            match Manifest::read(bytes.clone().into(), told.as_deref(), "x") {
                Ok(manifest) => {
                    assert_eq!((manifest.digest, &manifest.bytes[..]), (Digest::of(&bytes), &bytes[..]));
                    _ = manifest.descriptor();
                }
                Err(error) => crate::fuzz::assert_printable(&error.to_string(), 400),
            }
        });
    }
}
