//! Where components of Scalers come from: a registry, or what was kept of it. A digest is only ever served by bytes that
//! have it, so what was resolved is what runs.

use std::path::PathBuf;
use std::sync::Arc;

use bellows_core::supply::{Halt, Step};
use bellows_wasm::capability_names;
use bellows_wasm::oci::{ArtifactCache, Digest, Kept, Keyring, OciError, Reference, Registry};

use super::PullPolicy;

/// Registries, and the cache of what came from them.
pub struct Source {
    /// Who is asked.
    pub registry: Registry,
    /// What was kept.
    pub cache: Arc<ArtifactCache>,
    /// A folder of notes of what passed which verification: some empty files.
    pub notes: PathBuf,
}

/// What a reference names.
pub(super) struct Found {
    pub(super) digest: Digest,
    /// Why the registry was not asked, where it should have been.
    pub(super) degraded: Option<(String, String)>,
}

impl Source {
    pub(super) fn reference(&self, image: &str) -> Result<Reference, Halt> {
        let wrong = |error| Halt::lasting(Step::Resolved, "InvalidImage", format!("spec.image: {error}"));
        image.parse().map_err(wrong)
    }

    /// The digest that a reference names now, or, where the registry cannot tell, named when it was last seen.
    pub(super) async fn resolve(
        &self,
        reference: &Reference,
        policy: PullPolicy,
        credentials: Option<(&str, &[u8])>,
    ) -> Result<Found, Halt> {
        if let Some(digest) = reference.digest() {
            return Ok(Found { digest, degraded: None });
        }
        let kept = self.last_good(reference).await?;
        match (policy, kept) {
            (PullPolicy::IfNotPresent | PullPolicy::Never, Some(digest)) => Ok(Found { digest, degraded: None }),
            (PullPolicy::Never, None) => {
                let message = format!("{reference} is not in the cache, and spec.pullPolicy is Never");
                Err(Halt::passing(Step::Resolved, "NotInCache", message))
            }
            (_, kept) => {
                let keyring = keyring(credentials)?;
                match (self.registry.resolve(reference, &keyring).await, kept) {
                    (Ok(digest), _) => Ok(Found { digest, degraded: None }),
                    (Err(error), Some(digest)) => {
                        let why = format!("{error}; what {reference} named when it was last seen goes on serving");
                        Ok(Found { digest, degraded: Some((error.reason().to_owned(), why)) })
                    }
                    (Err(error), None) => Err(halt(Step::Resolved, &error)),
                }
            }
        }
    }

    /// The component of a digest: from the cache, or else from the registry, once `judge` has nothing against what it
    /// imports. Where the registry does not tell that, the component tells it later.
    pub(super) async fn fetch(
        &self,
        reference: &Reference,
        digest: Digest,
        policy: PullPolicy,
        credentials: Option<(&str, &[u8])>,
        judge: impl FnOnce(&[String]) -> Result<(), Halt>,
    ) -> Result<Kept, Halt> {
        let cache = Arc::clone(&self.cache);
        if let Some(kept) = blocking(move || cache.of_manifest(digest)).await? {
            return Ok(kept);
        }
        if policy == PullPolicy::Never {
            let message = format!("{digest} is not in the cache, and spec.pullPolicy is Never");
            return Err(Halt::passing(Step::Pulled, "NotInCache", message));
        }
        let (keyring, reference) = (keyring(credentials)?, reference.pinned(digest));
        let failed = |error| halt(Step::Pulled, &error);
        let artifact = self.registry.describe(&reference, &keyring).await.map_err(failed)?;
        if let Some(interfaces) = &artifact.interfaces {
            judge(&capability_names(interfaces.imports.iter().map(String::as_str)))?;
        }
        self.registry.pull_described(&artifact, &keyring, &self.cache).await.map_err(failed)
    }

    /// What serves now is what a restart without a registry serves.
    pub(super) async fn remember(&self, reference: &Reference, kept: Kept) {
        let (cache, named) = (Arc::clone(&self.cache), reference.clone());
        if let Err(halt) = blocking(move || cache.remember(&named, &kept)).await {
            tracing::warn!(%reference, error = halt.message, "a restart without the registry will not find this scaler");
        }
    }

    /// The digest that a reference named when it was last seen, if its component is here.
    pub(super) async fn last_good(&self, reference: &Reference) -> Result<Option<Digest>, Halt> {
        let (cache, reference) = (Arc::clone(&self.cache), reference.clone());
        Ok(blocking(move || cache.last_good(&reference)).await?.map(|kept| kept.digest))
    }
}

pub(super) fn keyring(credentials: Option<(&str, &[u8])>) -> Result<Keyring, Halt> {
    let read = |(name, bytes)| Keyring::of_pull_secret(name, bytes).map_err(|error| halt(Step::Resolved, &error));
    credentials.map_or_else(|| Ok(Keyring::default()), read)
}

fn halt(step: Step, error: &OciError) -> Halt {
    // What a registry holds, and whom it lets in, may change without a change of the manifest.
    Halt::passing(step, error.reason(), error.to_string())
}

/// Work on files, away from the threads that serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, OciError> + Send + 'static) -> Result<T, Halt> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| halt(Step::Pulled, &error)),
        Err(error) => Err(Halt::passing(Step::Pulled, "Interrupted", error.to_string())),
    }
}
