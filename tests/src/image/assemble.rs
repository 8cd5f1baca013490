//! Putting an image together of packages: a folder as its only layer, and a configuration.
//!
//! Owns the unpacking of packages. Refuses to run anything of theirs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::Contents;
use super::layout::write_archive;
use crate::paths;
use crate::process::output;

/// Packages that only look after an installed system; nothing in a container asks for them.
const LEFT_OUT: [&str; 24] = [
    "adduser",
    "cron",
    "debconf",
    "dpkg",
    "init-system-helpers",
    "libpam-modules",
    "libpam-modules-bin",
    "libpam-runtime",
    "locales",
    "login",
    "logrotate",
    "lsb-base",
    "lsb-release",
    "mawk",
    "passwd",
    "perl-base",
    "sensible-utils",
    "systemd",
    "sysvinit-utils",
    "tar",
    "ucf",
    "usr-is-merged",
    "usrmerge",
    "util-linux",
];

/// Parts of packages that only people read.
const UNREAD: [&str; 3] = ["./usr/share/doc", "./usr/share/man", "./usr/share/locale"];

/// Puts an image together at `archive`.
pub(super) fn assemble(contents: &Contents, archive: &Path) -> Result<()> {
    println!("assembling the image {} (some seconds)", contents.name);
    let work = archive.with_extension(format!("{}.work", std::process::id()));
    let assembled = fill(contents, &work).and_then(|()| pack(contents, &work, archive));
    // A leftover of a failure is only in the way.
    let _missing = fs::remove_dir_all(&work);
    assembled.with_context(|| format!("assemble the image {}", contents.name))
}

/// Fills `work/root`.
fn fill(contents: &Contents, work: &Path) -> Result<()> {
    let root = work.join("root");
    for folder in [
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "tmp",
        "etc",
        "var/lib",
        "root",
        "proc",
        "sys",
        "dev",
        "run",
        "app",
    ] {
        fs::create_dir_all(root.join(folder)).with_context(|| format!("make {folder}"))?;
    }
    for folder in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{folder}"), root.join(folder)).with_context(|| format!("link {folder}"))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).context("open /tmp to all")?;
    write(&root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")?;
    write(&root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;
    add_debian(contents, work, &root)?;
    if !contents.python.is_empty() {
        add_python(&contents.python, &root)?;
    }
    for (path, text) in contents.files.iter().chain(&contents.scripts) {
        write(&root.join(path.trim_start_matches('/')), text)?;
    }
    for (path, program) in &contents.programs {
        fs::copy(program, root.join(path.trim_start_matches('/')))
            .with_context(|| format!("copy {}", program.display()))?;
    }
    let runnable = contents.scripts.iter().map(|(path, _)| path).chain(contents.programs.iter().map(|(path, _)| path));
    for path in runnable {
        fs::set_permissions(root.join(path.trim_start_matches('/')), fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make {path} runnable"))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn add_debian(contents: &Contents, work: &Path, root: &Path) -> Result<()> {
    let mut wanted: Vec<&str> = contents.debian.iter().map(String::as_str).collect();
    wanted.push("busybox-static");
    if !contents.python.is_empty() {
        wanted.push("python3");
    }
    // apt decides as on an empty system.
    let status = work.join("status");
    write(&status, "")?;
    let mut simulate = Command::new("apt-get");
    simulate
        .args(["-qq", "--no-install-recommends", "-s", "-o"])
        .arg(format!("Dir::State::status={}", status.display()));
    let plan = output(simulate.arg("install").args(&wanted)).context("ask apt what belongs to the packages")?;
    let packages: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next())
        .filter(|name| !LEFT_OUT.contains(name) || wanted.contains(name))
        .collect();
    for file in download(&packages)? {
        let unread: String = UNREAD.map(|path| format!(" --exclude={path}")).concat();
        let unpack = format!(
            "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | tar -x --keep-directory-symlink --no-same-owner -C \"$2\"{unread}"
        );
        output(Command::new("bash").args(["-c", &unpack, "bash"]).arg(&file).arg(root)).context("unpack a package")?;
    }
    let applets = output(Command::new(root.join("usr/bin/busybox")).arg("--list")).context("list what busybox can")?;
    for applet in applets.lines() {
        if ["usr/bin", "usr/sbin"].iter().all(|folder| root.join(folder).join(applet).symlink_metadata().is_err()) {
            symlink("busybox", root.join("usr/bin").join(applet)).with_context(|| format!("link {applet}"))?;
        }
    }
    Ok(())
}

/// The files of packages, from earlier downloads where they are there.
fn download(packages: &[&str]) -> Result<Vec<PathBuf>> {
    let folder = paths::target().join("images/packages");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let find = |package: &str| -> Option<PathBuf> {
        let entries = fs::read_dir(&folder).ok()?.flatten();
        let named = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{package}_")))
        };
        entries.map(|entry| entry.path()).find(named)
    };
    let missing: Vec<&&str> = packages.iter().filter(|package| find(package).is_none()).collect();
    if !missing.is_empty() {
        let mut command = Command::new("apt-get");
        // Without this apt complains that its own user may not write here.
        command.args(["-qq", "-o", "APT::Sandbox::User=root", "download"]).args(missing).current_dir(&folder);
        output(&mut command).context("download packages")?;
    }
    let found = packages.iter().map(|package| match find(package) {
        Some(path) => Ok(path),
        None => bail!("apt did not download {package}"),
    });
    found.collect()
}

fn add_python(packages: &[String], root: &Path) -> Result<()> {
    let entries = fs::read_dir(root.join("usr/bin")).context("look for the image's Python")?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let version = names
        .filter_map(|name| name.strip_prefix("python3.").map(str::to_owned))
        .find(|minor| minor.parse::<u8>().is_ok());
    let Some(minor) = version else { bail!("the packages brought no Python") };
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:", "--target"]);
    pip.arg(root.join("app")).arg(format!("--python-version=3.{minor}")).args(packages);
    output(&mut pip).context("install Python packages (python3-pip is needed)").map(drop)
}

/// Packs `work/root` into an archive at `archive`.
fn pack(contents: &Contents, work: &Path, archive: &Path) -> Result<()> {
    let layer = work.join("layer.tar");
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "--numeric-owner", "--sort=name", "--mtime=@0", "-cf"]).arg(&layer);
    output(tar.arg("-C").arg(work.join("root")).arg(".")).context("pack the layer")?;
    let mut environment = vec!["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
    if !contents.python.is_empty() {
        environment.extend(["PYTHONPATH=/app", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"]);
    }
    let config = json!({
        "Env": environment,
        "Entrypoint": contents.entrypoint,
        "Cmd": contents.command,
        "User": contents.user.as_deref().unwrap_or_default(),
        "WorkingDir": "/app",
    });
    write_archive(archive, &contents.name, &layer, &config).map(drop)
}
