//! Kubeconfig files.
//!
//! Owns their text, which points at certificate files beside them. Refuses to hold a token or a password.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use crate::authority::{Authority, Subject};

/// Issues a client certificate and writes `USER.kubeconfig`.
pub(super) fn write(
    directory: &Path,
    url: &str,
    authority: &Authority,
    user: &str,
    groups: &[&str],
) -> Result<PathBuf> {
    // Colons are fine in a file's name, but a path in a shell is easier without.
    let file = user.replace([':', '/'], "-");
    let identity = authority.issue(&format!("user-{file}"), &Subject { name: user, groups, hosts: &[] })?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bellows", "cluster": {"server": url, "certificate-authority": authority.certificate}}],
        "users": [{"name": user, "user": {"client-certificate": identity.certificate, "client-key": identity.key}}],
        "contexts": [{"name": "bellows", "context": {"cluster": "bellows", "user": user}}],
        "current-context": "bellows",
    });
    let path = directory.join(format!("{file}.kubeconfig"));
    std::fs::write(&path, format!("{config:#}\n")).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}
