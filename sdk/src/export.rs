//! The edge of a component: the generated bindings, and the translation between them and the SDK's own types.
//!
//! It exists for WebAssembly only and decides nothing. Whoever wants the bare contract may implement `Guest` himself.

use crate::component::{self, Measured, Trigger, TriggerType};
use crate::connection::Protocol;
use crate::failure::{Detail, Failure, Result};
use crate::native::{Native, NativeMetric};
use crate::scaler::{Instant, Metric, Problem, Scaler, TargetType};
use crate::settings::{Origin, Parameter, Settings};

mod lent;

pub use lent::Lent;

/// What the contract generates.
#[expect(missing_docs, reason = "generated from the contract")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "scaler",
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "bellows_sdk::export::bindings",
    });
}

use bindings::bellows::scaler::types;
use bindings::exports::bellows::scaler::plugin;

/// The triggers of a call and their results, filled one type of trigger at a time.
pub struct Call {
    at: Instant,
    triggers: Vec<Trigger>,
    results: Vec<Option<Result<Measured>>>,
}

impl Call {
    /// A call in which nothing is measured yet.
    pub fn new(at: plugin::Instant, triggers: Vec<plugin::Trigger>) -> Self {
        let mut call = Self {
            at: Instant { seconds: at.seconds, nanoseconds: at.nanoseconds },
            results: Vec::with_capacity(triggers.len()),
            triggers: Vec::with_capacity(triggers.len()),
        };
        for given in triggers {
            call.triggers.push(trigger(given));
            call.results.push(None);
        }
        call
    }

    /// Measures the triggers of one type, all together.
    #[must_use]
    pub fn measure<T: Scaler<Connection: Lent>>(mut self) -> Self {
        let mut triggers = Vec::new();
        for trigger in &self.triggers {
            if trigger.trigger_type == T::TRIGGER_TYPE {
                triggers.push(trigger);
            }
        }
        if triggers.is_empty() {
            return self;
        }
        let mut measured = component::measure::<T>(self.at, &triggers, &mut T::Connection::source()).into_iter();
        for (trigger, seat) in self.triggers.iter().zip(&mut self.results) {
            if trigger.trigger_type == T::TRIGGER_TYPE {
                *seat = measured.next();
            }
        }
        self
    }

    /// One result for each trigger, in order.
    pub fn finish(self) -> Vec<Result<Vec<plugin::Reading>, types::Failure>> {
        let mut results = Vec::with_capacity(self.triggers.len());
        for (trigger, result) in self.triggers.iter().zip(self.results) {
            let result = result.unwrap_or_else(|| Err(component::invalid(&[component::unknown(trigger)])));
            results.push(given(result));
        }
        results
    }
}

fn given(result: Result<Measured>) -> Result<Vec<plugin::Reading>, types::Failure> {
    let Measured { metric, reading } = result.map_err(failure)?;
    Ok(vec![plugin::Reading { metric, value: reading.value, active: reading.active, attributes: Vec::new() }])
}

/// The metric of a trigger, or everything that is wrong with it.
pub fn plan<T: Scaler>(trigger: &Trigger) -> Result<Vec<plugin::Metric>, Vec<plugin::Problem>> {
    component::plan::<T>(trigger).map(|planned| vec![metric(planned)]).map_err(problems)
}

/// The metric of a trigger that Kubernetes measures itself, or everything that is wrong with it.
pub fn plan_native<T: Native>(trigger: &Trigger) -> Result<Vec<plugin::Metric>, Vec<plugin::Problem>> {
    component::plan_native::<T>(trigger).map(|planned| vec![native(planned)]).map_err(problems)
}

/// The answer for a trigger that no scaler here serves.
pub fn unserved(trigger: &Trigger) -> Result<Vec<plugin::Metric>, Vec<plugin::Problem>> {
    Err(problems(vec![component::unknown(trigger)]))
}

/// A trigger in the SDK's own type.
pub fn trigger(given: plugin::Trigger) -> Trigger {
    let mut settings = Vec::with_capacity(given.settings.len());
    for types::Attribute { name, value } in given.settings {
        settings.push((name, value));
    }
    // A host of an earlier date says nothing of it.
    let namespace = given.attributes.into_iter().find(|attribute| attribute.name == "namespace");
    Trigger {
        namespace: namespace.map(|attribute| attribute.value).unwrap_or_default(),
        trigger_type: given.trigger_type,
        metric_type: given.metric_type.map(|kind| match kind {
            plugin::TargetType::AverageValue => TargetType::AverageValue,
            plugin::TargetType::Value => TargetType::Value,
            plugin::TargetType::Utilization => TargetType::Utilization,
        }),
        settings,
    }
}

/// What a scaler says of itself.
pub fn trigger_type<T: Settings>() -> plugin::TriggerType {
    described(component::trigger_type::<T>())
}

fn described(described: TriggerType) -> plugin::TriggerType {
    let connection = described.connection.map(|connection| connection.name);
    let mut parameters = Vec::with_capacity(described.parameters.len());
    for declared in &described.parameters {
        parameters.push(parameter(declared, connection));
    }
    let mut connections = Vec::new();
    if let Some(connection) = described.connection {
        connections.push(plugin::Connection {
            name: connection.name.to_owned(),
            protocols: connection.protocols.iter().map(protocol).collect(),
            attributes: Vec::new(),
        });
    }
    plugin::TriggerType {
        name: described.name.to_owned(),
        summary: sentence(described.summary),
        parameters,
        connections,
        attributes: Vec::new(),
    }
}

fn protocol(protocol: &Protocol) -> plugin::Protocol {
    match protocol {
        Protocol::Redis => plugin::Protocol::Redis,
        Protocol::Amqp => plugin::Protocol::Amqp,
        Protocol::Http => plugin::Protocol::Http,
    }
}

/// A parameter in the type of the contract; what it feeds is a field of this connection.
pub fn parameter(parameter: &Parameter, connection: Option<&str>) -> plugin::Parameter {
    let sources = parameter.origins.iter().map(|origin| match origin {
        Origin::Metadata => plugin::Source::Metadata,
        Origin::Environment => plugin::Source::Environment,
        Origin::Authentication => plugin::Source::Authentication,
    });
    let mut attributes = vec![attribute("type", parameter.kind)];
    attributes.extend(parameter.deprecated.map(|why| attribute("deprecated", why)));
    plugin::Parameter {
        name: parameter.name.to_owned(),
        summary: sentence(parameter.summary),
        required: parameter.required,
        default_value: parameter.default.map(str::to_owned),
        sources: sources.collect(),
        feeds: connection.zip(parameter.feeds).map(|(connection, field)| feed(connection, field)),
        attributes,
    }
}

fn feed(connection: &str, field: &str) -> String {
    let mut feed = connection.to_owned();
    feed.push('.');
    feed.push_str(field);
    feed
}

fn attribute(name: &str, value: &str) -> types::Attribute {
    types::Attribute { name: name.to_owned(), value: value.to_owned() }
}

fn sentence(lines: &[&str]) -> String {
    let mut sentence = String::new();
    for line in lines {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(line.trim_ascii());
    }
    sentence
}

fn metric(metric: Metric) -> plugin::Metric {
    plugin::Metric::External(plugin::ExternalMetric {
        name: metric.name,
        target: metric.target,
        target_type: target_type(metric.target_type),
        attributes: Vec::new(),
    })
}

fn native(metric: NativeMetric) -> plugin::Metric {
    plugin::Metric::Native(plugin::ResourceMetric {
        name: metric.name,
        container: metric.container,
        target: metric.target,
        target_type: target_type(metric.target_type),
    })
}

fn target_type(kind: TargetType) -> plugin::TargetType {
    match kind {
        TargetType::AverageValue => plugin::TargetType::AverageValue,
        TargetType::Value => plugin::TargetType::Value,
        TargetType::Utilization => plugin::TargetType::Utilization,
    }
}

fn problems(own: Vec<Problem>) -> Vec<plugin::Problem> {
    let mut problems = Vec::with_capacity(own.len());
    for Problem { parameter, message } in own {
        problems.push(plugin::Problem { parameter, message });
    }
    problems
}

fn failure(failure: Failure) -> types::Failure {
    let detail = |Detail { code, message }| types::Detail { code, message };
    match failure {
        Failure::Transient(told) => types::Failure::Transient(detail(told)),
        Failure::Denied(told) => types::Failure::Denied(detail(told)),
        Failure::Absent(told) => types::Failure::Absent(detail(told)),
        Failure::Invalid(told) => types::Failure::Invalid(detail(told)),
    }
}

fn failed(failure: types::Failure) -> Failure {
    let detail = |types::Detail { code, message }| Detail { code, message };
    match failure {
        types::Failure::Transient(told) => Failure::Transient(detail(told)),
        types::Failure::Denied(told) => Failure::Denied(detail(told)),
        types::Failure::Absent(told) => Failure::Absent(detail(told)),
        types::Failure::Invalid(told) => Failure::Invalid(detail(told)),
    }
}
