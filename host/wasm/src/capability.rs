//! What the host lends to components: the list, one line each. Whatever is not here is refused when a component is
//! loaded, by the name of the import.
//!
//! A capability has private bindings, a view that belongs to one call, and an `add_to_linker`.

pub(crate) mod amqp;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod memo;
pub(crate) mod redis;
pub(crate) mod workload;

use bellows_core::failure::{Blame, Failure, FailureKind};
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{self, GuestFailure, failure_for_guest};
use crate::state::State;

const PACKAGE: &str = "bellows:scaler/";
/// Interfaces that a component may import. `types` has no function.
const LENT: [&str; 7] = ["types", "redis", "amqp", "http", "workload", "memo", "log"];

/// Why a component is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not part of the contract: WASI, for one.
    #[error("imports {0}, which is not part of the contract: a scaler imports bellows:scaler interfaces only")]
    Foreign(String),
}

/// Judges the name of an import, `bellows:scaler/redis@0.1.0`.
pub(crate) fn judge(import: &str) -> Result<(), ImportError> {
    let foreign = || ImportError::Foreign(crate::printable::line(import, 200));
    let interface = import.strip_prefix(PACKAGE).ok_or_else(foreign)?;
    let name = interface.split_once('@').map_or(interface, |(name, _)| name);
    if LENT.contains(&name) { Ok(()) } else { Err(foreign()) }
}

/// Short names of imports: `redis` of `bellows:scaler/redis@0.1.0`. Others are left out, for [`judge`] to refuse.
pub fn names<'a>(imports: impl Iterator<Item = &'a str>) -> Vec<String> {
    let short =
        |import: &'a str| import.strip_prefix(PACKAGE).map(|interface| interface.split('@').next().unwrap_or_default());
    imports.filter_map(short).map(str::to_owned).collect()
}

/// Makes all that is lent linkable.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::redis::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    bindings::amqp::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    bindings::http::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    bindings::workload::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    bindings::memo::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    bindings::log::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// The answer to a guest that opens more than a call may hold.
fn too_many_handles() -> GuestFailure {
    let message = "more connections are open than a call may hold";
    failure_for_guest(&Failure::new(FailureKind::Invalid, Blame::Scaler, "too-many-handles", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_lent_may_be_imported() {
        assert_eq!(judge("bellows:scaler/redis@0.1.0"), Ok(()));
        assert_eq!(judge("bellows:scaler/amqp@0.1.0"), Ok(()));
        assert_eq!(judge("bellows:scaler/types@0.1.9"), Ok(()));
        assert_eq!(judge("bellows:scaler/http@0.1.0"), Ok(()));
        assert_eq!(judge("wasi:cli/environment@0.2.0"), Err(ImportError::Foreign("wasi:cli/environment@0.2.0".into())));
        assert_eq!(judge("bellows:scaler/files@0.1.0"), Err(ImportError::Foreign("bellows:scaler/files@0.1.0".into())));
    }
}
