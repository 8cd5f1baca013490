//! One engine for all cases, and behind it a scripted server for each.
//!
//! Nothing is dialled: the engine's own seam for sources is where the script comes in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bellows_core::connection::{Connection, RedisConnection};
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::grant::EgressPolicy;
use bellows_core::scaler::Trigger;
use bellows_sdk::redis::{Command, Redis, Reply};
use bellows_sdk::testing::cases::Case;
use bellows_wasm::{
    Call, Compiler, Endpoint, Engine, EngineSettings, Limits, Measured, NetworkSettings, RedisSource, RedisValue,
    Replies, Scaler, Sources,
};
use futures::future::{BoxFuture, FutureExt as _};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::expected::{self, found, same, told, trigger};

/// Far longer than a call without a source can take, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// What was asked: one list of commands for each round trip.
type Rounds = Vec<Vec<Command>>;

pub(crate) struct Bench {
    runtime: Runtime,
    engine: Engine,
    servers: Arc<Servers>,
    _cache: tempfile::TempDir,
}

/// The servers are told apart by the host that a connection names: the name of the case.
#[derive(Default)]
struct Servers(Mutex<BTreeMap<String, Server>>);

struct Server {
    case: Case,
    rounds: Rounds,
}

impl RedisSource for Servers {
    fn pipeline<'call>(
        &'call self,
        _namespace: &'call str,
        connection: &'call RedisConnection,
        commands: Vec<Command>,
        _until: Instant,
    ) -> BoxFuture<'call, Result<Replies, Failure>> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match servers.get_mut(&connection.host) {
            Some(server) => server.answer(commands),
            None => Err(Failure::new(FailureKind::Transient, Blame::Host, "no-server", &connection.host)),
        };
        std::future::ready(answer).boxed()
    }
}

impl Server {
    fn answer(&mut self, commands: Vec<Command>) -> Result<Replies, Failure> {
        let script = self.case.script::<Redis>();
        let replies = commands.iter().map(|command| vec![value(script.reply(command))]).collect();
        self.rounds.push(commands);
        match &self.case.outage {
            Some(outage) => Err(told(outage).of_endpoint()),
            None => Ok(replies),
        }
    }
}

fn value(reply: Reply) -> RedisValue {
    match reply {
        Reply::Nil => RedisValue::Nil,
        Reply::Integer(number) => RedisValue::Integer(number),
        Reply::Double(number) => RedisValue::Double(number),
        Reply::Boolean(truth) => RedisValue::Boolean(truth),
        Reply::Text(text) => RedisValue::Text(text),
        Reply::Bytes(bytes) => RedisValue::Bytes(bytes),
        Reply::Error(message) => RedisValue::Error(message),
        nested @ (Reply::Items(_) | Reply::Pairs(_)) => RedisValue::Error(format!("ERR no case says {nested:?}")),
    }
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
        let sources = Sources { redis: servers.clone(), ..Sources::silent() };
        let engine = Engine::with_sources(settings, sources)?;
        Ok(Self { runtime: Runtime::new()?, engine, servers, _cache: cache })
    }

    pub(crate) fn load(&self, component: &Path) -> Result<Arc<Scaler>> {
        Ok(self.runtime.block_on(self.engine.load(component))?)
    }

    /// Holds a component to what a case expects of it.
    pub(crate) fn hold(&self, component: &Path, case: &Case) -> Result<()> {
        let scaler = self.load(component)?;
        let trigger = trigger(case, &case.name);
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
        let server = Server { case: case.clone(), rounds: Vec::new() };
        self.servers.0.lock().unwrap_or_else(PoisonError::into_inner).insert(case.name.clone(), server);
        let connection = Connection::Redis(RedisConnection {
            host: case.name.clone(),
            port: 6379,
            username: None,
            password: None,
            database: 0,
            tls: None,
        });
        let call = Call {
            at: jiff::Timestamp::new(1_767_225_600, 0)?,
            namespace: "default".into(),
            connections: Arc::new(BTreeMap::from([("redis".to_owned(), connection)])),
            triggers: triggers.into_iter().map(Arc::new).collect(),
            deadline: DEADLINE,
        };
        let measured = self.runtime.block_on(scaler.measure(call));
        let server = self.servers.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&case.name);
        Ok((measured, server.map(|server| server.rounds).unwrap_or_default()))
    }
}
