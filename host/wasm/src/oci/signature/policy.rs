//! Which artifacts are wanted: those that a key or an identity signed, and that nobody revoked. Every way not to be sure is a
//! refusal with its own name; there is none in which an artifact passes because something could not be asked.

use std::fmt;

use super::super::digest::Digest;
use super::super::error::OciError;
use super::identity::{Doubt, Identity, Trust};
use super::key::PublicKey;
use super::{Finding, Signature};

/// What is asked of an artifact.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whose signatures count. None at all lets nothing pass.
    pub signers: Vec<Signer>,
    /// Who is believed about identities. Without an authority or a log, none of these is found to have signed.
    pub trust: Trust,
    /// How many of them must have signed.
    pub require: Require,
    /// Digests that are wanted no more, whoever signed them: of artifacts, or of the components in them.
    pub revoked: Vec<Digest>,
}

/// One whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// Who has the other half of a key.
    Key(PublicKey),
    /// Who is known by a name.
    Identity(Identity),
}

impl fmt::Display for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(out, "{key}"),
            Self::Identity(identity) => write!(out, "{identity}"),
        }
    }
}

/// How many signers must have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Require {
    /// One is enough: so a key is replaced by another without a gap.
    #[default]
    Any,
    /// Each of them.
    All,
}

/// That an artifact is wanted. What it was found for is its digest, so fetch by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The artifact.
    pub digest: Digest,
    /// Those that were found to have signed it: enough of them, which may not be all.
    pub signers: Vec<Signer>,
}

/// Why an artifact is not wanted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Nobody's signature counts.
    #[error("no key and no identity is given, so nothing can verify {digest}: name the public key of whoever signs")]
    NoSigners {
        /// The artifact.
        digest: Digest,
    },
    /// It is not wanted any more.
    #[error("{digest} is revoked: use another version, or take it off the list of what is revoked")]
    Revoked {
        /// The artifact, or the component.
        digest: Digest,
    },
    /// Its signatures could not be asked for.
    #[error("cannot fetch the signatures of {digest}, and without them it is not used")]
    Fetch {
        /// The artifact.
        digest: Digest,
        /// Why.
        source: OciError,
    },
    /// There is no signature.
    #[error(
        "{digest} is not signed: `bellows scaler sign` or `cosign sign --key` signs it; after a copy from another \
         repository, copy its signatures too"
    )]
    Unsigned {
        /// The artifact.
        digest: Digest,
    },
    /// No signature is one of ours, and this is as near as it comes.
    #[error("no signature of {digest} can be read: {why}; sign it again")]
    Unreadable {
        /// The artifact.
        digest: Digest,
        /// What is wrong with one of them.
        why: String,
    },
    /// It is signed without a key.
    #[error(
        "{digest} is signed by an identity (keyless), and only keys are given: name the identity too, or have it signed \
         with a key, by `cosign sign --key` or `bellows scaler sign`"
    )]
    ByIdentity {
        /// The artifact.
        digest: Digest,
    },
    /// It is signed with a key alone.
    #[error(
        "{digest} is signed with a key, and only identities are given: give the key too, or have it signed by {signers}"
    )]
    ByKey {
        /// The artifact.
        digest: Digest,
        /// Whose is missing.
        signers: String,
    },
    /// It is signed with other keys.
    #[error(
        "{digest} has {signatures}, none of which {signers} made, or what was signed has been changed since: compare the \
         keys, or sign it again"
    )]
    OtherKey {
        /// The artifact.
        digest: Digest,
        /// How many there are.
        signatures: String,
        /// Whose is missing.
        signers: String,
    },
    /// It is not known to be signed by an identity that counts.
    #[error("{digest} is not known to be signed by {signers}: {doubt}")]
    Doubted {
        /// The artifact.
        digest: Digest,
        /// Whose is missing.
        signers: String,
        /// Why.
        doubt: Doubt,
    },
    /// A signer who counts signed something that is no signature.
    #[error("what {signer} signed of {digest} does not say that it is wanted: {why}; sign it itself")]
    OtherClaim {
        /// The artifact.
        digest: Digest,
        /// Who signed.
        signer: String,
        /// What it is instead.
        why: String,
    },
    /// A signer who counts signed another artifact, and the signature was put beside this one.
    #[error(
        "the signature of {signer} beside {digest} is one of {signed}: it does not belong there. Find out who put it \
         there, and use an artifact that is signed itself"
    )]
    OtherDigest {
        /// The artifact.
        digest: Digest,
        /// Who signed.
        signer: String,
        /// What was signed.
        signed: String,
    },
}

impl Policy {
    /// Judges the signatures of the artifact with this digest.
    pub fn verify(&self, digest: Digest, signatures: &[Signature]) -> Result<Verified, VerifyError> {
        self.admit(digest)?;
        let people: Vec<_> = signatures.iter().map(|signature| signature.person(&self.trust)).collect();
        let (mut good, mut missing) = (Vec::new(), Vec::new());
        for signer in &self.signers {
            let judge = |(signature, person): (&Signature, _)| match signer {
                Signer::Key(key) => signature.judge(key, digest),
                Signer::Identity(identity) => signature.judge_by(person, identity, digest),
            };
            match signatures.iter().zip(&people).map(judge).max() {
                Some(Finding::Good) => good.push(signer.clone()),
                finding => missing.push((finding, signer)),
            }
        }
        let enough = match self.require {
            Require::Any => !good.is_empty(),
            Require::All => missing.is_empty() && !good.is_empty(),
        };
        if enough { Ok(Verified { digest, signers: good }) } else { Err(refusal(digest, signatures.len(), missing)) }
    }

    /// What can be said before any signature is fetched: whether the artifact, or the component in it, is revoked, and
    /// whether anybody could sign it at all.
    pub fn admit(&self, digest: Digest) -> Result<(), VerifyError> {
        if self.revoked.contains(&digest) {
            return Err(VerifyError::Revoked { digest });
        }
        if self.signers.is_empty() { Err(VerifyError::NoSigners { digest }) } else { Ok(()) }
    }
}

/// The refusal that tells the most.
fn refusal(digest: Digest, signatures: usize, missing: Vec<(Option<Finding>, &Signer)>) -> VerifyError {
    let signers = missing.iter().map(|(_, signer)| signer.to_string()).collect::<Vec<_>>().join(" or ");
    // Sixteen keys take 1,300 bytes; as many subjects may take 32 KiB, which is more than a condition holds.
    let signers = crate::printable::line(&signers, 2_000);
    let most = missing.into_iter().max_by(|(one, _), (other, _)| one.cmp(other));
    let Some((finding, signer)) = most else { return VerifyError::NoSigners { digest } };
    let signer = signer.to_string();
    match finding {
        None => VerifyError::Unsigned { digest },
        Some(Finding::Unreadable(why)) => VerifyError::Unreadable { digest, why },
        Some(Finding::ByIdentity) => VerifyError::ByIdentity { digest },
        Some(Finding::ByKey) => VerifyError::ByKey { digest, signers },
        // What is good is not missing.
        Some(Finding::OtherKey | Finding::Good) => {
            let signatures =
                if signatures == 1 { "1 signature".to_owned() } else { format!("{signatures} signatures") };
            VerifyError::OtherKey { digest, signatures, signers }
        }
        Some(Finding::Doubted(doubt)) => VerifyError::Doubted { digest, signers, doubt },
        Some(Finding::OtherClaim(why)) => VerifyError::OtherClaim { digest, signer, why },
        Some(Finding::OtherDigest(signed)) => VerifyError::OtherDigest { digest, signer, signed },
    }
}

impl VerifyError {
    /// Whether the artifact was judged, and not merely not asked about.
    pub fn is_judgement(&self) -> bool {
        !matches!(self, Self::Fetch { .. } | Self::NoSigners { .. })
    }

    /// Whether asking again changes nothing until a person changed the policy or signed the artifact.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => source.is_permanent(),
            _ => true,
        }
    }

    /// The reason of a condition: one word of a closed vocabulary.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoSigners { .. } => "NoVerificationKeys",
            Self::Revoked { .. } => "Revoked",
            Self::Fetch { .. } => "SignaturesUnavailable",
            Self::Unsigned { .. } => "Unsigned",
            Self::Unreadable { .. } => "SignatureUnreadable",
            Self::ByIdentity { .. } => "SignedByIdentity",
            Self::ByKey { .. } => "SignedByKey",
            Self::Doubted { doubt, .. } => doubt.reason(),
            Self::OtherKey { .. } => "SignedByOtherKey",
            Self::OtherClaim { .. } => "SignatureOfOtherKind",
            Self::OtherDigest { .. } => "SignatureOfOtherArtifact",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::key::tests::signing_key;
    use super::super::{Claimed, SigningKey};
    use super::*;

    fn by(key: &SigningKey, digest: Digest) -> Signature {
        let claimed = Claimed::new(digest, "ghcr.io/a", key).unwrap();
        Signature::simple("here".into(), &claimed.payload, &claimed.annotations)
    }

    fn policy(keys: &[&SigningKey], require: Require) -> Policy {
        let signers = keys.iter().map(|key| Signer::Key(key.public().clone())).collect();
        Policy { signers, require, ..Policy::default() }
    }

    fn wanted() -> Digest {
        Digest::of(b"a")
    }

    fn refused(policy: &Policy, signatures: &[Signature]) -> VerifyError {
        policy.verify(wanted(), signatures).unwrap_err()
    }

    #[test]
    fn any_key_is_enough_where_any_is_asked_for_and_each_where_all_are() {
        let (one, other) = (signing_key(), signing_key());
        let of_one = [by(&one, wanted())];
        let verified = policy(&[&other, &one], Require::Any).verify(wanted(), &of_one).unwrap();
        assert_eq!(verified, Verified { digest: wanted(), signers: vec![Signer::Key(one.public().clone())] });
        let all = policy(&[&one, &other], Require::All);
        let told = refused(&all, &of_one);
        assert_eq!(told.reason(), "SignedByOtherKey");
        let names = (
            told.to_string().contains(&other.public().to_string()),
            told.to_string().contains(&one.public().to_string()),
        );
        assert_eq!(names, (true, false), "{told}");
        let of_both = [by(&other, wanted()), by(&one, wanted())];
        assert_eq!(all.verify(wanted(), &of_both).unwrap().signers, all.signers);
    }

    #[test]
    fn who_gives_no_key_lets_nothing_pass() {
        for require in [Require::Any, Require::All] {
            assert_eq!(refused(&policy(&[], require), &[by(&signing_key(), wanted())]).reason(), "NoVerificationKeys");
        }
    }

    #[test]
    fn what_is_revoked_is_refused_whoever_signed_it() {
        let key = signing_key();
        let mut policy = policy(&[&key], Require::Any);
        policy.revoked.push(wanted());
        assert_eq!(refused(&policy, &[by(&key, wanted())]).reason(), "Revoked");
        assert!(policy.admit(Digest::of(b"b")).is_ok());
    }

    #[test]
    fn each_way_not_to_be_signed_has_its_own_reason() {
        let (key, stranger) = (signing_key(), signing_key());
        let unreadable = || Signature::unreadable("here".into(), "it is too large");
        let keyless = || {
            let (certificate, signature) = ("dev.sigstore.cosign/certificate", "dev.cosignproject.cosign/signature");
            let annotations = [certificate, signature].map(|name| (name.to_owned(), "abcd".to_owned()));
            Signature::simple("here".into(), b"", &BTreeMap::from(annotations))
        };
        let policy = policy(&[&key], Require::Any);
        // Each list holds what was refused before it too: the reason is the one that tells the most.
        let mut signatures = Vec::new();
        assert_eq!(refused(&policy, &signatures).reason(), "Unsigned");
        for (another, reason) in [
            (unreadable(), "SignatureUnreadable"),
            (keyless(), "SignedByIdentity"),
            (by(&stranger, wanted()), "SignedByOtherKey"),
            (by(&key, Digest::of(b"b")), "SignatureOfOtherArtifact"),
        ] {
            signatures.push(another);
            let error = refused(&policy, &signatures);
            assert_eq!((error.reason(), error.is_permanent()), (reason, true), "{error}");
        }
        signatures.push(by(&key, wanted()));
        assert!(policy.verify(wanted(), &signatures).is_ok(), "what else lies there does not matter");
    }

    #[test]
    fn a_registry_that_does_not_answer_is_a_refusal_for_now() {
        let source = OciError::RegistryFailed { status: 503, subject: "x".into(), said: String::new() };
        let error = VerifyError::Fetch { digest: wanted(), source };
        assert_eq!((error.reason(), error.is_permanent()), ("SignaturesUnavailable", false));
    }
}
