//! RabbitMQ's management, as its administrator.
//!
//! Owns one request at a time, in the clear, on the port that is ours. Refuses to take an answer that says "no" for a yes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::RabbitMq;

/// How long an answer may take. A quorum queue is declared in some 0.3 s; a thousand durable queues at once are more than
/// 10 s where a disk and two processors are busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kinds of queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The usual one.
    Classic,
    /// Replicated, by agreement of the replicas.
    Quorum,
    /// A log that readers leave as it is.
    Stream,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
            Self::Stream => "stream",
        }
    }
}

impl RabbitMq {
    /// Makes a durable queue.
    ///
    /// # Errors
    /// There is no such virtual host, or the queue is there in another way.
    pub fn declare(&self, vhost: &str, queue: &str, kind: Kind) -> Result<()> {
        let manifest = json!({"durable": true, "arguments": {"x-queue-type": kind.word()}});
        self.api("PUT", &queue_path(vhost, queue), Some(&manifest)).map(drop)
    }

    /// Removes a queue and what is in it.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn delete(&self, vhost: &str, queue: &str) -> Result<()> {
        self.api("DELETE", &queue_path(vhost, queue), None).map(drop)
    }

    /// Takes all that is ready out of a queue.
    ///
    /// # Errors
    /// There is no such queue, or it is a stream.
    pub fn purge(&self, vhost: &str, queue: &str) -> Result<()> {
        self.api("DELETE", &format!("{}/contents", queue_path(vhost, queue)), None).map(drop)
    }

    /// How many messages are ready, as its statistics have it: a second late.
    ///
    /// # Errors
    /// There is no such queue, or no statistics of it yet.
    pub fn ready(&self, vhost: &str, queue: &str) -> Result<u64> {
        self.management().ready(vhost, queue)
    }

    /// Makes a virtual host on which the administrator may do everything.
    ///
    /// # Errors
    /// RabbitMQ does not want it.
    pub fn add_vhost(&self, vhost: &str) -> Result<()> {
        self.api("PUT", &format!("/vhosts/{}", encode(vhost)), Some(&json!({})))?;
        self.permit(vhost, &self.options.user)
    }

    /// Makes a user who may do everything on a virtual host, or changes the user's password. `tags` are words like
    /// `monitoring`, which the management asks for; a word with a comma is two.
    ///
    /// # Errors
    /// There is no such virtual host.
    pub fn add_user(&self, user: &str, password: &str, tags: &str, vhost: &str) -> Result<()> {
        let manifest = json!({"password": password, "tags": tags});
        self.api("PUT", &format!("/users/{}", encode(user)), Some(&manifest))?;
        self.permit(vhost, user)
    }

    /// Takes a user away. Open connections of that user stay.
    ///
    /// # Errors
    /// There is no such user.
    pub fn delete_user(&self, user: &str) -> Result<()> {
        self.api("DELETE", &format!("/users/{}", encode(user)), None).map(drop)
    }

    /// Takes all rights on a virtual host from a user.
    ///
    /// # Errors
    /// There is no such user or virtual host.
    pub fn forbid(&self, vhost: &str, user: &str) -> Result<()> {
        self.api("DELETE", &format!("/permissions/{}/{}", encode(vhost), encode(user)), None).map(drop)
    }

    fn permit(&self, vhost: &str, user: &str) -> Result<()> {
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.api("PUT", &format!("/permissions/{}/{}", encode(vhost), encode(user)), Some(&all)).map(drop)
    }

    /// All connections, as its statistics have them: a second late.
    ///
    /// # Errors
    /// RabbitMQ does not answer.
    pub fn connections(&self) -> Result<Vec<Value>> {
        let listed = self.api("GET", "/connections", None)?;
        Ok(listed.as_array().cloned().unwrap_or_default())
    }

    /// Closes all connections from its side.
    ///
    /// # Errors
    /// RabbitMQ does not answer.
    pub fn close_connections(&self) -> Result<()> {
        for connection in self.connections()? {
            let name = connection.get("name").and_then(Value::as_str).unwrap_or_default();
            // One that has gone meanwhile is what was wanted.
            let _gone = self.api("DELETE", &format!("/connections/{}", encode(name)), None);
        }
        Ok(())
    }

    /// Asks its management: `path` comes behind `/api`, encoded. No answer at all is null.
    ///
    /// # Errors
    /// It does not answer, or says no; the error holds its status and reason.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.management().ask(method, path, body)
    }

    fn management(&self) -> Management {
        Management {
            address: self.ports.own_http,
            user: self.options.user.clone(),
            password: self.options.password.clone(),
        }
    }
}

/// The management of any RabbitMQ, in the clear: of one in a pod too.
#[derive(Clone, Debug)]
pub(crate) struct Management {
    pub(crate) address: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Management {
    /// How many messages are ready in a queue.
    pub(crate) fn ready(&self, vhost: &str, queue: &str) -> Result<u64> {
        let seen = self.ask("GET", &queue_path(vhost, queue), None)?;
        seen.get("messages_ready").and_then(Value::as_u64).with_context(|| format!("no statistics of {queue} yet"))
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let told = format!("{method} /api{path}");
        let credentials = STANDARD.encode(format!("{}:{}", self.user, self.password));
        let body = body.map(Value::to_string).unwrap_or_default();
        // The old protocol version asks for a plain body and a closed connection.
        let request = format!(
            "{told} HTTP/1.0\r\nAuthorization: Basic {credentials}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(self.address, &request).with_context(|| format!("ask RabbitMQ: {told}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.lines().next().unwrap_or_default();
        match status.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()) {
            Some(200..=299) if body.is_empty() => Ok(Value::Null),
            Some(200..=299) => serde_json::from_str(body).with_context(|| format!("read the answer to {told}")),
            _ => bail!("RabbitMQ answers {told} with {status}: {body}"),
        }
    }
}

fn ask(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn queue_path(vhost: &str, queue: &str) -> String {
    format!("/queues/{}/{}", encode(vhost), encode(queue))
}

/// A part of a URI, with everything encoded that may mean something.
pub(crate) fn encode(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}
