//! What of a TriggerAuthentication could enter a component itself, and whether that is granted.
//!
//! A parameter that feeds a connection stays in the host. Which parameters do not is the component's own choice, so whoever
//! brings it here says for which of them that is meant.

use crate::connection::{Protocol, seen_by_scaler};
use crate::scaler::{Description, Parameter, Source, TriggerType};
use crate::supply::{Halt, Step};

use super::Grants;

/// Whether the value that an authentication gives for a parameter could enter the component.
pub fn may_enter(kind: &TriggerType, parameter: &Parameter) -> bool {
    if !parameter.sources.contains(&Source::Authentication) {
        return false;
    }
    let Some(feed) = &parameter.feeds else { return true };
    match feed.field.as_str() {
        // Of an address the login is left out, and what is no address is left out whole; but only who speaks by addresses
        // reads it at all.
        "uri" => {
            let slot = kind.connections.iter().find(|slot| slot.name == feed.connection);
            slot.is_none_or(|slot| slot.protocols.first().is_none_or(|protocol| *protocol == Protocol::Redis))
        }
        // Nothing but the names of modes passes.
        "auth-modes" => false,
        // Any text passes where a digit does.
        field => seen_by_scaler(field, "1").is_some(),
    }
}

/// Whether all that could enter the component is granted to objects of some namespace; else a halt with the very patch
/// that would grant it.
pub fn judge(scaler: &str, description: &Description, grants: &Grants) -> Result<(), Halt> {
    let mut missing: Vec<&str> = Vec::new();
    for kind in &description.trigger_types {
        for parameter in kind.parameters.iter().filter(|parameter| may_enter(kind, parameter)) {
            let name = parameter.name.as_str();
            if !grants.names_secret(name) && !missing.contains(&name) {
                missing.push(name);
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let kept = grants.secrets().iter().map(String::as_str);
    let all: Vec<String> = kept.chain(missing.iter().copied()).map(|name| format!("{name:?}")).collect();
    let message = format!(
        "what a TriggerAuthentication gives for {} would enter the component itself, which spec.grants.secrets does not \
         grant; to grant it: kubectl patch scaler {scaler} --type merge --patch \
         '{{\"spec\":{{\"grants\":{{\"secrets\":[{}]}}}}}}'",
        missing.join(" and "),
        all.join(",")
    );
    Err(Halt::lasting(Step::Granted, "GrantMissing", message))
}
