//! A client of registries: what a tag means, manifests, blobs, and what refers to a manifest. Each operation has one
//! deadline, however many requests it takes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LINK};
use http::{HeaderValue, Method};
use http_body_util::BodyExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::digest::{Digest, Hasher};
use super::error::OciError;
use super::keyring::Keyring;
use super::manifest::{ACCEPTED, Content, Descriptor, MANIFEST_BYTES_MAX, Manifest, OCI_INDEX};
use super::reference::Reference;
use super::session::{Intent, Session};
use super::transport::{Ask, Transport, broken_off, header, whole};
use crate::connection::reach::Reach;
use crate::connection::{NetworkError, NetworkSettings};

/// Pages of a list of referrers: at some hundred a page, more than anybody attaches.
const PAGES_MAX: usize = 10;
/// The header by which a registry says what a manifest's digest is.
const DIGEST: &str = "docker-content-digest";

/// How registries are reached, and how much is taken from them.
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// Which addresses may be dialled, who is asked for names, whose certificates are trusted.
    pub network: NetworkSettings,
    /// As whose pod names are looked up.
    pub namespace: String,
    /// Registries without encryption, `HOST` or `HOST:PORT` exactly as they stand in references.
    pub plain_http: Vec<String>,
    /// Bytes of a component.
    pub component_bytes_max: u64,
    /// Time for one connection, its encryption included.
    pub connect_time_max: Duration,
    /// Time for one operation, all its requests and redirects included.
    pub time_max: Duration,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            network: NetworkSettings::default(),
            namespace: "default".to_owned(),
            plain_http: Vec::new(),
            component_bytes_max: crate::Limits::default().component_bytes_max,
            // Three addresses that do not answer, at 1.5 s each, and a slow handshake.
            connect_time_max: Duration::from_secs(10),
            // The largest component allowed, 64 MiB, at half a MiB a second.
            time_max: Duration::from_secs(130),
        }
    }
}

/// A client of registries.
pub struct Registry {
    pub(super) transport: Transport,
    pub(super) component_bytes_max: u64,
    time_max: Duration,
}

impl Registry {
    /// Prepares to reach registries; reaches none yet.
    pub fn new(settings: &RegistrySettings) -> Result<Self, NetworkError> {
        let reach = Arc::new(Reach::new(&settings.network)?);
        let plain = &settings.plain_http;
        let transport = Transport::new(reach, &settings.namespace, plain, settings.connect_time_max);
        Ok(Self { transport, component_bytes_max: settings.component_bytes_max, time_max: settings.time_max })
    }

    /// The digest that a reference means now. One that is written with its digest is not asked for.
    pub async fn resolve(&self, reference: &Reference, keyring: &Keyring) -> Result<Digest, OciError> {
        if let Some(digest) = reference.digest() {
            return Ok(digest);
        }
        let resolving = async {
            let mut session = Session::new(&self.transport, reference, keyring, Intent::Pull)?;
            let uri = session.url(&format!("manifests/{}", reference.version()))?;
            let response =
                session.send(&uri, &accepting(Method::HEAD, ACCEPTED), &reference.to_string(), &[405]).await?;
            match header(&response, DIGEST).and_then(|digest| digest.parse().ok()) {
                Some(digest) if response.status().is_success() => Ok(digest),
                _ => Ok(manifest(&mut session, reference).await?.digest),
            }
        };
        self.in_time(&reference.to_string(), resolving).await
    }

    /// The manifest or index of a reference, verified where it is written with its digest.
    pub async fn manifest(&self, reference: &Reference, keyring: &Keyring) -> Result<Manifest, OciError> {
        let fetching = async {
            let mut session = Session::new(&self.transport, reference, keyring, Intent::Pull)?;
            manifest(&mut session, reference).await
        };
        self.in_time(&reference.to_string(), fetching).await
    }

    /// Writes a blob of the reference's repository into `into` while it comes. What was written is worth nothing unless
    /// this succeeds: the digest is known at the end.
    pub async fn blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        keyring: &Keyring,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<(), OciError> {
        let subject = subject_of(reference, blob);
        let fetching = async {
            let mut session = Session::new(&self.transport, reference, keyring, Intent::Pull)?;
            let uri = session.url(&format!("blobs/{}", blob.digest))?;
            let response = session.send(&uri, &Ask::new(Method::GET), &subject, &[]).await?;
            stream(response.into_body(), blob, &subject, into).await
        };
        self.in_time(&subject, fetching).await
    }

    /// A blob that is small enough to be held.
    pub(super) async fn small_blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        bytes_max: u64,
        keyring: &Keyring,
    ) -> Result<Bytes, OciError> {
        if blob.size > bytes_max {
            return Err(OciError::TooLarge { subject: subject_of(reference, blob), bytes_max });
        }
        let mut bytes = Vec::new();
        self.blob(reference, blob, keyring, &mut bytes).await?;
        Ok(bytes.into())
    }

    /// What refers to a manifest: signatures, bills of materials. By the registry's list, or by the tag that stands in for
    /// it where a registry has none.
    pub async fn referrers(
        &self,
        reference: &Reference,
        digest: Digest,
        keyring: &Keyring,
    ) -> Result<Vec<Descriptor>, OciError> {
        let subject = format!("the referrers of {}", reference.pinned(digest));
        let listing = async {
            let mut session = Session::new(&self.transport, reference, keyring, Intent::Pull)?;
            match listed(&mut session, digest, &subject).await? {
                Some(listed) => Ok(listed),
                None => by_tag(&mut session, reference, digest).await,
            }
        };
        self.in_time(&subject, listing).await
    }

    /// Bounds a whole operation.
    pub(super) async fn in_time<T>(
        &self,
        subject: &str,
        operation: impl Future<Output = Result<T, OciError>>,
    ) -> Result<T, OciError> {
        let late = |_elapsed| OciError::TimedOut { subject: subject.to_owned(), after: self.time_max };
        tokio::time::timeout(self.time_max, operation).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }
}

/// A request for something of these types.
pub(super) fn accepting(method: Method, types: &'static str) -> Ask {
    let mut ask = Ask::new(method);
    ask.headers.insert(ACCEPT, HeaderValue::from_static(types));
    ask
}

/// A blob, in messages.
pub(super) fn subject_of(reference: &Reference, blob: &Descriptor) -> String {
    format!("blob {} of {}", blob.digest, reference.name())
}

/// Fetches a manifest and compares its digest with that of the reference, and with what the registry says.
pub(super) async fn manifest(session: &mut Session<'_>, reference: &Reference) -> Result<Manifest, OciError> {
    let subject = reference.to_string();
    let uri = session.url(&format!("manifests/{}", reference.version()))?;
    let response = session.send(&uri, &accepting(Method::GET, ACCEPTED), &subject, &[]).await?;
    let told = header(&response, CONTENT_TYPE.as_str()).map(str::to_owned);
    let said = header(&response, DIGEST).and_then(|digest| digest.parse().ok());
    let bytes = whole(response, MANIFEST_BYTES_MAX, &subject).await?;
    let found = Digest::of(&bytes);
    match reference.digest().or(said) {
        Some(expected) if expected != found => Err(OciError::DigestMismatch { subject, expected, found }),
        _ => Manifest::read(bytes, told.as_deref(), &subject),
    }
}

async fn stream(
    mut body: hyper::body::Incoming,
    blob: &Descriptor,
    subject: &str,
    into: &mut (dyn AsyncWrite + Send + Unpin),
) -> Result<(), OciError> {
    let write = |source| OciError::File { path: subject.into(), source };
    let (mut hasher, mut length) = (Hasher::default(), 0_u64);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| broken_off(subject))?.into_data() else { continue };
        length += data.len() as u64;
        if length > blob.size {
            return Err(OciError::TooLarge { subject: subject.to_owned(), bytes_max: blob.size });
        }
        hasher.update(&data);
        into.write_all(&data).await.map_err(write)?;
    }
    into.flush().await.map_err(write)?;
    let found = hasher.finish();
    if found == blob.digest {
        Ok(())
    } else {
        Err(OciError::DigestMismatch { subject: subject.to_owned(), expected: blob.digest, found })
    }
}

/// The registry's own list; nothing where it keeps none.
async fn listed(session: &mut Session<'_>, digest: Digest, subject: &str) -> Result<Option<Vec<Descriptor>>, OciError> {
    let mut uri = session.url(&format!("referrers/{digest}"))?;
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        // Registries that know no such list say so in various ways.
        let response = session.send(&uri, &accepting(Method::GET, OCI_INDEX), subject, &[400, 404, 405, 406]).await?;
        let is_index = header(&response, CONTENT_TYPE.as_str()).is_some_and(|told| told.starts_with(OCI_INDEX));
        if !response.status().is_success() || !is_index {
            return Ok(None);
        }
        let next = header(&response, LINK.as_str()).and_then(next_page).map(str::to_owned);
        let bytes = whole(response, MANIFEST_BYTES_MAX, subject).await?;
        if let Content::Index(index) = Manifest::read(bytes, Some(OCI_INDEX), subject)?.content {
            found.extend(index.manifests);
        }
        match next {
            Some(next) => uri = session.named(&uri, &next, subject)?,
            None => return Ok(Some(found)),
        }
    }
    Ok(Some(found))
}

/// The tag under which clients keep a list where the registry keeps none.
pub(super) fn fallback(reference: &Reference, digest: Digest) -> Reference {
    reference.tagged(format!("sha256-{}", digest.hex()))
}

pub(super) async fn by_tag(
    session: &mut Session<'_>,
    reference: &Reference,
    digest: Digest,
) -> Result<Vec<Descriptor>, OciError> {
    match manifest(session, &fallback(reference, digest)).await {
        Ok(Manifest { content: Content::Index(index), .. }) => Ok(index.manifests),
        Ok(_) | Err(OciError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// `</v2/…?n=100>; rel="next"`
fn next_page(link: &str) -> Option<&str> {
    let (target, relation) = link.trim().strip_prefix('<')?.split_once('>')?;
    relation.contains("next").then_some(target)
}
