//! Components from registries, on disk: known by their digests, which are computed again whenever one is taken out, and
//! what each reference meant when the registry last answered. A registry that is down does not matter to what is here.
//!
//! Refuses a folder that anybody else may read or write. Several processes may share it: nothing is ever written in place.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::OciError;
use super::reference::Reference;
use crate::cache::create;

/// Bytes of components that are kept where nothing else is said: fifty of Rust at 0.4 MiB and twenty interpreters at
/// 18 MiB come to 380 MiB, and of each there is an older version.
pub const CACHE_BYTES_MAX: u64 = 1 << 30;
/// References that are remembered, at some 400 bytes each.
const REFERENCES_MAX: usize = 4_096;
/// Bytes of one such note.
const NOTE_BYTES_MAX: u64 = 4_096;
/// Unfinished files older than this belong to nobody: a pull ends within minutes.
const UNFINISHED_AGE_MAX: Duration = Duration::from_secs(3_600);

const COMPONENT: &str = "wasm";
const OF_MANIFEST: &str = "manifest";
const OF_REFERENCE: &str = "reference";
const UNFINISHED: &str = "unfinished";

/// The folder.
#[derive(Debug)]
pub struct ArtifactCache {
    folder: PathBuf,
    bytes_max: u64,
    next: AtomicU64,
}

/// A component that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The digest of the artifact: what a reference means.
    pub digest: Digest,
    /// The digest of the component itself.
    pub component: Digest,
    /// Where it lies.
    pub path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Note {
    /// The reference, of a note about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    digest: Digest,
    component: Digest,
}

impl ArtifactCache {
    /// Opens the folder, which is made where it is missing, for at most so many bytes of components.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, OciError> {
        let refuse = |source| OciError::File { path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refuse)?;
        let about = fs::metadata(folder).map_err(refuse)?;
        if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o077 != 0 {
            let why = "it must be a folder of mode 0700 that belongs to the user of this process";
            return Err(refuse(io::Error::new(io::ErrorKind::PermissionDenied, why)));
        }
        Ok(Self { folder: folder.to_owned(), bytes_max, next: AtomicU64::new(0) })
    }

    /// Notes what a reference means now.
    pub fn remember(&self, reference: &Reference, kept: &Kept) -> Result<(), OciError> {
        let note = Note { reference: Some(reference.to_string()), digest: kept.digest, component: kept.component };
        self.write(&self.of_reference(reference), &note)?;
        self.sweep(kept.component);
        Ok(())
    }

    /// What a reference meant when its registry last answered, if that is still here.
    pub fn last_good(&self, reference: &Reference) -> Result<Option<Kept>, OciError> {
        let Some(note) = self.read(&self.of_reference(reference))? else { return Ok(None) };
        // Two references would have to share a hash; whoever looks is not to depend on that.
        if note.reference.as_deref() != Some(&reference.to_string()) {
            return Ok(None);
        }
        self.verified(&note)
    }

    /// The component of the artifact with this digest, if it is here.
    pub fn of_manifest(&self, digest: Digest) -> Result<Option<Kept>, OciError> {
        match self.read(&self.folder.join(digest.hex()).with_extension(OF_MANIFEST))? {
            Some(note) if note.digest == digest => self.verified(&note),
            _ => Ok(None),
        }
    }

    /// A path for what is not finished yet.
    pub(super) fn unfinished(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{}-{number}.{UNFINISHED}", std::process::id()))
    }

    /// Takes over a file that was fetched: as the component of the artifact with this digest.
    pub(super) fn keep(&self, digest: Digest, component: Digest, unfinished: &Path) -> Result<Kept, OciError> {
        let path = self.component(component);
        fs::rename(unfinished, &path).map_err(|source| OciError::File { path: path.clone(), source })?;
        let note = Note { reference: None, digest, component };
        self.write(&self.folder.join(digest.hex()).with_extension(OF_MANIFEST), &note)?;
        Ok(Kept { digest, component, path })
    }

    fn component(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.hex()).with_extension(COMPONENT)
    }

    fn of_reference(&self, reference: &Reference) -> PathBuf {
        self.folder.join(Digest::of(reference.to_string().as_bytes()).hex()).with_extension(OF_REFERENCE)
    }

    /// The component of a note, if its bytes are what its name says; else it is thrown away.
    fn verified(&self, note: &Note) -> Result<Option<Kept>, OciError> {
        let path = self.component(note.component);
        match super::pull::digest_of(&path) {
            Ok(found) if found == note.component => {}
            Ok(_) => {
                tracing::warn!(path = %path.display(), "a component on disk is not what it was, and is thrown away");
                discard(&path);
                return Ok(None);
            }
            Err(OciError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        // What is used last is thrown away last. Where that cannot be noted, it is thrown away sooner.
        _ = File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Ok(Some(Kept { digest: note.digest, component: note.component, path }))
    }

    fn read(&self, path: &Path) -> Result<Option<Note>, OciError> {
        match fs::metadata(path) {
            Ok(about) if about.len() <= NOTE_BYTES_MAX => {}
            _ => return Ok(None),
        }
        let bytes = fs::read(path).map_err(|source| OciError::File { path: path.to_owned(), source })?;
        // A note that cannot be read is as good as none: what it says is found out anew.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    fn write(&self, path: &Path, note: &Note) -> Result<(), OciError> {
        let unfinished = self.unfinished();
        let write = |source| OciError::File { path: path.to_owned(), source };
        let bytes = serde_json::to_vec(note).map_err(|error| write(io::Error::other(error)))?;
        create(&unfinished).and_then(|mut file| file.write_all(&bytes)).map_err(write)?;
        fs::rename(&unfinished, path).map_err(write)
    }

    /// Throws away what is over the bounds: components that no reference means first, and of each kind the oldest first.
    fn sweep(&self, keep: Digest) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let (mut components, mut references, mut manifests) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries.flatten() {
            let (path, Ok(about)) = (entry.path(), entry.metadata()) else { continue };
            let Ok(modified) = about.modified() else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(COMPONENT) => components.push((modified, about.len(), path)),
                Some(OF_REFERENCE) => references.push((modified, path)),
                Some(OF_MANIFEST) => manifests.push((modified, path)),
                Some(UNFINISHED) if age(modified) > UNFINISHED_AGE_MAX => discard(&path),
                _ => {}
            }
        }
        for mut notes in [references.clone(), manifests] {
            notes.sort();
            let surplus = notes.len().saturating_sub(REFERENCES_MAX);
            notes.iter().take(surplus).for_each(|(_, path)| discard(path));
        }
        let mut bytes: u64 = components.iter().map(|(_, length, _)| length).sum();
        if bytes <= self.bytes_max {
            return;
        }
        let notes = references.iter().filter_map(|(_, path)| self.read(path).ok().flatten());
        let meant: std::collections::BTreeSet<PathBuf> = notes.map(|note| self.component(note.component)).collect();
        components.sort_by_key(|(modified, _, path)| (meant.contains(path), *modified));
        let kept = self.component(keep);
        for (_, length, path) in components.iter().filter(|(_, _, path)| *path != kept) {
            if bytes <= self.bytes_max {
                break;
            }
            discard(path);
            bytes -= length;
        }
    }
}

fn age(modified: SystemTime) -> Duration {
    SystemTime::now().duration_since(modified).unwrap_or_default()
}

fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove a file of the cache");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: u64 = 10;

    fn cache(folder: &tempfile::TempDir) -> ArtifactCache {
        ArtifactCache::open(&folder.path().join("cache"), BYTES_MAX).unwrap()
    }

    fn kept(cache: &ArtifactCache, bytes: &[u8]) -> Kept {
        let unfinished = cache.unfinished();
        fs::write(&unfinished, bytes).unwrap();
        cache.keep(Digest::of(&[b"m", bytes].concat()), Digest::of(bytes), &unfinished).unwrap()
    }

    fn reference(tag: &str) -> Reference {
        format!("ghcr.io/a:{tag}").parse().unwrap()
    }

    #[test]
    fn what_a_reference_meant_is_known_to_a_later_process_too() {
        let folder = tempfile::tempdir().unwrap();
        let first = kept(&cache(&folder), b"one");
        cache(&folder).remember(&reference("1"), &first).unwrap();
        assert_eq!(cache(&folder).last_good(&reference("1")).unwrap(), Some(first.clone()));
        assert_eq!(cache(&folder).last_good(&reference("2")).unwrap(), None);
        assert_eq!(cache(&folder).of_manifest(first.digest).unwrap(), Some(first.clone()));
        assert_eq!(fs::read(first.path).unwrap(), b"one");
    }

    #[test]
    fn what_was_changed_on_disk_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder);
        let first = kept(&cache, b"one");
        cache.remember(&reference("1"), &first).unwrap();
        fs::write(&first.path, b"two").unwrap();
        assert_eq!(cache.last_good(&reference("1")).unwrap(), None);
        assert!(!first.path.exists());
        let note = cache.of_reference(&reference("1"));
        fs::write(note, b"{").unwrap();
        assert_eq!(cache.last_good(&reference("1")).unwrap(), None);
    }

    #[test]
    fn over_its_bound_it_loses_what_nobody_means_first_and_never_what_was_just_pulled() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder);
        let meant = kept(&cache, b"meant");
        cache.remember(&reference("1"), &meant).unwrap();
        let unmeant = kept(&cache, b"other");
        let large = kept(&cache, b"larger than all");
        cache.remember(&reference("2"), &large).unwrap();
        assert!(!unmeant.path.exists() && !meant.path.exists() && large.path.exists());
        let small = kept(&cache, b"few");
        cache.remember(&reference("2"), &small).unwrap();
        assert!(small.path.exists() && !large.path.exists());
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(ArtifactCache::open(folder.path(), 1).unwrap_err().reason(), "StorageFailed");
    }
}
