//! A Scaler, checked as far as its manifest goes: what the host would say of it before it asks a registry.

use bellows_core::problem::Problem;
use bellows_core::rights::{Ceiling, GrantsDraft};
use bellows_core::supply;
use bellows_wasm::Limits;
use bellows_wasm::oci::Reference;
use serde_json::Value;

use super::manifest::{Manifest, read};
use super::{Finding, Severity};
use crate::crd::scaler::{audience, draft};
use crate::crd::{ScalerSpec, Verification};
use crate::supply::{MinimumVersion, PullPolicy, policy};

pub(super) const KIND: &str = "Scaler";
pub(super) const VERSION: &str = "bellows.dev/v1alpha1";

/// What the one Scaler in a file asks of signatures.
pub fn verification(source: &str) -> Result<Verification, String> {
    let manifests = read("", source).map_err(|error| format!("line {} {}", error.line, error.message))?;
    let is_scaler =
        |manifest: &Manifest| manifest.text(&["kind"]) == Some(KIND) && manifest.text(&["apiVersion"]) == Some(VERSION);
    let mut scalers = manifests.into_iter().filter(is_scaler);
    let (Some(scaler), None) = (scalers.next(), scalers.next()) else {
        return Err(format!("there is not one {KIND} of {VERSION} in it, but none or several"));
    };
    let spec = scaler.value.get("spec").cloned().unwrap_or_default();
    let spec: ScalerSpec = serde_json::from_value(spec).map_err(|error| format!("its spec cannot be read: {error}"))?;
    spec.verification.ok_or_else(|| "its spec.verification is absent: it asks for no signature".to_owned())
}

/// What is wrong with the values of a document that has the right shape, or was given it.
pub(super) fn findings(manifest: &Manifest, mut document: Value) -> Vec<Finding> {
    let spec = document.get_mut("spec").map(Value::take).unwrap_or_default();
    // What does not fit was said with the shape.
    let Ok(spec) = serde_json::from_value::<ScalerSpec>(spec) else { return Vec::new() };
    let say = |field: &str, message: String| Finding::new(manifest, Severity::Problem, field, message);
    let mut found = Vec::new();
    if let Err(error) = spec.image.parse::<Reference>() {
        found.push(say("spec.image", error.to_string()));
    }
    if let Some(Err(written)) = spec.pull_policy.map(|policy| policy.parse::<PullPolicy>().map_err(|_| policy)) {
        found.push(say("spec.pullPolicy", format!("is {written:?}, must be Always, IfNotPresent or Never")));
    }
    found.extend(supply::unknown_grants(&spec.grants.capabilities).map(|problem| say(&problem.field, problem.message)));
    let problems =
        spec.rollout.draft().parse().err().into_iter().flatten().map(|problem| problem.under("spec.rollout"));
    found.extend(problems.map(|problem| say(&problem.field, problem.message)));
    found.extend(grants(manifest, &draft(spec.grants, spec.limits)));
    let problems = audience(spec.allowed_namespaces, spec.allowed_namespace_selector).parse().err();
    found.extend(problems.into_iter().flatten().map(|problem| say(&problem.field, problem.message)));
    let problems = spec
        .verification
        .map(|written| [policy(&written).err(), MinimumVersion::of(&written).err()].into_iter().flatten());
    found.extend(problems.into_iter().flatten().map(|problem| say("spec.verification", problem.to_string())));
    found
}

/// What is wrong with grants and limits on any host; what is above the ceiling of one that was started without flags for it
/// may be below that of theirs.
fn grants(manifest: &Manifest, draft: &GrantsDraft) -> Vec<Finding> {
    let say = |severity, problem: Problem| Finding::new(manifest, severity, &problem.field, problem.message);
    let problems = |ceiling: &Ceiling| {
        let refused = draft.parse("", ceiling).err();
        refused.map(|refused| [refused.wrong, refused.above].concat()).unwrap_or_default()
    };
    let anywhere = problems(&Ceiling::NONE);
    let mut here = problems(&Limits::default().ceiling);
    here.retain(|problem| !anywhere.contains(problem));
    let anywhere = anywhere.into_iter().map(|problem| say(Severity::Problem, problem));
    anywhere.chain(here.into_iter().map(|problem| say(Severity::Warning, problem))).collect()
}
