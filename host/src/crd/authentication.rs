//! `keda.sh/v1alpha1` TriggerAuthentication and ClusterTriggerAuthentication: where the secret settings come from.
//!
//! Owns the shape only; nothing here reads a Secret. One spec serves both kinds, as in KEDA: the cluster's kind resolves
//! its names in the host's own namespace, and that is decided where they are read.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::provider::{AwsSecretManager, AzureKeyVault, AzureServicePrincipal, GcpSecretManager, HashiCorpVault};
use super::status::AuthenticationStatus;

/// Where settings come from. Several sources may be combined; of two that give the same one, the later in the order
/// env, configMap, Secret, Vault, Key Vault, Google, AWS, token, OAuth 2 wins.
#[expect(clippy::duplicated_attributes, reason = "columns of one type repeat it")]
#[derive(CustomResource, Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "keda.sh",
    version = "v1alpha1",
    kind = "TriggerAuthentication",
    shortname = "ta",
    shortname = "triggerauth",
    namespaced,
    status = "AuthenticationStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Where the secret settings of triggers in this namespace come from.",
    printcolumn(name = "PodIdentity", type_ = "string", json_path = ".spec.podIdentity.provider"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".spec.secretTargetRef[*].name"),
    printcolumn(name = "Env", type_ = "string", json_path = ".spec.env[*].name"),
    printcolumn(name = "VaultAddress", type_ = "string", json_path = ".spec.hashiCorpVault.address"),
    printcolumn(name = "ScaledObjects", type_ = "string", json_path = ".status.scaledobjects", priority = 1),
    printcolumn(name = "ScaledJobs", type_ = "string", json_path = ".status.scaledjobs", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct TriggerAuthenticationSpec {
    /// Whose identity is used where no secret is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
    /// Settings from keys of Secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_target_ref: Vec<TargetRef>,
    /// Settings from keys of ConfigMaps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_map_target_ref: Vec<TargetRef>,
    /// Settings from the environment of the workload's containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvironmentRef>,
    /// Settings from a file of the host that holds a JSON object; only for ClusterTriggerAuthentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_path: Option<String>,
    /// Settings from HashiCorp Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashi_corp_vault: Option<HashiCorpVault>,
    /// Settings from Azure Key Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_key_vault: Option<AzureKeyVault>,
    /// Settings from Google Secret Manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp_secret_manager: Option<GcpSecretManager>,
    /// Settings from AWS Secrets Manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_secret_manager: Option<AwsSecretManager>,
    /// Settings that are tokens of service accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound_service_account_token: Vec<BoundServiceAccountToken>,
    /// A token that is asked for with client credentials.
    #[serde(rename = "oauth2", skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2>,
    /// A service principal of Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_service_principal: Option<AzureServicePrincipal>,
}

/// The same sources, for triggers of every namespace.
#[expect(clippy::duplicated_attributes, reason = "columns of one type repeat it")]
#[derive(CustomResource, Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "keda.sh",
    version = "v1alpha1",
    kind = "ClusterTriggerAuthentication",
    shortname = "cta",
    shortname = "clustertriggerauth",
    status = "AuthenticationStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Where the secret settings of triggers in any namespace come from.",
    printcolumn(name = "PodIdentity", type_ = "string", json_path = ".spec.podIdentity.provider"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".spec.secretTargetRef[*].name"),
    printcolumn(name = "Env", type_ = "string", json_path = ".spec.env[*].name"),
    printcolumn(name = "FilePath", type_ = "string", json_path = ".spec.filePath"),
    printcolumn(name = "VaultAddress", type_ = "string", json_path = ".spec.hashiCorpVault.address"),
    printcolumn(name = "ScaledObjects", type_ = "string", json_path = ".status.scaledobjects", priority = 1),
    printcolumn(name = "ScaledJobs", type_ = "string", json_path = ".status.scaledjobs", priority = 1)
)]
#[serde(transparent)]
pub struct ClusterTriggerAuthenticationSpec(
    /// What both kinds hold.
    pub TriggerAuthenticationSpec,
);

/// One setting that is a key of a Secret or a ConfigMap.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct TargetRef {
    /// The setting of the scaler that is given.
    pub parameter: String,
    /// Name of the Secret or ConfigMap.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// One setting that is a variable of the workload's environment.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentRef {
    /// The setting of the scaler that is given.
    pub parameter: String,
    /// Name of the variable.
    pub name: String,
    /// The container that has it; the workload's envSourceContainerName or its first container when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
}

/// Whose identity is used where no secret is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodIdentity {
    /// Who vouches for the identity.
    #[schemars(extend("enum" = ["azure-workload", "gcp", "aws", "aws-eks", "none"]))]
    pub provider: String,
    /// Identity to use instead of the one of the service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_id: Option<String>,
    /// Tenant to use instead of the one of the service account; needs identityId.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_tenant_id: Option<String>,
    /// Authority to use instead of the cloud's own; needs identityTenantId.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_authority_host: Option<String>,
    /// Role to take on; not with identityOwner workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Proof that the role's owner asks for; needs roleArn.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether the host's own identity is used or the workload's; keda when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["keda", "workload"]))]
    pub identity_owner: Option<String>,
}

/// One setting that is a token of a service account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoundServiceAccountToken {
    /// The setting of the scaler that is given.
    pub parameter: String,
    /// The service account that the token is for.
    pub service_account_name: String,
}

/// A token that is asked for with client credentials.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2 {
    /// The grant.
    #[serde(rename = "type")]
    #[schemars(extend("default" = "clientCredentials", "enum" = ["clientCredentials"]))]
    pub grant_type: String,
    /// Who asks.
    pub client_id: String,
    /// Its secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretValue>,
    /// Where the token is asked for.
    pub token_url: String,
    /// What the token is to allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Further parameters of the request.
    #[serde(rename = "tokenUrlParams", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub token_url_parameters: BTreeMap<String, String>,
}

/// A value that is kept in a Secret.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretValue {
    /// Where the value is.
    pub value_from: SecretSource,
}

/// Where a value is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretSource {
    /// The key that holds it.
    pub secret_key_ref: SecretKey,
}

/// One key of a Secret.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct SecretKey {
    /// Name of the Secret.
    pub name: String,
    /// The key in it.
    pub key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"
secretTargetRef: [{ parameter: password, name: redis, key: password }]
env: [{ parameter: address, name: REDIS, containerName: main }]
podIdentity: { provider: aws, roleArn: arn, externalID: proof, identityOwner: keda }
oauth2: { type: clientCredentials, clientId: me, tokenUrl: "https://login", tokenUrlParams: { audience: it } }
hashiCorpVault:
  address: https://vault
  authentication: token
  credential: { token: hvs.very-secret }
  secrets: [{ parameter: host, path: secret/data/host, key: host, type: secretV2, pkiData: { ttl: 1h, ipSans: a } }]
"#;

    #[test]
    fn both_kinds_hold_the_same_spec_and_survive_the_round_trip() {
        let written: serde_json::Value = serde_yaml_ng::from_str(SPEC).unwrap();
        let one: TriggerAuthenticationSpec = serde_json::from_value(written.clone()).unwrap();
        let cluster: ClusterTriggerAuthenticationSpec = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&one).unwrap(), written);
        assert_eq!(serde_json::to_value(&cluster).unwrap(), written);
        assert_eq!(cluster.0, one);
    }

    #[test]
    fn a_token_in_a_manifest_is_never_printed() {
        let spec: TriggerAuthenticationSpec = serde_yaml_ng::from_str(SPEC).unwrap();
        let printed = format!("{spec:?}");
        assert!(printed.contains("[hidden]") && !printed.contains("very-secret"), "{printed}");
    }
}
