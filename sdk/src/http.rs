//! Asking an HTTP endpoint: paths in, answers out, and what a status usually means.
//!
//! The host holds the connection and adds the credentials; a scaler knows the path and nothing of who asks.

mod parameters;

use std::rc::Rc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::connection::{Connection, ConnectionType, Protocol};
use crate::desk::Desk;
use crate::failure::{Detail, Failure, Result};
use crate::json::Json;
use crate::settings::Parameter;

/// What RFC 3986 calls unreserved needs no encoding anywhere in a URI.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, where something may be encoded already.
const NOT_ENCODED: &AsciiSet = &RESERVED.remove(b'%');

/// A text as one segment of a path, or as a name or value of a query: `a b/c` becomes `a%20b%2Fc`.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A segment of a path as people write it: what they encoded stays as it is, and what they forgot to encode is encoded.
pub fn encoded_again(segment: &str) -> String {
    utf8_percent_encode(segment, NOT_ENCODED).to_string()
}

/// A question to an endpoint. Only reading is lent, so it is a GET.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// What follows the origin: begins with a slash, and may carry a query.
    pub path: String,
}

impl Request {
    /// A request for what is at a path.
    pub fn get(path: impl Into<String>) -> Self {
        Self { path: path.into() }
    }
}

/// What an endpoint answered, whatever it means. Several triggers may hold the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// The content.
    pub body: Rc<Vec<u8>>,
}

impl Response {
    /// An answer.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: Rc::new(body.into()) }
    }

    /// The answer, if its status says that it is one.
    ///
    /// # Errors
    /// What the status usually means. The content is not repeated: some servers echo the request, credentials included.
    pub fn ok(self) -> Result<Self> {
        let (kind, code, why): (fn(Detail) -> Failure, _, _) = match self.status {
            200..=299 => return Ok(self),
            401 => (Failure::Denied, "unauthorized", ": the credentials are missing or wrong"),
            403 => (Failure::Denied, "forbidden", ": the credentials do not allow this"),
            404 => (Failure::Absent, "not-found", ": there is nothing at this path"),
            429 => (Failure::Transient, "too-many-requests", ": it is asked too often"),
            500..=599 => (Failure::Transient, "server-error", ""),
            _ => (Failure::Transient, "unexpected-status", ""),
        };
        let message = format!("the server answered with status {}{why}", self.status);
        Err(kind(Detail { code: code.to_owned(), message }))
    }

    /// The content as JSON.
    ///
    /// # Errors
    /// `unexpected-reply` where it is empty, cut off, or no JSON.
    pub fn json(&self) -> Result<Json<'_>> {
        Json::read(&self.body).ok_or_else(|| unexpected("the server's answer is no JSON, or not all of it"))
    }
}

/// The server answered, and not in the shape that was asked for.
pub fn unexpected(message: impl Into<String>) -> Failure {
    Failure::transient("unexpected-reply", message)
}

/// An HTTP endpoint, as a trigger sees it. Whatever several triggers wait for at the same time is asked at once, and equal
/// requests once.
#[derive(Debug)]
pub struct Http(Desk<Request, Result<Response>>);

impl Http {
    /// Asks several things at once: one answer for each, in order, whatever its status.
    ///
    /// # Errors
    /// The failure of the exchange as a whole. An answer may still be a failure of its own.
    pub async fn ask(&self, requests: impl IntoIterator<Item = Request>) -> Result<Vec<Result<Response>>> {
        self.0.ask(requests.into_iter().collect()).await
    }

    /// Asks for what is at a path.
    ///
    /// # Errors
    /// The failure of the exchange, or what a status other than success usually means.
    pub async fn get(&self, path: impl Into<String>) -> Result<Response> {
        self.ask([Request::get(path)]).await?.pop().ok_or_else(unanswered)??.ok()
    }
}

impl Connection for Http {
    type Question = Request;
    type Answer = Result<Response>;
    const TYPE: Option<ConnectionType> = Some(ConnectionType { name: "http", protocols: &[Protocol::Http] });
    const PARAMETERS: &'static [Parameter] = parameters::ALL;

    fn over(desk: Desk<Request, Result<Response>>) -> Self {
        Self(desk)
    }

    fn desk(&self) -> &Desk<Request, Result<Response>> {
        &self.0
    }
}

fn unanswered() -> Failure {
    unexpected("there were fewer answers than requests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_to_do_next() {
        let told = |status: u16, rest: &str| format!("the server answered with status {status}{rest}");
        for (status, failure) in [
            (401, Failure::denied("unauthorized", told(401, ": the credentials are missing or wrong"))),
            (403, Failure::denied("forbidden", told(403, ": the credentials do not allow this"))),
            (404, Failure::absent("not-found", told(404, ": there is nothing at this path"))),
            (429, Failure::transient("too-many-requests", told(429, ": it is asked too often"))),
            (500, Failure::transient("server-error", told(500, ""))),
            (503, Failure::transient("server-error", told(503, ""))),
            (302, Failure::transient("unexpected-status", told(302, ""))),
            (418, Failure::transient("unexpected-status", told(418, ""))),
        ] {
            assert_eq!(Response::new(status, *b"secret").ok(), Err(failure), "{status}");
        }
        assert!(Response::new(204, *b"").ok().is_ok());
    }

    #[test]
    fn a_segment_keeps_nothing_that_a_path_or_a_query_would_read() {
        assert_eq!(encoded("a b/c?d=e&f+g%h.i-j_k~l"), "a%20b%2Fc%3Fd%3De%26f%2Bg%25h.i-j_k~l");
        assert_eq!(encoded("ä"), "%C3%A4");
        assert_eq!(encoded_again("a%2Fb c"), "a%2Fb%20c");
    }
}
