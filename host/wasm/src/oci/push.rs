//! A component into a registry, in the CNCF's form: one layer, a config that says what it imports and exports, and nothing
//! that differs from one time to the next. Equal components with equal notes have equal digests.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method};

use super::config::{Interfaces, WasmConfig};
use super::digest::Digest;
use super::error::OciError;
use super::keyring::Keyring;
use super::manifest::{Content, Descriptor, Image, Index, Manifest, OCI_MANIFEST, WASM_CONFIG, WASM_LAYER};
use super::reference::Reference;
use super::registry::{Registry, by_tag, fallback, subject_of};
use super::session::{Intent, Session, asked};
use super::transport::{Ask, header};

/// Descriptors in a list of referrers that we keep ourselves: each takes some 500 bytes of a manifest's 4 MiB.
const REFERRERS_MAX: usize = 1_000;
/// What something is called: of a layer, the file that others write it to; `oras pull` passes over one without.
const TITLE: &str = "org.opencontainers.image.title";
/// How a registry says that it keeps the list of referrers itself.
const KEEPS_LIST: &str = "oci-subject";

/// A component made ready for a registry.
#[derive(Debug, Clone)]
pub struct Package {
    config: Bytes,
    layer: Bytes,
    manifest: Manifest,
}

impl Package {
    /// Wraps a component. `interfaces` is what it imports and exports, `annotations` what people are told of it.
    pub fn new(
        component: Bytes,
        interfaces: Interfaces,
        annotations: BTreeMap<String, String>,
    ) -> Result<Self, OciError> {
        let unwritten = |error: serde_json::Error| OciError::Unsupported {
            subject: "the component".to_owned(),
            why: format!("its description cannot be written: {error}"),
        };
        let mut layer = Descriptor::of(WASM_LAYER, &component);
        layer.annotations.insert(TITLE.to_owned(), file_name(&annotations));
        let config = serde_json::to_vec(&WasmConfig::new(layer.digest, interfaces)).map_err(unwritten)?;
        let image = Image::new(Descriptor::of(WASM_CONFIG, &config), layer, annotations);
        let bytes = Bytes::from(serde_json::to_vec(&image).map_err(unwritten)?);
        let manifest = Manifest::read(bytes, Some(OCI_MANIFEST), "the component")?;
        Ok(Self { config: config.into(), layer: component, manifest })
    }

    /// Its manifest and config.
    #[cfg(test)]
    pub(super) fn parts(&self) -> (&Manifest, &Bytes) {
        (&self.manifest, &self.config)
    }

    /// The digest by which it will be known.
    pub fn digest(&self) -> Digest {
        self.manifest.digest
    }
}

impl Registry {
    /// Puts a component where the reference says, and says its digest. What is there already is not sent again.
    pub async fn push(&self, reference: &Reference, package: &Package, keyring: &Keyring) -> Result<Digest, OciError> {
        let subject = reference.to_string();
        if package.layer.len() as u64 > self.component_bytes_max {
            return Err(OciError::TooLarge { subject, bytes_max: self.component_bytes_max });
        }
        let Content::Image(image) = &package.manifest.content else { return Ok(package.manifest.digest) };
        for (blob, bytes) in [(&image.config, &package.config)]
            .into_iter()
            .chain(image.layers.first().map(|layer| (layer, &package.layer)))
        {
            self.push_blob(reference, blob, bytes.clone(), keyring).await?;
        }
        self.push_manifest(reference, &package.manifest, keyring).await
    }

    /// Puts a blob into the reference's repository, unless it is there.
    pub async fn push_blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        bytes: Bytes,
        keyring: &Keyring,
    ) -> Result<(), OciError> {
        let subject = subject_of(reference, blob);
        let pushing = async {
            let mut session = Session::new(&self.transport, reference, keyring, Intent::Push)?;
            let uri = session.url(&format!("blobs/{}", blob.digest))?;
            if session.send(&uri, &Ask::new(Method::HEAD), &subject, &[404]).await?.status().is_success() {
                return Ok(());
            }
            let uri = session.url("blobs/uploads/")?;
            let begun = session.send(&uri, &Ask::new(Method::POST), &subject, &[]).await?;
            let why = || "it does not say where an upload goes".to_owned();
            let place = header(&begun, LOCATION.as_str())
                .ok_or_else(|| OciError::NoRegistry { subject: subject.clone(), why: why() })?;
            let place = session.named(&uri, place, &subject)?;
            let mut ask = Ask::new(Method::PUT);
            ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            ask.body = bytes;
            let uri = asked(&place, &[("digest", &blob.digest.to_string())], &subject)?;
            session.send(&uri, &ask, &subject, &[]).await.map(drop)
        };
        self.in_time(&subject, pushing).await
    }

    /// Puts a manifest where the reference says; what it refers to must be there. One that is about another is entered in
    /// the list of its referrers, if the registry keeps none.
    pub async fn push_manifest(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        keyring: &Keyring,
    ) -> Result<Digest, OciError> {
        let subject = reference.to_string();
        if let Some(expected) = reference.digest()
            && expected != manifest.digest
        {
            return Err(OciError::DigestMismatch { subject, expected, found: manifest.digest });
        }
        let pushing = async {
            let mut session = Session::new(&self.transport, reference, keyring, Intent::Push)?;
            let keeps_list = put(&mut session, &reference.version_to_put(), manifest, &subject).await?;
            if let Content::Image(image) = &manifest.content
                && let Some(about) = &image.subject
                && !keeps_list
            {
                enter(&mut session, reference, about.digest, manifest).await?;
            }
            Ok(manifest.digest)
        };
        self.in_time(&subject, pushing).await
    }
}

/// The file that the component is to others: named as the artifact, where that is a name in any folder.
fn file_name(annotations: &BTreeMap<String, String>) -> String {
    let plain = |title: &&String| {
        title.len() <= 100
            && title.starts_with(|first: char| first.is_ascii_alphanumeric())
            && title.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    format!("{}.wasm", annotations.get(TITLE).filter(plain).map_or("component", String::as_str))
}

/// Whether the registry keeps the list of referrers itself.
async fn put(session: &mut Session<'_>, version: &str, manifest: &Manifest, subject: &str) -> Result<bool, OciError> {
    let uri = session.url(&format!("manifests/{version}"))?;
    let mut ask = Ask::new(Method::PUT);
    let media_type = HeaderValue::from_str(&manifest.media_type).map_err(|_| OciError::Unsupported {
        subject: subject.to_owned(),
        why: "its media type has characters that HTTP does not carry".to_owned(),
    })?;
    ask.headers.insert(CONTENT_TYPE, media_type);
    ask.body = manifest.bytes.clone();
    Ok(header(&session.send(&uri, &ask, subject, &[]).await?, KEEPS_LIST).is_some())
}

/// Adds a manifest to the list that a tag holds. Two who do so at once may lose one entry: registries without the list
/// know no way around that.
async fn enter(
    session: &mut Session<'_>,
    reference: &Reference,
    about: Digest,
    manifest: &Manifest,
) -> Result<(), OciError> {
    let place = fallback(reference, about);
    let mut listed = by_tag(session, reference, about).await?;
    if listed.iter().any(|entry| entry.digest == manifest.digest) {
        return Ok(());
    }
    listed.push(manifest.descriptor());
    let subject = place.to_string();
    if listed.len() > REFERRERS_MAX {
        return Err(OciError::TooLarge { subject, bytes_max: super::manifest::MANIFEST_BYTES_MAX as u64 });
    }
    let unwritten =
        |error: serde_json::Error| OciError::Unsupported { subject: subject.clone(), why: error.to_string() };
    let bytes = serde_json::to_vec(&Index::new(listed)).map_err(unwritten)?;
    let list = Manifest::read(bytes.into(), None, &subject)?;
    put(session, &place.version(), &list, &subject).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_components_with_equal_notes_have_equal_digests_in_the_cncfs_form() {
        let interfaces = || Interfaces { exports: vec!["a:b/c@0.1.0".into()], imports: vec!["a:b/d@0.1.0".into()] };
        let notes = || BTreeMap::from([("org.opencontainers.image.title".to_owned(), "mine".to_owned())]);
        let package = || Package::new(Bytes::from_static(b"\0asm"), interfaces(), notes()).unwrap();
        assert_eq!(package().digest(), package().digest());
        let layer = Digest::of(b"\0asm");
        let config = format!(
            r#"{{"created":"1970-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":["{layer}"],"component":{{"exports":["a:b/c@0.1.0"],"imports":["a:b/d@0.1.0"]}}}}"#
        );
        assert_eq!(package().config, config);
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/wasm","digest":"{layer}","size":4,"annotations":{{"org.opencontainers.image.title":"mine.wasm"}}}}],"annotations":{{"org.opencontainers.image.title":"mine"}}}}"#,
            Digest::of(config.as_bytes()),
            config.len(),
        );
        assert_eq!(package().manifest.bytes, manifest);
    }

    #[test]
    fn a_component_is_a_file_that_leads_nowhere_else() {
        let called = |title: &str| file_name(&BTreeMap::from([(TITLE.to_owned(), title.to_owned())]));
        assert_eq!(called("my-queue_2.0"), "my-queue_2.0.wasm");
        for title in ["", "../../etc/cron.d/mine", ".hidden", "a b", "a\n", "ä", &"a".repeat(101)] {
            assert_eq!(called(title), "component.wasm");
        }
    }
}
