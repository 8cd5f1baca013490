//! `spec.verification` of a Scaler as people write it: whose signature counts.
//!
//! Owns the shape only. `supply/verify.rs` makes a policy of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose signature a scaler must bear, as cosign makes them: with a key, or by an identity (keyless). An artifact that cannot
/// be judged is not used.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Public keys in PEM, ECDSA P-256 or Ed25519. None is needed where identities are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub keys: Vec<String>,
    /// Identities for which an authority certifies a key of a moment. They need authorities and logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub identities: Vec<SignerIdentity>,
    /// Who certifies identities: each a root in PEM, its intermediates below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub authorities: Vec<String>,
    /// Public keys in PEM, ECDSA P-256, of the transparency logs that are believed when they say when it was signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub logs: Vec<String>,
    /// How many of the keys and identities must have signed: Any or All; Any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// The oldest version that is wanted, 1.2.3, by what the component says of itself; any when absent. So nobody brings back,
    /// by a tag, what was signed in its day and mended since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub minimum_version: Option<String>,
    /// Digests that are wanted no more, of artifacts or of the components in them, whoever signed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub revoked: Vec<String>,
}

/// Who signs, as a certificate names him.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerIdentity {
    /// Who gives the tokens, whole: https://token.actions.githubusercontent.com.
    #[schemars(length(min = 1, max = 1024))]
    pub issuer: String,
    /// An e-mail address or a URI, which may end in * for any rest:
    /// https://github.com/me/scaler/.github/workflows/release.yml@refs/tags/*.
    #[schemars(length(min = 1, max = 1024))]
    pub subject: String,
}
