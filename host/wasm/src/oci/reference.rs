//! Where an artifact is: `REGISTRY/REPOSITORY:TAG`, `…@DIGEST`, or both. Nothing is filled in: no registry, no `library/`,
//! no `latest`, so that what is written is what is fetched.

use std::fmt;
use std::str::FromStr;

use super::digest::{Digest, DigestError};

/// Letters of a repository's name, as registries limit them.
const REPOSITORY_BYTES_MAX: usize = 255;
/// Letters of a tag, as registries limit them.
const TAG_BYTES_MAX: usize = 128;
/// Letters of a registry: a name of 253 and a port.
const REGISTRY_BYTES_MAX: usize = 259;
/// Letters of a part that a message quotes; the whole is quoted beside it.
const QUOTED_BYTES_MAX: usize = 300;
/// Under which name people know Docker's registry, and the one it is asked by.
const DOCKER: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A reference that is whole: a registry, a repository, and a tag or a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no reference to an artifact: {problem}")]
pub struct ReferenceError {
    text: String,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("leave out {0}")]
    Scheme(String),
    #[error("it names no registry: write ghcr.io/… or docker.io/…")]
    NoRegistry,
    #[error("{0:?} is no host with or without a port, in small letters")]
    Registry(String),
    #[error("{0:?} is no repository: parts of a-z and 0-9, with . _ or - between them, and / between parts")]
    Repository(String),
    #[error("Docker's own images are in docker.io/library/{0}")]
    Library(String),
    #[error("{0:?} is no tag: letters, digits, _ . and -, 128 at most")]
    Tag(String),
    #[error("it names no version: write :TAG or @sha256:…")]
    NoVersion,
    #[error(transparent)]
    Digest(DigestError),
}

impl Reference {
    /// The registry, as it was written: `ghcr.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within it.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one was written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one was written.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Registry and repository, without a version.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same artifact by its digest, which nobody can move.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// Another tag of the same repository.
    pub(super) fn tagged(&self, tag: String) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// Another artifact of the same repository, by its digest alone.
    pub(super) fn untagged(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// `HOST` or `HOST:PORT` that is asked.
    pub(super) fn authority(&self) -> &str {
        if self.registry == DOCKER.0 { DOCKER.1 } else { &self.registry }
    }

    /// Under what something is put there: the tag rather than the digest, which comes by itself.
    pub(super) fn version_to_put(&self) -> String {
        self.tag.clone().unwrap_or_else(|| self.version())
    }

    /// What the registry is asked for: the digest rather than the tag.
    pub(super) fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            // No reference is without both.
            (None, None) => String::new(),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        parse(text).map_err(|problem| ReferenceError { text: crate::printable::line(text, 300), problem })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(out, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(out, "@{digest}"),
            None => Ok(()),
        }
    }
}

fn parse(text: &str) -> Result<Reference, Problem> {
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(Problem::Scheme(format!("{}://", quoted(scheme))));
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse().map_err(Problem::Digest)?)),
        None => (text, None),
    };
    let (registry, rest) = rest.split_once('/').ok_or(Problem::NoRegistry)?;
    if !(registry.contains(['.', ':']) || registry == "localhost") {
        return Err(Problem::NoRegistry);
    }
    if !is_authority(registry) {
        return Err(Problem::Registry(quoted(registry)));
    }
    let (repository, tag) = rest.split_once(':').map_or((rest, None), |(repository, tag)| (repository, Some(tag)));
    if repository.len() > REPOSITORY_BYTES_MAX || !repository.split('/').all(is_part) {
        return Err(Problem::Repository(quoted(repository)));
    }
    if registry == DOCKER.0 && !repository.contains('/') {
        return Err(Problem::Library(quoted(rest)));
    }
    if let Some(tag) = tag
        && !is_tag(tag)
    {
        return Err(Problem::Tag(quoted(tag)));
    }
    if tag.is_none() && digest.is_none() {
        return Err(Problem::NoVersion);
    }
    let (registry, repository) = (registry.to_owned(), repository.to_owned());
    Ok(Reference { registry, repository, tag: tag.map(str::to_owned), digest })
}

/// A part of it, fit for a condition.
fn quoted(part: &str) -> String {
    crate::printable::line(part, QUOTED_BYTES_MAX)
}

fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':').unwrap_or_default())),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let label = |label: &str| {
        let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let ends = label.as_bytes().first().zip(label.as_bytes().last());
        ends.is_some_and(|(first, last)| plain(*first) && plain(*last))
            && label.bytes().all(|letter| plain(letter) || letter == b'-')
    };
    let is_host =
        if text.starts_with('[') { host.parse::<std::net::Ipv6Addr>().is_ok() } else { host.split('.').all(label) };
    let digits = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit()) && !port.starts_with('0');
    let is_port = port.is_none_or(|port| digits(port) && port.parse::<u16>().is_ok());
    text.len() <= REGISTRY_BYTES_MAX && is_host && is_port
}

/// One part of a repository's name: runs of small letters and digits, between them one `.`, one or two `_`, or any
/// number of `-`.
fn is_part(part: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let separator = |text: &str| matches!(text, "." | "_" | "__") || text.chars().all(|letter| letter == '-');
    let mut between = part.split(plain).filter(|text| !text.is_empty());
    part.starts_with(plain) && part.ends_with(plain) && between.all(separator)
}

fn is_tag(tag: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    tag.starts_with(word)
        && tag.len() <= TAG_BYTES_MAX
        && tag.chars().all(|letter| word(letter) || ".-".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        for text in [
            "ghcr.io/a/b:1.0.0",
            "localhost:5000/a__b/c-d.e:V_1",
            "[::1]:5000/a:1",
            "docker.io/a/b:1",
            "127.0.0.1:5000/scalers/redis:1",
            &format!("ghcr.io/a@{DIGEST}"),
            &format!("ghcr.io/a:1@{DIGEST}"),
        ] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn the_digest_is_asked_for_rather_than_the_tag_and_docker_by_its_own_name() {
        assert_eq!(read(&format!("ghcr.io/a:1@{DIGEST}")).version(), DIGEST);
        assert_eq!(read("ghcr.io/a:1").version(), "1");
        assert_eq!(read("docker.io/a/b:1").authority(), "registry-1.docker.io");
        assert_eq!(read("ghcr.io/a:1").pinned(Digest::of(b"")).to_string(), format!("ghcr.io/a:1@{DIGEST}"));
    }

    #[test]
    fn what_is_not_whole_or_not_a_reference_is_refused_with_what_to_write() {
        let long = format!("ghcr.io/a:{}", "t".repeat(129));
        for (text, told) in [
            ("oci://ghcr.io/a:1", "leave out oci://"),
            ("redis:1", "names no registry"),
            ("bellows/redis:1", "names no registry"),
            ("", "names no registry"),
            ("ghcr.io/a", "names no version"),
            ("docker.io/redis:1", "docker.io/library/redis:1"),
            ("GHCR.io/a:1", "is no host"),
            ("ghcr.io:0/a:1", "is no host"),
            ("ghcr.io:70000/a:1", "is no host"),
            ("user:pw@ghcr.io/a:1", "is no digest"),
            ("[::1/a:1", "is no host"),
            ("-a.io/a:1", "is no host"),
            ("ghcr.io/A:1", "is no repository"),
            ("ghcr.io/a..b:1", "is no repository"),
            ("ghcr.io/a___b:1", "is no repository"),
            ("ghcr.io/a//b:1", "is no repository"),
            ("ghcr.io/../b:1", "is no repository"),
            ("ghcr.io/:1", "is no repository"),
            ("ghcr.io/a:", "is no tag"),
            ("ghcr.io/a:.1", "is no tag"),
            ("ghcr.io/a:1 2", "is no tag"),
            (&*long, "is no tag"),
            ("ghcr.io/a@sha512:ab", "digests by sha512 are not verified here"),
            ("ghcr.io/a@sha256:ab", "is no digest"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn whatever_is_a_reference_says_the_same_when_it_is_written_and_read_again() {
        use proptest::prelude::*;

        let part = prop_oneof![
            crate::fuzz::text(),
            "[a-z0-9._-]{1,8}",
            prop::sample::select(vec!["/", ":", "@", "sha256:", "localhost:5000", "ghcr.io/a", "[::1]:80/"])
                .prop_map(str::to_owned)
        ];
        let text = prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat());
        crate::fuzz::target("reference", text, |text| match text.parse::<Reference>() {
            Ok(reference) => {
                let again: Reference = reference.to_string().parse().unwrap();
                assert_eq!(again, reference, "{text:?}");
                assert!(!reference.repository().split('/').any(|part| part == ".."), "{text:?}");
            }
            Err(error) => crate::fuzz::assert_printable(&error.to_string(), 2_000),
        });
    }
}
