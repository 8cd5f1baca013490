//! Components in registries. A [`Reference`] says where, a [`Registry`] fetches and pushes, a [`Keyring`] holds logins, an
//! [`ArtifactCache`] keeps what was fetched.
//!
//! What is fetched is known by digests that are computed here. Registries, and whoever they name for tokens or send on to,
//! are dialled by the rules that hold for scalers.

mod artifacts;
mod attached;
mod challenge;
mod config;
mod connector;
mod digest;
mod error;
mod form;
mod keyring;
mod layout;
mod manifest;
mod pull;
mod push;
mod reference;
mod registry;
mod session;
mod signature;
mod transport;
mod unpack;

pub use artifacts::{ArtifactCache, CACHE_BYTES_MAX, Kept};
pub use attached::{SignError, Signed};
pub use config::Interfaces;
pub use digest::{Digest, DigestError};
pub use error::OciError;
pub use keyring::Keyring;
pub use layout::Moved;
pub use manifest::{Content, Descriptor, Image, Index, Manifest, Platform};
pub use pull::Artifact;
pub use push::Package;
pub use reference::{Reference, ReferenceError};
pub use registry::{Registry, RegistrySettings};
pub use signature::{
    Authority, AuthorityError, Doubt, Identity, IdentityError, KeyError, Log, Policy, PublicKey, Require, Signature,
    Signer, SigningKey, Trust, Verified, VerifyError,
};

#[cfg(test)]
mod tests;
