//! Metrics that Kubernetes measures itself: a scaler only says which, and where it should be.

use crate::connection::Nothing;
use crate::scaler::{Problem, TargetType};
use crate::settings::Settings;

/// A metric that Kubernetes measures itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeMetric {
    /// The resource: `cpu`, `memory`.
    pub name: String,
    /// The container that is measured; the whole pod where there is none.
    pub container: Option<String>,
    /// Where it should be: whole percent for utilization, else a Kubernetes quantity.
    pub target: String,
    /// What the target is of; never `Value`.
    pub target_type: TargetType,
}

/// A scaler of such a metric: `native!` makes a component of it, which is never asked to measure.
pub trait Native: Settings<Connection = Nothing> {
    /// The metric. `chosen`: what the user wants the target to be of, if he said so.
    ///
    /// # Errors
    /// Everything that is wrong between the settings.
    fn plan(&self, chosen: Option<TargetType>) -> Result<NativeMetric, Vec<Problem>>;
}

/// Makes a component of scalers whose metrics Kubernetes measures itself.
///
/// In a native build it makes nothing, so that the same file runs in a unit test.
#[macro_export]
macro_rules! native {
    ($($scaler:ty),+ $(,)?) => {
        $crate::__component! {
            describe: [$($crate::export::trigger_type::<$scaler>()),+],
            plan: |trigger| match trigger.trigger_type.as_str() {
                $(<$scaler as $crate::Settings>::TRIGGER_TYPE => $crate::export::plan_native::<$scaler>(&trigger),)+
                _ => $crate::export::unserved(&trigger),
            },
            measure: [],
        }
    };
}
