//! An engine with the components of this checkout, and short ways to ask them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellows_core::connection::{Connection, RedisConnection};
use bellows_core::failure::Failure;
use bellows_core::grant::EgressPolicy;
use bellows_core::reading::Outcome;
use bellows_core::scaler::Trigger;
use bellows_tests::{guests, paths};
use bellows_wasm::{
    Call, Compiler, Engine, EngineSettings, Limits, LoadError, Measured, NetworkSettings, RedisSource, Scaler, Sources,
};

use super::handmade::Handmade;

/// An engine in a folder of its own.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    folder: tempfile::TempDir,
}

impl Bench {
    /// May dial loopback addresses, and trusts nobody.
    pub(crate) fn new() -> Self {
        Self::allowing(&["127.0.0.0/8"])
    }

    pub(crate) fn allowing(blocks: &[&str]) -> Self {
        Self::with(blocks, |settings| Engine::new(settings).unwrap())
    }

    pub(crate) fn scripted(source: impl RedisSource) -> Self {
        Self::with_sources(Sources { redis: Arc::new(source), ..Sources::silent() })
    }

    /// With the processor time that a host gives, for misconduct that a busy machine makes slow as well.
    pub(crate) fn scripted_at_length(source: impl RedisSource) -> Self {
        let sources = Sources { redis: Arc::new(source), ..Sources::silent() };
        Self::with(&[], |mut settings| {
            settings.limits = Limits::default();
            Engine::with_sources(settings, sources).unwrap()
        })
    }

    pub(crate) fn with_sources(sources: Sources) -> Self {
        Self::with(&[], |settings| Engine::with_sources(settings, sources).unwrap())
    }

    fn with(blocks: &[&str], make: impl FnOnce(EngineSettings) -> Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["--exact", "--nocapture", super::CHILD].map(Into::into).to_vec();
        let settings = EngineSettings {
            cache: folder.path().join("cache"),
            compiler: Compiler { program: std::env::current_exe().unwrap(), arguments },
            limits: Limits { processor_time_max: Duration::from_millis(200), ..Limits::default() },
            network: NetworkSettings {
                egress: EgressPolicy::new(blocks.iter().map(|block| block.parse().unwrap()).collect()),
                cluster_domain: "cluster.local".into(),
                name_servers: vec!["127.0.0.1:9".parse().unwrap()],
                authorities: vec![],
            },
        };
        Self { engine: make(settings), folder }
    }

    /// The component that does everything wrong.
    pub(crate) async fn misbehaving(&self) -> Arc<Scaler> {
        self.load(paths::target().join("guests/misbehaving.wasm")).await
    }

    /// The scaler that is shipped.
    pub(crate) async fn redis(&self) -> Arc<Scaler> {
        self.load(paths::scalers().join("redis.wasm")).await
    }

    /// One that was made by hand.
    pub(crate) async fn made(&self, made: &Handmade) -> Result<Arc<Scaler>, LoadError> {
        self.bytes(&made.component()).await
    }

    pub(crate) async fn bytes(&self, component: &[u8]) -> Result<Arc<Scaler>, LoadError> {
        let path = self.folder.path().join("made.wasm");
        std::fs::write(&path, component).unwrap();
        self.engine.load(&path).await
    }

    async fn load(&self, path: PathBuf) -> Arc<Scaler> {
        static BUILT: std::sync::Once = std::sync::Once::new();
        BUILT.call_once(|| drop(guests::build_all().unwrap()));
        self.engine.load(&path).await.unwrap()
    }
}

/// A trigger of a type, with settings.
pub(crate) fn trigger(id: usize, kind: &str, settings: &[(&str, &str)]) -> Arc<Trigger> {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Arc::new(Trigger { id: format!("shop/app/{id}"), trigger_type: kind.into(), metric_type: None, settings })
}

/// A server in the clear, without credentials.
pub(crate) fn server(address: SocketAddr) -> RedisConnection {
    RedisConnection {
        host: address.ip().to_string(),
        port: address.port(),
        username: None,
        password: None,
        database: 0,
        tls: None,
    }
}

/// A call with two seconds and one connection, or none.
pub(crate) fn call(connection: Option<RedisConnection>, triggers: Vec<Arc<Trigger>>) -> Call {
    let connections: BTreeMap<_, _> =
        connection.into_iter().map(|connection| ("redis".to_owned(), Connection::Redis(connection))).collect();
    Call {
        at: jiff::Timestamp::UNIX_EPOCH,
        namespace: "shop".into(),
        connections: Arc::new(connections),
        triggers,
        deadline: Duration::from_secs(2),
    }
}

/// The same with a minute, for an answer that comes, however busy the machine is.
pub(crate) fn patient(call: Call) -> Call {
    Call { deadline: Duration::from_secs(60), ..call }
}

/// A clock that stands still while this thread is ready and others have the processors: what is measured is ours, on a
/// busy machine too. Waiting counts. Only where all that is measured runs on one thread.
pub(crate) struct Stopwatch {
    began: Instant,
    stood: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), stood: Self::stood() }
    }

    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed().saturating_sub(Self::stood() - self.stood)
    }

    /// The second field: nanoseconds on a run queue (proc(5)).
    fn stood() -> Duration {
        let seen = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(seen.split_whitespace().nth(1).unwrap().parse().unwrap())
    }
}

/// Words to a server, by way of the component.
pub(crate) fn question(connection: &RedisConnection, command: &str) -> Call {
    call(Some(connection.clone()), vec![trigger(0, "ask", &[("command", command)])])
}

/// Sends them, and brings back what it was told.
pub(crate) async fn ask(scaler: &Scaler, connection: &RedisConnection, command: &str) -> Measured {
    scaler.measure(question(connection, command)).await
}

/// The only failure of a call.
pub(crate) fn failure(measured: Measured) -> Failure {
    let outcomes: [Outcome; 1] = measured.outcomes.try_into().unwrap();
    let [outcome] = outcomes;
    outcome.unwrap_err()
}
