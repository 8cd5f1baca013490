//! One AMQP connection: dialled, encrypted, let in; and how it ends.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use bellows_core::connection::{AmqpConnection, Secret};
use bellows_core::failure::{Blame, Failure, FailureKind};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant};

use super::refusal;
use super::wire::{Cut, Wire, runtime};
use crate::connection::metered::{Credit, Metered};
use crate::connection::reach::Reach;
use crate::connection::single;
use crate::egress::Found;

/// The name that a broker's list of connections shows for us.
const CLIENT_NAME: &str = "bellows";
/// Channels that are used at once. A broker works on each by itself, and answers for some 5,000 queues a second on one;
/// four keep four of its cores busy, and take some 100 KiB of its memory.
pub(super) const CHANNELS_MAX: usize = 4;
/// Channels that may exist at once: those, and the ones that a missing queue has closed and that are not quite gone.
const CHANNEL_NUMBERS: u16 = 64;
/// The largest frame. Ours and their answers have 300 bytes at most; the newest RabbitMQ takes no smaller limit. The library
/// keeps 32 frames for each direction: 512 KiB for a connection.
const FRAME_BYTES_MAX: u32 = 8_192;
/// A peer that sends nothing for twice as long is gone. Questions notice sooner; this is for a connection between them.
const HEARTBEAT_SECONDS: u16 = 30;
/// Bytes of a name, of a queue or a virtual host, as AMQP has it.
pub(super) const NAME_BYTES_MAX: usize = 255;
/// Time to say goodbye.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(1);

/// A connection that works, as far as anybody knows.
pub(super) struct Live {
    pub(super) connection: Connection,
    pub(super) configured: AmqpConnection,
    /// Channels that nobody uses.
    pub(super) idle: Mutex<Vec<Channel>>,
    pub(super) places: Semaphore,
    pub(super) credit: Arc<Credit>,
    /// Whether it was said that the broker blocks us.
    pub(super) blocked_said: AtomicBool,
    ending: Ending,
}

/// Cuts the stream when it is dropped: the library's thread ends with it, whatever the peer does.
struct Ending(Arc<Cut>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.now();
    }
}

impl single::Live for Live {
    fn is_open(&self) -> bool {
        !self.ending.0.is_done() && self.credit.fault().is_none() && self.connection.status().connected()
    }
}

impl Live {
    /// Ends the connection for all who use it; their questions fail and are asked again elsewhere.
    pub(super) fn close(&self) {
        self.ending.0.now();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // The library says goodbye when its handle is dropped, just after this, and needs the stream for it.
        let Ok(runtime) = Handle::try_current() else { return };
        if single::Live::is_open(self) {
            let ending = Ending(Arc::clone(&self.ending.0));
            self.ending.0 = Arc::default();
            drop(runtime.spawn(async move {
                tokio::time::sleep(GOODBYE_TIME_MAX).await;
                drop(ending);
            }));
        }
    }
}

/// A connection that was let in.
pub(super) async fn dial(
    reach: &Reach,
    found: &Found,
    configured: &AmqpConnection,
    until: Instant,
) -> Result<Live, Failure> {
    let endpoint = refusal::endpoint(configured);
    if configured.virtual_host.len() > NAME_BYTES_MAX {
        let message = format!("{endpoint}: the name of a virtual host has at most {NAME_BYTES_MAX} bytes");
        return Err(Failure::new(FailureKind::Denied, Blame::Operator, "no-such-vhost", message).of_endpoint());
    }
    let place = (configured.host.as_str(), configured.port);
    let stream = reach.dial(found, place, configured.tls.as_ref(), &endpoint, until).await?;
    let (credit, ending) = (Arc::new(Credit::default()), Ending(Arc::default()));
    let wire = Wire { stream: Metered::new(stream, Arc::clone(&credit)), cut: Arc::clone(&ending.0) };
    // The library may dial as often as it likes; there is one stream.
    let wire = Mutex::new(Some(wire));
    let connect = async move |_: AMQPUri, _| {
        let taken = wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.map(lapin::AsyncTcpStream::Plain).ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
    };
    let connection = Connection::connector(address(configured), runtime(), connect, properties())
        .await
        .map_err(|error| refusal::of_connection(&error, credit.fault(), configured))?;
    Ok(Live {
        connection,
        configured: configured.clone(),
        idle: Mutex::default(),
        places: Semaphore::new(CHANNELS_MAX),
        credit,
        blocked_said: AtomicBool::new(false),
        ending,
    })
}

/// What the library needs to know, without a URI in between: a password may hold any character.
fn address(configured: &AmqpConnection) -> AMQPUri {
    let (username, password) = match &configured.login {
        Some((username, password)) => (username.as_str(), Secret::expose(password)),
        // Who gives neither means the user that every client of RabbitMQ is by default.
        None => ("guest", "guest"),
    };
    let mechanism = if refusal::by_certificate(configured) { SASLMechanism::External } else { SASLMechanism::Plain };
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: username.to_owned(), password: password.to_owned() },
            host: configured.host.clone(),
            port: configured.port,
        },
        vhost: configured.virtual_host.clone(),
        query: AMQPQueryString {
            frame_max: Some(FRAME_BYTES_MAX),
            channel_max: Some(CHANNEL_NUMBERS),
            heartbeat: Some(HEARTBEAT_SECONDS),
            connection_timeout: None,
            auth_mechanism: Some(mechanism),
        },
    }
}

fn properties() -> ConnectionProperties {
    ConnectionProperties::default()
        .with_connection_name(CLIENT_NAME.into())
        .with_client_property("product".into(), CLIENT_NAME.into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
}
