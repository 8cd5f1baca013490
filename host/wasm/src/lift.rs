//! Between the bindings and the types of core. Whatever a guest says is judged here: bounded, escaped, and refused where
//! it breaks the contract. No later code sees a text or a number straight from a guest.

use std::collections::BTreeSet;

use bellows_core::connection::Protocol;
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::problem::Problem;
use bellows_core::reading::{Outcome, Reading};
use bellows_core::scaler::{
    ConnectionSlot, Description, Feed, Metric, Parameter, Source, TargetType, Trigger, TriggerType,
};

use crate::bindings::{self, Attribute, GuestFailure, plugin};
use crate::printable::line;

pub(crate) const CODE_BYTES_MAX: usize = 64;
pub(crate) const MESSAGE_BYTES_MAX: usize = 1024;
/// Names of metrics, triggers, parameters: as long as a name in Kubernetes may be.
const NAME_BYTES_MAX: usize = 253;
/// Entries of any list in a description, and metrics or readings of one trigger: three times the longest known.
const ENTRIES_MAX: usize = 256;

/// Everything that is wrong with a description, a sentence each.
pub(crate) type Faults = Vec<String>;

pub(crate) fn description(guest: plugin::Description) -> Result<Description, Faults> {
    let mut faults = Faults::new();
    let description = Description {
        name: name("the scaler", guest.name, &mut faults),
        version: line(&guest.version, CODE_BYTES_MAX),
        summary: line(&guest.summary, MESSAGE_BYTES_MAX),
        trigger_types: bounded("trigger types", guest.trigger_types, &mut faults)
            .into_iter()
            .map(|kind| trigger_type(kind, &mut faults))
            .collect(),
    };
    if description.trigger_types.is_empty() {
        faults.push("it serves no trigger type".to_owned());
    }
    unique("trigger type", description.trigger_types.iter().map(|kind| &kind.name), &mut faults);
    if faults.is_empty() { Ok(description) } else { Err(faults) }
}

fn trigger_type(guest: plugin::TriggerType, faults: &mut Faults) -> TriggerType {
    let name = name("a trigger type", guest.name, faults);
    let connections: Vec<_> = bounded("connections", guest.connections, faults)
        .into_iter()
        .map(|slot| ConnectionSlot {
            name: self::name("a connection", slot.name, faults),
            protocols: slot.protocols.into_iter().take(ENTRIES_MAX).map(protocol).collect(),
        })
        .collect();
    let parameters: Vec<_> = bounded("parameters", guest.parameters, faults)
        .into_iter()
        .map(|parameter| self::parameter(parameter, &connections, faults))
        .collect();
    unique("connection", connections.iter().map(|slot| &slot.name), faults);
    unique("parameter", parameters.iter().map(|parameter| &parameter.name), faults);
    for slot in connections.iter().filter(|slot| slot.protocols.is_empty()) {
        faults.push(format!("connection {:?} has no protocol", slot.name));
    }
    TriggerType { name, summary: line(&guest.summary, MESSAGE_BYTES_MAX), parameters, connections }
}

fn parameter(guest: plugin::Parameter, connections: &[ConnectionSlot], faults: &mut Faults) -> Parameter {
    let name = name("a parameter", guest.name, faults);
    let feeds = guest.feeds.and_then(|feeds| {
        let feed = feeds
            .split_once('.')
            .filter(|(connection, field)| !field.is_empty() && connections.iter().any(|slot| slot.name == *connection));
        if feed.is_none() {
            let feeds = line(&feeds, NAME_BYTES_MAX);
            faults.push(format!(
                "parameter {name:?} feeds {feeds:?}, which is not CONNECTION.FIELD of a declared connection"
            ));
        }
        feed.map(|(connection, field)| Feed { connection: connection.to_owned(), field: line(field, NAME_BYTES_MAX) })
    });
    if guest.sources.is_empty() {
        faults.push(format!("parameter {name:?} has no source"));
    }
    Parameter {
        name,
        summary: line(&guest.summary, MESSAGE_BYTES_MAX),
        required: guest.required,
        default: guest.default_value.map(|value| line(&value, MESSAGE_BYTES_MAX)),
        sources: guest.sources.into_iter().take(3).map(source).collect(),
        feeds,
        deprecated: attribute(&guest.attributes, "deprecated"),
    }
}

fn attribute(attributes: &[Attribute], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.name == name);
    found.map(|attribute| line(&attribute.value, MESSAGE_BYTES_MAX))
}

fn name(what: &str, name: String, faults: &mut Faults) -> String {
    let sound =
        !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(|letter| letter.is_ascii_graphic());
    if sound {
        return name;
    }
    // Cut before it is handed on: other faults quote it.
    let name = line(&name, CODE_BYTES_MAX);
    faults.push(format!("the name of {what} is {name:?}, not 1 to {NAME_BYTES_MAX} printable ASCII characters"));
    name
}

fn bounded<T>(what: &str, mut list: Vec<T>, faults: &mut Faults) -> Vec<T> {
    if list.len() > ENTRIES_MAX {
        faults.push(format!("{} {what} are declared, {ENTRIES_MAX} are allowed", list.len()));
        list.truncate(ENTRIES_MAX);
    }
    list
}

fn unique<'name>(what: &str, names: impl Iterator<Item = &'name String>, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for name in names.filter(|name| !seen.insert(*name)) {
        faults.push(format!("{what} {name:?} is declared twice"));
    }
}

fn source(guest: plugin::Source) -> Source {
    match guest {
        plugin::Source::Metadata => Source::Metadata,
        plugin::Source::Environment => Source::Environment,
        plugin::Source::Authentication => Source::Authentication,
    }
}

fn protocol(guest: plugin::Protocol) -> Protocol {
    match guest {
        plugin::Protocol::Redis => Protocol::Redis,
        plugin::Protocol::Amqp => Protocol::Amqp,
        plugin::Protocol::Http => Protocol::Http,
    }
}

fn target_type(guest: plugin::TargetType) -> TargetType {
    match guest {
        plugin::TargetType::AverageValue => TargetType::AverageValue,
        plugin::TargetType::Value => TargetType::Value,
        plugin::TargetType::Utilization => TargetType::Utilization,
    }
}

/// A trigger, as it enters a guest.
pub(crate) fn trigger_for_guest(trigger: &Trigger) -> plugin::Trigger {
    let setting = |(name, value): &(String, String)| Attribute { name: name.clone(), value: value.clone() };
    plugin::Trigger {
        id: trigger.id.clone(),
        trigger_type: trigger.trigger_type.clone(),
        metric_type: trigger.metric_type.map(|kind| match kind {
            TargetType::AverageValue => plugin::TargetType::AverageValue,
            TargetType::Value => plugin::TargetType::Value,
            TargetType::Utilization => plugin::TargetType::Utilization,
        }),
        settings: trigger.settings.iter().map(setting).collect(),
        attributes: vec![Attribute { name: "namespace".into(), value: trigger.namespace().into() }],
    }
}

/// A breach of the contract.
pub(crate) fn breach(code: &str, message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Transient, Blame::Scaler, code, message)
}

pub(crate) fn metrics(guest: Vec<plugin::Metric>) -> Result<Vec<Metric>, Failure> {
    if guest.len() > ENTRIES_MAX {
        return Err(breach("too-many-metrics", format!("{} metrics planned, {ENTRIES_MAX} are allowed", guest.len())));
    }
    guest.into_iter().map(metric).collect()
}

fn metric(guest: plugin::Metric) -> Result<Metric, Failure> {
    match guest {
        plugin::Metric::External(metric) => {
            let name = line(&metric.name, NAME_BYTES_MAX);
            if name.is_empty() || name != metric.name {
                return Err(breach("metric", format!("{name:?} is not a name for a metric")));
            }
            let target_type = target_type(metric.target_type);
            if !metric.target.is_finite() || metric.target <= 0.0 || target_type == TargetType::Utilization {
                let label = target_type.label();
                let message = format!("metric {name:?} cannot have the target {} as {label}", metric.target);
                return Err(breach("metric", message));
            }
            Ok(Metric::External { name, target: metric.target, target_type })
        }
        plugin::Metric::Native(metric) => Ok(Metric::Resource {
            name: line(&metric.name, NAME_BYTES_MAX),
            container: metric.container.map(|container| line(&container, NAME_BYTES_MAX)),
            target: line(&metric.target, CODE_BYTES_MAX),
            target_type: target_type(metric.target_type),
        }),
    }
}

pub(crate) fn problems(guest: Vec<plugin::Problem>) -> Vec<Problem> {
    let problem = |problem: plugin::Problem| {
        Problem::new(line(&problem.parameter, NAME_BYTES_MAX), line(&problem.message, MESSAGE_BYTES_MAX))
    };
    guest.into_iter().take(ENTRIES_MAX).map(problem).collect()
}

/// Values that are NaN or infinite.
pub(crate) fn not_numbers(guest: &[Result<Vec<plugin::Reading>, GuestFailure>]) -> u32 {
    let readings = guest.iter().flatten().flatten();
    u32::try_from(readings.filter(|reading| !reading.value.is_finite()).count()).unwrap_or(u32::MAX)
}

pub(crate) fn outcome(guest: Result<Vec<plugin::Reading>, GuestFailure>) -> Outcome {
    let readings = guest.map_err(bindings::failure_from_guest)?;
    if readings.len() > ENTRIES_MAX {
        return Err(breach("too-many-readings", format!("{} readings, {ENTRIES_MAX} are allowed", readings.len())));
    }
    let reading =
        |reading: plugin::Reading| Reading::new(line(&reading.metric, NAME_BYTES_MAX), reading.value, reading.active);
    Ok(readings.into_iter().map(reading).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::fuzz;

    use super::*;

    fn sound() -> plugin::Description {
        let parameter = |name: &str, feeds: Option<&str>| plugin::Parameter {
            name: name.into(),
            summary: String::new(),
            required: false,
            default_value: None,
            sources: vec![plugin::Source::Metadata],
            feeds: feeds.map(Into::into),
            attributes: vec![],
        };
        let connection =
            plugin::Connection { name: "redis".into(), protocols: vec![plugin::Protocol::Redis], attributes: vec![] };
        let kind = plugin::TriggerType {
            name: "redis".into(),
            summary: String::new(),
            parameters: vec![parameter("address", Some("redis.addresses")), parameter("listName", None)],
            connections: vec![connection],
            attributes: vec![],
        };
        plugin::Description {
            name: "redis".into(),
            version: "1".into(),
            summary: "a\nb".into(),
            trigger_types: vec![kind],
            attributes: vec![],
        }
    }

    #[test]
    fn a_sound_description_is_lifted_and_its_texts_are_escaped() {
        let lifted = description(sound()).unwrap();
        assert_eq!(lifted.summary, "a\\nb");
        let feed = lifted.trigger_types[0].parameters[0].feeds.clone();
        assert_eq!(feed, Some(Feed { connection: "redis".into(), field: "addresses".into() }));
    }

    #[test]
    fn a_parameter_says_what_to_use_instead_of_it() {
        let mut older = sound();
        let attribute = |name: &str, value: &str| Attribute { name: name.into(), value: value.into() };
        older.trigger_types[0].parameters[1].attributes =
            vec![attribute("type", "string"), attribute("deprecated", "use list\ninstead")];
        let parameters = description(older).unwrap().trigger_types.remove(0).parameters;
        let told: Vec<_> = parameters.iter().map(|parameter| parameter.deprecated.as_deref()).collect();
        assert_eq!(told, [None, Some("use list\\ninstead")]);
    }

    #[test]
    fn all_faults_of_a_description_are_named_at_once() {
        let mut faulty = sound();
        faulty.name = " ".into();
        faulty.trigger_types[0].parameters[0].feeds = Some("other.x".into());
        faulty.trigger_types[0].parameters[1].sources.clear();
        faulty.trigger_types.push(faulty.trigger_types[0].clone());
        let faults = description(faulty).unwrap_err();
        assert!(faults[0].starts_with("the name of the scaler is \" \""), "{faults:?}");
        assert!(faults[1].starts_with("parameter \"address\" feeds \"other.x\""), "{faults:?}");
        assert_eq!(faults[2], "parameter \"listName\" has no source");
        assert_eq!(faults.last().map(String::as_str), Some("trigger type \"redis\" is declared twice"));
    }

    #[test]
    fn a_target_that_no_hpa_accepts_is_a_breach() {
        for target in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let metric = plugin::ExternalMetric {
                name: "m".into(),
                target,
                target_type: plugin::TargetType::AverageValue,
                attributes: vec![],
            };
            assert_eq!(metrics(vec![plugin::Metric::External(metric)]).unwrap_err().code, "metric");
        }
    }

    #[test]
    fn a_value_that_is_no_number_is_read_as_zero() {
        let reading = |value| plugin::Reading { metric: "m".into(), value, active: true, attributes: vec![] };
        let told = [Ok(vec![reading(f64::NAN), reading(-3.0), reading(2.5)])];
        assert_eq!(not_numbers(&told), 1);
        let [told] = told;
        let readings = outcome(told).unwrap();
        assert_eq!(readings.iter().map(|reading| reading.value).collect::<Vec<_>>(), [0.0, 0.0, 2.5]);
    }

    #[test]
    fn a_failure_of_a_guest_keeps_its_kind_and_is_of_one_trigger() {
        let detail = bindings::bellows::scaler::types::Detail { code: "no-such-key".into(), message: "a\u{7}".into() };
        let failure = outcome(Err(GuestFailure::Absent(detail))).unwrap_err();
        assert_eq!(failure, Failure::new(FailureKind::Absent, Blame::Source, "no-such-key", "a\\u{7}"));
    }

    fn attributes() -> impl Strategy<Value = Vec<Attribute>> + Clone {
        let attribute = (prop_oneof![fuzz::text(), Just("deprecated".to_owned())], fuzz::text());
        prop::collection::vec(attribute.prop_map(|(name, value)| Attribute { name, value }), 0..3)
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>(), prop::num::f64::ANY, Just(0.0), Just(10.0)]
    }

    fn parameters() -> impl Strategy<Value = Vec<plugin::Parameter>> {
        let name = prop_oneof![fuzz::text(), "[a-z]{1,3}"];
        let feeds = prop::option::of(prop_oneof![fuzz::text(), "[a-z]{1,3}\\.[a-z]{0,3}"]);
        let sources = prop::collection::vec(Just(plugin::Source::Metadata), 0..5);
        let parameter = (
            name,
            fuzz::text(),
            any::<bool>(),
            prop::option::of(fuzz::text()),
            sources,
            feeds,
            attributes(),
        )
            .prop_map(|(name, summary, required, default_value, sources, feeds, attributes)| {
                plugin::Parameter { name, summary, required, default_value, sources, feeds, attributes }
            });
        let few = prop::collection::vec(parameter.clone(), 0..4);
        prop_oneof![20 => few, 1 => parameter.prop_map(|parameter| vec![parameter; ENTRIES_MAX + 1])]
    }

    fn descriptions() -> impl Strategy<Value = plugin::Description> {
        let connection = ("[a-z]{1,3}", prop::collection::vec(Just(plugin::Protocol::Http), 0..3))
            .prop_map(|(name, protocols)| plugin::Connection { name, protocols, attributes: Vec::new() });
        let name = || prop_oneof![fuzz::text(), "[a-z]{1,3}"];
        let kind = (name(), fuzz::text(), parameters(), prop::collection::vec(connection, 0..3), attributes())
            .prop_map(|(name, summary, parameters, connections, attributes)| plugin::TriggerType {
                name,
                summary,
                parameters,
                connections,
                attributes,
            });
        (name(), fuzz::text(), fuzz::text(), prop::collection::vec(kind, 0..3), attributes()).prop_map(
            |(name, version, summary, trigger_types, attributes)| plugin::Description {
                name,
                version,
                summary,
                trigger_types,
                attributes,
            },
        )
    }

    #[test]
    fn whatever_a_guest_says_that_it_is_is_sound_or_all_its_faults_are_told() {
        fuzz::target("description", descriptions(), |guest| match description(guest) {
            Ok(lifted) => {
                fuzz::assert_printable(&lifted.summary, MESSAGE_BYTES_MAX);
                fuzz::assert_printable(&lifted.version, CODE_BYTES_MAX);
                assert!((1..=ENTRIES_MAX).contains(&lifted.trigger_types.len()));
                for kind in lifted.trigger_types {
                    assert!(kind.parameters.len() <= ENTRIES_MAX && kind.connections.len() <= ENTRIES_MAX);
                    for parameter in kind.parameters {
                        assert!(!parameter.sources.is_empty());
                        fuzz::assert_printable(&parameter.name, NAME_BYTES_MAX);
                        fuzz::assert_printable(&parameter.summary, MESSAGE_BYTES_MAX);
                        fuzz::assert_printable(&parameter.default.unwrap_or_default(), MESSAGE_BYTES_MAX);
                        fuzz::assert_printable(&parameter.deprecated.unwrap_or_default(), MESSAGE_BYTES_MAX);
                        let fed = parameter.feeds.map(|feed| feed.connection);
                        assert!(fed.is_none_or(|fed| kind.connections.iter().any(|slot| slot.name == fed)));
                    }
                }
            }
            Err(faults) => {
                assert!(!faults.is_empty());
                faults.iter().for_each(|fault| fuzz::assert_printable(fault, 2 * MESSAGE_BYTES_MAX));
            }
        });
    }

    #[test]
    fn whatever_a_guest_plans_is_a_metric_that_an_hpa_takes_or_a_breach() {
        let kind = prop::sample::select(vec![
            plugin::TargetType::AverageValue,
            plugin::TargetType::Value,
            plugin::TargetType::Utilization,
        ]);
        let external = (fuzz::text(), number(), kind).prop_map(|(name, target, target_type)| {
            plugin::Metric::External(plugin::ExternalMetric { name, target, target_type, attributes: Vec::new() })
        });
        let count = prop_oneof![20 => 0..4_usize, 1 => Just(ENTRIES_MAX + 1)];
        fuzz::target("plan", (external, count), |(metric, count)| match metrics(vec![metric; count]) {
            Ok(planned) => {
                assert!(planned.len() == count && count <= ENTRIES_MAX);
                for metric in planned {
                    let Metric::External { name, target, .. } = metric else { panic!("{metric:?}") };
                    fuzz::assert_printable(&name, NAME_BYTES_MAX);
                    assert!(!name.is_empty() && target.is_finite() && target > 0.0, "{name:?} {target}");
                }
            }
            Err(failure) => {
                assert_eq!(failure.blame, Blame::Scaler);
                fuzz::assert_printable(&failure.message, MESSAGE_BYTES_MAX);
            }
        });
    }

    #[test]
    fn whatever_a_guest_reads_is_a_number_or_a_failure_in_a_line() {
        let reading = (fuzz::text(), number(), any::<bool>()).prop_map(|(metric, value, active)| plugin::Reading {
            metric,
            value,
            active,
            attributes: Vec::new(),
        });
        let detail = || {
            (fuzz::text(), fuzz::text())
                .prop_map(|(code, message)| bindings::bellows::scaler::types::Detail { code, message })
        };
        let told = prop_oneof![
            (reading, prop_oneof![20 => 0..4_usize, 1 => Just(ENTRIES_MAX + 1)])
                .prop_map(|(reading, count)| Ok(vec![reading; count])),
            detail().prop_map(|detail| Err(GuestFailure::Transient(detail))),
            detail().prop_map(|detail| Err(GuestFailure::Invalid(detail))),
        ];
        fuzz::target("readings", told, |told| match outcome(told) {
            Ok(readings) => {
                assert!(readings.len() <= ENTRIES_MAX);
                assert!(readings.iter().all(|reading| reading.value.is_finite() && reading.value >= 0.0));
            }
            Err(failure) => {
                fuzz::assert_printable(&failure.code, CODE_BYTES_MAX);
                fuzz::assert_printable(&failure.message, MESSAGE_BYTES_MAX);
            }
        });
    }
}
