//! The metrics API behind a real API server, in the name of the service account and with its role alone: who gets
//! through, what an HPA makes of an answer and of a refusal, and what becomes of the registration.
//!
//! The machine is not here: views are published by hand, so that each answer follows from one of them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellows::kube::Requests;
use bellows::kube::aggregation::Aggregation;
use bellows::serve::Clock;
use bellows::serve::certificate::{Lifetimes, ServiceName};
use bellows::serve::external_metrics::{ExternalMetrics, Parts, Settings};
use bellows::serve::readiness::Readiness;
use bellows::serve::snapshot::Snapshot;
use bellows::serve::trust::Rhythm;
use bellows::telemetry::{Sources, Telemetry};
use bellows_core::Now;
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::metric::{MetricView, Taken, View};
use bellows_core::workload::{Bounds, ObjectKey};
use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::services::{self, free_port};
use bellows_tests::{paths, process};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);
const REGISTRATION: &str = "v1beta1.external.metrics.k8s.io";
const METRIC: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/s0-redis-Jobs?labelSelector=scaledobject.keda.sh%2Fname%3Dweb";
/// How long a value stands in this test: longer than looking at it takes.
const STANDS_FOR: Duration = Duration::from_secs(3600);

const WORKER: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: worker, namespace: default }
spec:
  replicas: 1
  selector: { matchLabels: { app: worker } }
  template:
    metadata: { labels: { app: worker } }
    spec: { containers: [{ name: worker, image: worker }] }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: keda-hpa-web, namespace: default }
spec:
  minReplicas: 1
  maxReplicas: 10
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: worker }
  metrics:
  - type: External
    external:
      metric: { name: s0-redis-Jobs, selector: { matchLabels: { scaledobject.keda.sh/name: web } } }
      target: { type: AverageValue, averageValue: "10" }
"#;

const READER: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: one-metric, namespace: default }
rules:
- { apiGroups: [external.metrics.k8s.io], resources: [s0-redis-Jobs], verbs: [list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: one-metric, namespace: default }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: one-metric }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: jane }]
"#;

/// The metrics API of one host, in this process.
struct Face {
    snapshot: Arc<Snapshot>,
    readiness: Readiness,
    cancel: CancellationToken,
    began: Instant,
    runtime: Runtime,
}

impl Face {
    fn start(cluster: &Cluster, port: u16) -> Result<Self> {
        _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Runtime::new()?;
        let kubeconfig = cluster.kubeconfig_for_account("bellows", "bellows")?;
        let client = runtime.block_on(bellows::kube::connect(Some(&kubeconfig), Arc::new(Requests::default())))?;
        let began = Instant::now();
        let (snapshot, readiness, cancel) =
            (Arc::new(Snapshot::default()), Readiness::default(), CancellationToken::new());
        let clock: Clock = Arc::new(move || Now { steady: began.elapsed(), wall: jiff::Timestamp::now() });
        let parts = Parts {
            snapshot: Arc::clone(&snapshot),
            clock: Arc::clone(&clock),
            api: Arc::new(Aggregation::new(client, "bellows", "bellows")),
            telemetry: Arc::new(Telemetry::new(Sources::of(Arc::clone(&snapshot), Arc::clone(&clock)))),
            readiness: readiness.clone(),
        };
        let face = ExternalMetrics::new(settings(), parts)?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
        runtime.spawn(face.run(listener, cancel.clone()));
        Ok(Self { snapshot, readiness, cancel, began, runtime })
    }

    /// Shows an object whose metric was read just now; where it no longer stands, with the failure since.
    fn publish(&self, value: f64, stands: bool) {
        let at = self.began.elapsed();
        let failure = Failure::new(FailureKind::Transient, Blame::Source, "refused", "redis:6379 refused");
        let metric = MetricView {
            target: 10.0,
            last: Some(Taken { value, at, date: jiff::Timestamp::now() }),
            active: true,
            stands_for: if stands { STANDS_FOR } else { Duration::ZERO },
            failure: (!stands).then_some(failure),
            ..MetricView::new("s0-redis-Jobs", "redis")
        };
        let view = View {
            hpa: Some("keda-hpa-web".into()),
            bounds: Some(Bounds { min: 1, max: 10, idle: None }),
            replicas: Some(1),
            metrics: vec![metric],
            ..View::new(ObjectKey::new("default", "web"))
        };
        self.snapshot.publish(view.key.clone(), Some(Arc::new(view)));
    }
}

fn settings() -> Settings {
    Settings {
        service: ServiceName {
            name: "bellows".to_owned(),
            namespace: "bellows".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
        },
        lifetimes: Lifetimes::default(),
        look_every: Duration::from_millis(200),
        trust: Rhythm::default(),
    }
}

fn kubectl_as(cluster: &Cluster, user: &str, arguments: &[&str]) -> Result<String> {
    let kubeconfig = cluster.kubeconfig_for(user, &[])?;
    process::output(Command::new(paths::binary("kubectl")).arg("--kubeconfig").arg(kubeconfig).args(arguments))
}

fn why(kubeconfig: &Path, object: &str) -> Result<String> {
    process::output(Command::new(paths::bellows()).arg("why").arg(object).arg("--kubeconfig").arg(kubeconfig))
}

/// What an HPA says of itself under a path.
fn hpa(cluster: &Cluster, path: &str) -> Result<String> {
    let path = format!("--output=jsonpath={path}");
    cluster.kubectl(&["get", "hpa", "keda-hpa-web", "--namespace=default", &path])
}

fn told(result: Result<String>) -> String {
    result.map_or_else(|error| format!("{error:#}"), |answer| format!("it was answered: {answer}"))
}

/// Phases of one story, because they share a cluster.
#[test]
fn metrics_reach_those_who_may_read_them_through_the_api_server() -> Result<()> {
    let mut cluster = Cluster::start(Options::default())?;
    let port = free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    services::install(&cluster, port)?;
    let face = Face::start(&cluster, port)?;
    cluster.wait_for("the metrics API is available", PATIENCE, || {
        let condition = "--for=condition=Available";
        cluster.kubectl(&["wait", condition, "apiservice", REGISTRATION, "--timeout=1s"]).map(Some)
    })?;
    assert_eq!(face.readiness.report(), (true, "[+] front proxy known\n[+] APIService registered\n".to_owned()));
    those_with_the_right_read(&cluster, &face)?;
    an_hpa_scales_by_the_value_and_holds_without_one(&cluster, &face)?;
    why_says_what_is_known_or_what_to_do(&cluster)?;
    the_registration_is_kept_but_never_taken(&mut cluster, &face)?;
    face.cancel.cancel();
    face.runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(())
}

fn those_with_the_right_read(cluster: &Cluster, face: &Face) -> Result<()> {
    face.publish(16.667, true);
    let list: Value = serde_json::from_str(&cluster.kubectl(&["get", "--raw", METRIC])?)?;
    assert_eq!(list.pointer("/items/0/value"), Some(&"16667m".into()));
    let resources = cluster.kubectl(&["api-resources", "--api-group=external.metrics.k8s.io", "--no-headers"])?;
    assert!(resources.contains("externalmetrics"), "discovery: {resources}");

    let refused = told(kubectl_as(cluster, "jane", &["get", "--raw", METRIC]));
    assert!(refused.contains("User \"jane\" cannot list resource \"s0-redis-Jobs\""), "{refused}");
    cluster.apply(READER)?;
    cluster.wait_for("jane may read one metric", PATIENCE, || {
        kubectl_as(cluster, "jane", &["get", "--raw", METRIC]).map(Some)
    })?;
    let other = told(kubectl_as(cluster, "jane", &["get", "--raw", &METRIC.replace("s0-redis-Jobs", "s1-other")]));
    assert!(other.contains("User \"jane\" cannot list resource \"s1-other\""), "{other}");
    Ok(())
}

fn an_hpa_scales_by_the_value_and_holds_without_one(cluster: &Cluster, face: &Face) -> Result<()> {
    face.publish(35.0, true);
    cluster.apply(WORKER)?;
    cluster.wait_for("the HPA wants 4", PATIENCE, || {
        Ok((hpa(cluster, "{.status.desiredReplicas}")? == "4").then_some(()))
    })?;
    face.publish(0.0, false);
    let message = cluster.wait_for("the HPA says why it has no value", PATIENCE, || {
        let active = "{.status.conditions[?(@.type==\"ScalingActive\")]";
        let status = hpa(cluster, &format!("{active}.status}}"))?;
        Ok((status == "False").then_some(hpa(cluster, &format!("{active}.message}}"))?))
    })?;
    let (before, after) =
        message.split_once("no value of s0-redis-Jobs to rely on: the last, 0, is ").context(message.clone())?;
    assert!(before.ends_with("unable to fetch metrics from external metrics API: "), "{message}");
    assert!(after.ends_with(" s old; refused: redis:6379 refused"), "{message}");
    assert_eq!(hpa(cluster, "{.status.desiredReplicas}")?, "4", "nothing is scaled down for the lack of a value");
    Ok(())
}

fn why_says_what_is_known_or_what_to_do(cluster: &Cluster) -> Result<()> {
    let admin = cluster.admin_kubeconfig();
    let text = why(admin, "default/web")?;
    assert!(text.starts_with("default/web  (HPA keda-hpa-web)\nreplicas   1 within 1 to 10\nmetrics    s0-redis-Jobs"));
    assert!(text.contains("last poll failed (transient, source): refused: redis:6379 refused"), "{text}");
    let json: Value = serde_json::from_str(&process::output(
        Command::new(paths::bellows()).args(["why", "default/web", "-o", "json", "--kubeconfig"]).arg(admin),
    )?)?;
    assert_eq!(json.get("kind"), Some(&"Why".into()));
    let unknown = told(why(admin, "default/nobody"));
    assert!(unknown.contains("no ScaledObject default/nobody is served by this cluster's Bellows"), "{unknown}");
    let jane = told(why(&cluster.kubeconfig_for("jane", &[])?, "default/web"));
    assert!(jane.contains("you may not ask: it takes the right to list \"why.bellows.dev\""), "{jane}");
    Ok(())
}

fn the_registration_is_kept_but_never_taken(cluster: &mut Cluster, face: &Face) -> Result<()> {
    let read = || cluster.kubectl(&["get", "apiservice", REGISTRATION, "--output=jsonpath={.spec.caBundle}"]);
    let patch = |patch: &str| {
        cluster.kubectl(&["patch", "apiservice", REGISTRATION, "--type=merge", &format!("--patch={patch}")])
    };
    let own = read()?;
    patch(r#"{"spec":{"caBundle":"Cg=="}}"#)?;
    cluster.wait_for("our authority is back", PATIENCE, || Ok((read()? == own).then_some(())))?;
    patch(r#"{"spec":{"caBundle":null,"service":{"name":"keda-metrics","namespace":"keda"}}}"#)?;
    let report = cluster.wait_for("readiness names the other adapter", PATIENCE, || {
        let (ready, report) = face.readiness.report();
        Ok((!ready).then_some(report))
    })?;
    let told = "APIService v1beta1.external.metrics.k8s.io leads to keda/keda-metrics, not to bellows/bellows";
    ensure!(report.contains(told), "{report}");
    assert_eq!(read()?, "", "what is another's stays as it is");
    Ok(())
}
