//! How the questions and replies of a case are spelt for each kind of source.

use std::fmt::Debug;

use super::{With, Words};
use crate::amqp::{Amqp, Queue};
use crate::broker::{self, Broker};
use crate::connection::{Connection, Nothing};
use crate::failure::Result;
use crate::http::{Http, Request, Response};
use crate::redis::{Command, Redis, Reply};
use crate::testing::Unscripted;
use crate::workload::{self, Workload};

/// A source whose questions and answers a case can spell.
pub trait Scripted: Connection<Question: Clone + Debug, Answer: Unscripted<Self::Question>> {
    /// A question and its answer; nothing where the words are none of this source, or the reply does not fit.
    fn scripted(question: &Words, reply: &With) -> Option<(Self::Question, Self::Answer)>;

    /// A question as a case spells it.
    fn words(question: &Self::Question) -> Words;
}

impl Unscripted<()> for () {
    fn unscripted((): &()) {}
}

impl Scripted for Nothing {
    fn scripted(_: &Words, _: &With) -> Option<((), ())> {
        None
    }

    fn words((): &()) -> Words {
        Vec::new()
    }
}

impl Scripted for Redis {
    fn scripted(question: &Words, reply: &With) -> Option<(Command, Reply)> {
        let reply = match reply {
            With::Text(text) => Reply::Text(text.clone()),
            With::Integer(number) => Reply::Integer(*number),
            With::Double(number) => Reply::Double(*number),
            With::Nil(_) => Reply::Nil,
            With::Error(message) => Reply::Error(message.clone()),
            With::Body(_) | With::Status(_) | With::Ready(_) | With::Failure(_) => return None,
        };
        Some((question.clone(), reply))
    }

    fn words(question: &Command) -> Words {
        question.clone()
    }
}

impl Scripted for Amqp {
    fn scripted(question: &Words, reply: &With) -> Option<(String, Result<Queue>)> {
        let [verb, name] = question.as_slice() else { return None };
        let queue = match reply {
            With::Ready(ready) => Ok(Queue { ready: *ready, consumers: 0 }),
            With::Failure(told) => Err(told.failure()),
            _ => return None,
        };
        (verb == "QUEUE").then(|| (name.clone(), queue))
    }

    fn words(question: &String) -> Words {
        vec!["QUEUE".to_owned(), question.clone()]
    }
}

impl Scripted for Http {
    fn scripted(question: &Words, reply: &With) -> Option<(Request, Result<Response>)> {
        let [verb, path] = question.as_slice() else { return None };
        let response = match reply {
            With::Body(body) => Ok(Response::new(200, body.as_bytes())),
            With::Status(status) => Ok(Response::new(*status, *b"")),
            With::Failure(told) => Err(told.failure()),
            _ => return None,
        };
        (verb == "GET").then(|| (Request::get(path), response))
    }

    fn words(question: &Request) -> Words {
        vec!["GET".to_owned(), question.path.clone()]
    }
}

impl Scripted for Broker {
    fn scripted(question: &Words, reply: &With) -> Option<(broker::Question, broker::Answer)> {
        let queue = Amqp::scripted(question, reply)
            .map(|(name, queue)| (broker::Question::Queue(name), queue.map(broker::Reply::Queue)));
        queue.or_else(|| {
            let (request, response) = Http::scripted(question, reply)?;
            Some((broker::Question::Get(request), response.map(broker::Reply::Response)))
        })
    }

    fn words(question: &broker::Question) -> Words {
        match question {
            broker::Question::Queue(name) => Amqp::words(name),
            broker::Question::Get(request) => Http::words(request),
        }
    }
}

impl Scripted for Workload {
    fn scripted(question: &Words, reply: &With) -> Option<(workload::Question, Result<u64>)> {
        let [verb, selector] = question.as_slice() else { return None };
        let question = match verb.as_str() {
            "PODS" => workload::Question::Pods(selector.clone()),
            "NODES" => workload::Question::Nodes(selector.clone()),
            _ => return None,
        };
        let count = match reply {
            With::Integer(count) => Ok(u64::try_from(*count).ok()?),
            With::Failure(told) => Err(told.failure()),
            _ => return None,
        };
        Some((question, count))
    }

    fn words(question: &workload::Question) -> Words {
        let (verb, selector) = match question {
            workload::Question::Pods(selector) => ("PODS", selector),
            workload::Question::Nodes(selector) => ("NODES", selector),
        };
        vec![verb.to_owned(), selector.clone()]
    }
}
