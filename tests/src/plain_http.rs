//! Requests to servers of this machine and of its pods, over plain HTTP, one connection for each.
//!
//! Owns as much of the protocol as a registry and a page of metrics need. Refuses to follow anybody elsewhere.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A registry of this machine writes hundreds of megabytes a second; a busy disk takes a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is sent.
pub(crate) struct Body<'a> {
    /// How much there is.
    pub(crate) size: u64,
    /// Where it comes from.
    pub(crate) bytes: &'a mut dyn Read,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    head: String,
    body: String,
}

impl Answer {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What is at a path of a plain HTTP server.
///
/// # Errors
/// It does not answer, or with anything but success.
pub fn get(server: &str, path: &str) -> Result<String> {
    Ok(ask(server, "GET", path, &[], None)?.body)
}

/// One request on a connection of its own; anything but success is an error.
pub(crate) fn ask(
    server: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Body<'_>>,
) -> Result<Answer> {
    let what = || format!("{method} {path}");
    let mut stream = TcpStream::connect(server).with_context(|| format!("connect to {server}"))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .with_context(what)?;
    // The old protocol version asks for a plain body and a closed connection.
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {server}\r\n");
    head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    if let Some(body) = &body {
        head.push_str(&format!("Content-Length: {}\r\n", body.size));
    }
    head.push_str("\r\n");
    let mut sent = stream.write_all(head.as_bytes());
    if let Some(body) = body {
        sent = sent.and_then(|()| std::io::copy(body.bytes, &mut stream).map(drop));
    }
    // A server that refuses early closes early; its answer says more than the broken pipe.
    let mut answer = Vec::new();
    let received = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let Some(status) = head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()) else {
        sent.and(received.map(drop)).with_context(what)?;
        bail!("{method} {path}: an answer without a status")
    };
    if !(200..300).contains(&status) {
        bail!("{method} {path}: {status} {}", text.trim());
    }
    Ok(Answer { head: head.to_owned(), body: text.to_owned() })
}
