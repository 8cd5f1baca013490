//! A real RabbitMQ, with its management plugin.
//!
//! Owns one node of its own: data, ports, cookie, and the daemon that knows its name. Nothing of it stays on the machine.
//! Refuses everybody but its users, and to touch the machine's own RabbitMQ, if there is one.

mod api;
mod clear;
mod configuration;
mod wire;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::free_port;
use crate::authority::{Authority, Identity, Subject};
use crate::paths;
use crate::process::{Life, Process, Recipe};
use crate::wait::{self, Stop};
pub use api::Kind;
pub(crate) use api::{Management, encode};
pub use wire::Held;

/// The server itself. The script of this name in the search path changes the user first, and writes where the machine's
/// own RabbitMQ does.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// It is there after some 5 s, on a machine with other work after 15.
const START_MAX: Duration = Duration::from_secs(90);

/// Which certificate of a client is asked for, besides a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificate {
    /// None.
    #[default]
    Ignored,
    /// One of our authority, or no connection at all.
    Demanded,
    /// Such a one, whose common name may be the user, without a password (SASL EXTERNAL).
    IsTheUser,
}

/// How a RabbitMQ is to be.
#[derive(Clone, Debug)]
pub struct RabbitMqOptions {
    /// Where it listens: loopback, or the real node's address.
    pub address: IpAddr,
    /// Whether it speaks TLS there, and nothing else. We ourselves ask it in the clear, on ports that nobody is told.
    pub tls: bool,
    /// What it wants of clients that speak TLS.
    pub client_certificate: ClientCertificate,
    /// Names for which its certificate is good besides its address and `localhost`.
    pub hosts: Vec<String>,
    /// Its administrator; any characters.
    pub user: String,
    /// The administrator's password; any characters.
    pub password: String,
    /// Plugins besides the management.
    pub plugins: Vec<String>,
    /// Further lines of `rabbitmq.conf`.
    pub configuration: Vec<String>,
}

impl Default for RabbitMqOptions {
    /// On loopback, in the clear.
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: false,
            client_certificate: ClientCertificate::Ignored,
            hosts: Vec::new(),
            user: "celery".to_owned(),
            password: "foobared".to_owned(),
            plugins: Vec::new(),
            configuration: Vec::new(),
        }
    }
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
struct Ports {
    /// For everybody.
    amqp: SocketAddr,
    http: SocketAddr,
    /// For ourselves, in the clear; the same where it speaks no TLS.
    own_amqp: SocketAddr,
    own_http: SocketAddr,
    /// Of one node to another, though there is none.
    distribution: u16,
    /// Of the daemon that knows nodes by their names.
    names: u16,
}

/// A running RabbitMQ. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct RabbitMq {
    // Fields end in this order.
    broker: Process,
    _names: Process,
    options: RabbitMqOptions,
    ports: Ports,
    tls: Option<Tls>,
    directory: PathBuf,
}

/// Its authority, and its own certificate.
#[derive(Debug)]
struct Tls {
    authority: Authority,
    own: Identity,
}

impl RabbitMq {
    /// Starts one and waits until it answers, some 6 s.
    ///
    /// # Errors
    /// rabbitmq-server is not installed, or does not start.
    pub fn start(options: RabbitMqOptions) -> Result<Self> {
        let (Some(names), true) = (paths::program("epmd"), Path::new(PROGRAM).is_file()) else {
            bail!("rabbitmq-server is missing: apt-get install --no-install-recommends rabbitmq-server")
        };
        let directory = paths::own_directory("rabbitmq");
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        let ports = choose_ports(&options)?;
        let tls = options.tls.then(|| make_certificates(&options, &directory)).transpose()?;
        configuration::write(&options, &ports, tls.as_ref(), &directory)?;
        let environment = configuration::environment(&ports, &directory);
        let start = |name: &str, program: PathBuf| {
            Process::start(Recipe {
                name: name.to_owned(),
                program,
                arguments: Vec::new(),
                environment: environment.clone(),
                directory: directory.clone(),
                life: Life::WithUs,
            })
        };
        // Without one of its own the broker would start one for the whole machine, which stays.
        let names = start("names", names)?;
        let listening = || Ok(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, ports.names)).map(Some)?);
        wait::until(&Stop::default(), "nodes can be named", Duration::from_secs(10), listening)?;
        let broker = start("rabbitmq", PathBuf::from(PROGRAM))?;
        let mut rabbitmq = Self { broker, _names: names, options, ports, tls, directory };
        rabbitmq.wait_until_it_answers()?;
        Ok(rabbitmq)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let waited = wait::until(&Stop::default(), "RabbitMQ answers", START_MAX, || {
            if let Err(error) = self.broker.check() {
                return Ok(Some(Err(error)));
            }
            // The management is the last to start.
            self.api("GET", "/vhosts/%2F", None)?;
            self.link("/")?;
            Ok(Some(Ok(())))
        });
        waited.map_err(|error| anyhow!("{error:#}; its log ends with:\n{}", self.broker.log_tail()))?
    }

    /// Where it listens for AMQP.
    #[must_use]
    pub fn amqp(&self) -> SocketAddr {
        self.ports.amqp
    }

    /// Where its management listens.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.ports.http
    }

    /// `amqp://user:password@address/vhost`, encoded; `amqps` where it speaks TLS.
    #[must_use]
    pub fn amqp_uri(&self, vhost: &str) -> String {
        self.uri("amqp", self.ports.amqp, vhost)
    }

    /// `http://user:password@address/vhost`, encoded; `https` where it speaks TLS.
    #[must_use]
    pub fn http_uri(&self, vhost: &str) -> String {
        self.uri("http", self.ports.http, vhost)
    }

    fn uri(&self, scheme: &str, address: SocketAddr, vhost: &str) -> String {
        let tls = if self.options.tls { "s" } else { "" };
        let (user, password) = (encode(&self.options.user), encode(&self.options.password));
        format!("{scheme}{tls}://{user}:{password}@{address}/{}", encode(vhost))
    }

    /// The certificate of its authority, PEM; it has one when it speaks TLS.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.tls.as_ref().map(|tls| tls.authority.certificate.as_path())
    }

    /// A client's certificate of that authority, whose common name is `name`.
    ///
    /// # Errors
    /// It speaks no TLS, or a file cannot be written.
    pub fn client_certificate(&self, name: &str) -> Result<Identity> {
        let tls = self.tls.as_ref().context("a RabbitMQ in the clear has no authority")?;
        tls.authority.issue("client", &Subject { name, groups: &[], hosts: &[] })
    }

    /// Publishes this many messages that outlive a restart, and waits until the broker has confirmed each.
    ///
    /// # Errors
    /// There is no such queue, or the broker does not take them.
    pub fn publish(&self, vhost: &str, queue: &str, count: u64) -> Result<()> {
        self.link(vhost)?.publish(queue, count).with_context(|| format!("publish to {queue} in {vhost}"))
    }

    /// Takes this many messages and keeps them without a word, until the answer is dropped; then they are back in the queue.
    ///
    /// # Errors
    /// There is no such queue, or it has not that many within some seconds.
    pub fn hold(&self, vhost: &str, queue: &str, count: u16) -> Result<Held> {
        self.link(vhost)?.hold(queue, count).with_context(|| format!("take from {queue} in {vhost}"))
    }

    fn link(&self, vhost: &str) -> Result<wire::Link> {
        wire::Link::open(self.ports.own_amqp, &self.options.user, &self.options.password, vhost)
    }

    /// Stops it in its tracks: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.broker.pause()
    }

    /// Lets it go on after [`RabbitMq::pause`].
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.broker.resume()
    }

    /// Kills it, as a crash would. Durable queues and persistent messages stay.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.broker.kill()
    }

    /// Ends it. Durable queues and persistent messages stay.
    ///
    /// # Errors
    /// It does not run.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.broker.terminate(Duration::from_secs(20))
    }

    /// Starts it again at the same addresses after [`RabbitMq::kill`] or [`RabbitMq::stop`].
    ///
    /// # Errors
    /// It runs already, or does not answer.
    pub fn start_again(&mut self) -> Result<()> {
        self.broker.start_again()?;
        self.wait_until_it_answers()
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ended = self.broker.kill();
        if !std::thread::panicking() {
            let _kept = fs::remove_dir_all(&self.directory);
        }
    }
}

fn choose_ports(options: &RabbitMqOptions) -> Result<Ports> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let free = |address: IpAddr| free_port(address).map(|port| SocketAddr::new(address, port));
    let (amqp, http) = (free(options.address)?, free(options.address)?);
    let (own_amqp, own_http) = if options.tls { (free(local)?, free(local)?) } else { (amqp, http) };
    Ok(Ports { amqp, http, own_amqp, own_http, distribution: free_port(local)?, names: free_port(local)? })
}

fn make_certificates(options: &RabbitMqOptions, directory: &Path) -> Result<Tls> {
    let authority = Authority::create(directory, "ca")?;
    let address = options.address.to_string();
    let mut hosts = vec!["localhost", address.as_str()];
    hosts.extend(options.hosts.iter().map(String::as_str));
    let own = authority.issue("rabbitmq", &Subject { name: "rabbitmq", groups: &[], hosts: &hosts })?;
    Ok(Tls { authority, own })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(rabbitmq: &RabbitMq, vhost: &str, queue: &str, wanted: u64) {
        wait::until(&Stop::default(), "the statistics say so", Duration::from_secs(15), || {
            let now = rabbitmq.ready(vhost, queue)?;
            Ok((now == wanted).then_some(()))
        })
        .unwrap();
    }

    #[test]
    fn queues_of_all_kinds_are_filled_held_and_emptied_and_outlive_a_crash() {
        let strange = RabbitMqOptions {
            user: "the @dmin".to_owned(),
            password: "p:a/s#s'w%\"ord ü".to_owned(),
            ..RabbitMqOptions::default()
        };
        let mut rabbitmq = RabbitMq::start(strange).unwrap();
        rabbitmq.add_vhost("a b/c").unwrap();
        for (queue, kind) in [("classic one", Kind::Classic), ("quorum/two", Kind::Quorum), ("stream", Kind::Stream)] {
            rabbitmq.declare("a b/c", queue, kind).unwrap();
            rabbitmq.publish("a b/c", queue, 250).unwrap();
            ready(&rabbitmq, "a b/c", queue, 250);
        }
        let held = rabbitmq.hold("a b/c", "classic one", 20).unwrap();
        ready(&rabbitmq, "a b/c", "classic one", 230);
        let connections = rabbitmq.connections().unwrap();
        assert!(connections.iter().any(|connection| connection["vhost"] == "a b/c"), "{connections:?}");
        drop(held);
        ready(&rabbitmq, "a b/c", "classic one", 250);
        let missing = rabbitmq.publish("a b/c", "nowhere", 1).unwrap_err();
        assert_eq!(format!("{missing:#}"), "publish to nowhere in a b/c: a message came back: 312 NO_ROUTE");

        rabbitmq.kill().unwrap();
        rabbitmq.start_again().unwrap();
        ready(&rabbitmq, "a b/c", "quorum/two", 250);
        rabbitmq.purge("a b/c", "quorum/two").unwrap();
        ready(&rabbitmq, "a b/c", "quorum/two", 0);
        rabbitmq.delete("a b/c", "quorum/two").unwrap();
        let gone = rabbitmq.ready("a b/c", "quorum/two").unwrap_err();
        assert!(format!("{gone:#}").contains("404"), "{gone:#}");
    }

    #[test]
    fn a_rabbitmq_with_tls_takes_no_client_without_a_certificate_where_it_demands_one() {
        let demanding = RabbitMqOptions {
            tls: true,
            client_certificate: ClientCertificate::IsTheUser,
            ..RabbitMqOptions::default()
        };
        let rabbitmq = RabbitMq::start(demanding).unwrap();
        rabbitmq.declare("/", "celery", Kind::Classic).unwrap();
        let client = rabbitmq.client_certificate("somebody").unwrap();
        let ask = |with: bool| {
            let mut command = std::process::Command::new("openssl");
            command.args(["s_client", "-brief", "-verify_return_error", "-connect", &rabbitmq.amqp().to_string()]);
            command.arg("-CAfile").arg(rabbitmq.authority().unwrap());
            if with {
                command.arg("-cert").arg(&client.certificate).arg("-key").arg(&client.key);
            }
            // What it reads after the handshake tells whether the certificate was taken.
            let output = command.args(["-ign_eof"]).stdin(std::process::Stdio::piped()).output().unwrap();
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        let refused = ask(false);
        assert!(refused.contains("certificate required") || refused.contains("handshake failure"), "{refused}");
        let taken = ask(true);
        assert!(taken.contains("CONNECTION ESTABLISHED") && !taken.contains("alert"), "{taken}");
    }
}
