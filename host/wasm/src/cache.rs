//! Compiled components on disk. Compiled code runs with the rights of the host, so nothing is mapped that this
//! installation did not write: a folder of its owner alone, and a MAC over each file by a key that lies beside them.
//!
//! Owns the one `unsafe` of the project. Refuses a folder that anybody else may read or write.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::component::Component;

const KEY_FILE: &str = "mac.key";
const KEY_BYTES: usize = 32;
const ARTIFACT: &str = "cwasm";
/// Compiled components kept. At 0.3 MiB (Rust) to 37 MiB (JavaScript) each, 256 are between 80 MiB and 9 GiB.
const ARTIFACTS_MAX: usize = 256;
/// Unfinished files older than this belong to nobody: a compilation ends within minutes.
const UNFINISHED_AGE_MAX: Duration = Duration::from_secs(3_600);

/// What went wrong with the folder of compiled components.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The folder could not be made or looked at.
    #[error("cannot prepare the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could write native code into it.
    #[error("{path} must be a folder of mode 0700 that belongs to the user of this process")]
    Shared {
        /// The folder or its key.
        path: PathBuf,
    },
    /// The key of the MAC could not be read or made.
    #[error("cannot read or make the key {path}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A compiled component could not be written.
    #[error("cannot write the compiled component {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A compiled component could not be read.
    #[error("cannot read the compiled component {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The folder, with its key.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    unfinished: AtomicU64,
}

impl Cache {
    /// Opens the folder, and makes it where it is not there yet.
    pub(crate) fn open(folder: &Path) -> Result<Self, CacheError> {
        let refuse = |source| CacheError::Folder { path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refuse)?;
        let found = fs::symlink_metadata(folder).map_err(refuse)?;
        if !found.is_dir() || !private(&found) {
            return Err(CacheError::Shared { path: folder.to_owned() });
        }
        let key = key(&folder.join(KEY_FILE))?;
        let cache = Self { folder: folder.to_owned(), key, unfinished: AtomicU64::new(0) };
        cache.sweep(None);
        Ok(cache)
    }

    /// A new path in the folder, for a file that is not finished; nobody else is given the same.
    pub(crate) fn unfinished(&self) -> PathBuf {
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{}-{number}.unfinished", std::process::id()))
    }

    /// The compiled component of this name, if it is there and ours. A file that is not is thrown away.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, name: &str) -> Result<Option<Component>, CacheError> {
        let path = self.artifact(name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CacheError::Read { path, source }),
        };
        let mac = self.mac(name, &mut file).map_err(|source| CacheError::Read { path: path.clone(), source })?;
        let written = fs::read(mac_path(&path)).unwrap_or_default();
        if mac.verify_slice(&written).is_err() {
            tracing::warn!(path = %path.display(), "a compiled component is not as we wrote it: it is compiled again");
            self.discard(&path);
            return Ok(None);
        }
        match map(engine, &file) {
            Ok(component) => Ok(Some(component)),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a compiled component cannot be mapped: it is compiled again");
                self.discard(&path);
                Ok(None)
            }
        }
    }

    /// Takes over an unfinished file as the compiled component of this name.
    pub(crate) fn store(&self, name: &str, unfinished: &Path) -> Result<(), CacheError> {
        let path = self.artifact(name);
        let write = |source| CacheError::Write { path: path.clone(), source };
        let mut file = File::open(unfinished).map_err(write)?;
        let mac = self.mac(name, &mut file).map_err(write)?.finalize().into_bytes();
        let mac_unfinished = self.unfinished();
        create(&mac_unfinished).and_then(|mut file| file.write_all(&mac)).map_err(write)?;
        // The MAC first: a reader between the two finds a file that does not match, and compiles it again.
        fs::rename(&mac_unfinished, mac_path(&path)).map_err(write)?;
        fs::rename(unfinished, &path).map_err(write)?;
        self.sweep(Some(&path));
        Ok(())
    }

    fn artifact(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ARTIFACT}"))
    }

    /// The MAC covers the name too, so that one component's code cannot be passed off as another's.
    fn mac(&self, name: &str, file: &mut File) -> io::Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(io::Error::other)?;
        mac.update(name.as_bytes());
        mac.update(&[0]);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut buffer)?;
            match buffer.get(..count) {
                Some(bytes) if count > 0 => mac.update(bytes),
                _ => return Ok(mac),
            }
        }
    }

    fn discard(&self, path: &Path) {
        for path in [path, &mac_path(path)] {
            if let Err(error) = fs::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %error, "cannot remove a compiled component");
            }
        }
    }

    /// Removes what is over the bound, oldest first, and what nobody will finish. What is mapped stays mapped.
    fn sweep(&self, keep: Option<&Path>) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut artifacts = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(modified) = entry.metadata().and_then(|found| found.modified()) else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(ARTIFACT) if keep != Some(path.as_path()) => artifacts.push((modified, path)),
                Some("unfinished") if age(modified) > UNFINISHED_AGE_MAX => self.discard(&path),
                _ => {}
            }
        }
        artifacts.sort();
        let surplus = artifacts.len().saturating_sub(ARTIFACTS_MAX);
        artifacts.iter().take(surplus).for_each(|(_, path)| self.discard(path));
    }
}

fn age(modified: SystemTime) -> Duration {
    SystemTime::now().duration_since(modified).unwrap_or_default()
}

fn mac_path(artifact: &Path) -> PathBuf {
    artifact.with_extension("mac")
}

fn private(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0
}

/// A new file that only its owner may touch.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn key(path: &Path) -> Result<[u8; KEY_BYTES], CacheError> {
    let refuse = |source| CacheError::Key { path: path.to_owned(), source };
    if !path.exists() {
        make_key(path).map_err(refuse)?;
    }
    let mut file = File::open(path).map_err(refuse)?;
    if !file.metadata().is_ok_and(|found| found.is_file() && private(&found)) {
        return Err(CacheError::Shared { path: path.to_owned() });
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key).map_err(refuse)?;
    Ok(key)
}

/// Writes a key beside and links it into place, so that two processes that start at once agree on one.
fn make_key(path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    create(&unfinished).and_then(|mut file| file.write_all(&key))?;
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Maps a compiled component whose MAC was just verified through the same open file.
fn map(engine: &wasmtime::Engine, file: &File) -> wasmtime::Result<Component> {
    // The path leads to the open file and not to whatever its name means by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    #[expect(unsafe_code, reason = "mapping compiled code is unsafe by nature; this is its one place")]
    // SAFETY: the bytes were written by `precompile_component` in a process that this installation started, which the
    // MAC proves; they cannot change under the mapping, because the folder belongs to this user alone, and this crate
    // only ever replaces such files by rename and never writes into one.
    unsafe {
        Component::deserialize_file(engine, path)
    }
}

/// A file that is removed unless it was renamed in time.
pub(crate) struct Unfinished(pub(crate) PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It may have been renamed or never written: then there is nothing to remove, and nothing is wrong.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Bench {
        folder: tempfile::TempDir,
        engine: wasmtime::Engine,
    }

    impl Bench {
        fn new() -> Self {
            let engine = wasmtime::Engine::new(&crate::compile::configuration()).unwrap();
            Self { folder: tempfile::tempdir().unwrap(), engine }
        }

        fn cache(&self) -> Cache {
            Cache::open(&self.folder.path().join("cache")).unwrap()
        }

        fn stored(&self, name: &str) -> Cache {
            let cache = self.cache();
            let unfinished = cache.unfinished();
            fs::write(&unfinished, self.engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap())
                .unwrap();
            cache.store(name, &unfinished).unwrap();
            cache
        }

        fn is_loaded(&self, cache: &Cache, name: &str) -> bool {
            cache.load(&self.engine, name).unwrap().is_some()
        }
    }

    #[test]
    fn what_was_stored_is_loaded_by_a_later_process_too() {
        let bench = Bench::new();
        let cache = bench.stored("a");
        assert!(bench.is_loaded(&cache, "a"));
        assert!(bench.is_loaded(&bench.cache(), "a"));
        assert!(!bench.is_loaded(&cache, "b"));
    }

    #[test]
    fn a_forged_truncated_or_renamed_file_is_thrown_away() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 4] = [
            ("one bit", |path| {
                let mut bytes = fs::read(path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(path, bytes).unwrap();
            }),
            ("truncated", |path| File::options().write(true).open(path).unwrap().set_len(100).unwrap()),
            ("emptied", |path| fs::write(path, b"").unwrap()),
            ("without its MAC", |path| fs::remove_file(mac_path(path)).unwrap()),
        ];
        for (what, change) in changes {
            let bench = Bench::new();
            let cache = bench.stored("a");
            change(&cache.artifact("a"));
            assert!(!bench.is_loaded(&cache, "a"), "{what}");
            assert!(!cache.artifact("a").exists(), "{what}");
        }
    }

    #[test]
    fn the_code_of_one_component_does_not_pass_for_another() {
        let bench = Bench::new();
        let cache = bench.stored("a");
        fs::copy(cache.artifact("a"), cache.artifact("b")).unwrap();
        fs::copy(mac_path(&cache.artifact("a")), mac_path(&cache.artifact("b"))).unwrap();
        assert!(!bench.is_loaded(&cache, "b"));
    }

    #[test]
    fn a_file_of_another_key_is_thrown_away() {
        let bench = Bench::new();
        drop(bench.stored("a"));
        fs::remove_file(bench.folder.path().join("cache").join(KEY_FILE)).unwrap();
        assert!(!bench.is_loaded(&bench.cache(), "a"));
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Cache::open(folder.path()), Err(CacheError::Shared { .. })));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let bench = Bench::new();
        drop(bench.cache());
        let key = bench.folder.path().join("cache").join(KEY_FILE);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Cache::open(&bench.folder.path().join("cache"));
        assert!(matches!(refused, Err(CacheError::Shared { path }) if path == key));
    }

    const HUNDRED: usize = 100;

    /// A scaler with a note at its end, which makes it another component with the same code.
    fn noted(number: usize) -> Vec<u8> {
        let mut bytes = fs::read("../../tests/contract/0.1/bullmq.wasm").unwrap();
        bytes.extend([0, 6, 1, b'n']);
        bytes.extend(u32::try_from(number).unwrap().to_le_bytes());
        bytes
    }

    fn engine(folder: &Path) -> crate::Engine {
        let settings = crate::EngineSettings {
            cache: folder.join("cache"),
            compiler: crate::compile::tests::compiler(),
            limits: crate::Limits::default(),
            network: crate::NetworkSettings::default(),
        };
        crate::Engine::new(settings).unwrap()
    }

    /// A folder of a hundred components, of which the code is at hand: compiled once, and kept under each one's name.
    async fn hundred(folder: &Path) -> Vec<PathBuf> {
        let paths: Vec<PathBuf> = (0..HUNDRED).map(|number| folder.join(format!("{number}.wasm"))).collect();
        paths.iter().enumerate().for_each(|(number, path)| fs::write(path, noted(number)).unwrap());
        engine(folder).load(&paths[0]).await.unwrap();
        let cache = Cache::open(&folder.join("cache")).unwrap();
        let engine = wasmtime::Engine::new(&crate::compile::configuration()).unwrap();
        let name = |number| crate::compile::artifact_name(&engine, &crate::digest(&noted(number)));
        for number in 1..HUNDRED {
            let unfinished = cache.unfinished();
            fs::write(&unfinished, fs::read(cache.artifact(&name(0))).unwrap()).unwrap();
            cache.store(&name(number), &unfinished).unwrap();
        }
        paths
    }

    /// How long this thread was ready while others had the processors: the second field of proc(5)'s `schedstat`.
    fn stood() -> Duration {
        let seen = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(seen.split_whitespace().nth(1).unwrap().parse().unwrap())
    }

    /// The same of the two threads that there are: this one, and the one that reads files.
    async fn both_stood() -> Duration {
        stood() + tokio::task::spawn_blocking(stood).await.unwrap()
    }

    #[test]
    fn a_host_with_a_hundred_compiled_scalers_begins_within_a_second() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.max_blocking_threads(1).enable_all().build().unwrap().block_on(hundred_begin());
    }

    #[expect(clippy::await_holding_lock, reason = "whoever waits for it is a thread of its own")]
    async fn hundred_begin() {
        let folder = tempfile::tempdir().unwrap();
        let paths = hundred(folder.path()).await;
        let mut tries = Vec::new();
        let _alone = crate::fuzz::PROCESSORS.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Others' time is left out; a slow disk is not, but three times in a row it is us.
        for _ in 0..3 {
            let (before, began) = (both_stood().await, std::time::Instant::now());
            let engine = engine(folder.path());
            let mut digests = std::collections::BTreeSet::new();
            // One after the other, as the host looks at its folder.
            for path in &paths {
                digests.insert(engine.load(path).await.unwrap().digest().to_owned());
            }
            let took = began.elapsed().saturating_sub(both_stood().await - before);
            assert_eq!(digests.len(), HUNDRED);
            println!("figure: engine and {HUNDRED} cached scalers ready = {:.3} s (not optimised)", took.as_secs_f64());
            if took < Duration::from_secs(1) {
                return;
            }
            tries.push(took);
        }
        panic!("none of {tries:?} is below a second");
    }
}
