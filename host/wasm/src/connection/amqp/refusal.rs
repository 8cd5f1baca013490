//! What a broker refused, in our own words: its texts name users, and say by code what matters.

use bellows_core::connection::{AmqpConnection, Connection};
use bellows_core::failure::{Blame, Failure, FailureKind};
use lapin::ErrorKind;
use lapin::protocol::AMQPError;

use crate::connection::metered::{Fault, TooLarge};
use crate::connection::tls;
use crate::printable;

/// Bytes of a broker's text that are passed on.
const TEXT_BYTES_MAX: usize = 200;

const CONNECTION_FORCED: u16 = 320;
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const RESOURCE_LOCKED: u16 = 405;
const COMMAND_INVALID: u16 = 503;
const NOT_ALLOWED: u16 = 530;

fn of_source(code: &str, message: String) -> Failure {
    Failure::new(FailureKind::Transient, Blame::Source, code, message)
}

fn denied(code: &str, message: String) -> Failure {
    Failure::new(FailureKind::Denied, Blame::Operator, code, message)
}

/// `host:port`, for messages.
pub(super) fn endpoint(connection: &AmqpConnection) -> String {
    Connection::Amqp(connection.clone()).endpoint()
}

/// Why a connection could not be had, or ended. `fault` is what its stream died of, which the library does not tell.
pub(super) fn of_connection(error: &lapin::Error, fault: Option<&Fault>, connection: &AmqpConnection) -> Failure {
    let endpoint = endpoint(connection);
    if let ErrorKind::ProtocolError(error) = error.kind() {
        return closed(error, connection).of_endpoint();
    }
    match fault {
        // What was asked is too much, which is not the endpoint's fault: nobody need stay away from it.
        Some(Fault::TooLarge) => {
            let message = format!("{endpoint}: {TooLarge}");
            return Failure::new(FailureKind::Transient, Blame::Scaler, "reply-size", message);
        }
        Some(Fault::Tls(why)) => return tls::broken_off(&endpoint, Blame::Operator, why),
        Some(Fault::Network(why)) => return of_source("closed", format!("{endpoint}: {why}")).of_endpoint(),
        None => {}
    }
    let failure = match error.kind() {
        ErrorKind::InvalidProtocolVersion(_) | ErrorKind::ParsingError(_) | ErrorKind::SerialisationError(_) => {
            of_source("protocol", format!("{endpoint}: what it answers is no AMQP 0-9-1"))
        }
        ErrorKind::MissingHeartbeatError => {
            of_source("timeout", format!("{endpoint}: no sign of life came for too long"))
        }
        _ => of_source("closed", format!("{endpoint}: the connection was closed")),
    };
    failure.of_endpoint()
}

/// A broker that closes the connection says why.
fn closed(error: &AMQPError, connection: &AmqpConnection) -> Failure {
    let (endpoint, virtual_host) = (endpoint(connection), printable::line(&connection.virtual_host, TEXT_BYTES_MAX));
    let text = error.get_message().as_str();
    match error.get_id() {
        ACCESS_REFUSED if connection.login.is_none() && by_certificate(connection) => denied(
            "unauthorized",
            format!("{endpoint}: the client certificate was not taken for a login: give username and password"),
        ),
        ACCESS_REFUSED => denied("unauthorized", format!("{endpoint}: the credentials were refused")),
        COMMAND_INVALID if by_certificate(connection) && text.contains("mechanism") => denied(
            "unauthorized",
            format!("{endpoint}: no login by client certificate is possible there: give username and password"),
        ),
        NOT_ALLOWED if text.contains("not found") => {
            denied("no-such-vhost", format!("{endpoint}: there is no virtual host {virtual_host:?}"))
        }
        NOT_ALLOWED if text.contains("refused for user") => {
            denied("forbidden", format!("{endpoint}: the user may not enter the virtual host {virtual_host:?}"))
        }
        CONNECTION_FORCED => of_source("closed", format!("{endpoint}: the broker closed the connection")),
        id => of_source("refused", format!("{endpoint}: the broker closed the connection: {}", reason(id, text))),
    }
}

/// Whether the certificate is all that says who we are.
pub(super) fn by_certificate(connection: &AmqpConnection) -> bool {
    connection.login.is_none() && connection.tls.as_ref().is_some_and(|tls| tls.identity.is_some())
}

/// A broker that closes the channel speaks of one queue.
pub(super) fn of_queue(error: &AMQPError, queue: &str, connection: &AmqpConnection) -> Failure {
    let text = error.get_message().as_str();
    let shown = printable::line(queue, TEXT_BYTES_MAX);
    let place = format!("in virtual host {:?}", printable::line(&connection.virtual_host, TEXT_BYTES_MAX));
    match error.get_id() {
        NOT_FOUND if is_missing(text) => {
            let message = format!("there is no queue {shown:?} {place}");
            Failure::new(FailureKind::Absent, Blame::Source, "no-such-queue", message)
        }
        // RabbitMQ says 404 as well of a queue whose node is down, whose replicas have no majority, or that has crashed.
        NOT_FOUND => of_source("unavailable", format!("the queue {shown:?} {place} cannot be reached by its broker")),
        ACCESS_REFUSED => {
            denied("forbidden", format!("the user may not look at the queue {shown:?} {place}: it lacks a permission"))
        }
        RESOURCE_LOCKED => Failure::new(
            FailureKind::Transient,
            Blame::Operator,
            "exclusive",
            format!("the queue {shown:?} {place} is exclusive: only the connection that declared it may look at it"),
        ),
        id => of_source("refused", format!("the queue {shown:?} {place} cannot be looked at: {}", reason(id, text))),
    }
}

/// Whether a 404 speaks of a queue that does not exist. A name in it cannot make it so: the words stand before it, or, with
/// other brokers than RabbitMQ, at the end.
fn is_missing(text: &str) -> bool {
    let text = text.strip_prefix("NOT_FOUND - ").unwrap_or(text);
    text.starts_with("no queue ") || text.ends_with("doesn't exist") || text.ends_with("does not exist")
}

/// The first words of a broker's text, which do not name anybody.
fn reason(id: u16, text: &str) -> String {
    let text = text.split(" for user ").next().unwrap_or_default();
    format!("{id} {}", printable::line(text, TEXT_BYTES_MAX))
}
