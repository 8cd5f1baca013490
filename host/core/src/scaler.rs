//! What a scaler says of itself and of a trigger: the contract of `wit/`, as the inside of the host knows it.
//!
//! Every published version of the contract is lifted to these types at the edge.

use crate::connection::Protocol;

/// Where the value of a parameter may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// `triggers[].metadata.NAME`.
    Metadata,
    /// `triggers[].metadata.NAMEFromEnv`, looked up in the environment of the target's container.
    Environment,
    /// A TriggerAuthentication.
    Authentication,
}

/// The field of a connection that a parameter configures; its value never enters the component.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Feed {
    /// Name of the connection, as the trigger type declares it.
    pub connection: String,
    /// Name of the field, as the protocol of the connection knows it.
    pub field: String,
}

/// A setting of a trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// As written in a manifest.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// Whether a trigger without it is refused.
    pub required: bool,
    /// The value where nobody gave one.
    pub default: Option<String>,
    /// In order of precedence; the first that is not blank wins.
    pub sources: Vec<Source>,
    /// The connection field it configures, if it does.
    pub feeds: Option<Feed>,
    /// Why it should not be used any more, and what to use instead; it works all the same.
    pub deprecated: Option<String>,
}

/// A connection that a trigger type wants to be lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSlot {
    /// The name that the component opens it by.
    pub name: String,
    /// The protocols that it may turn out to speak.
    pub protocols: Vec<Protocol>,
}

/// One value of `triggers[].type`.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerType {
    /// As written in a manifest.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// All that may be set.
    pub parameters: Vec<Parameter>,
    /// All that it may open.
    pub connections: Vec<ConnectionSlot>,
}

/// What a component is.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Name of the scaler.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One sentence for people.
    pub summary: String,
    /// The trigger types that it serves.
    pub trigger_types: Vec<TriggerType>,
}

/// How the HPA compares a value with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetType {
    /// The value divided by the replicas.
    AverageValue,
    /// The value itself.
    Value,
    /// A percentage of what the pods request.
    Utilization,
}

impl TargetType {
    /// As written in a manifest and in an HPA.
    pub fn label(self) -> &'static str {
        match self {
            Self::AverageValue => "AverageValue",
            Self::Value => "Value",
            Self::Utilization => "Utilization",
        }
    }
}

/// A metric that the HPA is to watch.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// One whose values `measure` reports.
    External {
        /// As the scaler named it, not yet normalised.
        name: String,
        /// In the unit of the values; finite and greater than 0.
        target: f64,
        /// How value and target are compared; never utilization.
        target_type: TargetType,
    },
    /// One that Kubernetes measures itself.
    Resource {
        /// `cpu` or `memory`.
        name: String,
        /// The container measured; the whole pod where absent.
        container: Option<String>,
        /// A percentage for utilization, else a Kubernetes quantity.
        target: String,
        /// How value and target are compared.
        target_type: TargetType,
    },
}

/// A trigger with its settings resolved, as it enters a component: no credential is among them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trigger {
    /// `NAMESPACE/OBJECT/INDEX`; unique within a host.
    pub id: String,
    /// One of the component's trigger types.
    pub trigger_type: String,
    /// `triggers[].metricType`, where given.
    pub metric_type: Option<TargetType>,
    /// Every declared parameter that has a value and feeds no connection, in the order of declaration.
    pub settings: Vec<(String, String)>,
}

impl Trigger {
    /// The namespace of the object that it belongs to.
    pub fn namespace(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }
}
