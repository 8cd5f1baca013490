//! Servers that answer by script, one for each case, whatever they speak.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bellows_core::connection::{AmqpConnection, HttpConnection, RedisConnection};
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_sdk::amqp::Amqp;
use bellows_sdk::http::{Http, Request};
use bellows_sdk::redis::{Command, Redis, Reply};
use bellows_sdk::testing::cases::{Case, Scripted};
use bellows_sdk::workload::{Question, Workload};
use bellows_sdk::{Detail, Failure as Told};
use bellows_wasm::{
    AmqpQueue, AmqpSource, Counted, Counts, HttpRequest, HttpResponse, HttpSource, Inspected, PodSource, RedisSource,
    RedisValue, Replies,
};
use futures::future::{BoxFuture, FutureExt as _, ready};
use tokio::time::Instant;

use super::Rounds;
use super::expected::told;

/// They are told apart by the host that a connection names, or by the namespace of the call: both are the name of the case.
#[derive(Default)]
pub(super) struct Servers(pub(super) Mutex<BTreeMap<String, Server>>);

/// What a case says of its source, and what that source was asked.
pub(super) struct Server {
    case: Case,
    /// One list of questions for each round trip.
    pub(super) rounds: Rounds,
}

impl Server {
    pub(super) fn of(case: &Case) -> Self {
        Self { case: case.clone(), rounds: Vec::new() }
    }

    fn answer<C: Scripted>(&mut self, questions: &[C::Question]) -> Result<Vec<C::Answer>, Failure> {
        let script = self.case.script::<C>();
        self.rounds.push(questions.iter().map(C::words).collect());
        match &self.case.outage {
            Some(outage) => Err(told(outage).of_endpoint()),
            None => Ok(questions.iter().map(|question| script.reply(question)).collect()),
        }
    }
}

impl Servers {
    fn answer<C: Scripted>(&self, host: &str, questions: &[C::Question]) -> Result<Vec<C::Answer>, Failure> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match servers.get_mut(host) {
            Some(server) => server.answer::<C>(questions),
            None => Err(Failure::new(FailureKind::Transient, Blame::Host, "no-server", host)),
        }
    }
}

impl RedisSource for Servers {
    fn pipeline<'call>(
        &'call self,
        _namespace: &'call str,
        connection: &'call RedisConnection,
        commands: Vec<Command>,
        _until: Instant,
    ) -> BoxFuture<'call, Result<Replies, Failure>> {
        let replies = self.answer::<Redis>(&connection.host, &commands);
        ready(replies.map(|replies| replies.into_iter().map(|reply| vec![value(reply)]).collect())).boxed()
    }
}

impl HttpSource for Servers {
    fn send<'call>(
        &'call self,
        _namespace: &'call str,
        connection: &'call HttpConnection,
        requests: Vec<HttpRequest>,
        _until: Instant,
    ) -> BoxFuture<'call, Vec<Result<HttpResponse, Failure>>> {
        let questions: Vec<Request> = requests.iter().map(|request| Request::get(request.path.as_str())).collect();
        let response = |response: bellows_sdk::http::Response| HttpResponse {
            status: response.status,
            headers: Vec::new(),
            body: response.body.to_vec(),
        };
        let answers = match self.answer::<Http>(&connection.host, &questions) {
            Ok(answers) => answers.into_iter().map(|answer| answer.map(response).map_err(failed)).collect(),
            Err(failure) => vec![Err(failure); requests.len()],
        };
        ready(answers).boxed()
    }
}

impl AmqpSource for Servers {
    fn inspect<'call>(
        &'call self,
        _namespace: &'call str,
        connection: &'call AmqpConnection,
        queues: Vec<String>,
        _until: Instant,
    ) -> BoxFuture<'call, Inspected> {
        let queue = |queue: bellows_sdk::amqp::Queue| AmqpQueue { ready: queue.ready, consumers: queue.consumers };
        let answers = self.answer::<Amqp>(&connection.host, &queues);
        ready(answers.map(|all| all.into_iter().map(|answer| answer.map(queue).map_err(failed)).collect())).boxed()
    }
}

impl PodSource for Servers {
    fn count<'call>(
        &'call self,
        namespace: &'call str,
        selectors: BTreeSet<String>,
        counted: Counted,
        _until: Instant,
    ) -> BoxFuture<'call, Counts> {
        let question = |selector: &String| match counted {
            Counted::Pods => Question::Pods(selector.clone()),
            Counted::Nodes => Question::Nodes(selector.clone()),
        };
        let questions: Vec<Question> = selectors.iter().map(question).collect();
        let counts: Counts = match self.answer::<Workload>(namespace, &questions) {
            Ok(counts) => selectors.into_iter().zip(counts.into_iter().map(|count| count.map_err(failed))).collect(),
            Err(failure) => selectors.into_iter().map(|selector| (selector, Err(failure.clone()))).collect(),
        };
        ready(counts).boxed()
    }
}

/// A failure of one question, as the host tells it.
fn failed(failure: Told) -> Failure {
    let kind = match &failure {
        Told::Transient(_) => FailureKind::Transient,
        Told::Denied(_) => FailureKind::Denied,
        Told::Absent(_) => FailureKind::Absent,
        Told::Invalid(_) => FailureKind::Invalid,
    };
    let Detail { code, message } = failure.detail();
    Failure::new(kind, Blame::Source, code, message)
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
