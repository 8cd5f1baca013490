//! A broker that may be asked over AMQP or over HTTP, as the scheme of its URI says; and the parameters of both.
//!
//! Which of the two it is, the scaler has seen in the URI; the wrong one is a failure and reaches nobody.

use crate::amqp::Queue;
use crate::connection::{Connection, ConnectionType, Protocol};
use crate::desk::Desk;
use crate::failure::{Failure, Result};
use crate::http::{Request, Response};
use crate::settings::{Origin, Parameter};

/// A question to a broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Over AMQP: the counts of a queue.
    Queue(String),
    /// Over HTTP: what is at a path.
    Get(Request),
}

/// The answer to a question.
pub type Answer = Result<Reply>;

/// What a broker says, of the same kind as the question.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Over AMQP.
    Queue(Queue),
    /// Over HTTP.
    Response(Response),
}

/// A broker, as a trigger sees it. Whatever several triggers wait for at the same time is asked at once, and equal
/// questions once.
#[derive(Debug)]
pub struct Broker(Desk<Question, Answer>);

impl Broker {
    /// Asks for a queue, over AMQP.
    ///
    /// # Errors
    /// The failure of the exchange, or of this queue: it may be absent.
    pub async fn queue(&self, name: impl Into<String>) -> Result<Queue> {
        match self.0.ask(vec![Question::Queue(name.into())]).await?.pop() {
            Some(Ok(Reply::Queue(queue))) => Ok(queue),
            Some(Err(failure)) => Err(failure),
            _ => Err(unanswered()),
        }
    }

    /// Asks for what is at a path, over HTTP.
    ///
    /// # Errors
    /// The failure of the exchange, or what a status other than success usually means.
    pub async fn get(&self, path: impl Into<String>) -> Result<Response> {
        self.0.ask(vec![Question::Get(Request::get(path))]).await?.pop().map_or_else(|| Err(unanswered()), response)
    }

    /// Asks for what is at several paths at once, over HTTP: one answer for each, in order.
    ///
    /// # Errors
    /// The failure of the exchange as a whole. Each answer may still be a failure of its own.
    pub async fn get_all(&self, paths: Vec<String>) -> Result<Vec<Result<Response>>> {
        let mut questions = Vec::with_capacity(paths.len());
        for path in paths {
            questions.push(Question::Get(Request::get(path)));
        }
        let mut responses = Vec::with_capacity(questions.len());
        for answer in self.0.ask(questions).await? {
            responses.push(response(answer));
        }
        Ok(responses)
    }
}

impl Connection for Broker {
    type Question = Question;
    type Answer = Answer;
    const TYPE: Option<ConnectionType> =
        Some(ConnectionType { name: "broker", protocols: &[Protocol::Amqp, Protocol::Http] });
    const PARAMETERS: &'static [Parameter] = PARAMETERS;

    fn over(desk: Desk<Question, Answer>) -> Self {
        Self(desk)
    }

    fn desk(&self) -> &Desk<Question, Answer> {
        &self.0
    }
}

fn response(answer: Answer) -> Result<Response> {
    match answer? {
        Reply::Response(response) => response.ok(),
        Reply::Queue(_) => Err(unanswered()),
    }
}

fn unanswered() -> Failure {
    Failure::transient("unexpected-reply", "the broker gave fewer answers than there were questions")
}

const METADATA: &[Origin] = &[Origin::Metadata];
const AUTHENTICATION: &[Origin] = &[Origin::Authentication];
const PERSON: &[Origin] = &[Origin::Authentication, Origin::Environment];

/// The parameters by which KEDA's users configure the connection to a broker, each with its order of precedence. All of
/// them feed the connection in the host, which also judges their values; a scaler sees none. The broker's address and
/// virtual host are the scaler's own parameters.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::fed("username", "username", "string", PERSON, &["User to log in as, instead of the URI's."]),
    Parameter::fed("password", "password", "string", PERSON, &["Password to log in with; only with a user."]),
    Parameter::fed("tls", "tls", "string", AUTHENTICATION, &["`enable` to use `ca`, `cert` and `key`."]),
    Parameter::fed("ca", "ca", "string", AUTHENTICATION, &["Certificate authority of the server, PEM."]),
    Parameter::fed("cert", "certificate", "string", AUTHENTICATION, &["Certificate to present, PEM."]),
    Parameter::fed("key", "key", "string", AUTHENTICATION, &["Key of the certificate, PEM."]),
    Parameter::fed("keyPassword", "key-password", "string", AUTHENTICATION, &["Password of the key."]),
    Parameter::fed("unsafeSsl", "unsafe-ssl", "boolean", METADATA, &["Whether any certificate is believed."]),
    Parameter::fed("workloadIdentityResource", "workload-identity", "string", AUTHENTICATION, &["Refused."]),
    Parameter::fed("oauthTokenURI", "oauth-token-uri", "string", AUTHENTICATION, &["Refused: OAuth2."]),
    Parameter::fed("clientID", "oauth-client-id", "string", AUTHENTICATION, &["Refused: OAuth2."]),
    Parameter::fed("clientSecret", "oauth-client-secret", "string", AUTHENTICATION, &["Refused: OAuth2."]),
    Parameter::fed("scopes", "oauth-scopes", "list", AUTHENTICATION, &["Refused: OAuth2."]),
    Parameter::fed("endpointParams", "oauth-endpoint-params", "string", AUTHENTICATION, &["Refused: OAuth2."]),
];
