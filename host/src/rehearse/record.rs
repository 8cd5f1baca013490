//! What real sources say, kept in the form of a case while they say it. Only questions of the scaler and their answers
//! pass here, so no credential does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bellows_core::connection::{AmqpConnection, HttpConnection, RedisConnection};
use bellows_core::failure::Failure;
use bellows_sdk::testing::cases::Words;
use bellows_wasm::{
    AmqpQueue, AmqpSource, HttpRequest, HttpResponse, HttpSource, Inspected, RedisSource, RedisValue, Replies, Sources,
};
use futures::future::{BoxFuture, FutureExt as _};
use tokio::time::Instant;

use super::Rounds;

/// An answer, as a case can spell it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Text(String),
    Integer(i64),
    Double(f64),
    Nil,
    Error(String),
    Body(String),
    Status(u16),
    Ready(u64),
    Failure(Failure),
    /// One that a case cannot spell, and what it is.
    Other(&'static str),
}

/// All that was asked and answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Recording {
    pub(super) rounds: Rounds,
    pub(super) replies: BTreeMap<Words, Said>,
    /// What befell a round as a whole.
    pub(super) outage: Option<Failure>,
}

/// Keeps what sources say.
#[derive(Clone)]
pub struct Recorder {
    sources: Sources,
    kept: Arc<Mutex<Recording>>,
}

impl Recorder {
    /// Listens to sources.
    pub fn of(sources: Sources) -> Self {
        Self { sources, kept: Arc::default() }
    }

    /// The same sources, listened to.
    pub fn sources(&self) -> Sources {
        Sources { redis: Arc::new(self.clone()), http: Arc::new(self.clone()), amqp: Arc::new(self.clone()) }
    }

    pub(super) fn recording(&self) -> Recording {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, questions: Vec<Words>, answers: Result<Vec<Said>, Failure>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match answers {
            Ok(answers) => kept.replies.extend(questions.iter().cloned().zip(answers)),
            Err(failure) => kept.outage = Some(failure),
        }
        kept.rounds.push(questions);
    }
}

impl RedisSource for Recorder {
    fn pipeline<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call RedisConnection,
        commands: Vec<Words>,
        until: Instant,
    ) -> BoxFuture<'call, Result<Replies, Failure>> {
        async move {
            let replies = self.sources.redis.pipeline(namespace, connection, commands.clone(), until).await;
            let said = replies.as_ref().map(|replies| replies.iter().map(|reply| of_redis(reply)).collect());
            self.keep(commands, said.map_err(Clone::clone));
            replies
        }
        .boxed()
    }
}

impl HttpSource for Recorder {
    fn send<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call HttpConnection,
        requests: Vec<HttpRequest>,
        until: Instant,
    ) -> BoxFuture<'call, Vec<Result<HttpResponse, Failure>>> {
        let words = |request: &HttpRequest| vec![request.method.to_string(), request.path.to_string()];
        let questions: Vec<Words> = requests.iter().map(words).collect();
        async move {
            let answers = self.sources.http.send(namespace, connection, requests, until).await;
            let failures: Vec<&Failure> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
            // A case has one word for what befalls all that is asked.
            let said = match failures.first() {
                Some(failure) if failures.len() == answers.len() => Err((*failure).clone()),
                _ => Ok(answers.iter().map(|answer| answer.as_ref().map_or_else(failed, of_http)).collect()),
            };
            self.keep(questions, said);
            answers
        }
        .boxed()
    }
}

impl AmqpSource for Recorder {
    fn inspect<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call AmqpConnection,
        queues: Vec<String>,
        until: Instant,
    ) -> BoxFuture<'call, Inspected> {
        let questions: Vec<Words> = queues.iter().map(|queue| vec!["QUEUE".to_owned(), queue.clone()]).collect();
        async move {
            let inspected = self.sources.amqp.inspect(namespace, connection, queues, until).await;
            let ready = |queue: &AmqpQueue| Said::Ready(queue.ready);
            let said =
                inspected.as_ref().map(|all| all.iter().map(|one| one.as_ref().map_or_else(failed, ready)).collect());
            self.keep(questions, said.map_err(Clone::clone));
            inspected
        }
        .boxed()
    }
}

fn failed(failure: &Failure) -> Said {
    Said::Failure(failure.clone())
}

fn of_redis(reply: &[RedisValue]) -> Said {
    match reply {
        [RedisValue::Nil] => Said::Nil,
        [RedisValue::Integer(number)] => Said::Integer(*number),
        [RedisValue::Double(number)] => Said::Double(*number),
        [RedisValue::Text(text)] => Said::Text(text.clone()),
        [RedisValue::Error(message)] => Said::Error(message.clone()),
        [RedisValue::Boolean(_)] => Said::Other("a truth value"),
        [RedisValue::Bytes(_)] => Said::Other("bytes that are no text"),
        _ => Said::Other("a list"),
    }
}

fn of_http(response: &HttpResponse) -> Said {
    match (response.status, String::from_utf8(response.body.clone())) {
        (200, Ok(body)) => Said::Body(body),
        (200, Err(_)) => Said::Other("a body that is no text"),
        (status, _) => Said::Status(status),
    }
}
