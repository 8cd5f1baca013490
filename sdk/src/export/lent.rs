//! What the host lends, as sources that answer the rounds of a call.
//!
//! A connection is opened by the first round that asks it something, so that triggers with nothing to ask need none.

use std::rc::Rc;

use super::bindings::bellows::scaler::{amqp, http, redis, workload};
use super::failed;
use crate::amqp::{Amqp, Queue};
use crate::broker::{self, Answer, Broker, Question};
use crate::connection::{Connection, Nothing, Source};
use crate::failure::{Failure, Result};
use crate::http::{Http, Request, Response, unexpected};
use crate::redis::{Command, Piece, Redis, Reply};
use crate::workload::{Question as Selector, Workload, not_counted};

/// A connection that the host can lend.
pub trait Lent: Connection {
    /// Whoever answers the rounds of a call.
    fn source() -> impl Source<Self>;
}

impl Lent for Nothing {
    fn source() -> impl Source<Self> {}
}

impl Lent for Redis {
    fn source() -> impl Source<Self> {
        Pipelines(None)
    }
}

impl Lent for Amqp {
    fn source() -> impl Source<Self> {
        Queues { slot: "amqp", open: None }
    }
}

impl Lent for Http {
    fn source() -> impl Source<Self> {
        Requests { slot: "http", open: None }
    }
}

impl Lent for Broker {
    fn source() -> impl Source<Self> {
        Either { queues: Queues { slot: "broker", open: None }, requests: Requests { slot: "broker", open: None } }
    }
}

impl Lent for Workload {
    fn source() -> impl Source<Self> {
        Pods
    }
}

struct Pipelines(Option<redis::Connection>);

impl Source<Redis> for Pipelines {
    fn answer(&mut self, commands: &[Command]) -> Result<Vec<Reply>> {
        let connection = match &mut self.0 {
            Some(open) => open,
            closed => closed.insert(redis::open("redis").map_err(failed)?),
        };
        let mut replies = Vec::with_capacity(commands.len());
        for values in connection.pipeline(commands).map_err(failed)? {
            replies.push(Reply::gather(values.into_iter().map(piece)).ok_or_else(garbled)?);
        }
        Ok(replies)
    }
}

fn garbled() -> Failure {
    unexpected("a reply did not add up, or was nested too deep")
}

fn piece(value: redis::Value) -> Piece {
    Piece::Leaf(match value {
        redis::Value::Items(count) => return Piece::Items(count),
        redis::Value::Pairs(count) => return Piece::Pairs(count),
        redis::Value::Nil => Reply::Nil,
        redis::Value::Integer(number) => Reply::Integer(number),
        redis::Value::Double(number) => Reply::Double(number),
        redis::Value::Boolean(truth) => Reply::Boolean(truth),
        redis::Value::Text(text) => Reply::Text(text),
        redis::Value::Bytes(bytes) => Reply::Bytes(bytes),
        redis::Value::Error(message) => Reply::Error(message),
    })
}

struct Queues {
    slot: &'static str,
    open: Option<amqp::Connection>,
}

impl Source<Amqp> for Queues {
    fn answer(&mut self, names: &[String]) -> Result<Vec<Result<Queue>>> {
        let connection = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(amqp::open(self.slot).map_err(failed)?),
        };
        let mut queues = Vec::with_capacity(names.len());
        for queue in connection.inspect(names).map_err(failed)? {
            queues.push(match queue {
                Ok(queue) => Ok(Queue { ready: queue.ready, consumers: queue.consumers }),
                Err(failure) => Err(failed(failure)),
            });
        }
        Ok(queues)
    }
}

struct Requests {
    slot: &'static str,
    open: Option<http::Endpoint>,
}

impl Requests {
    fn exchange(&mut self, requests: &[http::Request]) -> Result<Vec<Result<Response>>> {
        let endpoint = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(http::open(self.slot).map_err(failed)?),
        };
        let mut responses = Vec::with_capacity(requests.len());
        for response in endpoint.send(requests) {
            responses.push(match response {
                Ok(response) => Ok(Response { status: response.status, body: Rc::new(response.body) }),
                Err(failure) => Err(failed(failure)),
            });
        }
        Ok(responses)
    }
}

impl Source<Http> for Requests {
    fn answer(&mut self, requests: &[Request]) -> Result<Vec<Result<Response>>> {
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            sent.push(request_to_send(request));
        }
        self.exchange(&sent)
    }
}

fn request_to_send(request: &Request) -> http::Request {
    let (method, path) = ("GET".to_owned(), request.path.clone());
    http::Request { method, path, headers: Vec::new(), body: Vec::new() }
}

/// All questions of a call go to one broker, which speaks one of the two; the other stays closed.
struct Either {
    queues: Queues,
    requests: Requests,
}

impl Source<Broker> for Either {
    fn answer(&mut self, questions: &[Question]) -> Result<Vec<Answer>> {
        let (mut names, mut requests) = (Vec::new(), Vec::new());
        for question in questions {
            match question {
                Question::Queue(name) => names.push(name.clone()),
                Question::Get(request) => requests.push(request_to_send(request)),
            }
        }
        let mut answers = Vec::with_capacity(questions.len());
        if requests.is_empty() {
            for queue in self.queues.answer(&names)? {
                answers.push(queue.map(broker::Reply::Queue));
            }
        } else if names.is_empty() {
            for response in self.requests.exchange(&requests)? {
                answers.push(response.map(broker::Reply::Response));
            }
        } else {
            return Err(Failure::invalid("protocol", "the scaler asks one broker over AMQP and over HTTP"));
        }
        Ok(answers)
    }
}

struct Pods;

impl Source<Workload> for Pods {
    fn answer(&mut self, selectors: &[Selector]) -> Result<Vec<Result<u64>>> {
        let (mut of_pods, mut of_nodes) = (Vec::new(), Vec::new());
        for selector in selectors {
            match selector {
                Selector::Pods(selector) => of_pods.push(selector.clone()),
                Selector::Nodes(selector) => of_nodes.push(selector.clone()),
            }
        }
        let pods = if of_pods.is_empty() { Vec::new() } else { workload::count_pods(&of_pods) };
        let nodes = if of_nodes.is_empty() { Vec::new() } else { workload::count_nodes(&of_nodes) };
        let (mut pods, mut nodes) = (pods.into_iter(), nodes.into_iter());
        let mut counts = Vec::with_capacity(selectors.len());
        for selector in selectors {
            let count = match selector {
                Selector::Pods(_) => pods.next(),
                Selector::Nodes(_) => nodes.next(),
            };
            counts.push(match count {
                Some(Ok(count)) => Ok(count),
                Some(Err(failure)) => Err(failed(failure)),
                None => Err(not_counted()),
            });
        }
        Ok(counts)
    }
}
