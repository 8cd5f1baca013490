//! By what content is known: SHA-256, and no other algorithm. A digest is only ever compared with one that was computed
//! here, from bytes.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "sha256";

/// The SHA-256 of some content, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// It may be one, which is not computed here.
    #[error("digests by {0} are not verified here: give one that begins with sha256:")]
    Algorithm(String),
    /// It is something else.
    #[error("{0:?} is no digest: it is sha256: and 64 digits 0-9a-f")]
    Form(String),
}

impl Digest {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The 64 digits.
    pub fn hex(&self) -> String {
        crate::compile::hexadecimal(&self.0)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let form = || DigestError::Form(crate::printable::line(text, 200));
        let (algorithm, digits) = text.split_once(':').ok_or_else(form)?;
        let named = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "+._-".contains(letter);
        if algorithm.is_empty() || algorithm.len() > 32 || !algorithm.chars().all(named) {
            return Err(form());
        }
        if algorithm != ALGORITHM {
            return Err(DigestError::Algorithm(algorithm.to_owned()));
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(form()),
        };
        if digits.len() != 64 {
            return Err(form());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            for digit in pair {
                *byte = *byte << 4 | value(*digit)?;
            }
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{ALGORITHM}:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Computes a digest of what comes in pieces.
#[derive(Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn it_is_written_as_it_is_read_whole_or_in_pieces() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(EMPTY.parse(), Ok(Digest::of(b"")));
        let mut hasher = Hasher::default();
        hasher.update(b"a");
        hasher.update(b"b");
        assert_eq!(hasher.finish(), Digest::of(b"ab"));
    }

    #[test]
    fn other_algorithms_are_refused_by_name_and_other_texts_as_none() {
        assert_eq!("sha512:ab".parse::<Digest>(), Err(DigestError::Algorithm("sha512".into())));
        let upper = EMPTY.to_uppercase().replace("SHA256", "sha256");
        for wrong in ["", "sha256", "sha256:", "sha256:ab", ":ab", "SHA256:ab", &upper, &format!("{EMPTY}0")] {
            assert_eq!(wrong.parse::<Digest>(), Err(DigestError::Form(wrong.to_owned())));
        }
    }
}
