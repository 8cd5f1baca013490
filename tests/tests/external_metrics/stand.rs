//! The metrics API of one host, listening on loopback, with a scripted API server behind it and a client before it.
//!
//! Owns set-up and nothing that is asserted. Certificates are made for each test; the clock moves when a test says so.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bellows::serve::certificate::{Lifetimes, ServiceName};
use bellows::serve::external_metrics::{ExternalMetrics, Parts, Settings};
use bellows::serve::readiness::Readiness;
use bellows::serve::snapshot::Snapshot;
use bellows::serve::trust::Rhythm;
use bellows::serve::upstream::{ApiServer, Question, UpstreamError, Verdict};
use bellows::telemetry::{RequestCounts, Telemetry};
use bellows_core::Now;
use bellows_core::decide::Entry;
use bellows_core::metric::{MetricView, Taken, View};
use bellows_core::scaler::TargetType;
use bellows_core::workload::{Bounds, ObjectKey};
use bellows_tests::wait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The path of the metric that every stand serves.
pub(crate) const METRIC: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/s0-redis-jobs?labelSelector=scaledobject.keda.sh%2Fname%3Dweb";
/// Its value was measured then.
pub(crate) const MEASURED: i64 = 1_700_000_000;

/// An authority of a test, and what it signs.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate of a client with its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    pub(crate) fn client(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: vec![certificate.der().clone()], key: PrivatePkcs8KeyDer::from(key.serialize_der()) }
    }

    /// What a cluster with this authority says of its front proxy.
    pub(crate) fn front_proxy(&self) -> BTreeMap<String, String> {
        [
            ("requestheader-client-ca-file", self.pem.as_str()),
            ("requestheader-allowed-names", r#"["front-proxy-client"]"#),
            ("requestheader-username-headers", r#"["X-Remote-User"]"#),
            ("requestheader-group-headers", r#"["X-Remote-Group"]"#),
            ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }
}

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
        let clock =
            Arc::new(move || Now { steady: began.elapsed() + *ahead.lock().unwrap(), wall: jiff::Timestamp::now() });
        let snapshot = Arc::new(Snapshot::default());
        snapshot.publish(ObjectKey::new("shop", "web"), Some(Arc::new(view())));
        let telemetry = Arc::new(Telemetry::new(Arc::clone(&snapshot), RequestCounts::new(Vec::new)));
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
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), PrivateKeyDer::Pkcs8(identity.key.clone_key()))
                .unwrap(),
        };
        let name = ServerName::try_from("bellows.bellows-system.svc").unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(15)))?;
        connection.complete_io(&mut socket)?;
        Ok(Client(BufReader::new(StreamOwned::new(connection, socket))))
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// One open connection.
pub(crate) struct Client(BufReader<StreamOwned<ClientConnection, TcpStream>>);

/// What was answered.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Code and message of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let status = self.json();
        assert_eq!((&status["kind"], &status["code"]), (&"Status".into(), &self.code.into()), "{self:?}");
        (self.code, status["message"].as_str().unwrap().to_owned())
    }
}

impl Client {
    /// GETs in the name of Jane.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "X-Remote-User: jane\r\nX-Remote-Group: system:authenticated\r\n")
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: bellows\r\n{headers}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut first, mut length) = (String::new(), 0);
        self.0.read_line(&mut first).unwrap();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let code = first.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {first:?}")).parse().unwrap();
        Answer { code, body: String::from_utf8(body).unwrap() }
    }

    /// Whether the other end closed the connection well.
    pub(crate) fn is_ended(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 1]), Ok(0))
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
        name: "s0-redis-Jobs".into(),
        kind: "redis".into(),
        target: 10.0,
        target_type: TargetType::AverageValue,
        last: Some(Taken { value: 16.667, at: Duration::ZERO, date }),
        active: true,
        stands_for: Duration::from_secs(95),
        failure: None,
    };
    View {
        key: ObjectKey::new("shop", "web"),
        hpa: Some("keda-hpa-web".into()),
        bounds: Some(Bounds { min: 0, max: 10, idle: None }),
        replicas: Some(2),
        hpa_says: None,
        metrics: vec![metric],
        decisions: [Entry { date, text: "started: s0-redis-Jobs is active".into() }].into(),
    }
}
