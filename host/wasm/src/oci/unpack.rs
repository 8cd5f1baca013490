//! The one `.wasm` file of an image's layers. What is unpacked is bounded before it is read, whatever the archive says.

use std::fs::File;
use std::io::{self, Read, Write};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use super::form::Packing;

/// Bytes beside the component: headers of some hundred files, licences and the like.
const REST_BYTES_MAX: u64 = 4 << 20;
/// How a layer says that a file of the layer below is gone.
const GONE: &str = ".wh.";

/// Why nothing was unpacked.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// What is in it is not what is wanted.
    Wrong(String),
    /// It is larger than is allowed.
    TooLarge,
    /// Our own files.
    Write(io::Error),
}

/// What a layer may be, packed or not.
pub(super) fn layer_bytes_max(component_bytes_max: u64) -> u64 {
    component_bytes_max.saturating_add(REST_BYTES_MAX)
}

/// Copies the one component of a layer into `into`, and says its path; nothing where there is none.
pub(super) fn unpack(
    layer: File,
    packing: Packing,
    component_bytes_max: u64,
    into: &mut File,
) -> Result<Option<String>, UnpackError> {
    // One byte more than is allowed, by which it is noticed.
    let bytes_max = layer_bytes_max(component_bytes_max) + 1;
    let mut left = match packing {
        Packing::Tar => Left { inner: Box::new(layer) as Box<dyn Read>, bytes: bytes_max },
        Packing::TarGzip => Left { inner: Box::new(GzDecoder::new(layer)), bytes: bytes_max },
    };
    let found = component(&mut left, component_bytes_max, into);
    if left.bytes == 0 { Err(UnpackError::TooLarge) } else { found }
}

/// Ends after so many bytes, and knows it.
struct Left {
    inner: Box<dyn Read>,
    bytes: u64,
}

impl Read for Left {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.bytes -= count as u64;
        Ok(count)
    }
}

fn component(layer: &mut Left, bytes_max: u64, into: &mut File) -> Result<Option<String>, UnpackError> {
    let broken = |error: io::Error| UnpackError::Wrong(format!("a layer is no archive: {error}"));
    let mut found: Option<String> = None;
    let mut archive = Archive::new(layer);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = crate::printable::line(&entry.path().map_err(broken)?.to_string_lossy(), 200);
        let name = path.rsplit('/').next().unwrap_or_default();
        if !name.ends_with(".wasm") {
            continue;
        }
        if name.starts_with(GONE) {
            return Err(UnpackError::Wrong(format!("a layer removes what another has: {path}")));
        }
        if entry.header().entry_type() != EntryType::Regular {
            return Err(UnpackError::Wrong(format!("{path} is no plain file")));
        }
        if let Some(other) = found {
            return Err(UnpackError::Wrong(format!("it holds several components: {other}, {path}")));
        }
        if entry.size() > bytes_max {
            return Err(UnpackError::TooLarge);
        }
        copy(&mut entry, into)?;
        found = Some(path);
    }
    Ok(found)
}

fn copy(from: &mut impl Read, into: &mut File) -> Result<(), UnpackError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count =
            from.read(&mut buffer).map_err(|error| UnpackError::Wrong(format!("a layer breaks off: {error}")))?;
        match buffer.get(..count) {
            Some(bytes) if count > 0 => into.write_all(bytes).map_err(UnpackError::Write)?,
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (path, kind, bytes) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            if *kind == EntryType::Symlink {
                header.set_link_name("/etc/passwd").unwrap();
            }
            tar.append_data(&mut header, path, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8], packing: Packing, bytes_max: u64) -> Result<(Option<String>, Vec<u8>), String> {
        let folder = tempfile::tempdir().unwrap();
        let (layer, out) = (folder.path().join("layer"), folder.path().join("out"));
        std::fs::write(&layer, bytes).unwrap();
        let mut into = File::create(&out).unwrap();
        let found = unpack(File::open(&layer).unwrap(), packing, bytes_max, &mut into);
        found.map(|path| (path, std::fs::read(&out).unwrap())).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn the_one_component_is_found_wherever_it_lies() {
        let tar = packed(&[
            ("etc/", EntryType::Directory, b""),
            ("etc/a.txt", EntryType::Regular, b"a"),
            ("plugin.wasm", EntryType::Regular, b"\0asm"),
        ]);
        let expected = Ok((Some("plugin.wasm".to_owned()), b"\0asm".to_vec()));
        assert_eq!(unpacked(&tar, Packing::Tar, 100), expected);
        assert_eq!(unpacked(&gzip(&tar), Packing::TarGzip, 100), expected);
        let none = packed(&[("a.txt", EntryType::Regular, b"a")]);
        assert_eq!(unpacked(&none, Packing::Tar, 100), Ok((None, Vec::new())));
    }

    #[test]
    fn what_is_ambiguous_no_file_or_no_archive_is_refused() {
        let regular = EntryType::Regular;
        for (tar, told) in [
            (packed(&[("a.wasm", regular, b"a"), ("b.wasm", regular, b"b")]), "several components: a.wasm, b.wasm"),
            (packed(&[("a.wasm", EntryType::Symlink, b"")]), "a.wasm is no plain file"),
            (packed(&[("x/.wh.a.wasm", regular, b"")]), "removes what another has"),
            (b"no archive at all".repeat(100), "is no archive"),
        ] {
            let error = unpacked(&tar, Packing::Tar, 100).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert!(unpacked(b"plain", Packing::TarGzip, 100).unwrap_err().contains("is no archive"));
    }

    #[test]
    fn what_is_too_large_is_not_unpacked_whether_it_says_so_or_not() {
        let large = packed(&[("a.wasm", EntryType::Regular, &[0; 101])]);
        assert_eq!(unpacked(&large, Packing::Tar, 100).unwrap_err(), "TooLarge");
        // 64 MiB of zeros take 64 KiB.
        let bomb = packed(&[("a.txt", EntryType::Regular, &vec![0; 64 << 20])]);
        assert_eq!(unpacked(&gzip(&bomb), Packing::TarGzip, 100).unwrap_err(), "TooLarge");
    }

    #[test]
    fn whatever_an_archive_is_no_more_than_the_bound_comes_out_of_it() {
        use proptest::prelude::*;

        let tar = packed(&[
            ("etc/a.txt", EntryType::Regular, b"a"),
            ("plugin.wasm", EntryType::Regular, &[7; 700]),
            ("link.wasm.txt", EntryType::Symlink, b""),
        ]);
        let gzip = gzip(&tar);
        let inputs = prop_oneof![
            crate::fuzz::damaged(tar).prop_map(|bytes| (bytes, Packing::Tar)),
            crate::fuzz::damaged(gzip.clone()).prop_map(|bytes| (bytes, Packing::TarGzip)),
            crate::fuzz::damaged(gzip).prop_map(|bytes| (bytes, Packing::Tar)),
        ];
        crate::fuzz::target("archive", (inputs, 0_u64..1_000), |((bytes, packing), bytes_max)| {
            match unpacked(&bytes, packing, bytes_max) {
                Ok((Some(path), component)) => {
                    crate::fuzz::assert_printable(&path, 200);
                    assert!(component.len() as u64 <= bytes_max, "{} bytes of {bytes_max}", component.len());
                }
                Ok((None, component)) => assert_eq!(component, [0_u8; 0]),
                Err(_refused) => {}
            }
        });
    }
}
