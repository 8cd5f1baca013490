//! The image of Bellows itself: the program, the libraries that it needs, certificates of authorities, and the scalers.
//! There is no shell in it, and nothing that the program does not use.
//!
//! Owns what is in it and whose it is. Equal inputs give an equal digest: what this machine adds are its C library and
//! its package `ca-certificates`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::Image;
use super::layout::{Entries, Entry, write_archive, write_layer};
use crate::paths;
use crate::process::output;

/// As whom it runs; the number that images without a root user have by custom.
const USER: u64 = 65532;
/// Where Debian has the certificates of public authorities: the package's own, and not those that this machine adds.
const AUTHORITIES: &str = "/usr/share/ca-certificates/mozilla";

/// What goes into it.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its full name.
    pub name: String,
    /// The program; debug information is left out.
    pub program: PathBuf,
    /// The folder of components.
    pub scalers: PathBuf,
    /// The archive to write.
    pub archive: PathBuf,
}

impl Release {
    /// Of what tests build, under the name that the chart has as its default.
    #[must_use]
    pub fn of_tests() -> Self {
        Self {
            name: format!("bellows.dev/bellows:{}", env!("CARGO_PKG_VERSION")),
            program: paths::bellows(),
            scalers: paths::scalers(),
            archive: paths::target().join("images/bellows.tar"),
        }
    }

    /// Puts it together, some seconds, and says its digest.
    ///
    /// # Errors
    /// Something that goes into it is missing.
    pub fn assemble(&self) -> Result<(Image, String)> {
        let folder = self.archive.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let work = self.archive.with_extension(format!("{}.work", std::process::id()));
        fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
        let digest = self.assemble_in(&work);
        // A leftover of a failure is only in the way.
        let _missing = fs::remove_dir_all(&work);
        let digest = digest.with_context(|| format!("assemble the image {}", self.name))?;
        Ok((Image { name: self.name.clone(), archive: self.archive.clone() }, digest))
    }

    fn assemble_in(&self, work: &Path) -> Result<String> {
        let program = work.join("bellows");
        output(Command::new("strip").arg("--strip-all").arg("-o").arg(&program).arg(&self.program))
            .context("strip the program (binutils are needed)")?;
        let mut entries = Entries::from([
            ("usr/bin/bellows".to_owned(), Entry::File { from: program, mode: 0o755 }),
            ("tmp".to_owned(), Entry::Folder { mode: 0o1777, owner: 0 }),
            // Compiled components, where no volume is mounted: a folder that nobody else may enter.
            ("var/cache/bellows".to_owned(), Entry::Folder { mode: 0o700, owner: USER }),
            text("etc/passwd", &format!("root:x:0:0::/root:/none\nbellows:x:{USER}:{USER}::/:/none\n")),
            text("etc/group", &format!("root:x:0:\nbellows:x:{USER}:\n")),
            text("etc/nsswitch.conf", "hosts: files dns\n"),
            text("etc/ssl/certs/ca-certificates.crt", &authorities()?),
        ]);
        for library in libraries(&self.program)? {
            let path = library.display().to_string().trim_start_matches('/').to_owned();
            entries.insert(path, Entry::File { from: library, mode: 0o755 });
        }
        for component in components(&self.scalers)? {
            let name = component.file_name().unwrap_or_default().to_string_lossy().into_owned();
            entries.insert(format!("scalers/{name}"), Entry::File { from: component, mode: 0o644 });
        }
        let layer = work.join("layer.tar");
        write_layer(&entries, &layer)?;
        let config = json!({
            "Env": ["PATH=/usr/bin"],
            "Entrypoint": ["/usr/bin/bellows"],
            "Cmd": ["run"],
            "User": format!("{USER}:{USER}"),
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": "bellows",
                "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        });
        write_archive(&self.archive, &self.name, &layer, &config)
    }
}

fn text(path: &str, text: &str) -> (String, Entry) {
    (path.to_owned(), Entry::Text { bytes: text.as_bytes().to_vec() })
}

/// The shared libraries of a program and the loader, where the program looks for them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = output(Command::new("ldd").arg(program)).context("list the libraries of the program")?;
    if let Some(missing) = listed.lines().find(|line| line.contains("not found")) {
        bail!("a library of {} is missing: {}", program.display(), missing.trim());
    }
    // `NAME => PATH (ADDRESS)`, of the loader `PATH (ADDRESS)`; what the kernel provides has no path.
    let paths = listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(paths.map(PathBuf::from).collect())
}

/// The certificates of public authorities in one text.
fn authorities() -> Result<String> {
    let files = sorted(Path::new(AUTHORITIES), "crt").context("read the certificates (ca-certificates is needed)")?;
    let texts = files.iter().map(|file| fs::read_to_string(file).with_context(|| format!("read {}", file.display())));
    texts.collect()
}

fn components(folder: &Path) -> Result<Vec<PathBuf>> {
    let components = sorted(folder, "wasm")?;
    if components.is_empty() {
        bail!("there are no components in {}", folder.display());
    }
    Ok(components)
}

fn sorted(folder: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?.flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == end));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// Any program with a library will do.
    fn release(directory: &Path) -> Release {
        let scalers = directory.join("scalers");
        fs::create_dir_all(&scalers).unwrap();
        for name in ["b.wasm", "a.wasm", "notes.txt"] {
            fs::write(scalers.join(name), name).unwrap();
        }
        let archive = directory.join("image.tar");
        Release { name: "example.org/x:1".to_owned(), program: "/bin/ls".into(), scalers, archive }
    }

    #[test]
    fn equal_inputs_give_an_equal_digest_whenever_and_by_whomever_they_were_made() {
        let directory = paths::own_directory("release");
        let release = release(&directory);
        let (image, digest) = release.assemble().unwrap();
        let bytes = fs::read(&image.archive).unwrap();
        let component = fs::File::options().append(true).open(release.scalers.join("a.wasm")).unwrap();
        component.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(release.assemble().unwrap().1, digest);
        assert_eq!(fs::read(&image.archive).unwrap(), bytes);
        fs::write(release.scalers.join("a.wasm"), "another").unwrap();
        assert_ne!(release.assemble().unwrap().1, digest);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn it_holds_the_program_its_libraries_certificates_and_components_and_no_shell() {
        let directory = paths::own_directory("release");
        let release = release(&directory);
        let work = directory.join("work");
        fs::create_dir_all(&work).unwrap();
        release.assemble_in(&work).unwrap();
        let mut layer = tar::Archive::new(fs::File::open(work.join("layer.tar")).unwrap());
        let entries = layer.entries().unwrap().map(Result::unwrap);
        let listed: Vec<(String, u32, u64)> = entries
            .map(|entry| {
                let header = entry.header();
                (entry.path().unwrap().display().to_string(), header.mode().unwrap(), header.uid().unwrap())
            })
            .collect();
        let has = |path: &str, mode: u32, owner: u64| listed.contains(&(path.to_owned(), mode, owner));
        assert!(has("usr/bin/bellows", 0o755, 0), "{listed:?}");
        assert!(has("var/cache/bellows/", 0o700, USER), "{listed:?}");
        assert!(has("scalers/a.wasm", 0o644, 0) && has("etc/ssl/certs/ca-certificates.crt", 0o644, 0), "{listed:?}");
        assert!(listed.iter().any(|(path, ..)| path.contains("libc.so.6")), "{listed:?}");
        assert!(listed.iter().any(|(path, ..)| path.contains("ld-linux")), "{listed:?}");
        assert!(!listed.iter().any(|(path, ..)| path.contains("/sh") || path.contains("notes")), "{listed:?}");
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(listed, sorted);
        fs::remove_dir_all(&directory).unwrap();
    }
}
