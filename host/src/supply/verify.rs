//! Whose signature an artifact must bear: what was written becomes a policy, and what it let pass is noted beside the cache,
//! so that a restart without the registry still knows. A note is of this policy and this digest, and of no other.

use std::path::PathBuf;

use bellows_core::problem::Problem;
use bellows_core::supply::{Halt, Step};
use bellows_wasm::oci::{
    Authority, Digest, Identity, IdentityError, Log, Policy, PublicKey, Reference, Require, Signer, Trust, VerifyError,
};

use super::source::{Source, keyring};
use crate::crd::Verification;
use crate::serve::upstream::chain;

/// The policy that was written, or the field of it that is wrong.
pub fn policy(written: &Verification) -> Result<Policy, Problem> {
    let mut signers = each("keys", &written.keys, |pem| PublicKey::of_pem(pem).map(Signer::Key))?;
    for (index, identity) in written.identities.iter().enumerate() {
        let identity = Identity::new(&identity.issuer, &identity.subject).map_err(|error| {
            let field = if matches!(error, IdentityError::Issuer(_)) { "issuer" } else { "subject" };
            Problem::new(format!("identities[{index}].{field}"), error.to_string())
        })?;
        signers.push(Signer::Identity(identity));
    }
    let trust = Trust {
        authorities: each("authorities", &written.authorities, Authority::of_pem)?,
        logs: each("logs", &written.logs, Log::of_pem)?,
    };
    missing(written)?;
    let require = match written.require.as_deref() {
        None | Some("Any") => Require::Any,
        Some("All") => Require::All,
        Some(other) => return Err(Problem::new("require", format!("{other:?} is neither Any nor All"))),
    };
    Ok(Policy { signers, trust, require, revoked: each("revoked", &written.revoked, str::parse)? })
}

/// What every entry of a list means, or which of them is wrong.
fn each<T, E: std::fmt::Display>(
    field: &str,
    written: &[String],
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Problem> {
    let wrong = |index, error: E| Problem::new(format!("{field}[{index}]"), error.to_string());
    written.iter().enumerate().map(|(index, text)| read(text).map_err(|error| wrong(index, error))).collect()
}

/// A list without which nobody could be found to have signed, or by which nobody would be.
fn missing(written: &Verification) -> Result<(), Problem> {
    let [keys, identities] = [written.keys.is_empty(), written.identities.is_empty()];
    let [authorities, logs] = [written.authorities.is_empty(), written.logs.is_empty()];
    let (field, fix) = match () {
        () if keys && identities => {
            ("keys", "give the public key of who signs it, or identities with authorities and logs")
        }
        () if !identities && authorities => {
            ("authorities", "identities need the root of who certifies them: give it in PEM")
        }
        () if !identities && logs => {
            ("logs", "identities need the public key of a log that says when they signed: give it in PEM")
        }
        () if identities && !(authorities && logs) => {
            ("identities", "authorities and logs are about identities: give one")
        }
        () => return Ok(()),
    };
    Err(Problem::new(field, fix))
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
        self.notes.join(Digest::of(said(policy, digest).as_bytes()).hex())
    }
}

/// What a note is of: whatever can change which artifacts pass, but for what is revoked, which is asked first. No name has a
/// line's end in it.
fn said(policy: &Policy, digest: Digest) -> String {
    let (mut keys, mut others) = (Vec::new(), Vec::new());
    for signer in &policy.signers {
        match signer {
            Signer::Key(key) => keys.push(key.id().hex()),
            Signer::Identity(identity) => others.push(format!("{}\n{}", identity.issuer(), identity.subject())),
        }
    }
    if !others.is_empty() {
        others.extend(policy.trust.authorities.iter().map(|authority| format!("authority {}", authority.id())));
        others.extend(policy.trust.logs.iter().map(|log| format!("log {}", log.id())));
    }
    keys.sort_unstable();
    others.sort_unstable();
    let others: String = others.iter().map(|line| format!("\n{line}")).collect();
    format!("{:?} {} {digest}{others}", policy.require, keys.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::SignerIdentity;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    fn root() -> String {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn key() -> String {
        KeyPair::generate().unwrap().public_key_pem()
    }

    fn identity(subject: &str) -> SignerIdentity {
        SignerIdentity { issuer: "https://token.example".into(), subject: subject.into() }
    }

    /// By identities, as it should be.
    fn written() -> Verification {
        let identities = vec![identity("me@forge.example")];
        Verification { identities, authorities: vec![root()], logs: vec![key()], ..Verification::default() }
    }

    #[test]
    fn what_is_wrong_with_a_verification_is_named_by_its_field() {
        let told =
            |written: Verification| policy(&written).map(drop).unwrap_err().under("spec.verification").to_string();
        for (written, start) in [
            (Verification { keys: vec!["no key".into()], ..written() }, "keys[0]: no key"),
            (Verification { revoked: vec!["sha256:no".into()], ..written() }, "revoked[0]: "),
            (Verification { require: Some("Most".into()), ..written() }, "require: \"Most\" is neither Any nor All"),
            (Verification { authorities: vec![root(), key()], ..written() }, "authorities[1]: no certificate"),
            (Verification { logs: vec![root()], ..written() }, "logs[0]: CERTIFICATE, where a PUBLIC KEY is wanted"),
            (
                Verification { identities: vec![identity("me*")], ..written() },
                "identities[0].subject: the subject ends",
            ),
            (
                Verification { identities: vec![SignerIdentity::default()], ..written() },
                "identities[0].issuer: the issuer is missing",
            ),
            (Verification { authorities: Vec::new(), ..written() }, "authorities: identities need the root"),
            (Verification { logs: Vec::new(), ..written() }, "logs: identities need the public key of a log"),
            (
                Verification { identities: Vec::new(), ..written() },
                "keys: give the public key of who signs it, or identities",
            ),
            (
                Verification { identities: Vec::new(), keys: vec![key()], ..written() },
                "identities: authorities and logs are about identities",
            ),
        ] {
            let told = told(written);
            assert!(told.starts_with(&format!("spec.verification.{start}")), "{start}: {told}");
        }
    }

    #[test]
    fn keys_and_identities_are_signers_side_by_side() {
        let both = policy(&Verification { keys: vec![key()], require: Some("All".into()), ..written() }).unwrap();
        assert!(matches!(both.signers.as_slice(), [Signer::Key(_), Signer::Identity(_)]), "{:?}", both.signers);
        assert_eq!(policy(&written()).unwrap().signers.len(), 1);
    }

    #[test]
    fn a_note_is_of_one_policy_and_of_no_other() {
        let digest = Digest::of(b"a");
        let base = Verification { keys: vec![key()], ..written() };
        let note = |written: &Verification| said(&policy(written).unwrap(), digest);
        let further = |list: &[String], more: String| [list, &[more]].concat();
        let others = [
            Verification { keys: further(&base.keys, key()), ..base.clone() },
            Verification { keys: Vec::new(), ..base.clone() },
            Verification { identities: vec![identity("you@forge.example")], ..base.clone() },
            Verification {
                identities: vec![base.identities[0].clone(), identity("you@forge.example")],
                ..base.clone()
            },
            Verification { authorities: further(&base.authorities, root()), ..base.clone() },
            Verification { authorities: vec![root()], ..base.clone() },
            Verification { logs: further(&base.logs, key()), ..base.clone() },
            Verification { require: Some("All".into()), ..base.clone() },
        ];
        let notes: std::collections::BTreeSet<_> = others.iter().chain([&base]).map(note).collect();
        assert_eq!(notes.len(), others.len() + 1, "{notes:?}");
        assert_ne!(said(&policy(&base).unwrap(), Digest::of(b"b")), note(&base));
        let turned = Verification { keys: further(&base.keys, key()), ..base.clone() };
        let back = Verification { keys: turned.keys.iter().rev().cloned().collect(), ..turned.clone() };
        assert_eq!(note(&turned), note(&back), "an order says nothing");
    }

    #[test]
    fn a_note_by_keys_is_what_it_was_before_there_were_identities() {
        let keys = policy(&Verification { keys: vec![key()], ..Verification::default() }).unwrap();
        let [Signer::Key(key)] = keys.signers.as_slice() else { panic!("one key") };
        let digest = Digest::of(b"a");
        assert_eq!(said(&keys, digest), format!("Any {} {digest}", key.id().hex()));
    }
}
