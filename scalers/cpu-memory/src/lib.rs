//! Processor time and memory, which Kubernetes measures itself: the HorizontalPodAutoscaler gets a metric of its own kind,
//! and nobody is asked anything.

use bellows_sdk::prelude::*;
use bellows_sdk::quantity::Quantity;
use bellows_sdk::{Native, NativeMetric, Setting, TargetType, native};

settings! {
    /// Scales on the processor time that pods use.
    pub struct Cpu("cpu") over nothing {
        /// Whole percent of what is requested for Utilization, a quantity such as 500m for AverageValue.
        value: String = "value",
        /// The container that is measured; the whole pod where it is left out.
        container: Option<String> = "containerName",
        /// What the value is of, as it was once said.
        of: Option<Of> = "type" deprecated "give metricType beside the trigger's type instead",
    }
}

settings! {
    /// Scales on the memory that pods use.
    pub struct Memory("memory") over nothing {
        /// Whole percent of what is requested for Utilization, a quantity such as 500Mi for AverageValue.
        value: String = "value",
        /// The container that is measured; the whole pod where it is left out.
        container: Option<String> = "containerName",
        /// What the value is of, as it was once said.
        of: Option<Of> = "type" deprecated "give metricType beside the trigger's type instead",
    }
}

/// What a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Utilization,
    AverageValue,
}

impl Setting for Of {
    const KIND: &'static str = "string";
    const ACCEPTED: &'static str = "Utilization or AverageValue";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "Utilization" => Some(Self::Utilization),
            "AverageValue" => Some(Self::AverageValue),
            _ => None,
        }
    }
}

impl Native for Cpu {
    fn plan(&self, chosen: Option<TargetType>) -> Result<NativeMetric, Vec<Problem>> {
        plan("cpu", &self.value, self.container.as_ref(), self.of, chosen)
    }
}

impl Native for Memory {
    fn plan(&self, chosen: Option<TargetType>) -> Result<NativeMetric, Vec<Problem>> {
        plan("memory", &self.value, self.container.as_ref(), self.of, chosen)
    }
}

fn plan(
    resource: &str,
    value: &str,
    container: Option<&String>,
    of: Option<Of>,
    chosen: Option<TargetType>,
) -> Result<NativeMetric, Vec<Problem>> {
    let (target, target_type) = match kind(of, chosen).map_err(|problem| vec![problem])? {
        Of::Utilization => (percent(value), TargetType::Utilization),
        Of::AverageValue => (quantity(value), TargetType::AverageValue),
    };
    let target = target.map_err(|message| vec![Problem::of("value", message)])?;
    Ok(NativeMetric { name: resource.to_owned(), container: container.cloned(), target, target_type })
}

/// What the value is of: as the trigger says it, or as its metadata once said it, but not both differently.
fn kind(of: Option<Of>, chosen: Option<TargetType>) -> Result<Of, Problem> {
    let chosen = match chosen {
        None => None,
        Some(TargetType::Utilization) => Some(Of::Utilization),
        Some(TargetType::AverageValue) => Some(Of::AverageValue),
        Some(TargetType::Value) => {
            let message = "accepted are Utilization and AverageValue; Value is for metrics from elsewhere";
            return Err(Problem::of("metricType", message));
        }
    };
    if chosen.is_some() && of.is_some() && chosen != of {
        return Err(Problem::of("type", "says something else than metricType; leave it out"));
    }
    chosen.or(of).ok_or_else(|| Problem::of("metricType", "is required; accepted are Utilization and AverageValue"))
}

/// The number is one that fits the field of a HorizontalPodAutoscaler.
fn percent(value: &str) -> Result<String, String> {
    let percent = value.parse::<i32>().ok().filter(|percent| *percent > 0);
    percent
        .map(|percent| percent.to_string())
        .ok_or_else(|| format!("accepted is a whole number of percent from 1, such as 50, not \"{}\"", shown(value)))
}

fn quantity(value: &str) -> Result<String, String> {
    let quantity = Quantity::parse(value).filter(|quantity| quantity.amount > 0.0);
    quantity
        .map(|quantity| quantity.text)
        .ok_or_else(|| format!("accepted is {}, above 0, not \"{}\"", Quantity::ACCEPTED, shown(value)))
}

/// As much of a value as is needed to recognise it.
fn shown(value: &str) -> String {
    value.chars().take(64).collect()
}

native!(Cpu, Memory);

#[cfg(test)]
mod tests {
    use bellows_sdk::component::trigger_type;
    use bellows_sdk::testing::cases;

    use super::*;

    const CASES: &str = include_str!("../cases.toml");

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run_native::<Cpu>(CASES), Ok(()));
        assert_eq!(cases::run_native::<Memory>(CASES), Ok(()));
    }

    #[test]
    fn the_older_type_says_what_to_write_instead() {
        let deprecated: Vec<_> = trigger_type::<Cpu>()
            .parameters
            .iter()
            .filter_map(|parameter| Some((parameter.name, parameter.deprecated?)))
            .collect();
        assert_eq!(deprecated, [("type", "give metricType beside the trigger's type instead")]);
    }
}
