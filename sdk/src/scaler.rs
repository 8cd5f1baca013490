//! What an author writes: the metric of a trigger, and how it is read.
//!
//! Everything here is about one trigger; the batch is made behind `Connection`, and costs nothing to whoever ignores it.

use crate::connection::Connection;
use crate::failure::Result;
use crate::settings::Settings;

/// A scaler: what its settings mean, and how to read it.
pub trait Scaler: Settings {
    /// The metric that a HorizontalPodAutoscaler is to watch. The user's `metricType` overrides its kind.
    fn metric(&self) -> Metric;

    /// The same where its name holds the namespace of the object.
    fn metric_in(&self, namespace: &str) -> Metric {
        // Most names say nothing of it.
        _ = namespace;
        self.metric()
    }

    /// What is wrong between settings that are each fine by themselves.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Reads one trigger. Questions of all triggers of a call that wait at the same time travel together.
    fn measure(&self, at: Instant, connection: &Self::Connection) -> impl Future<Output = Result<Reading>>;

    /// Reads all triggers of a call, one result for each, in order. Override it to ask one question for all of them.
    fn measure_all(
        triggers: &[Self],
        at: Instant,
        connection: &Self::Connection,
    ) -> impl Future<Output = Vec<Result<Reading>>> {
        connection.desk().join(triggers.iter().map(move |trigger| trigger.measure(at, connection)))
    }
}

/// Whether a target is for each replica or for the workload as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetType {
    /// The value is divided by the replicas.
    AverageValue,
    /// The value is compared as it is.
    Value,
    /// A percentage of what was requested; Kubernetes knows it for its own metrics only.
    Utilization,
}

/// A metric, and where it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name. The host makes it fit for Kubernetes and prefixes the index of the trigger.
    pub name: String,
    /// Where the value should be; above 0.
    pub target: f64,
    /// What the target is of, unless the user says otherwise.
    pub target_type: TargetType,
}

impl Metric {
    /// A metric whose target is meant for each replica.
    pub fn average_value(name: impl Into<String>, target: impl Number) -> Self {
        Self { name: name.into(), target: target.to_f64(), target_type: TargetType::AverageValue }
    }

    /// A metric whose target is meant for the workload as a whole.
    pub fn value(name: impl Into<String>, target: impl Number) -> Self {
        Self { target_type: TargetType::Value, ..Self::average_value(name, target) }
    }
}

/// What a metric was found to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The value, as the source gave it.
    pub value: f64,
    /// Whether there is work, so that a workload at zero is to be started.
    pub active: bool,
}

impl Reading {
    /// A value that is work when it is strictly above the activation.
    pub fn above(value: impl Number, activation: impl Number) -> Self {
        let value = value.to_f64();
        Self { value, active: value > activation.to_f64() }
    }
}

/// One thing wrong with the settings, in the user's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The parameter as the user spells it; empty where it is about several.
    pub parameter: String,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

impl Problem {
    /// A problem of one parameter.
    pub fn of(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), message: message.into() }
    }
}

/// The time of a poll, by the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Seconds since the Unix epoch.
    pub seconds: u64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Instant {
    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.seconds.saturating_mul(1000).saturating_add(u64::from(self.nanoseconds / 1_000_000))
    }
}

/// Whatever counts: a length, a target, a threshold.
pub trait Number {
    /// The nearest double, which is exact up to 2⁵³.
    fn to_f64(self) -> f64;
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Number for $number {
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )+};
}

numbers!(f32, i32, i64, u32, u64, usize);

impl Number for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl Number for std::num::NonZeroU32 {
    fn to_f64(self) -> f64 {
        self.get().to_f64()
    }
}

impl Number for std::num::NonZeroU64 {
    fn to_f64(self) -> f64 {
        self.get().to_f64()
    }
}

/// Makes a component of one scaler, or of several that serve different types of trigger.
///
/// In a native build it makes nothing, so that the same file runs in a unit test.
#[macro_export]
macro_rules! scaler {
    ($($scaler:ty),+ $(,)?) => {
        $crate::__component! {
            describe: [$($crate::export::trigger_type::<$scaler>()),+],
            plan: |trigger| match trigger.trigger_type.as_str() {
                $(<$scaler as $crate::Settings>::TRIGGER_TYPE => $crate::export::plan::<$scaler>(&trigger),)+
                _ => $crate::export::unserved(&trigger),
            },
            measure: [$($scaler),+],
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    (describe: [$($described:expr),+], plan: |$trigger:ident| $plan:expr, measure: [$($measured:ty),*],) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::export::bindings::exports::bellows::scaler::plugin;

            struct Component;

            impl plugin::Guest for Component {
                fn describe() -> plugin::Description {
                    plugin::Description {
                        name: env!("CARGO_PKG_NAME").to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                        summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
                        trigger_types: vec![$($described),+],
                        attributes: Vec::new(),
                    }
                }

                fn plan(trigger: plugin::Trigger) -> Result<Vec<plugin::Metric>, Vec<plugin::Problem>> {
                    let $trigger = $crate::export::trigger(trigger);
                    $plan
                }

                fn measure(
                    at: plugin::Instant,
                    triggers: Vec<plugin::Trigger>,
                ) -> Vec<Result<Vec<plugin::Reading>, plugin::Failure>> {
                    $crate::export::Call::new(at, triggers)$(.measure::<$measured>())*.finish()
                }
            }

            $crate::export::bindings::export!(Component);
        };
    };
}
