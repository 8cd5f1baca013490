//! Where the settings of a trigger come from: metadata, the target's environment, an authentication; and where they go:
//! into the component, or into a connection that the component never sees.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::connection::{Connection, seen_by_scaler};
use crate::problem::Problem;
use crate::scaler::{Parameter, Source, TriggerType};

/// What the sources hold. Values are used trimmed, and a blank one counts as absent.
#[derive(Debug, Clone, Default)]
pub struct Sources<'a> {
    /// `triggers[].metadata`.
    pub metadata: BTreeMap<&'a str, &'a str>,
    /// The environment of the target's container; `None` where the target has no pod template to read it from.
    pub environment: Option<&'a BTreeMap<String, String>>,
    /// What a TriggerAuthentication gave.
    pub authentication: BTreeMap<&'a str, &'a str>,
}

/// A trigger's settings, split by where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What enters the component, in the order of declaration.
    pub settings: Vec<(String, String)>,
    /// What the host holds for it, by the name that the component opens it by.
    pub connections: BTreeMap<String, Connection>,
    /// What works and should be written otherwise.
    pub warnings: Vec<Problem>,
}

/// Resolves every declared parameter of `kind`, or says everything that is wrong. Undeclared metadata is ignored, as in
/// KEDA; `bellows check` warns of it.
pub fn resolve(kind: &TriggerType, sources: &Sources<'_>) -> Result<Settings, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut settings = Vec::new();
    let mut fields: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for parameter in &kind.parameters {
        let value = lookup(parameter, sources, &mut problems).or_else(|| parameter.default.clone());
        match (value, &parameter.feeds) {
            (None, _) if parameter.required => problems.push(missing(parameter)),
            (None, _) => {}
            // Two spellings of one thing may feed the same field: the one declared first wins. The other is not shown to
            // the component either, because nobody reads it for what it should be.
            (Some(value), Some(feed)) => {
                let field = fields.entry(&feed.connection).or_default().entry(feed.field.clone());
                if let (Entry::Vacant(_), Some(seen)) = (&field, seen_by_scaler(&feed.field, &value)) {
                    settings.push((parameter.name.clone(), seen));
                }
                field.or_insert(value);
            }
            (Some(value), None) => settings.push((parameter.name.clone(), value)),
        }
    }
    let mut connections = BTreeMap::new();
    for slot in &kind.connections {
        let fed = fields.remove(slot.name.as_str()).unwrap_or_default();
        match Connection::parse(&slot.protocols, &fed) {
            Ok(connection) => _ = connections.insert(slot.name.clone(), connection),
            Err(wrong) => problems.extend(wrong.into_iter().map(|problem| problem.under("metadata"))),
        }
    }
    let warnings = warnings(kind, sources);
    if problems.is_empty() { Ok(Settings { settings, connections, warnings }) } else { Err(problems) }
}

/// A parameter that should not be used any more, and is.
fn warnings(kind: &TriggerType, sources: &Sources<'_>) -> Vec<Problem> {
    let written = |name: &str| blank_is_none(sources.metadata.get(name).copied()).is_some();
    let warning = |parameter: &Parameter| {
        let why = parameter.deprecated.as_ref().filter(|_| written(&parameter.name))?;
        Some(Problem::new(format!("metadata.{}", parameter.name), format!("is deprecated: {why}")))
    };
    kind.parameters.iter().filter_map(warning).collect()
}

fn lookup(parameter: &Parameter, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    parameter.sources.iter().find_map(|source| match source {
        Source::Metadata => blank_is_none(sources.metadata.get(parameter.name.as_str()).copied()),
        Source::Authentication => blank_is_none(sources.authentication.get(parameter.name.as_str()).copied()),
        Source::Environment => {
            let field = format!("{}FromEnv", parameter.name);
            let variable = blank_is_none(sources.metadata.get(field.as_str()).copied())?;
            let value = sources.environment.and_then(|environment| environment.get(&variable));
            if value.is_none() {
                let message = format!("the target's container has no environment variable {variable}");
                problems.push(Problem::new(format!("metadata.{field}"), message));
            }
            blank_is_none(value.map(String::as_str))
        }
    })
}

fn blank_is_none(value: Option<&str>) -> Option<String> {
    value.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn missing(parameter: &Parameter) -> Problem {
    let places: Vec<String> = parameter
        .sources
        .iter()
        .map(|source| match source {
            Source::Metadata => format!("metadata.{}", parameter.name),
            Source::Environment => format!("metadata.{}FromEnv", parameter.name),
            Source::Authentication => format!("{} of a TriggerAuthentication", parameter.name),
        })
        .collect();
    Problem::new(format!("metadata.{}", parameter.name), format!("required: give {}", places.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Protocol;
    use crate::scaler::{ConnectionSlot, Feed};

    fn parameter(name: &str, sources: &[Source], feeds: Option<&str>) -> Parameter {
        let feeds = feeds.map(|field| Feed { connection: "redis".into(), field: field.into() });
        Parameter {
            name: name.into(),
            summary: String::new(),
            required: false,
            default: None,
            sources: sources.to_vec(),
            feeds,
            deprecated: None,
        }
    }

    fn kind() -> TriggerType {
        use Source::{Authentication, Environment, Metadata};
        let mut list = parameter("listName", &[Metadata], None);
        list.required = true;
        let mut length = parameter("listLength", &[Metadata], None);
        length.default = Some("5".into());
        TriggerType {
            name: "redis".into(),
            summary: String::new(),
            parameters: vec![
                list,
                length,
                parameter("address", &[Metadata, Authentication, Environment], Some("addresses")),
                parameter("password", &[Metadata, Environment, Authentication], Some("password")),
            ],
            connections: vec![ConnectionSlot { name: "redis".into(), protocols: vec![Protocol::Redis] }],
        }
    }

    fn resolve_with(
        metadata: &[(&'static str, &'static str)],
        environment: &[(&str, &str)],
        auth: &[(&'static str, &'static str)],
    ) -> Result<Settings, Vec<Problem>> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sources = Sources {
            metadata: metadata.iter().copied().collect(),
            environment: Some(&environment),
            authentication: auth.iter().copied().collect(),
        };
        resolve(&kind(), &sources)
    }

    #[test]
    fn what_feeds_a_connection_never_enters_the_component() {
        let resolved = resolve_with(&[("listName", " q "), ("address", "a:1"), ("password", "p")], &[], &[]).unwrap();
        assert_eq!(resolved.settings, [("listName".into(), "q".into()), ("listLength".into(), "5".into())]);
        let Connection::Redis(redis) = &resolved.connections["redis"] else { panic!() };
        assert_eq!(redis.password.as_ref().map(|secret| secret.expose()), Some("p"));
    }

    #[test]
    fn what_is_shown_of_a_connection_is_what_counts_for_it_and_no_second_spelling() {
        let mut kind = kind();
        let feeding = |name: &str, field: &str| {
            let feed = crate::scaler::Feed { connection: "redis".into(), field: field.into() };
            Parameter { name: name.into(), feeds: Some(feed), required: false, ..kind.parameters[0].clone() }
        };
        let more = [feeding("vhost", "vhost"), feeding("other", "vhost"), feeding("modes", "auth-modes")];
        kind.parameters.extend(more);
        let shown = |modes| {
            let metadata =
                [("listName", "q"), ("address", "a:1"), ("vhost", "v"), ("other", "s3cret"), ("modes", modes)];
            resolve(&kind, &Sources { metadata: metadata.into(), ..Sources::default() }).unwrap().settings
        };
        let names = |modes| shown(modes).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("basic, tls"), ["listName", "listLength", "vhost", "modes"]);
        assert_eq!(names("s3cret"), ["listName", "listLength", "vhost"]);
    }

    #[test]
    fn a_parameter_that_should_not_be_used_any_more_works_and_is_told_where_it_is_used() {
        let mut kind = kind();
        kind.parameters[1].deprecated = Some("give length instead".into());
        let told = |length| {
            let metadata = [("listName", "q"), ("address", "a:1"), ("listLength", length)].into();
            resolve(&kind, &Sources { metadata, ..Sources::default() }).unwrap()
        };
        let resolved = told("7");
        assert_eq!(resolved.settings[1], ("listLength".into(), "7".into()));
        assert_eq!(resolved.warnings, [Problem::new("metadata.listLength", "is deprecated: give length instead")]);
        assert_eq!(told(" ").warnings, []);
    }

    #[test]
    fn the_declared_order_of_sources_differs_from_parameter_to_parameter() {
        let resolved = resolve_with(
            &[("listName", "q"), ("addressFromEnv", "A"), ("passwordFromEnv", "P")],
            &[("A", "env:1"), ("P", "from-env")],
            &[("address", "auth:1"), ("password", "from-auth")],
        );
        let Connection::Redis(redis) = resolved.unwrap().connections["redis"].clone() else { panic!() };
        assert_eq!((redis.host.as_str(), redis.password.as_ref().unwrap().expose()), ("auth", "from-env"));
    }

    #[test]
    fn a_missing_variable_and_a_missing_parameter_are_both_named() {
        let problems = resolve_with(&[("addressFromEnv", "NOPE")], &[], &[]).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["metadata.listName", "metadata.addressFromEnv", "metadata.address"]);
    }
}
