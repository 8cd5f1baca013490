//! Signatures beside artifacts in registries: fetched and put in both forms that cosign writes. Versions before 3 read only
//! the older one, and later ones pass it over where anybody has signed in the newer.
//!
//! What is fetched is judged by a [`Policy`]; a signature that is there and cannot be read is never passed over in silence.

use bytes::Bytes;

use super::digest::Digest;
use super::error::OciError;
use super::keyring::Keyring;
use super::manifest::{Content, Descriptor, Image, Manifest, OCI_MANIFEST};
use super::reference::Reference;
use super::registry::Registry;
use super::signature::{
    BUNDLE, BUNDLE_BYTES_MAX, BUNDLE_VERSION, CLAIM_CONFIG, CLAIM_LAYER, Claimed, PAYLOAD_BYTES_MAX, Policy,
    SIGNATURES_MAX, Signature, SigningKey, Verified, VerifyError, bundle_annotations, claim_config, sealed,
};

/// The config of a manifest that needs none, and what is in it.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// What signing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What is signed, by its digest.
    pub artifact: Reference,
    /// Where its signatures of the older form are.
    pub place: Reference,
    /// Whether the key had signed it before, so that there was nothing to do.
    pub already: bool,
}

/// Why an artifact was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The registry did not do its part.
    #[error(transparent)]
    Registry(#[from] OciError),
    /// What is under the tag is something else, which is not to be overwritten.
    #[error("{place} holds something else than signatures: delete that tag first")]
    Occupied {
        /// Where signatures go.
        place: Reference,
    },
    /// Whoever verifies looks at so many only.
    #[error(
        "{place} holds {SIGNATURES_MAX} signatures already, and no more are looked at: delete that tag, and sign anew"
    )]
    Full {
        /// Where signatures go.
        place: Reference,
    },
    /// The system gave no randomness, or a part could not be written.
    #[error("the signature could not be made")]
    Unmade,
}

impl Registry {
    /// Fetches the signatures of the artifact with this digest and judges them. What it is verified for is the digest:
    /// fetch by that.
    pub async fn verify(
        &self,
        reference: &Reference,
        digest: Digest,
        policy: &Policy,
        keyring: &Keyring,
    ) -> Result<Verified, VerifyError> {
        policy.admit(digest)?;
        let fetch = |source| VerifyError::Fetch { digest, source };
        let judging = async {
            let mut signatures = self.simple(&place(reference, digest), keyring).await?;
            // What suffices needs no further requests, and outlives a registry that has no good answer to them.
            if let Ok(verified) = policy.verify(digest, &signatures) {
                return Ok(Ok(verified));
            }
            signatures.extend(self.bundles(reference, digest, keyring).await?);
            Ok(policy.verify(digest, &signatures))
        };
        self.in_time(&of(reference, digest), judging).await.map_err(fetch)?
    }

    /// The signatures beside an artifact, in both forms.
    pub async fn signatures(
        &self,
        reference: &Reference,
        digest: Digest,
        keyring: &Keyring,
    ) -> Result<Vec<Signature>, OciError> {
        let fetching = async {
            let mut signatures = self.simple(&place(reference, digest), keyring).await?;
            signatures.extend(self.bundles(reference, digest, keyring).await?);
            Ok(signatures)
        };
        self.in_time(&of(reference, digest), fetching).await
    }

    /// Signs what a reference means now, beside the signatures that are there. Two who sign the same at once may lose one
    /// of both: sign again.
    pub async fn sign(&self, reference: &Reference, key: &SigningKey, keyring: &Keyring) -> Result<Signed, SignError> {
        let signing = Box::pin(async { Ok(self.signed(reference, key, keyring).await) });
        self.in_time(&format!("signing {reference}"), signing).await?
    }

    async fn signed(&self, reference: &Reference, key: &SigningKey, keyring: &Keyring) -> Result<Signed, SignError> {
        // The digest is computed from the manifest itself: a registry that says another one gets no signature for it.
        let manifest = self.manifest(reference, keyring).await?;
        let digest = manifest.digest;
        let (artifact, place) = (reference.pinned(digest), place(reference, digest));
        let ours = |before: &[Signature]| before.iter().any(|signature| signature.is_good(key.public(), digest));
        let simple = ours(&self.simple(&place, keyring).await?);
        if !simple {
            self.claim(reference, digest, key, keyring).await?;
        }
        let bundled = ours(&self.bundles(reference, digest, keyring).await?);
        if !bundled {
            self.attach(reference, &manifest, key, keyring).await?;
        }
        Ok(Signed { artifact, place, already: simple && bundled })
    }

    /// Adds a signature of the older form to those under the tag.
    async fn claim(
        &self,
        reference: &Reference,
        digest: Digest,
        key: &SigningKey,
        keyring: &Keyring,
    ) -> Result<(), SignError> {
        let place = place(reference, digest);
        let (mut layers, annotations) = match self.found(&place, keyring).await? {
            None => Default::default(),
            Some(Manifest { content: Content::Image(image), .. }) => (image.layers, image.annotations),
            Some(_) => return Err(SignError::Occupied { place }),
        };
        if layers.iter().any(|layer| layer.media_type != CLAIM_LAYER) {
            return Err(SignError::Occupied { place });
        }
        if layers.len() >= SIGNATURES_MAX {
            return Err(SignError::Full { place });
        }
        let claimed = Claimed::new(digest, &reference.name(), key).ok_or(SignError::Unmade)?;
        let mut layer = Descriptor::of(CLAIM_LAYER, &claimed.payload);
        layer.annotations = claimed.annotations;
        self.push_blob(&place, &layer, claimed.payload.into(), keyring).await?;
        layers.push(layer.clone());
        let config = claim_config(&layers).ok_or(SignError::Unmade)?;
        let described = Descriptor::of(CLAIM_CONFIG, &config);
        self.push_blob(&place, &described, config.into(), keyring).await?;
        let mut image = Image::new(described, layer, annotations);
        image.layers = layers;
        self.push_manifest(&place, &written(&image, &place.to_string())?, keyring).await?;
        Ok(())
    }

    /// Puts a signature of the newer form, which refers to what is signed.
    async fn attach(
        &self,
        reference: &Reference,
        about: &Manifest,
        key: &SigningKey,
        keyring: &Keyring,
    ) -> Result<(), SignError> {
        let bundle = Bytes::from(sealed(about.digest, key).ok_or(SignError::Unmade)?);
        let (config, layer) = (Descriptor::of(EMPTY.0, EMPTY.1), Descriptor::of(BUNDLE_VERSION, &bundle));
        self.push_blob(reference, &config, Bytes::from_static(EMPTY.1), keyring).await?;
        self.push_blob(reference, &layer, bundle, keyring).await?;
        let mut image = Image::new(config, layer, bundle_annotations());
        image.artifact_type = Some(BUNDLE_VERSION.to_owned());
        image.subject = Some(Descriptor::of(&about.media_type, &about.bytes));
        let manifest = written(&image, &reference.to_string())?;
        self.push_manifest(&reference.untagged(manifest.digest), &manifest, keyring).await?;
        Ok(())
    }

    /// Those under the tag.
    async fn simple(&self, place: &Reference, keyring: &Keyring) -> Result<Vec<Signature>, OciError> {
        let origin = place.to_string();
        let image = match self.found(place, keyring).await {
            Ok(None) => return Ok(Vec::new()),
            Ok(Some(Manifest { content: Content::Image(image), .. })) => image,
            Ok(Some(_)) => return Ok(vec![Signature::unreadable(origin, "it is an index")]),
            Err(error) => return Ok(vec![unread(origin, error)?]),
        };
        let mut signatures = Vec::new();
        for layer in newest(&image.layers) {
            let origin = format!("{} in {place}", layer.digest);
            if layer.media_type != CLAIM_LAYER {
                let kind = crate::printable::line(&layer.media_type, 100);
                signatures.push(Signature::unreadable(origin, format!("it is {kind:?}, where {CLAIM_LAYER} is read")));
                continue;
            }
            signatures.push(match self.small_blob(place, layer, PAYLOAD_BYTES_MAX as u64, keyring).await {
                Ok(payload) => Signature::simple(origin, &payload, &layer.annotations),
                Err(error) => unread(origin, error)?,
            });
        }
        Ok(signatures)
    }

    /// Those that refer to the manifest.
    async fn bundles(
        &self,
        reference: &Reference,
        digest: Digest,
        keyring: &Keyring,
    ) -> Result<Vec<Signature>, OciError> {
        let listed = self.referrers(reference, digest, keyring).await?;
        let bundles: Vec<Descriptor> = listed.into_iter().filter(may_be_bundle).collect();
        let mut signatures = Vec::new();
        for bundle in newest(&bundles) {
            let place = reference.pinned(bundle.digest);
            match self.bundle(&place, keyring).await {
                Ok(signature) => signatures.extend(signature),
                Err(error) => signatures.push(unread(place.to_string(), error)?),
            }
        }
        Ok(signatures)
    }

    /// The bundle of a manifest; nothing if it holds something else.
    async fn bundle(&self, place: &Reference, keyring: &Keyring) -> Result<Option<Signature>, OciError> {
        let Content::Image(image) = self.manifest(place, keyring).await?.content else { return Ok(None) };
        match image.layers.as_slice() {
            [layer] if layer.media_type.starts_with(BUNDLE) => {
                let bytes = self.small_blob(place, layer, BUNDLE_BYTES_MAX as u64, keyring).await?;
                Ok(Some(Signature::bundle(place.to_string(), &bytes)))
            }
            _ => Ok(None),
        }
    }

    async fn found(&self, place: &Reference, keyring: &Keyring) -> Result<Option<Manifest>, OciError> {
        match self.manifest(place, keyring).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(OciError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Signatures, in messages.
fn of(reference: &Reference, digest: Digest) -> String {
    format!("the signatures of {}", reference.pinned(digest))
}

/// The tag under which cosign looks.
fn place(reference: &Reference, digest: Digest) -> Reference {
    reference.tagged(format!("sha256-{}.sig", digest.hex()))
}

/// Some registries list referrers without their type, or with that of their empty config: then it is in the manifest.
fn may_be_bundle(listed: &Descriptor) -> bool {
    listed.artifact_type.as_ref().is_none_or(|kind| kind.starts_with(BUNDLE) || kind == EMPTY.0)
}

/// The last ones, which are the newest where anybody kept an order.
fn newest(all: &[Descriptor]) -> &[Descriptor] {
    all.get(all.len().saturating_sub(SIGNATURES_MAX)..).unwrap_or_default()
}

/// One signature that is damaged does not hide the others; a registry that does not answer does.
fn unread(origin: String, error: OciError) -> Result<Signature, OciError> {
    match error {
        OciError::NotFound { .. }
        | OciError::TooLarge { .. }
        | OciError::DigestMismatch { .. }
        | OciError::Unsupported { .. } => Ok(Signature::unreadable(origin, error.to_string())),
        other => Err(other),
    }
}

fn written(image: &Image, subject: &str) -> Result<Manifest, SignError> {
    let bytes = serde_json::to_vec(image).map_err(|_| SignError::Unmade)?;
    Ok(Manifest::read(bytes.into(), Some(OCI_MANIFEST), subject)?)
}
