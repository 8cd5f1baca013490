//! The rollout of a Scaler, as people write it and as its status tells of it.

use bellows_core::rollout::RolloutDraft;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the next digest takes the place of the one that serves. It does not if it fails where the older one answers.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// By how many objects at a time, in rising order; then all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub steps: Vec<RolloutStep>,
    /// Seconds for which the older digest is kept and asked where the newer one fails, once that serves all; 600 when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 604_800))]
    pub watch: Option<i32>,
}

impl Rollout {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// In the words of core, which judges it.
    #[must_use]
    pub fn draft(&self) -> RolloutDraft {
        let steps = self.steps.iter().map(|step| (step.percent.into(), step.seconds.into())).collect();
        RolloutDraft { steps, watch: self.watch.map(i64::from) }
    }
}

/// A step of a rollout.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStep {
    /// How many of a hundred objects it serves; 0 to ask it beside the older one and compare their answers.
    #[schemars(range(min = 0, max = 99))]
    pub percent: i32,
    /// How long.
    #[schemars(range(min = 1, max = 604_800))]
    pub seconds: i32,
}

/// How far the next digest came.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// The digest that is to serve.
    pub digest: String,
    /// How many of a hundred objects it serves.
    pub percent: i32,
    /// Answers that it was asked for in this step.
    pub asked: i64,
    /// Of these, those that the older digest gave and it did not.
    pub lost: i64,
    /// Of these, those in which the two did not say the same.
    pub different: i64,
}
