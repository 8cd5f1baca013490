//! Whose signature an artifact must bear: what was written becomes a policy, and what it let pass is noted beside the cache,
//! so that a restart without the registry still knows. A note is of this policy and this digest, and of no other.

use std::path::PathBuf;

use bellows_core::problem::Problem;
use bellows_core::supply::{Halt, Step};
use bellows_wasm::oci::{Digest, Policy, PublicKey, Reference, Require, VerifyError};

use super::source::{Source, keyring};
use crate::crd::scaler::Verification;
use crate::serve::upstream::chain;

/// The policy that was written, or the field of it that is wrong.
pub fn policy(written: &Verification) -> Result<Policy, Problem> {
    let wrong = |field: &str, why: &dyn std::fmt::Display| Problem::new(field, why.to_string());
    let mut keys = Vec::new();
    for (index, pem) in written.keys.iter().enumerate() {
        keys.push(PublicKey::of_pem(pem).map_err(|error| wrong(&format!("keys[{index}]"), &error))?);
    }
    let mut revoked = Vec::new();
    for (index, digest) in written.revoked.iter().enumerate() {
        revoked.push(digest.parse().map_err(|error| wrong(&format!("revoked[{index}]"), &error))?);
    }
    let require = match written.require.as_deref() {
        None | Some("Any") => Require::Any,
        Some("All") => Require::All,
        Some(other) => return Err(wrong("require", &format!("{other:?} is neither Any nor All"))),
    };
    Ok(Policy { keys, require, revoked })
}

/// Why an artifact is not used.
pub(super) struct Distrust {
    pub(super) halt: Halt,
    /// Whether it was judged, and not merely impossible to judge.
    pub(super) judged: bool,
}

impl Distrust {
    pub(super) fn of(error: &VerifyError) -> Self {
        // Somebody may sign it at any time.
        Self { halt: Halt::passing(Step::Verified, error.reason(), chain(error)), judged: error.is_judgement() }
    }
}

impl Source {
    /// Whether the policy lets the artifact pass. Fails closed: only what this very policy let pass before needs no
    /// registry now.
    pub(super) async fn verify(
        &self,
        policy: &Policy,
        reference: &Reference,
        (digest, component): (Digest, Option<Digest>),
        credentials: Option<(&str, &[u8])>,
    ) -> Result<(), Distrust> {
        for digest in component.into_iter().chain([digest]) {
            policy.admit(digest).map_err(|error| Distrust::of(&error))?;
        }
        let note = self.note(policy, digest);
        let keyring = keyring(credentials).map_err(|halt| Distrust { halt, judged: false })?;
        match self.registry.verify(reference, digest, policy, &keyring).await {
            Ok(_) => {
                if let Err(error) = tokio::fs::write(&note, []).await {
                    tracing::warn!(path = %note.display(), %error, "a restart without the registry will not use this scaler");
                }
                Ok(())
            }
            Err(error) if !error.is_judgement() && tokio::fs::try_exists(&note).await.unwrap_or(false) => Ok(()),
            Err(error) => Err(Distrust::of(&error)),
        }
    }

    /// The file by which a digest is known to have passed a policy.
    fn note(&self, policy: &Policy, digest: Digest) -> PathBuf {
        let mut keys: Vec<String> = policy.keys.iter().map(|key| key.id().hex()).collect();
        keys.sort_unstable();
        let said = format!("{:?} {} {digest}", policy.require, keys.join(" "));
        self.notes.join(Digest::of(said.as_bytes()).hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Verification {
        Verification { keys: Vec::new(), require: None, minimum_version: None, revoked: Vec::new() }
    }

    #[test]
    fn what_is_wrong_with_a_verification_is_named_by_its_field() {
        let told =
            |written: &Verification| policy(written).map(drop).unwrap_err().under("spec.verification").to_string();
        let key = Verification { keys: vec!["no key".into()], ..written() };
        assert!(told(&key).starts_with("spec.verification.keys[0]: "), "{}", told(&key));
        let digest = Verification { revoked: vec!["sha256:no".into()], ..written() };
        assert!(told(&digest).starts_with("spec.verification.revoked[0]: "), "{}", told(&digest));
        let require = Verification { require: Some("Most".into()), ..written() };
        assert_eq!(told(&require), "spec.verification.require: \"Most\" is neither Any nor All");
    }
}
