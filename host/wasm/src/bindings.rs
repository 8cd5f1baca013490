//! The single `bindgen!`: the contract of `wit/` as Rust types. Nothing outside the adapters in this crate sees them.

use bellows_core::failure::{Blame, Failure, FailureKind};

use self::bellows::scaler::types;
pub(crate) use self::bellows::scaler::{amqp, http, log, memo, redis, workload};
pub(crate) use self::exports::bellows::scaler::plugin;

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "scaler",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "bellows:scaler/amqp.connection": crate::capability::amqp::Handle,
        "bellows:scaler/http.endpoint": crate::capability::http::Handle,
        "bellows:scaler/redis.connection": crate::capability::redis::Handle,
    },
});

pub(crate) type GuestFailure = types::Failure;
pub(crate) type GuestInstant = types::Instant;
pub(crate) type Attribute = types::Attribute;

/// A failure as a guest is told of it.
pub(crate) fn failure_for_guest(failure: &Failure) -> GuestFailure {
    let detail = types::Detail { code: failure.code.clone(), message: failure.message.clone() };
    match failure.kind {
        FailureKind::Transient => GuestFailure::Transient(detail),
        FailureKind::Denied => GuestFailure::Denied(detail),
        FailureKind::Absent => GuestFailure::Absent(detail),
        FailureKind::Invalid => GuestFailure::Invalid(detail),
    }
}

/// A failure as a guest tells it: of one trigger, and whose it is by its kind.
pub(crate) fn failure_from_guest(failure: GuestFailure) -> Failure {
    let (kind, blame, detail) = match failure {
        GuestFailure::Transient(detail) => (FailureKind::Transient, Blame::Source, detail),
        GuestFailure::Denied(detail) => (FailureKind::Denied, Blame::Operator, detail),
        GuestFailure::Absent(detail) => (FailureKind::Absent, Blame::Source, detail),
        GuestFailure::Invalid(detail) => (FailureKind::Invalid, Blame::Operator, detail),
    };
    let code = crate::printable::line(&detail.code, crate::lift::CODE_BYTES_MAX);
    Failure::new(kind, blame, code, crate::printable::line(&detail.message, crate::lift::MESSAGE_BYTES_MAX))
}
