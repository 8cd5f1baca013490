//! Rehearsing a component: its cases, run by the host's own engine, with replies by script. What `bellows scaler test`
//! shows an author, and what proves the scalers of this repository.
//!
//! Nothing is dialled: the engine's own seam for sources is where the script comes in. The form of cases belongs to
//! authors, so it is the SDK's, and a case means the same here as in a scaler's own unit test.

mod expected;
mod properties;
mod record;
mod servers;
mod words;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bellows_core::connection::{
    AmqpConnection, Connection, HttpConnection, HttpCredentials, Protocol, RedisConnection,
};
use bellows_core::scaler::Trigger;
use bellows_sdk::testing::cases::{Case, Words};
use bellows_wasm::{
    Call, Compiler, Endpoint, Engine, EngineError, EngineSettings, Limits, LoadError, Measured, NetworkSettings,
    PodSource, Scaler, Sources,
};

use servers::{Server, Servers};

pub use expected::trigger;
pub use record::Recorder;
pub use words::{metrics as metrics_in_words, outcome as outcome_in_words, rounds as rounds_in_words};
pub use written::case as written;

/// Far longer than a call without a source can take, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// What was asked: one list of questions for each round trip.
pub type Rounds = Vec<Vec<Words>>;

/// An engine behind which the sources of cases answer.
pub struct Stage {
    engine: Engine,
    servers: Arc<Servers>,
}

/// Something that is not as it should be, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// What it is about.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub found: String,
}

impl Miss {
    /// Nothing where the two are equal; `say` puts them in words.
    fn of<T: PartialEq>(what: &str, found: &T, expected: &T, say: impl Fn(&T) -> String) -> Option<Self> {
        (found != expected).then(|| Self { what: what.to_owned(), expected: say(expected), found: say(found) })
    }
}

impl std::fmt::Display for Miss {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: expected {}, found {}", self.what, self.expected, self.found)
    }
}

impl Stage {
    /// An engine that keeps compiled components in `cache`.
    ///
    /// # Errors
    /// The engine cannot be started, or the folder not be used.
    pub fn open(cache: PathBuf, compiler: Compiler) -> Result<Self, EngineError> {
        let servers = Arc::new(Servers::default());
        let settings =
            EngineSettings { cache, compiler, limits: Limits::default(), network: NetworkSettings::default() };
        let sources = Sources { redis: servers.clone(), http: servers.clone(), amqp: servers.clone() };
        let engine = Engine::with_sources(settings, sources)?;
        engine.lend_pods(Arc::clone(&servers) as Arc<dyn PodSource>);
        Ok(Self { engine, servers })
    }

    /// Loads a component as the host would.
    ///
    /// # Errors
    /// It is refused; the message says why.
    pub async fn load(&self, component: &Path) -> Result<Arc<Scaler>, LoadError> {
        self.engine.load(component).await
    }

    /// Holds a component to what a case expects of it and, with its settings and replies, to what is true of every good one;
    /// nothing is missing where it does as expected.
    pub async fn hold(&self, scaler: &Scaler, case: &Case) -> Vec<Miss> {
        if let Some(miss) = unserved(scaler, case) {
            return vec![miss];
        }
        let mut missed = self.compare(scaler, case).await;
        missed.extend(properties::examine(self, scaler, case).await);
        missed
    }

    async fn compare(&self, scaler: &Scaler, case: &Case) -> Vec<Miss> {
        let mut missed = Vec::new();
        let trigger = trigger(case, &id(case, 0));
        if let Some(plan) = expected::plan(case) {
            missed.extend(Miss::of("the plan", &scaler.plan(&trigger).await, &plan, words::plan));
        }
        let Some(outcome) = expected::outcome(case) else { return missed };
        let (measured, rounds) = self.measure(scaler, case, vec![trigger]).await;
        let found = measured.outcomes.into_iter().map(expected::found).next();
        missed.extend(Miss::of("the outcome", &found, &Some(outcome), words::found));
        if let Some(expected) = &case.rounds {
            missed.extend(Miss::of("what was asked", &rounds, expected, words::rounds));
        }
        // What the guest says of its source and what the host saw of it are two things.
        let failed = match measured.endpoint {
            Endpoint::Failed(failure) => Some(failure),
            Endpoint::Unused | Endpoint::Answered => None,
        };
        let outage = case.outage.as_ref().map(|outage| expected::told(outage).of_endpoint());
        missed.extend(Miss::of("what the host saw fail", &failed, &outage, words::failure));
        missed
    }

    /// Measures triggers of one case in one call, and says what was asked meanwhile.
    pub async fn measure(&self, scaler: &Scaler, case: &Case, triggers: Vec<Trigger>) -> (Measured, Rounds) {
        self.servers.0.lock().unwrap_or_else(PoisonError::into_inner).insert(case.name.clone(), Server::of(case));
        let call = Call {
            at: instant(case),
            namespace: case.name.clone(),
            connections: Arc::new(connections(scaler, case)),
            triggers: triggers.into_iter().map(Arc::new).collect(),
            deadline: DEADLINE,
        };
        let measured = scaler.measure(call).await;
        let server = self.servers.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&case.name);
        (measured, server.map(|server| server.rounds).unwrap_or_default())
    }
}

/// When a case is measured. All that a case can say fits; what would not is the beginning of 1970.
fn instant(case: &Case) -> jiff::Timestamp {
    let at = case.instant();
    jiff::Timestamp::new(at.seconds.cast_signed(), at.nanoseconds.cast_signed()).unwrap_or_default()
}

/// The id of one of the triggers that a case is rehearsed with; a memo belongs to one.
fn id(case: &Case, index: usize) -> String {
    format!("default/{}/{index}", case.name)
}

fn unserved(scaler: &Scaler, case: &Case) -> Option<Miss> {
    let served: Vec<&str> = scaler.description().trigger_types.iter().map(|kind| kind.name.as_str()).collect();
    (!served.contains(&case.trigger_type.as_str())).then(|| Miss {
        what: "the trigger type".to_owned(),
        expected: format!("{}, which is the case's trigger-type", case.trigger_type),
        found: format!("a component that serves {}", served.join(", ")),
    })
}

/// What the trigger type of a case declares, each to be found by the name of the case.
fn connections(scaler: &Scaler, case: &Case) -> BTreeMap<String, Connection> {
    let kinds = scaler.description().trigger_types.iter().filter(|kind| kind.name == case.trigger_type);
    let slots = kinds.flat_map(|kind| &kind.connections);
    slots.map(|slot| (slot.name.clone(), connection(&slot.protocols, case))).collect()
}

/// Between several protocols the scheme of the case's address decides, as it does in the host.
fn connection(protocols: &[Protocol], case: &Case) -> Connection {
    let host = case.name.clone();
    let speaks_amqp = case.settings.values().any(|value| value.starts_with("amqp"));
    if protocols.contains(&Protocol::Redis) {
        let (username, password, tls) = (None, None, None);
        Connection::Redis(RedisConnection { host, port: 6379, username, password, database: 0, tls })
    } else if protocols.contains(&Protocol::Amqp) && (speaks_amqp || protocols == [Protocol::Amqp]) {
        let virtual_host = "/".to_owned();
        Connection::Amqp(AmqpConnection { host, port: 5672, virtual_host, login: None, tls: None })
    } else {
        let (credentials, timeout) = (HttpCredentials::None, None);
        Connection::Http(HttpConnection { host, port: 80, credentials, tls: None, timeout })
    }
}
