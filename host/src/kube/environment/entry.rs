//! One entry of a container's `env` or `envFrom`: where it says that a value is kept. Reads nothing.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource};

use super::{Keeper, Reference};

/// How a variable is defined at one place of a container.
pub(super) enum Definition<'container> {
    Literal(&'container str),
    Key {
        of: Reference,
        key: &'container str,
        optional: bool,
    },
    /// Known to the running pod only, or of a kind that is younger than we are.
    Unknown,
}

/// What an entry of `env` says.
pub(super) fn definition(variable: &EnvVar) -> Definition<'_> {
    match &variable.value_from {
        None => Definition::Literal(variable.value.as_deref().unwrap_or_default()),
        Some(EnvVarSource { secret_key_ref: Some(reference), .. }) => Definition::Key {
            of: Reference { keeper: Keeper::Secret, name: reference.name.clone() },
            key: &reference.key,
            optional: reference.optional == Some(true),
        },
        Some(EnvVarSource { config_map_key_ref: Some(reference), .. }) => Definition::Key {
            of: Reference { keeper: Keeper::ConfigMap, name: reference.name.clone() },
            key: &reference.key,
            optional: reference.optional == Some(true),
        },
        Some(_) => Definition::Unknown,
    }
}

/// A source of `envFrom` that may hold `variable`, the key that it would have there, and whether it may be missing.
pub(super) fn bulk<'name>(source: &EnvFromSource, variable: &'name str) -> Option<(Reference, &'name str, bool)> {
    let key = variable.strip_prefix(source.prefix.as_deref().unwrap_or_default()).filter(|key| !key.is_empty())?;
    if let Some(secret) = &source.secret_ref {
        let of = Reference { keeper: Keeper::Secret, name: secret.name.clone() };
        return Some((of, key, secret.optional == Some(true)));
    }
    let map = source.config_map_ref.as_ref()?;
    Some((Reference { keeper: Keeper::ConfigMap, name: map.name.clone() }, key, map.optional == Some(true)))
}
