//! One Redis connection: dialled, encrypted, let in; and what is wrong when it is not. Messages name the endpoint and
//! the cause, never a credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bellows_core::connection::{Connection, RedisConnection, Secret};
use bellows_core::failure::{Blame, Failure, FailureKind};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, RedisConnectionInfo, RedisError, Value};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, timeout_at};

use super::value::flatten;
use crate::capability::redis::Replies;
use crate::connection::metered::{Credit, Fault, Metered, TooLarge};
use crate::connection::reach::Reach;
use crate::connection::single::{self, too_late};
use crate::connection::tls;
use crate::egress::Found;
use crate::printable;

/// The name that `CLIENT LIST` shows for us.
const CLIENT_NAME: &str = "bellows";
/// A connection over which nothing came for this long is replaced. A server of Redis answers within milliseconds, and a
/// lost packet is sent again after some 0.2 s.
const SILENCE_MIN: Duration = Duration::from_secs(1);
/// Bytes of a server's error text that are passed on.
const ERROR_BYTES_MAX: usize = 300;

/// A connection that was let in, with its name set and its database selected.
pub(super) async fn dial(
    reach: &Reach,
    found: &Found,
    connection: &RedisConnection,
    until: Instant,
) -> Result<Live, Failure> {
    let endpoint = endpoint(connection);
    let place = (connection.host.as_str(), connection.port);
    let stream = reach.dial(found, place, connection.tls.as_ref(), &endpoint, until).await?;
    let credit = Arc::new(Credit::default());
    let stream = Metered::new(stream, Arc::clone(&credit));
    // Our own deadline is on everything, so the library's must not be the shorter one.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (multiplexed, driver) = MultiplexedConnection::new_with_config(&info(connection), stream, config)
        .await
        .map_err(|error| Broken::of(&error, credit.fault(), &endpoint).failure)?;
    let live = Live { multiplexed, credit, driver: tokio::spawn(driver), closed: AtomicBool::new(false) };
    live.introduce(&endpoint, until).await?;
    Ok(live)
}

fn info(connection: &RedisConnection) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default().set_skip_set_lib_name().set_db(i64::from(connection.database));
    if let Some(username) = &connection.username {
        info = info.set_username(username);
    }
    if let Some(password) = connection.password.as_ref().map(Secret::expose) {
        info = info.set_password(password);
    }
    info
}

/// A connection that works, as far as anybody knows.
pub(super) struct Live {
    multiplexed: MultiplexedConnection,
    credit: Arc<Credit>,
    driver: JoinHandle<()>,
    /// Set before the driver is aborted, which it notices only when it runs next.
    closed: AtomicBool,
}

impl single::Live for Live {
    fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed) && self.credit.fault().is_none() && !self.driver.is_finished()
    }
}

impl Live {
    /// Ends the connection for all who use it; their questions fail and are asked again elsewhere.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.driver.abort();
    }

    /// Says who we are. It is also the first command, which a server that wants a password refuses.
    async fn introduce(&self, endpoint: &str, until: Instant) -> Result<(), Failure> {
        let command = ["CLIENT", "SETNAME", CLIENT_NAME].map(str::to_owned).to_vec();
        self.pipeline(&[command], endpoint, until).await.map(drop).map_err(|broken| broken.failure)
    }

    /// Sends all commands at once and waits for all replies.
    pub(super) async fn pipeline(
        &self,
        commands: &[Vec<String>],
        endpoint: &str,
        until: Instant,
    ) -> Result<Replies, Broken> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            let mut packed = Cmd::new();
            packed.arg(command);
            pipeline.add_command(packed);
        }
        let _credit = self.credit.question();
        let mut multiplexed = self.multiplexed.clone();
        let started = Instant::now();
        let asking = multiplexed.send_packed_commands(&pipeline, 0, commands.len());
        let values = match timeout_at(until, asking).await {
            Ok(values) => values.map_err(|error| Broken::of(&error, self.credit.fault(), endpoint))?,
            Err(_elapsed) => {
                // A guest that left itself no time says nothing of a connection that others use too.
                let is_dead = started.elapsed() >= SILENCE_MIN;
                return Err(Broken { is_dead, ..Broken::dead(too_late(endpoint, "it did not reply")) });
            }
        };
        if let Some(failure) = values.first().and_then(|value| shut_out(value, endpoint)) {
            return Err(Broken::dead(failure));
        }
        if values.len() != commands.len() {
            let message = format!("{endpoint}: {} replies to {} commands", values.len(), commands.len());
            let failure = Failure::new(FailureKind::Transient, Blame::Source, "protocol", message).of_endpoint();
            return Err(Broken::dead(failure));
        }
        Ok(values.into_iter().map(flatten).collect())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A question without replies.
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// The connection is of no more use.
    pub(super) is_dead: bool,
    /// A fresh connection may give what this one did not.
    pub(super) may_ask_again: bool,
}

impl Broken {
    fn dead(failure: Failure) -> Self {
        Self { failure, is_dead: true, may_ask_again: false }
    }

    /// `fault` is what the stream died of, which the library's error does not tell.
    fn of(error: &RedisError, fault: Option<&Fault>, endpoint: &str) -> Self {
        let failure = |kind, blame, code, why: &str| {
            let why = printable::line(why, ERROR_BYTES_MAX);
            Failure::new(kind, blame, code, format!("{endpoint}: {why}")).of_endpoint()
        };
        match fault {
            // What was asked is too much, which is not the endpoint's fault: nobody need stay away from it.
            Some(Fault::TooLarge) => {
                let message = format!("{endpoint}: {TooLarge}");
                return Self::dead(Failure::new(FailureKind::Transient, Blame::Scaler, "reply-size", message));
            }
            Some(Fault::Tls(why)) => return Self::dead(tls::broken_off(endpoint, Blame::Operator, why)),
            Some(Fault::Network(why)) => {
                let failure = failure(FailureKind::Transient, Blame::Source, "closed", why);
                return Self { may_ask_again: true, ..Self::dead(failure) };
            }
            None => {}
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::dead(failure(
                FailureKind::Denied,
                Blame::Operator,
                "unauthorized",
                "the credentials were refused",
            )),
            ErrorKind::Io => Self {
                may_ask_again: true,
                ..Self::dead(failure(FailureKind::Transient, Blame::Source, "closed", "the connection was closed"))
            },
            ErrorKind::Server(_) | ErrorKind::Extension => Self::dead(refusal(error, endpoint)),
            _ => Self::dead(failure(FailureKind::Transient, Blame::Source, "protocol", error.category())),
        }
    }
}

/// An error reply to the handshake.
fn refusal(error: &RedisError, endpoint: &str) -> Failure {
    let detail = printable::line(error.detail().unwrap_or_default(), ERROR_BYTES_MAX);
    let why = format!("{endpoint}: {}: {detail}", error.category());
    let failure = |kind, blame, code| Failure::new(kind, blame, code, why.clone()).of_endpoint();
    match error.code() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => failure(FailureKind::Denied, Blame::Operator, "unauthorized"),
        _ if detail.contains("NOAUTH") || detail.contains("Authentication required") => {
            failure(FailureKind::Denied, Blame::Operator, "unauthorized")
        }
        _ if detail.contains("DB index") || detail.contains("invalid DB") => {
            failure(FailureKind::Denied, Blame::Operator, "database")
        }
        _ => failure(FailureKind::Transient, Blame::Source, "protocol"),
    }
}

/// A server that does not know us says so to every command, the first one too.
fn shut_out(value: &Value, endpoint: &str) -> Option<Failure> {
    let Value::ServerError(error) = value else { return None };
    let message = match error.code() {
        "NOAUTH" => format!("{endpoint}: a password is wanted and none was given"),
        "WRONGPASS" => format!("{endpoint}: the credentials were refused"),
        _ => return None,
    };
    Some(Failure::new(FailureKind::Denied, Blame::Operator, "unauthorized", message).of_endpoint())
}

/// `host:port`, for messages.
pub(super) fn endpoint(connection: &RedisConnection) -> String {
    Connection::Redis(connection.clone()).endpoint()
}
