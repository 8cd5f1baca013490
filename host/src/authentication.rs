//! **Pure**: what an authentication asks to be read, and what of it this release does not read, by name.
//!
//! Both readers go by this: the one in a cluster, and the one of `bellows check`.

use bellows_core::problem::Problem;

use crate::crd::TriggerAuthenticationSpec;

/// Most entries of one authentication: each may be a read of its own. The longest known have some ten.
const ENTRIES_MAX: usize = 100;

/// One setting that an authentication gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'spec> {
    /// Its field in the authentication, for messages.
    pub field: String,
    /// The setting of the scaler.
    pub parameter: &'spec str,
    /// Where its value is.
    pub place: Place<'spec>,
}

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'spec> {
    /// A variable of the target's container of that name, or of the one that counts for the whole object.
    Variable {
        /// The variable.
        name: &'spec str,
        /// The container.
        container: Option<&'spec str>,
    },
    /// A key of a ConfigMap.
    ConfigMap {
        /// The ConfigMap.
        name: &'spec str,
        /// The key in it.
        key: &'spec str,
    },
    /// A key of a Secret.
    Secret {
        /// The Secret.
        name: &'spec str,
        /// The key in it.
        key: &'spec str,
    },
}

/// All entries, in KEDA's order: of two that give the same setting the later one counts. Or everything that is not read.
pub fn entries(spec: &TriggerAuthenticationSpec) -> Result<Vec<Entry<'_>>, Vec<Problem>> {
    let mut problems = refused(spec);
    let count = spec.env.len() + spec.config_map_target_ref.len() + spec.secret_target_ref.len();
    if count > ENTRIES_MAX {
        problems.push(Problem::new("spec", format!("has {count} entries, more than {ENTRIES_MAX}")));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let variables = spec.env.iter().enumerate().map(|(index, entry)| {
        let container = entry.container_name.as_deref().filter(|name| !name.is_empty());
        let place = Place::Variable { name: &entry.name, container };
        Entry { field: format!("spec.env[{index}]"), parameter: &entry.parameter, place }
    });
    let maps = spec.config_map_target_ref.iter().enumerate().map(|(index, entry)| {
        let place = Place::ConfigMap { name: &entry.name, key: &entry.key };
        Entry { field: format!("spec.configMapTargetRef[{index}]"), parameter: &entry.parameter, place }
    });
    let secrets = spec.secret_target_ref.iter().enumerate().map(|(index, entry)| {
        let place = Place::Secret { name: &entry.name, key: &entry.key };
        Entry { field: format!("spec.secretTargetRef[{index}]"), parameter: &entry.parameter, place }
    });
    Ok(variables.chain(maps).chain(secrets).collect())
}

/// Providers that are there and not read. An empty one of a list asks for nothing.
fn refused(spec: &TriggerAuthenticationSpec) -> Vec<Problem> {
    let identity = spec.pod_identity.as_ref().map(|identity| identity.provider.as_str());
    let identity = identity.filter(|provider| !["none", ""].contains(provider));
    let there = [
        ("filePath", spec.file_path.as_ref().is_some_and(|path| !path.is_empty())),
        ("hashiCorpVault", spec.hashi_corp_vault.is_some()),
        ("azureKeyVault", spec.azure_key_vault.is_some()),
        ("gcpSecretManager", spec.gcp_secret_manager.is_some()),
        ("awsSecretManager", spec.aws_secret_manager.is_some()),
        ("boundServiceAccountToken", !spec.bound_service_account_token.is_empty()),
        ("oauth2", spec.oauth2.is_some()),
        ("azureServicePrincipal", spec.azure_service_principal.is_some()),
    ];
    let refuse = |name: &str| Problem::new(format!("spec.{name}"), "not supported by this release of Bellows");
    let mut problems: Vec<Problem> = there.iter().filter(|(_, there)| *there).map(|(name, _)| refuse(name)).collect();
    problems.extend(identity.map(|provider| {
        let message = format!("{provider} is not supported by this release of Bellows");
        Problem::new("spec.podIdentity.provider", message)
    }));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> TriggerAuthenticationSpec {
        serde_yaml_ng::from_str(yaml).unwrap()
    }

    #[test]
    fn entries_come_in_the_order_in_which_later_ones_count() {
        let spec = spec(
            "secretTargetRef: [{ parameter: host, name: s, key: k }]
configMapTargetRef: [{ parameter: host, name: m, key: k }]
env: [{ parameter: host, name: V, containerName: side }, { parameter: host, name: W, containerName: '' }]
podIdentity: { provider: none }",
        );
        let places: Vec<_> = entries(&spec).unwrap().into_iter().map(|entry| (entry.field, entry.place)).collect();
        let expected = [
            ("spec.env[0]", Place::Variable { name: "V", container: Some("side") }),
            ("spec.env[1]", Place::Variable { name: "W", container: None }),
            ("spec.configMapTargetRef[0]", Place::ConfigMap { name: "m", key: "k" }),
            ("spec.secretTargetRef[0]", Place::Secret { name: "s", key: "k" }),
        ];
        assert_eq!(places, expected.map(|(field, place)| (field.to_owned(), place)));
    }

    #[test]
    fn each_provider_that_is_not_read_is_refused_by_its_name() {
        for (yaml, field) in [
            ("podIdentity: { provider: aws }", "spec.podIdentity.provider"),
            ("filePath: a.json", "spec.filePath"),
            ("hashiCorpVault: { address: a, authentication: token, secrets: [] }", "spec.hashiCorpVault"),
            ("azureKeyVault: { vaultUri: a, secrets: [] }", "spec.azureKeyVault"),
            ("gcpSecretManager: { secrets: [] }", "spec.gcpSecretManager"),
            ("awsSecretManager: { secrets: [] }", "spec.awsSecretManager"),
            ("boundServiceAccountToken: [{ parameter: a, serviceAccountName: b }]", "spec.boundServiceAccountToken"),
            ("oauth2: { type: clientCredentials, clientId: a, tokenUrl: b }", "spec.oauth2"),
        ] {
            let problems = entries(&spec(yaml)).unwrap_err();
            let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
            assert_eq!(fields, [field]);
            assert!(problems[0].message.ends_with("not supported by this release of Bellows"), "{yaml}");
        }
    }

    #[test]
    fn a_flood_of_entries_is_refused() {
        let entry = "{ parameter: a, name: b, key: c }";
        let yaml = |count: usize| format!("secretTargetRef: [{}]", vec![entry; count].join(", "));
        assert_eq!(entries(&spec(&yaml(100))).unwrap().len(), 100);
        let told = "spec: has 101 entries, more than 100";
        assert_eq!(entries(&spec(&yaml(101))).unwrap_err()[0].to_string(), told);
    }
}
