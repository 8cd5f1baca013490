//! `bellows run`: every flag of the host, with its unit and default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bellows_core::grant::Cidr;
use bellows_core::rights::{Ceiling, bytes, time};

use crate::app::{self, Settings};
use crate::telemetry::{self, LogFormat};

/// Arguments of `bellows run`.
#[derive(Debug, clap::Args)]
pub struct RunArguments {
    /// Folder of scaler components (*.wasm); looked at again every two seconds
    #[arg(long, value_name = "FOLDER", default_value = "/scalers")]
    scalers: PathBuf,
    /// Folder of compiled components, for this user alone; made where it is missing
    #[arg(long, value_name = "FOLDER", default_value = "/var/cache/bellows")]
    cache: PathBuf,
    /// Kubeconfig; the pod's service account where absent
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Serve one namespace only
    #[arg(long, value_name = "NAMESPACE")]
    watch_namespace: Option<String>,
    /// Serve ScaledObjects with these labels only, so that two autoscalers can share a cluster
    #[arg(long, value_name = "LABEL=VALUE,…")]
    selector: Option<String>,
    /// Folder of PEM files whose certificates are trusted besides those of the machine; may be repeated
    #[arg(long, value_name = "FOLDER")]
    ca_dir: Vec<PathBuf>,
    /// Let scalers reach addresses that are refused otherwise (loopback, link-local, metadata, multicast); may be repeated
    #[arg(long, value_name = "CIDR")]
    allow_egress: Vec<Cidr>,
    /// Most memory that a Scaler may be allowed for its component (spec.limits.memory), 1Gi at most
    #[arg(long, value_name = "QUANTITY", default_value = "64Mi", value_parser = memory)]
    scaler_memory_max: u64,
    /// Most time that it may be allowed to compute in one call (spec.limits.processorTime), 5s at most
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = processor_time)]
    scaler_processor_time_max: Duration,
    /// Most calls of the host that it may be allowed in one call (spec.limits.hostCalls)
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    scaler_host_calls_max: u32,
    /// Registry that is asked without encryption, as a Scaler's image names it; may be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    plain_http_registry: Vec<String>,
    /// Domain of the cluster, which completes short host names as in a pod
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// Name server to ask instead of the machine's; may be repeated
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns_server: Vec<SocketAddr>,
    /// Listener of external.metrics.k8s.io, HTTPS
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:6443")]
    metrics_api: SocketAddr,
    /// Listener of /livez, /readyz and /metrics, plain HTTP
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8080")]
    admin: SocketAddr,
    /// Further listener of /metrics alone, plain HTTP, for whoever looks at another port; may be repeated
    #[arg(long, value_name = "ADDRESS:PORT")]
    prometheus: Vec<SocketAddr>,
    /// Service through which the API server reaches the metrics API; the certificate is made for it
    #[arg(long, value_name = "NAME", default_value = "bellows")]
    service_name: String,
    /// Namespace of that Service
    #[arg(long, value_name = "NAMESPACE", default_value = "bellows")]
    service_namespace: String,
    /// Namespace of the Secrets and ConfigMaps that a ClusterTriggerAuthentication names; that of the Service where absent
    #[arg(long, value_name = "NAMESPACE")]
    cluster_object_namespace: Option<String>,
    /// Name of this instance in Events
    #[arg(long, value_name = "NAME", env = "HOSTNAME", default_value = "bellows")]
    instance: String,
    /// Kubernetes Events to send: brief, or all, which adds those of KEDA that the status says too (KEDAScalersStarted)
    /// and so costs an object that is new to this process two writes more
    #[arg(long, value_name = "HOW", default_value = "brief")]
    events: Events,
    /// Tell metrics under the names of KEDA 2.10 and older as well (keda_metrics_adapter_…), for alerts that ask for them
    #[arg(long)]
    legacy_metric_names: bool,
    /// What to log: a level, or a filter such as info,bellows=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
    /// Form of the log: text or json
    #[arg(long, value_name = "FORM", default_value = "text")]
    log_format: LogFormat,
}

/// As much as all components may have together.
const MEMORY_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// A poll ends after 7 s, and its source needs some of them.
const PROCESSOR_TIME_MAX: Duration = Duration::from_secs(5);

fn memory(text: &str) -> Result<u64, String> {
    let parsed = bytes(text).filter(|bytes| (1..=MEMORY_BYTES_MAX).contains(bytes));
    parsed.ok_or_else(|| "give a quantity up to 1Gi without a fraction, such as 128Mi".to_owned())
}

fn processor_time(text: &str) -> Result<Duration, String> {
    let parsed = time(text).filter(|time| !time.is_zero() && *time <= PROCESSOR_TIME_MAX);
    parsed.ok_or_else(|| "give a time up to 5s, such as 2s or 1500ms".to_owned())
}

/// How much people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Events {
    /// What is not to be missed
    Brief,
    /// Everything that KEDA tells
    All,
}

/// Runs the host until it is told to end.
pub fn run(arguments: RunArguments) -> anyhow::Result<ExitCode> {
    telemetry::init(arguments.log_format, &arguments.log).context("cannot write logs")?;
    let settings = arguments.settings()?;
    super::runtime()?.block_on(app::run(settings))?;
    Ok(ExitCode::SUCCESS)
}

impl RunArguments {
    fn settings(self) -> anyhow::Result<Settings> {
        let authorities = super::authorities(&self.ca_dir)?;
        Ok(Settings {
            scalers: self.scalers,
            cache: self.cache,
            kubeconfig: self.kubeconfig,
            namespace: self.watch_namespace,
            selector: self.selector,
            authorities,
            allowed: self.allow_egress,
            cluster_domain: self.cluster_domain,
            name_servers: self.dns_server,
            ceiling: Ceiling {
                memory_bytes: self.scaler_memory_max,
                processor_time: self.scaler_processor_time_max,
                host_calls: self.scaler_host_calls_max,
            },
            plain_http_registries: self.plain_http_registry,
            metrics_api: self.metrics_api,
            admin: self.admin,
            prometheus: self.prometheus,
            service_name: self.service_name,
            cluster_object_namespace: self.cluster_object_namespace.unwrap_or_else(|| self.service_namespace.clone()),
            service_namespace: self.service_namespace,
            instance: self.instance,
            all_events: self.events == Events::All,
            legacy_metric_names: self.legacy_metric_names,
        })
    }
}
