//! Why a call of a component gave nothing: its own fault, or ours. What a guest *answers* is lifted in `lift`.

use std::time::Duration;

use bellows_core::failure::{Blame, Failure, FailureKind};
use wasmtime::Trap;

use crate::lift::{MESSAGE_BYTES_MAX, breach};
use crate::limits::Exceeded;
use crate::printable;

/// A call that ended in an error of the engine: a bound, a trap, or a fault of the host.
pub(crate) fn of_engine(error: &wasmtime::Error) -> Failure {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        let mut failure = breach(exceeded.code(), format!("the scaler was stopped: {exceeded}"));
        // Whom the common bound hits is chance.
        if matches!(exceeded, Exceeded::AllMemory(_)) {
            failure.blame = Blame::Host;
        }
        return failure;
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return breach("trap", format!("the scaler trapped: {trap}"));
    }
    // What is left is mostly the canonical ABI: text that is not UTF-8, a pointer out of bounds, a handle of nobody.
    let message = printable::line(&error.root_cause().to_string(), MESSAGE_BYTES_MAX);
    breach("trap", format!("the scaler broke the contract: {message}"))
}

/// An instance could not be made. A component that traps in its start function is at fault, else we are.
pub(crate) fn of_instantiation(error: &wasmtime::Error) -> Failure {
    if error.downcast_ref::<Exceeded>().is_some() || error.downcast_ref::<Trap>().is_some() {
        return of_engine(error);
    }
    let message = printable::line(&format!("{error:#}"), MESSAGE_BYTES_MAX);
    Failure::new(FailureKind::Transient, Blame::Host, "instance", format!("no instance of the scaler: {message}"))
}

/// The call as a whole took too long.
pub(crate) fn deadline(limit: Duration) -> Failure {
    breach("deadline", format!("the scaler did not answer within {limit:?}"))
}

/// All instances were taken until the call's time was over.
pub(crate) fn busy(limit: Duration) -> Failure {
    let message = format!("no instance became free within {limit:?}");
    Failure::new(FailureKind::Transient, Blame::Host, "busy", message)
}
