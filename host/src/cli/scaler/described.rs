//! An artifact of a registry on one page, from its manifest and its config. Only where those do not say what a component
//! imports is it fetched, and not run even then: what it says of its parameters is known of a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context;
use bellows_wasm::oci::Artifact;
use serde::Serialize;

use super::about::{TRIGGER_TYPES, interfaces, needs, size};
use super::pull;
use super::remote::Remote;

/// An artifact, as `inspect --output json` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Described {
    reference: String,
    bytes: u64,
    /// The digest of the artifact.
    digest: String,
    /// The digest of the component, which is known before it is fetched unless it is packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    /// Whether it had to be fetched for this.
    fetched: bool,
    imports: Vec<String>,
    exports: Vec<String>,
    /// Capabilities that an operator would have to grant.
    needs: Vec<String>,
    annotations: BTreeMap<String, String>,
}

impl Described {
    /// What is known of an artifact.
    pub(super) fn of(remote: &Remote, artifact: &Artifact) -> anyhow::Result<Self> {
        let mut component = artifact.component;
        let fetched = artifact.interfaces.is_none();
        let interfaces = match &artifact.interfaces {
            Some(interfaces) => interfaces.clone(),
            None => {
                let there = std::env::temp_dir().join("scaler.wasm");
                let (fetched, digest) = pull::fetch(remote, artifact, &there)?;
                component = Some(digest);
                let bytes = std::fs::read(&fetched.path).context("cannot read what was pulled")?;
                interfaces(&bytes).with_context(|| format!("{} holds no component", artifact.reference))?
            }
        };
        Ok(Self {
            reference: artifact.reference.to_string(),
            bytes: artifact.bytes,
            digest: artifact.digest.to_string(),
            component: component.map(|digest| digest.to_string()),
            fetched,
            needs: needs(&interfaces.imports),
            imports: interfaces.imports,
            exports: interfaces.exports,
            annotations: artifact.annotations.clone(),
        })
    }

    /// The page. What others wrote is printed on its line, whatever is in it.
    pub(super) fn text(&self) -> String {
        let note = |name: &str| self.annotations.get(name).map_or("", String::as_str);
        let needs = if self.needs.is_empty() { "nothing".to_owned() } else { self.needs.join(", ") };
        let image = |name: &str| note(&format!("org.opencontainers.image.{name}"));
        let bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        let mut text = String::new();
        for (name, value) in [
            ("reference", self.reference.as_str()),
            ("title", image("title")),
            ("version", image("version")),
            ("summary", image("description")),
            ("source", image("source")),
            ("types", note(TRIGGER_TYPES)),
            ("size", &size(bytes)),
            ("component", self.component.as_deref().unwrap_or_default()),
            ("imports", &self.imports.join(", ")),
            ("exports", &self.exports.join(", ")),
            ("needs", &needs),
        ] {
            if !value.is_empty() {
                // Writing to a string does not fail.
                _ = writeln!(text, "{name:<10} {}", line(value));
            }
        }
        text
    }
}

/// A text of somebody else's on one line, without what a terminal would obey.
fn line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_is_known_and_obeys_nobody() {
        let note = |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.to_owned());
        let described = Described {
            reference: "ghcr.io/a:1@sha256:ab".into(),
            bytes: 2048,
            digest: "sha256:ab".into(),
            component: Some("sha256:cd".into()),
            fetched: false,
            imports: vec!["bellows:scaler/redis@0.1.0".into()],
            exports: vec![],
            needs: vec!["redis".into()],
            annotations: BTreeMap::from([note("title", "mine"), note("description", "a\u{1b}[31m\nb")]),
        };
        let expected = "\
reference  ghcr.io/a:1@sha256:ab
title      mine
summary    a [31m b
size       2 KiB (2048 bytes)
component  sha256:cd
imports    bellows:scaler/redis@0.1.0
needs      redis
";
        assert_eq!(described.text(), expected);
    }
}
