//! Debian packages.
//!
//! Owns installing those that are missing, without starting any service that comes with them. Refuses to install when not
//! root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::output;

/// The script that package scripts ask before they start a service. 101 means "not allowed".
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs those of the packages that are missing.
pub(super) fn install(names: &[&str]) -> Result<()> {
    let missing = missing(names);
    if missing.is_empty() {
        return Ok(());
    }
    let line = missing.join(" ");
    if !rustix::process::geteuid().is_root() {
        bail!("packages are missing; as root: apt-get install --no-install-recommends {line}");
    }
    println!("installing Debian packages (a minute or so): {line}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        output(command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(arguments))
    };
    apt(&["update"]).context("learn which packages there are")?;
    let _quiet = Quiet::begin()?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments).with_context(|| format!("install {line}")).map(drop)
}

fn missing<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let status = fs::read_to_string("/var/lib/dpkg/status").unwrap_or_default();
    names.iter().copied().filter(|name| !installed(&status, name)).collect()
}

/// Reads dpkg's own list, because asking dpkg takes longer than everything else that a warm start does.
fn installed(status: &str, name: &str) -> bool {
    let package = format!("Package: {name}");
    let of_package = |paragraph: &&str| paragraph.lines().next() == Some(&package);
    let is_installed = |paragraph: &str| paragraph.lines().any(|line| line == "Status: install ok installed");
    status.split("\n\n").filter(of_package).any(is_installed)
}

/// While this lives, package scripts start no service.
struct Quiet {
    before: Option<Vec<u8>>,
}

impl Quiet {
    fn begin() -> Result<Self> {
        let before = fs::read(POLICY).ok();
        let quiet = Self { before };
        write_policy(b"#!/bin/sh\nexit 101\n").context("keep services from starting")?;
        Ok(quiet)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let restored = match &self.before {
            Some(before) => write_policy(before),
            None => fs::remove_file(POLICY),
        };
        if let Err(error) = restored {
            eprintln!("{POLICY} could not be put back: {error}");
        }
    }
}

fn write_policy(text: &[u8]) -> std::io::Result<()> {
    fs::write(POLICY, text)?;
    fs::set_permissions(Path::new(POLICY), fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::installed;

    #[test]
    fn a_removed_package_is_not_installed() {
        let status = "Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n";
        assert!(installed(status, "a"));
        assert!(!installed(status, "b"));
        assert!(!installed(status, "c"));
    }
}
