//! A connection to Redis of our own, which is told apart from those of Bellows and whose questions can be subtracted.
//!
//! Owns as much of the protocol as a bulk reply and a stream of lines need. Refuses to wait longer than some seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longest wait for a reply. A Redis on loopback answers within a millisecond, on a busy machine some tens of them.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a line of a monitor may take before its end is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// An open connection.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).context("connect to Redis")?;
        stream.set_read_timeout(Some(PATIENCE)).context("limit the wait for Redis")?;
        stream.set_nodelay(true).context("send at once")?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The bulk reply to one command. The server reads it from the connection once.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String> {
        self.send(command)?;
        let head = self.line()?;
        let length = head.strip_prefix('$').and_then(|length| length.parse::<usize>().ok());
        let Some(length) = length else { bail!("Redis answered {command} with {head}") };
        // The text is followed by a line's end.
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).context("read a reply of Redis")?;
        text.truncate(length);
        String::from_utf8(text).context("read a reply of Redis as text")
    }

    /// One number of a section of INFO.
    pub(crate) fn number(&mut self, section: &str, name: &str) -> Result<u64> {
        let info = self.ask(&format!("INFO {section}"))?;
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).with_context(|| format!("INFO {section} has no {name}"))
    }

    /// How often each command was called.
    pub(crate) fn calls(&mut self) -> Result<BTreeMap<String, u64>> {
        let info = self.ask("INFO commandstats")?;
        let call = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        };
        Ok(info.lines().filter_map(call).collect())
    }

    /// Turns this connection into one that is told of every command.
    pub(crate) fn monitor(mut self) -> Result<Monitor> {
        self.send("MONITOR")?;
        let answer = self.line()?;
        if answer != "+OK" {
            bail!("Redis answered MONITOR with {answer}");
        }
        self.0.get_ref().set_read_timeout(Some(LOOK)).context("limit the wait for a line")?;
        Ok(Monitor { wire: self, partial: String::new() })
    }

    fn send(&mut self, command: &str) -> Result<()> {
        write!(self.0.get_mut(), "{command}\r\n").with_context(|| format!("send {command}"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).context("read a line of Redis")?;
        Ok(line.trim_end().to_owned())
    }
}

/// Told of every command; the type of a key is what is always asked first.
pub(crate) struct Monitor {
    wire: Wire,
    /// What has been read of a line that is not complete yet.
    partial: String,
}

impl Monitor {
    /// Waits until every key has been named by some command, and says when the last was first named; and those that were
    /// not named in time.
    pub(crate) fn all_named(
        &mut self,
        mut keys: BTreeSet<String>,
        limit: Duration,
    ) -> Result<(Instant, BTreeSet<String>)> {
        let end = Instant::now() + limit;
        let mut last = Instant::now();
        while !keys.is_empty()
            && let Some(key) = self.next_key(end)?
        {
            if keys.remove(&key) {
                last = Instant::now();
            }
        }
        Ok((last, keys))
    }

    /// Waits until that many commands have named a key.
    pub(crate) fn named(&mut self, count: u32, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        for seen in 0..count {
            if self.next_key(end)?.is_none() {
                bail!("within {limit:?} Redis was asked {seen} times, not {count}");
            }
        }
        Ok(())
    }

    /// The key of the next command that has one; nothing when the time is up.
    fn next_key(&mut self, end: Instant) -> Result<Option<String>> {
        while Instant::now() < end {
            match self.wire.0.read_line(&mut self.partial) {
                Ok(0) => bail!("Redis closed the monitor"),
                Ok(_) => {
                    // `+TIME [0 ADDRESS] "TYPE" "key"`
                    let line = std::mem::take(&mut self.partial);
                    if let Some((_, key)) = line.split_once(r#"] "TYPE" "#) {
                        return Ok(Some(key.trim_end().trim_matches('"').to_owned()));
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("read the monitor"),
            }
        }
        Ok(None)
    }
}
