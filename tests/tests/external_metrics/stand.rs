//! The metrics API of one host, listening on loopback, with a scripted API server behind it and a client before it.
//!
//! Owns set-up and nothing that is asserted. Certificates are made for each test; the clock moves when a test says so.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bellows::serve::Clock;
use bellows::serve::certificate::{Lifetimes, ServiceName};
use bellows::serve::external_metrics::{ExternalMetrics, Parts, Settings};
use bellows::serve::readiness::Readiness;
use bellows::serve::snapshot::Snapshot;
use bellows::serve::trust::Rhythm;
use bellows::serve::upstream::{ApiServer, Question, UpstreamError, Verdict};
use bellows::telemetry::{Sources, Telemetry};
use bellows_core::Now;
use bellows_core::decide::Entry;
use bellows_core::metric::{MetricView, Taken, View};
use bellows_core::workload::{Bounds, ObjectKey};
use bellows_tests::wait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::client::{Authority, Client, Identity};

/// The path of the metric that every stand serves.
pub(crate) const METRIC: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/s0-redis-jobs?labelSelector=scaledobject.keda.sh%2Fname%3Dweb";
/// Its value was measured then.
pub(crate) const MEASURED: i64 = 1_700_000_000;

/// An API server that answers as a test says, and remembers what it was asked.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) front_proxy: Mutex<BTreeMap<String, String>>,
    /// Metrics that the user may list; `*` for all.
    pub(crate) allowed: Mutex<Vec<&'static str>>,
    /// Reviews fail.
    pub(crate) broken: Mutex<bool>,
    /// A review waits for one of these.
    pub(crate) turns: Semaphore,
    /// `NAMESPACE/METRIC` of each review, in order.
    pub(crate) asked: Mutex<Vec<String>>,
    /// The last registered bundle.
    pub(crate) bundle: Mutex<String>,
}

impl ApiServer for Script {
    fn front_proxy(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, UpstreamError>> {
        let data = self.front_proxy.lock().unwrap().clone();
        async move { Ok(data) }.boxed()
    }

    fn review<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Verdict, UpstreamError>> {
        async move {
            self.asked.lock().unwrap().push(format!("{}/{}", question.namespace, question.metric));
            let _turn = self.turns.acquire().await;
            if *self.broken.lock().unwrap() {
                return Err(UpstreamError::Review("connection refused".into()));
            }
            let allowed = self.allowed.lock().unwrap().contains(&question.metric.as_str());
            Ok(if allowed { Verdict::Allowed } else { Verdict::Denied { reason: String::new() } })
        }
        .boxed()
    }

    fn register<'a>(&'a self, bundle: &'a str) -> BoxFuture<'a, Result<(), UpstreamError>> {
        bundle.clone_into(&mut self.bundle.lock().unwrap());
        async { Ok(()) }.boxed()
    }
}

/// A host's metrics API under test. Its user may list everything.
pub(crate) struct Stand {
    pub(crate) api: Arc<Script>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) readiness: Readiness,
    pub(crate) cancel: CancellationToken,
    pub(crate) authority: Authority,
    pub(crate) ended: tokio::task::JoinHandle<()>,
    pub(crate) runtime: tokio::runtime::Runtime,
    offset: Arc<Mutex<Duration>>,
    address: SocketAddr,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("front proxy authority");
        let api = Arc::new(Script {
            front_proxy: Mutex::new(authority.front_proxy()),
            allowed: Mutex::new(vec!["*"]),
            broken: Mutex::new(false),
            turns: Semaphore::new(100),
            asked: Mutex::default(),
            bundle: Mutex::default(),
        });
        let (began, offset) = (Instant::now(), Arc::new(Mutex::new(Duration::ZERO)));
        let ahead = Arc::clone(&offset);
        let clock: Clock =
            Arc::new(move || Now { steady: began.elapsed() + *ahead.lock().unwrap(), wall: jiff::Timestamp::now() });
        let snapshot = Arc::new(Snapshot::default());
        snapshot.publish(ObjectKey::new("shop", "web"), Some(Arc::new(view())));
        let telemetry = Arc::new(Telemetry::new(Sources::of(Arc::clone(&snapshot), Arc::clone(&clock))));
        let (readiness, cancel) = (Readiness::default(), CancellationToken::new());
        let parts = Parts {
            snapshot: Arc::clone(&snapshot),
            clock,
            api: Arc::<Script>::clone(&api),
            telemetry: Arc::clone(&telemetry),
            readiness: readiness.clone(),
        };
        let face = ExternalMetrics::new(settings(), parts).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let ended = runtime.spawn(face.run(listener, cancel.clone()));
        let stand = Self { api, snapshot, telemetry, readiness, cancel, authority, ended, runtime, offset, address };
        stand.until("the host is ready", || stand.readiness.report().0);
        stand
    }

    /// Lets time pass for the host.
    pub(crate) fn later(&self, by: Duration) {
        *self.offset.lock().unwrap() += by;
    }

    /// Looks until it is so, for at most ten seconds.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let look = || Ok(is_so().then_some(()));
        wait::until(&wait::Stop::default(), what, Duration::from_secs(10), look).unwrap();
    }

    /// The authorities that the API server was told of last, oldest first.
    pub(crate) fn authorities(&self) -> Vec<CertificateDer<'static>> {
        let bundle = self.api.bundle.lock().unwrap().clone();
        CertificateDer::pem_slice_iter(bundle.as_bytes()).map(Result::unwrap).collect()
    }

    /// A connection as the API server's own front proxy.
    pub(crate) fn proxy(&self) -> Client {
        self.connect(Some(&self.authority.client("front-proxy-client")))
    }

    pub(crate) fn connect(&self, identity: Option<&Identity>) -> Client {
        self.connect_believing(self.authorities(), identity).unwrap()
    }

    /// A connection of a client that believes these authorities alone.
    pub(crate) fn connect_believing(
        &self,
        authorities: Vec<CertificateDer<'static>>,
        identity: Option<&Identity>,
    ) -> std::io::Result<Client> {
        Client::connect(self.address, authorities, identity)
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn settings() -> Settings {
    let day = Duration::from_secs(86_400);
    Settings {
        service: ServiceName {
            name: "bellows".to_owned(),
            namespace: "bellows-system".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
        },
        lifetimes: Lifetimes { authority: day * 30, leaf: day, settle: Duration::from_secs(30) },
        look_every: Duration::from_millis(20),
        trust: Rhythm { every: Duration::from_secs(600), again_after: Duration::from_millis(20) },
    }
}

/// An object whose only metric was read when the stand was made.
pub(crate) fn view() -> View {
    let date = jiff::Timestamp::from_second(MEASURED).unwrap();
    let metric = MetricView {
        target: 10.0,
        last: Some(Taken { value: 16.667, at: Duration::ZERO, date }),
        active: true,
        stands_for: Duration::from_secs(95),
        ..MetricView::new("s0-redis-Jobs", "redis")
    };
    View {
        hpa: Some("keda-hpa-web".into()),
        bounds: Some(Bounds { min: 0, max: 10, idle: None }),
        replicas: Some(2),
        metrics: vec![metric],
        decisions: [Entry { date, text: "started: s0-redis-Jobs is active".into() }].into(),
        ..View::new(ObjectKey::new("shop", "web"))
    }
}
