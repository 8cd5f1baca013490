//! Identities: who signed with a key of a moment ("keyless"). A certificate of ten minutes says whose the key is, and a
//! log's signed time that it was used within them. Bytes in, a person out or the doubt that tells the most.
//!
//! Does not judge timestamps of RFC 3161, those of logs of certificates, nor whether a log kept what it signed.

mod certificate;
mod entry;

pub(super) use certificate::Chain;
pub use certificate::{Authority, AuthorityError};
pub(super) use entry::Entry;
pub use entry::Log;

use std::fmt;

/// Bytes of an issuer or a subject: a path to a workflow and its ref take 200.
const NAME_BYTES_MAX: usize = 1024;

/// Whom one trusts, as a certificate names him: an issuer of tokens, and what it calls him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    issuer: String,
    subject: String,
}

/// Why two texts are no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The first of them.
    #[error(
        "the issuer {0}: give the URL of who gives the tokens, whole, as https://token.actions.githubusercontent.com"
    )]
    Issuer(&'static str),
    /// The second.
    #[error(
        "the subject {0}: give an e-mail address, or a URI, which may end in * where what stands before it ends in / or \
         holds an @, as https://github.com/me/scaler/.github/workflows/release.yml@refs/tags/*"
    )]
    Subject(&'static str),
}

impl Identity {
    /// A subject may end in `*`, which stands for any rest.
    pub fn new(issuer: &str, subject: &str) -> Result<Self, IdentityError> {
        wrong(issuer).map_or(Ok(()), |why| Err(IdentityError::Issuer(why)))?;
        if issuer.contains('*') {
            return Err(IdentityError::Issuer("has a *"));
        }
        wrong(subject).map_or(Ok(()), |why| Err(IdentityError::Subject(why)))?;
        let start = subject.strip_suffix('*').unwrap_or(subject);
        if start.contains('*') {
            return Err(IdentityError::Subject("has a * that is not its last sign"));
        }
        // Whoever may have `me` may not have `mean`; and who has an address anywhere is not one person.
        if start != subject && !(start.contains("://") && (start.ends_with('/') || start.contains('@'))) {
            return Err(IdentityError::Subject("ends in a * that lets strangers in"));
        }
        Ok(Self { issuer: issuer.to_owned(), subject: subject.to_owned() })
    }

    /// Who gives the tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What he calls whom one trusts, or how that begins.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether it is this person.
    pub(super) fn is(&self, person: &Person) -> bool {
        let same = match self.subject.strip_suffix('*') {
            Some(start) => person.subject.starts_with(start),
            None => person.subject == self.subject,
        };
        same && person.issuer == self.issuer
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "identity {} of {}", self.subject, self.issuer)
    }
}

fn wrong(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("is missing"),
        text if text.len() > NAME_BYTES_MAX => Some("is too long"),
        text if text.contains(|letter: char| letter.is_control() || letter == ' ') => Some("has a blank in it"),
        _ => None,
    }
}

/// Who may say who signed, and when. Neither of them is believed alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Who certifies.
    pub authorities: Vec<Authority>,
    /// Who says when.
    pub logs: Vec<Log>,
}

/// A person, as an authority that is believed named him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    issuer: String,
    subject: String,
}

impl fmt::Display for Person {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |text| crate::printable::line(text, 200);
        write!(out, "{} of {}", line(&self.subject), line(&self.issuer))
    }
}

/// What a signature brings along to show who made it.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) chain: Chain,
    pub(super) entries: Vec<Entry>,
    /// Whether it has a timestamp of a kind that is not judged.
    pub(super) stamped: bool,
}

/// What was signed, and what may be the signatures of it.
pub(super) struct Made<'a> {
    /// Exactly these bytes were signed.
    pub(super) signed: &'a [u8],
    /// What was in them, without its envelope.
    pub(super) payload: &'a [u8],
    pub(super) signatures: &'a [Vec<u8>],
}

/// Why it is not known who signed. In the order of how much it tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Doubt {
    /// What was brought along cannot be read.
    #[error("what a signature brings along to show who made it cannot be used: {0}; have it signed again")]
    Unreadable(String),
    /// Nothing that is believed says when it was signed.
    #[error(
        "nothing tells when it was signed: {0}; give the public key of its log, or have it signed again where one signs the time"
    )]
    NoTime(String),
    /// Nobody who is believed knows the key.
    #[error(
        "the certificate of its key was issued by no authority that is given: give the root of the one that did, with its intermediates"
    )]
    OtherAuthority,
    /// The key was used too early or too late.
    #[error("when it was signed, a certificate was not valid yet or not valid any more: have it signed again")]
    OtherTime,
    /// The key was not for this.
    #[error("the certificate of its key is not for the signing of code: have the authority issue one with that usage")]
    OtherUse,
    /// Another key made it.
    #[error(
        "the key of the certificate beside a signature did not make it, or what was signed was changed: have it signed again"
    )]
    OtherSigner,
    /// The time is that of something else.
    #[error("the entry of the log beside a signature is not about it: {0}; have it signed again")]
    OtherEntry(String),
    /// It was somebody else.
    #[error("it was signed by {0}, who is none of those: compare, or have it signed by one of them")]
    OtherIdentity(String),
}

impl Doubt {
    /// The reason of a condition.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "IdentityUnreadable",
            Self::NoTime(_) => "SigningTimeUnknown",
            Self::OtherAuthority => "CertificateOfOtherAuthority",
            Self::OtherTime => "CertificateNotValidWhenSigned",
            Self::OtherUse => "CertificateNotForSigning",
            Self::OtherSigner => "SignatureOfOtherCertificate",
            Self::OtherEntry(_) => "LogEntryOfOtherSignature",
            Self::OtherIdentity(_) => "SignedByOtherIdentity",
        }
    }
}

impl Evidence {
    /// Who signed.
    pub(super) fn person(&self, made: &Made<'_>, trust: &Trust) -> Result<Person, Doubt> {
        let mut most = None;
        for entry in &self.entries {
            match self.by(entry, made, trust) {
                Ok(person) => return Ok(person),
                Err(doubt) => most = most.max(Some(doubt)),
            }
        }
        let stamped = "it has a timestamp of RFC 3161 alone, which is not judged";
        let none = if self.stamped { stamped } else { "it has no entry of a log" };
        Err(most.unwrap_or_else(|| Doubt::NoTime(none.to_owned())))
    }

    /// What one entry shows. Nothing of it is read before the log was found to have signed it, and nobody is named before
    /// an authority and the signature itself were found good.
    fn by(&self, entry: &Entry, made: &Made<'_>, trust: &Trust) -> Result<Person, Doubt> {
        let seconds = entry.time(&trust.logs)?;
        self.chain.is_certified(&trust.authorities, seconds)?;
        let key = self.chain.key()?;
        let signature = made.signatures.iter().find(|signature| key.verifies(made.signed, signature));
        let signature = signature.ok_or(Doubt::OtherSigner)?;
        entry.is_about(made, signature, self.chain.leaf())?;
        self.chain.person()
    }
}

#[cfg(test)]
mod tests;
