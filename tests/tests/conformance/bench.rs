//! One engine for all cases, and behind it a scripted server for each.
//!
//! Nothing is dialled: the engine's own seam for sources is where the script comes in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bellows_core::connection::{
    AmqpConnection, Connection, HttpConnection, HttpCredentials, Protocol, RedisConnection,
};
use bellows_core::grant::EgressPolicy;
use bellows_core::scaler::Trigger;
use bellows_sdk::testing::cases::{Case, Words};
use bellows_wasm::{
    Call, Compiler, Endpoint, Engine, EngineSettings, Limits, Measured, NetworkSettings, PodSource, Scaler, Sources,
};
use tokio::runtime::Runtime;

use crate::expected::{self, found, same, told, trigger};
use crate::servers::{Server, Servers};

/// Far longer than a call without a source can take, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// What was asked: one list of questions for each round trip.
type Rounds = Vec<Vec<Words>>;

pub(crate) struct Bench {
    runtime: Runtime,
    engine: Engine,
    servers: Arc<Servers>,
    _cache: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        let cache = tempfile::tempdir()?;
        let servers = Arc::new(Servers::default());
        let settings = EngineSettings {
            cache: cache.path().join("compiled"),
            compiler: Compiler { program: std::env::current_exe()?, arguments: vec!["compile".into()] },
            limits: Limits::default(),
            network: NetworkSettings {
                egress: EgressPolicy::new(Vec::new()),
                cluster_domain: "cluster.local".into(),
                name_servers: Vec::new(),
                authorities: Vec::new(),
            },
        };
        let sources = Sources { redis: servers.clone(), http: servers.clone(), amqp: servers.clone() };
        let engine = Engine::with_sources(settings, sources)?;
        engine.lend_pods(Arc::clone(&servers) as Arc<dyn PodSource>);
        Ok(Self { runtime: Runtime::new()?, engine, servers, _cache: cache })
    }

    pub(crate) fn load(&self, component: &Path) -> Result<Arc<Scaler>> {
        Ok(self.runtime.block_on(self.engine.load(component))?)
    }

    /// Holds a component to what a case expects of it.
    pub(crate) fn hold(&self, component: &Path, case: &Case) -> Result<()> {
        let scaler = self.load(component)?;
        let trigger = trigger(case, &format!("default/{}/0", case.name));
        if let Some(plan) = expected::plan(case) {
            same("the plan", self.runtime.block_on(scaler.plan(&trigger)), plan)?;
        }
        let Some(outcome) = expected::outcome(case) else { return Ok(()) };
        let (measured, rounds) = self.measure(&scaler, case, vec![trigger])?;
        same("the outcome", measured.outcomes.into_iter().map(found).collect(), vec![outcome])?;
        if let Some(expected) = &case.rounds {
            same("what was asked", rounds, expected.clone())?;
        }
        // What the guest says of its source and what the host saw of it are two things.
        let failed = match measured.endpoint {
            Endpoint::Failed(failure) => Some(failure),
            Endpoint::Unused | Endpoint::Answered => None,
        };
        same("what the host saw fail", failed, case.outage.as_ref().map(|outage| told(outage).of_endpoint()))
    }

    /// Measures triggers of one case in one call, and says what was asked meanwhile.
    pub(crate) fn measure(&self, scaler: &Scaler, case: &Case, triggers: Vec<Trigger>) -> Result<(Measured, Rounds)> {
        self.servers.0.lock().unwrap_or_else(PoisonError::into_inner).insert(case.name.clone(), Server::of(case));
        let at = case.instant();
        let call = Call {
            at: jiff::Timestamp::new(i64::try_from(at.seconds)?, i32::try_from(at.nanoseconds)?)?,
            namespace: case.name.clone(),
            connections: Arc::new(connections(scaler, case)),
            triggers: triggers.into_iter().map(Arc::new).collect(),
            deadline: DEADLINE,
        };
        let measured = self.runtime.block_on(scaler.measure(call));
        let server = self.servers.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&case.name);
        Ok((measured, server.map(|server| server.rounds).unwrap_or_default()))
    }
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
    } else if protocols.contains(&Protocol::Amqp) && speaks_amqp {
        let virtual_host = "/".to_owned();
        Connection::Amqp(AmqpConnection { host, port: 5672, virtual_host, login: None, tls: None })
    } else {
        let (credentials, timeout) = (HttpCredentials::None, None);
        Connection::Http(HttpConnection { host, port: 80, credentials, tls: None, timeout })
    }
}
