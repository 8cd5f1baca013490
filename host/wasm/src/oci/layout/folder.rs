//! The files of a layout. What is read is bounded and compared with its digest; what is written gets its name when it is
//! whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;

use super::{MANIFESTS_MAX, NAME};
use crate::oci::digest::Digest;
use crate::oci::error::OciError;
use crate::oci::manifest::{Content, Descriptor, Index, MANIFEST_BYTES_MAX, Manifest};

const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// The folder.
pub(super) struct Layout {
    folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// One that was written.
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(super) fn begin(folder: &Path) -> Result<Self, OciError> {
        let refuse = |source| OciError::File { path: folder.to_owned(), source };
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(folder).map_err(refuse)?;
        if fs::read_dir(folder).map_err(refuse)?.next().is_some() {
            return Err(refuse(std::io::Error::other("there is something in it already: give a new folder")));
        }
        fs::create_dir_all(blobs).map_err(refuse)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes what makes a layout of the folder, when all else is there.
    pub(super) fn end(&self, index: Index) -> Result<(), OciError> {
        let bytes = serde_json::to_vec(&index).map_err(|error| self.wrong("index.json", error.to_string()))?;
        self.put(&self.folder.join("index.json"), &bytes)?;
        self.put(&self.folder.join("oci-layout"), VERSION.as_bytes())
    }

    pub(super) fn blob(&self, digest: Digest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    pub(super) fn write(&self, bytes: &[u8], digest: Digest) -> Result<(), OciError> {
        self.put(&self.blob(digest), bytes)
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), OciError> {
        let write = |source| OciError::File { path: path.to_owned(), source };
        let unfinished = path.with_extension("unfinished");
        fs::File::create(&unfinished).and_then(|mut file| file.write_all(bytes)).map_err(write)?;
        fs::rename(&unfinished, path).map_err(write)
    }

    pub(super) fn index(&self) -> Result<Index, OciError> {
        let marker = self.small(&self.folder.join("oci-layout"))?;
        let marker: Marker =
            serde_json::from_slice(&marker).map_err(|error| self.wrong("oci-layout", error.to_string()))?;
        if marker.image_layout_version != "1.0.0" {
            let version = crate::printable::line(&marker.image_layout_version, 50);
            return Err(self.wrong("oci-layout", format!("version {version:?} of the layout is not read")));
        }
        let bytes = self.small(&self.folder.join("index.json"))?;
        let index: Index =
            serde_json::from_slice(&bytes).map_err(|error| self.wrong("index.json", error.to_string()))?;
        if index.manifests.len() > MANIFESTS_MAX {
            return Err(self.wrong("index.json", format!("it lists more than {MANIFESTS_MAX} manifests")));
        }
        Ok(index)
    }

    /// The artifact that the folder is about: the one with a name of its own, or the only one.
    pub(super) fn main<'a>(&self, index: &'a Index) -> Result<&'a Descriptor, OciError> {
        let named = |entry: &&Descriptor| entry.annotations.get(NAME).is_some_and(|name| !name.starts_with("sha256-"));
        let mut artifacts = BTreeMap::new();
        for entry in &index.manifests {
            if !matches!(&self.manifest(entry)?.content, Content::Image(image) if image.subject.is_some()) {
                artifacts.insert(entry.digest, entry);
            }
        }
        let by_name: Vec<&Descriptor> = index.manifests.iter().filter(named).collect();
        let unnamed: Vec<&&Descriptor> =
            artifacts.values().filter(|entry| !entry.annotations.contains_key(NAME)).collect();
        match (by_name.as_slice(), unnamed.as_slice()) {
            ([only], _) => Ok(*only),
            ([], [only]) => Ok(**only),
            _ => Err(self.wrong("index.json", "it is about several artifacts, or about none".to_owned())),
        }
    }

    pub(super) fn manifest(&self, entry: &Descriptor) -> Result<Manifest, OciError> {
        if entry.size > MANIFEST_BYTES_MAX as u64 {
            let subject = format!("manifest {}", entry.digest);
            return Err(OciError::TooLarge { subject, bytes_max: MANIFEST_BYTES_MAX as u64 });
        }
        Manifest::read(self.read(entry)?, Some(&entry.media_type), &self.blob(entry.digest).display().to_string())
    }

    /// A blob, whose size is bounded by whoever asks.
    pub(super) fn read(&self, blob: &Descriptor) -> Result<Bytes, OciError> {
        let path = self.blob(blob.digest);
        let read = |source| OciError::File { path: path.clone(), source };
        let (subject, length) = (path.display().to_string(), fs::metadata(&path).map_err(read)?.len());
        if length > blob.size {
            return Err(OciError::TooLarge { subject, bytes_max: blob.size });
        }
        let bytes = Bytes::from(fs::read(&path).map_err(read)?);
        let found = Digest::of(&bytes);
        if found == blob.digest {
            Ok(bytes)
        } else {
            Err(OciError::DigestMismatch { subject, expected: blob.digest, found })
        }
    }

    fn small(&self, path: &Path) -> Result<Bytes, OciError> {
        let read = |source| OciError::File { path: path.to_owned(), source };
        if fs::metadata(path).map_err(read)?.len() > MANIFEST_BYTES_MAX as u64 {
            return Err(OciError::TooLarge {
                subject: path.display().to_string(),
                bytes_max: MANIFEST_BYTES_MAX as u64,
            });
        }
        fs::read(path).map(Bytes::from).map_err(read)
    }

    fn wrong(&self, file: &str, why: String) -> OciError {
        OciError::Unsupported { subject: self.folder.join(file).display().to_string(), why }
    }
}
