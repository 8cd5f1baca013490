//! An image's parts on disk: a layer as a tar of files in memory or of this machine, and an archive that holds the whole.
//!
//! Owns that equal contents give equal bytes: entries are sorted, and times, owners and modes are said and not found.
//! Refuses to leave a half-made archive: it is renamed when whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::hex;

const MEDIA: &str = "application/vnd.oci.image";

/// What lies at a path of a layer.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A folder, and whose it is.
    Folder { mode: u32, owner: u64 },
    /// A file, from bytes.
    Text { bytes: Vec<u8> },
    /// A file, from this machine.
    File { from: PathBuf, mode: u32 },
}

/// The entries of a layer by their paths, without a slash in front.
pub(super) type Entries = BTreeMap<String, Entry>;

/// Writes a layer. Folders that are not named themselves are root's.
pub(super) fn write_layer(entries: &Entries, path: &Path) -> Result<()> {
    let mut whole = entries.clone();
    for path in entries.keys() {
        for (end, _) in path.match_indices('/') {
            let folder = path.get(..end).unwrap_or_default().to_owned();
            whole.entry(folder).or_insert(Entry::Folder { mode: 0o755, owner: 0 });
        }
    }
    let file = File::create(path).with_context(|| format!("make {}", path.display()))?;
    let mut tar = Builder::new(file);
    for (path, entry) in &whole {
        append(&mut tar, path, entry).with_context(|| format!("put {path} into the layer"))?;
    }
    tar.finish().context("finish the layer")
}

fn append(tar: &mut Builder<File>, path: &str, entry: &Entry) -> Result<()> {
    let header = |kind: EntryType, size: u64, mode: u32, owner: u64| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(0);
        header
    };
    match entry {
        Entry::Folder { mode, owner } => {
            let mut header = header(EntryType::Directory, 0, *mode, *owner);
            tar.append_data(&mut header, format!("{path}/"), std::io::empty())?;
        }
        Entry::Text { bytes } => {
            let mut header = header(EntryType::Regular, bytes.len() as u64, 0o644, 0);
            tar.append_data(&mut header, path, bytes.as_slice())?;
        }
        Entry::File { from, mode } => {
            let file = File::open(from).with_context(|| format!("open {}", from.display()))?;
            let metadata = file.metadata().with_context(|| format!("look at {}", from.display()))?;
            if !metadata.is_file() {
                bail!("{} is no file", from.display());
            }
            let mut header = header(EntryType::Regular, metadata.len(), *mode, 0);
            tar.append_data(&mut header, path, file)?;
        }
    }
    Ok(())
}

/// Writes the archive of an image with one layer, and says the image's digest. `config` is its `config` field.
pub(super) fn write_archive(archive: &Path, name: &str, layer: &Path, config: &Value) -> Result<String> {
    let mut hash = Sha256::new();
    let size = std::io::copy(&mut File::open(layer).context("open the layer")?, &mut HashWriter(&mut hash))
        .context("read the layer")?;
    let layer_digest = format!("sha256:{}", hex(&hash.finalize()));
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": format!("{MEDIA}.manifest.v1+json"),
        "config": {"mediaType": format!("{MEDIA}.config.v1+json"), "digest": digest(&config), "size": config.len()},
        "layers": [{"mediaType": format!("{MEDIA}.layer.v1.tar"), "digest": layer_digest, "size": size}],
    })
    .to_string();
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": format!("{MEDIA}.manifest.v1+json"), "digest": digest(&manifest), "size": manifest.len(),
        "annotations": {"io.containerd.image.name": name},
    }]});
    let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
    let text = |text: &str| Entry::Text { bytes: text.as_bytes().to_vec() };
    let parts = Entries::from([
        ("oci-layout".to_owned(), text(r#"{"imageLayoutVersion":"1.0.0"}"#)),
        ("index.json".to_owned(), text(&index.to_string())),
        (blob(&digest(&config)), text(&config)),
        (blob(&digest(&manifest)), text(&manifest)),
        (blob(&layer_digest), Entry::File { from: layer.to_path_buf(), mode: 0o644 }),
    ]);
    let half = archive.with_extension(format!("{}.half", std::process::id()));
    write_layer(&parts, &half)?;
    fs::rename(&half, archive).with_context(|| format!("move the archive to {}", archive.display()))?;
    Ok(digest(&manifest))
}

fn digest(text: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(text)))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
