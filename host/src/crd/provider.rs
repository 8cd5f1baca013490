//! The secret stores outside the cluster that a TriggerAuthentication can name, field by field.
//!
//! Owns the shape only: which of them this release serves is decided where they are read. A token that the manifest
//! itself carries is never printed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::authentication::{PodIdentity, SecretValue};

/// Settings from HashiCorp Vault.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashiCorpVault {
    /// URL of the server.
    pub address: String,
    /// How the host proves who it is.
    #[schemars(extend("enum" = ["token", "kubernetes"]))]
    pub authentication: String,
    /// What is read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<VaultSecret>,
    /// Namespace within the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What the host proves it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<VaultCredential>,
    /// Role to log in with, for authentication kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where the authentication is mounted, for authentication kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
}

/// What the host proves to Vault who it is with.
#[derive(Clone, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultCredential {
    /// A token of Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Path of a file of the host that holds a token of a service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// Service account whose token is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
}

impl fmt::Debug for VaultCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VaultCredential")
            .field("token", &self.token.as_ref().map(|_| "[hidden]"))
            .field("service_account", &self.service_account)
            .field("service_account_name", &self.service_account_name)
            .finish()
    }
}

/// One setting that Vault keeps.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultSecret {
    /// The setting of the scaler that is given.
    pub parameter: String,
    /// Path of the secret.
    pub path: String,
    /// The key in it.
    pub key: String,
    /// The engine that keeps it; guessed from the answer when absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["", "secretV2", "secret", "pki"]))]
    pub secret_type: Option<String>,
    /// What the certificate is to say, for type pki.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pki_data: Option<VaultPkiData>,
}

/// What a certificate that Vault makes is to say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultPkiData {
    /// Common name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Further names, joined by commas.
    #[serde(rename = "altNames", skip_serializing_if = "Option::is_none")]
    pub alternative_names: Option<String>,
    /// IP addresses, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_sans: Option<String>,
    /// URIs, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri_sans: Option<String>,
    /// Other names, as Vault writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_sans: Option<String>,
    /// How long it is valid, as Vault writes durations.
    #[serde(rename = "ttl", skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
    /// pem, der or pem_bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Settings from Azure Key Vault.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AzureKeyVault {
    /// URL of the vault.
    pub vault_uri: String,
    /// What is read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<VersionedSecret>,
    /// The application to log in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<AzureCredentials>,
    /// The identity to use instead of an application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
    /// The cloud that the vault is in; Azure's public one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<AzureCloud>,
}

/// An application of Azure and its secret.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AzureCredentials {
    /// The application.
    pub client_id: String,
    /// Its tenant.
    pub tenant_id: String,
    /// Its secret.
    pub client_secret: SecretValue,
}

/// One setting that Azure Key Vault keeps.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct VersionedSecret {
    /// The setting of the scaler that is given.
    pub parameter: String,
    /// Name of the secret.
    pub name: String,
    /// Its version; the latest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A cloud of Azure.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AzureCloud {
    /// Name of the cloud, or Private.
    #[serde(rename = "type")]
    pub cloud_type: String,
    /// Where key vaults are, for type Private.
    #[serde(rename = "keyVaultResourceURL", skip_serializing_if = "Option::is_none")]
    pub key_vault_resource_url: Option<String>,
    /// Where tokens are asked for, for type Private.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_directory_endpoint: Option<String>,
}

/// A service principal of Azure, which proves itself with a secret or a certificate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AzureServicePrincipal {
    /// Its tenant.
    pub tenant_id: String,
    /// The application.
    pub client_id: String,
    /// Name of the cloud; Azure's public one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// Where tokens are asked for, for a private cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_directory_endpoint: Option<String>,
    /// Its secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretValue>,
    /// Its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<SecretValue>,
    /// What the certificate is locked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_password: Option<SecretValue>,
}

/// Settings from Google Secret Manager.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GcpSecretManager {
    /// What is read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<GcpSecret>,
    /// The service account to log in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<GcpCredentials>,
    /// The identity to use instead of a service account's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
}

/// A service account of Google.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GcpCredentials {
    /// Its key.
    pub client_secret: SecretValue,
}

/// One setting that Google Secret Manager keeps.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct GcpSecret {
    /// The setting of the scaler that is given.
    pub parameter: String,
    /// Name of the secret.
    pub id: String,
    /// Its version; latest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Settings from AWS Secrets Manager.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsSecretManager {
    /// What is read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<AwsSecret>,
    /// The key to sign requests with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<AwsCredentials>,
    /// The identity to use instead of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
    /// Region of the secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A key of AWS.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsCredentials {
    /// Its identifier.
    pub access_key: SecretValue,
    /// Its secret.
    pub access_secret_key: SecretValue,
    /// The session that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<SecretValue>,
}

/// One setting that AWS Secrets Manager keeps.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsSecret {
    /// The setting of the scaler that is given.
    pub parameter: String,
    /// Name of the secret.
    pub name: String,
    /// Its version; the one of the stage when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Its stage; AWSCURRENT when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_stage: Option<String>,
    /// The key to take where the secret is a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
}
