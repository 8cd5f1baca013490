//! Where connections go: a name is completed as a pod of the trigger's namespace would complete it, looked up, and each
//! address judged before it is dialled. The judged address is the dialled one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::grant::EgressPolicy;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, timeout_at};

use crate::connection::{NetworkError, NetworkSettings};

/// A name with fewer dots is tried with the search list first: what Kubernetes writes into a pod's `resolv.conf`.
const DOTS: usize = 5;
/// Addresses tried for one name. A headless service may have hundreds; three that do not answer say enough.
const ADDRESSES_MAX: usize = 3;
/// Time for one address. A handshake within a cluster takes milliseconds, across an ocean 0.3 s; one lost packet costs
/// another second.
const ADDRESS_TIME_MAX: Duration = Duration::from_millis(1_500);
/// Time for one question to one name server, asked twice.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(1);

/// A host as it was found: nobody else is meant by the same name, whatever namespace asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The name completed, with its final dot; or the address.
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
}

/// Looks up, judges and dials.
pub(crate) struct Network {
    resolver: TokioResolver,
    policy: EgressPolicy,
    cluster_domain: String,
    search: Vec<String>,
}

impl Network {
    pub(crate) fn new(settings: &NetworkSettings) -> Result<Self, NetworkError> {
        let builder = if settings.name_servers.is_empty() {
            TokioResolver::builder_tokio().map_err(NetworkError::Resolver)?
        } else {
            let servers = settings.name_servers.iter().map(|server| name_server(*server)).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let mut options = ResolverOpts::default();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = QUESTION_TIME_MAX;
        options.attempts = 1;
        // 10,000 objects on as many names; a record takes some hundred bytes.
        options.cache_size = 16_384;
        // A name that does not exist yet should be found soon after it does.
        options.negative_max_ttl = Some(Duration::from_secs(5));
        options.use_hosts_file =
            if settings.name_servers.is_empty() { ResolveHosts::Auto } else { ResolveHosts::Never };
        let resolver = builder.with_options(options).build().map_err(NetworkError::Resolver)?;
        let search = if settings.name_servers.is_empty() { system_search() } else { Vec::new() };
        let cluster_domain = settings.cluster_domain.trim_matches('.').to_owned();
        Ok(Self { resolver, policy: settings.egress.clone(), cluster_domain, search })
    }

    /// Completes and looks up a host for a namespace.
    pub(crate) async fn find(&self, namespace: &str, host: &str, until: Instant) -> Result<Found, Failure> {
        if let Some(found) = without_question(host) {
            return Ok(found);
        }
        for name in self.candidates(namespace, host) {
            match timeout_at(until, self.resolver.lookup_ip(name.as_str())).await {
                Ok(Ok(found)) => {
                    let mut addresses: Vec<IpAddr> = found.iter().collect();
                    addresses.dedup();
                    if !addresses.is_empty() {
                        return Ok(Found { name, addresses });
                    }
                }
                Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => {}
                Ok(Err(error)) => return Err(not_found(host, &format!("the name servers did not help: {error}"))),
                Err(_elapsed) => return Err(not_found(host, "the name servers did not answer in time")),
            }
        }
        Err(not_found(host, &format!("no such name, seen from namespace {namespace:?}")))
    }

    fn candidates(&self, namespace: &str, host: &str) -> Vec<String> {
        let absolute = format!("{}.", host.trim_end_matches('.'));
        if host.ends_with('.') {
            return vec![absolute];
        }
        let domain = &self.cluster_domain;
        let cluster = [format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
        let searched = cluster
            .iter()
            .chain(&self.search)
            .filter(|suffix| !suffix.is_empty() && !suffix.starts_with('.') && !suffix.ends_with('.'))
            .map(|suffix| format!("{host}.{suffix}."));
        if host.matches('.').count() < DOTS {
            searched.chain([absolute.clone()]).collect()
        } else {
            std::iter::once(absolute.clone()).chain(searched).collect()
        }
    }

    /// Dials the first address that is permitted and answers. `endpoint` is for messages.
    pub(crate) async fn dial(
        &self,
        found: &Found,
        port: u16,
        endpoint: &str,
        until: Instant,
    ) -> Result<TcpStream, Failure> {
        let mut refused = None;
        let mut failure = None;
        let mut tried = 0;
        for address in &found.addresses {
            if let Err(range) = self.policy.permits(*address) {
                refused = Some((address, range));
                continue;
            }
            if tried == ADDRESSES_MAX || Instant::now() >= until {
                break;
            }
            tried += 1;
            let end = until.min(Instant::now() + ADDRESS_TIME_MAX);
            match timeout_at(end, TcpStream::connect(SocketAddr::new(*address, port))).await {
                Ok(Ok(stream)) => {
                    // Pipelines are written whole: waiting for more to send only adds delay.
                    stream.set_nodelay(true).map_err(|error| unreachable(endpoint, *address, &error))?;
                    return Ok(stream);
                }
                Ok(Err(error)) => failure = Some(unreachable(endpoint, *address, &error)),
                Err(_elapsed) => failure = Some(silent(endpoint, *address)),
            }
        }
        Err(failure.or_else(|| refused.map(|(address, range)| forbidden(endpoint, *address, range))).unwrap_or_else(
            || {
                Failure::new(
                    FailureKind::Transient,
                    Blame::Source,
                    "timeout",
                    format!("{endpoint}: no time left to connect"),
                )
                .of_endpoint()
            },
        ))
    }
}

/// What needs no name server: an address, and this machine.
fn without_question(host: &str) -> Option<Found> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Found { name: address.to_string(), addresses: vec![address] });
    }
    let local = host.trim_end_matches('.').eq_ignore_ascii_case("localhost");
    let addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    local.then(|| Found { name: "localhost.".to_owned(), addresses })
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// The search list of this machine, which in a pod ends with that of its node.
fn system_search() -> Vec<String> {
    let Ok((config, _)) = hickory_resolver::system_conf::read_system_conf() else { return Vec::new() };
    config.search().iter().map(|name| name.to_string().trim_end_matches('.').to_owned()).collect()
}

fn not_found(host: &str, why: &str) -> Failure {
    let message = format!("cannot look up {host}: {why}");
    Failure::new(FailureKind::Transient, Blame::Source, "dns", message).of_endpoint()
}

fn unreachable(endpoint: &str, address: IpAddr, error: &std::io::Error) -> Failure {
    let code = if error.kind() == std::io::ErrorKind::ConnectionRefused { "refused" } else { "unreachable" };
    let message = format!("cannot connect to {endpoint} ({address}): {error}");
    Failure::new(FailureKind::Transient, Blame::Source, code, message).of_endpoint()
}

fn silent(endpoint: &str, address: IpAddr) -> Failure {
    let message = format!("{endpoint} ({address}) did not accept a connection in time");
    Failure::new(FailureKind::Transient, Blame::Source, "timeout", message).of_endpoint()
}

fn forbidden(endpoint: &str, address: IpAddr, range: &str) -> Failure {
    let message = format!(
        "{endpoint} is at {address}, a {range} address, and those are not dialled; if it is meant, the host is to be \
         started with --allow-egress {address}"
    );
    Failure::new(FailureKind::Denied, Blame::Operator, "egress", message).of_endpoint()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(allowed: &[&str]) -> Network {
        let settings = NetworkSettings {
            egress: EgressPolicy::new(allowed.iter().map(|block| block.parse().unwrap()).collect()),
            cluster_domain: "cluster.local".into(),
            name_servers: vec!["127.0.0.1:9".parse().unwrap()],
            authorities: vec![],
        };
        Network::new(&settings).unwrap()
    }

    #[tokio::test]
    async fn a_short_name_is_completed_as_in_a_pod_of_the_namespace() {
        let completed = network(&[]).candidates("shop", "redis.data");
        let expected = [
            "redis.data.shop.svc.cluster.local.",
            "redis.data.svc.cluster.local.",
            "redis.data.cluster.local.",
            "redis.data.",
        ];
        assert_eq!(completed, expected);
    }

    #[tokio::test]
    async fn a_name_with_five_dots_is_tried_as_it_is_first() {
        assert_eq!(network(&[]).candidates("shop", "a.b.c.d.e.f")[0], "a.b.c.d.e.f.");
    }

    #[tokio::test]
    async fn a_name_that_ends_with_a_dot_is_complete() {
        assert_eq!(network(&[]).candidates("shop", "redis."), ["redis."]);
    }

    #[tokio::test]
    async fn localhost_and_addresses_ask_no_name_server_and_are_refused_by_default() {
        let until = Instant::now() + Duration::from_secs(5);
        for host in ["localhost", "LOCALHOST.", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let network = network(&[]);
            let found = network.find("shop", host, until).await.unwrap();
            let failure = network.dial(&found, 6379, "x:6379", until).await.unwrap_err();
            assert_eq!((failure.kind, failure.blame), (FailureKind::Denied, Blame::Operator), "{host}");
            assert_eq!(failure.code, "egress");
            assert!(failure.message.contains("--allow-egress"), "{}", failure.message);
        }
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_refused() {
        let until = Instant::now() + Duration::from_secs(5);
        let network = network(&["127.0.0.0/8"]);
        let found = network.find("shop", "127.0.0.1", until).await.unwrap();
        assert_eq!(network.dial(&found, 9, "127.0.0.1:9", until).await.unwrap_err().code, "refused");
    }

    #[tokio::test]
    async fn name_servers_that_do_not_answer_are_a_failure_of_names() {
        let until = Instant::now() + Duration::from_secs(5);
        let failure = network(&[]).find("shop", "redis", until).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Transient, "dns"));
    }
}
