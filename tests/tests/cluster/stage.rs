//! What all trials share: a control plane, Bellows with the rights of its service account and no others, two Redis
//! servers and a name server.
//!
//! Owns them as long as trials run, and the log of Bellows for whoever looks for a reason afterwards. Refuses to let a
//! trial that stops what others need run beside them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::process::{Life, Process, Recipe};
use bellows_tests::services::{Bellows, BellowsOptions, Redis, RedisOptions, Registry, free_port, install};
use bellows_tests::wait::Stop;
use bellows_tests::{guests, paths};

use crate::api::Api;

/// On a busy machine the first look at the components takes a compilation.
const START_MAX: Duration = Duration::from_secs(60);
/// The name server knows one name, `redis` of the namespace `short-names`, and where it leads.
pub(crate) const NAMED: Ipv4Addr = Ipv4Addr::new(127, 7, 7, 7);
/// The password of the Redis with TLS.
pub(crate) const PASSWORD: &str = "foobared";

pub(crate) struct Stage {
    pub(crate) bellows: Bellows,
    /// In the clear, without a password.
    pub(crate) redis: Redis,
    /// With TLS and a password; its authority is in `--ca-dir`.
    pub(crate) secured: Redis,
    pub(crate) api: Api,
    /// Where scalers come from, without encryption.
    pub(crate) registry: Registry,
    /// The folder of scalers that Bellows watches.
    pub(crate) scalers: PathBuf,
    _names: Process,
    pub(crate) cluster: Cluster,
}

impl Stage {
    pub(crate) fn start() -> Result<Self> {
        guests::build_all()?;
        let cluster = Cluster::start(Options::default())?;
        let folder = |name: &str| -> Result<PathBuf> {
            let path = cluster.directory().join(name);
            fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
            Ok(path)
        };
        let (scalers, authorities) = (folder("scalers")?, folder("authorities")?);
        for name in ["redis.wasm", "kubernetes-workload.wasm", "cpu-memory.wasm"] {
            fs::copy(paths::scalers().join(name), scalers.join(name)).with_context(|| format!("copy {name}"))?;
        }
        let redis = Redis::start(RedisOptions::default())?;
        let tls = RedisOptions { tls: true, password: Some(PASSWORD.to_owned()), ..RedisOptions::default() };
        let secured = Redis::start(tls)?;
        let authority = secured.authority().context("a Redis with TLS has an authority")?;
        fs::copy(authority, authorities.join("redis.crt")).context("copy the authority")?;
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let registry = Registry::start(local, cluster.directory(), Life::WithUs)?;
        let names = SocketAddr::new(local, free_port(local)?);
        let name_server = serve_names(&cluster, names)?;

        let port = free_port(local)?;
        install(&cluster, port)?;
        let options = BellowsOptions {
            scalers: scalers.clone(),
            ca_dir: Some(authorities),
            dns_server: Some(names.to_string()),
            metrics_port: Some(port),
            log: "info,bellows=debug".to_owned(),
            arguments: vec!["--plain-http-registry".to_owned(), registry.address().to_string()],
            // Black holes of the trials are there besides.
            allow_egress: vec!["127.0.0.0/8".to_owned()],
            ..BellowsOptions::default()
        };
        let mut bellows = Bellows::start(&cluster, &options)?;
        bellows.wait_until_ready(&Stop::default(), START_MAX)?;
        let api = Api::new(cluster.admin_kubeconfig())?;
        Ok(Self { bellows, redis, secured, api, registry, scalers, _names: name_server, cluster })
    }

    /// Starts Bellows again after it was killed, with the same flags.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.bellows.process().start_again()?;
        self.bellows.wait_until_ready(&Stop::default(), START_MAX)
    }

    /// One number of `/metrics`: the sum over all lines of a metric whose labels contain each of `labels`.
    pub(crate) fn counted(&self, metric: &str, labels: &[&str]) -> Result<u64> {
        let (status, text) = self.bellows.get("/metrics")?;
        ensure!(status == 200, "/metrics: {status} {text}");
        let lines = text.lines().filter(|line| {
            let rest = line.strip_prefix(metric);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && labels.iter().all(|label| line.contains(label))
        });
        let numbers = lines.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?));
        numbers.sum()
    }

    /// Runs the `bellows` program: whether it succeeded, what it printed, what it complained about.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
        let output = std::process::Command::new(paths::bellows()).args(arguments).output().context("run bellows")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code(), text(&output.stdout), text(&output.stderr)))
    }

    /// All that Bellows wrote.
    pub(crate) fn log(&self) -> Result<String> {
        let path = self.cluster.directory().join("bellows.log");
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }

    /// Keeps the log, which goes with the cluster's folder otherwise.
    pub(crate) fn keep_log(&self) -> Result<PathBuf> {
        let kept = paths::cluster_output().join("log/cluster-trials-bellows.log");
        fs::create_dir_all(paths::cluster_output().join("log")).context("make a folder for logs")?;
        fs::write(&kept, self.log()?).with_context(|| format!("write {}", kept.display()))?;
        Ok(kept)
    }
}

/// A name server that knows one name and says of every other that it does not exist.
fn serve_names(cluster: &Cluster, address: SocketAddr) -> Result<Process> {
    let file = cluster.directory().join("Corefile");
    let (ip, port) = (address.ip(), address.port());
    let text = format!(
        ".:{port} {{
            bind {ip}
            template IN A redis.short-names.svc.cluster.local {{
                answer \"{{{{ .Name }}}} 5 IN A {NAMED}\"
            }}
            template IN AAAA redis.short-names.svc.cluster.local {{
                rcode NOERROR
            }}
            template ANY ANY . {{
                rcode NXDOMAIN
                authority \"cluster.local. 5 IN SOA ns.cluster.local. admin.cluster.local. 1 5 5 5 5\"
            }}
            errors
        }}
        "
    );
    fs::write(&file, text).context("write the Corefile")?;
    Process::start(Recipe {
        name: "names".to_owned(),
        program: paths::binary("coredns"),
        arguments: vec!["-conf".to_owned(), file.display().to_string()],
        environment: Vec::new(),
        directory: cluster.directory().to_path_buf(),
        life: Life::WithUs,
    })
}
