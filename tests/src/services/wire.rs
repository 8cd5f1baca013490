//! A connection to Redis of our own, which is told apart from those of Bellows and whose questions can be subtracted.
//!
//! Owns as much of the protocol as a bulk reply and a stream of lines need. Refuses to wait longer than some seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::wait::Stop;

/// Longest wait for a reply. A Redis on loopback answers within a millisecond, on a busy machine some tens of them.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a line of a monitor may take before its end is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// An open connection.
#[derive(Debug)]
pub struct Wire(BufReader<TcpStream>);

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).context("connect to Redis")?;
        stream.set_read_timeout(Some(PATIENCE)).context("limit the wait for Redis")?;
        stream.set_nodelay(true).context("send at once")?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The bulk reply to one command. The server reads it from the connection once.
    ///
    /// # Errors
    /// Redis closed the connection, or answers with something else.
    pub fn ask(&mut self, command: &str) -> Result<String> {
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
    ///
    /// # Errors
    /// Redis closed the connection, or answers with something else.
    pub fn number(&mut self, section: &str, name: &str) -> Result<u64> {
        let info = self.ask(&format!("INFO {section}"))?;
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).with_context(|| format!("INFO {section} has no {name}"))
    }

    /// How often each command was called.
    ///
    /// # Errors
    /// Redis closed the connection, or answers with something else.
    pub fn calls(&mut self) -> Result<BTreeMap<String, u64>> {
        let info = self.ask("INFO commandstats")?;
        let call = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        };
        Ok(info.lines().filter_map(call).collect())
    }

    /// Turns this connection into one that is told of every command.
    ///
    /// # Errors
    /// Redis closed the connection, or answers with something else.
    pub fn monitor(mut self) -> Result<Monitor> {
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

/// Told of every command.
#[derive(Debug)]
pub struct Monitor {
    wire: Wire,
    /// What has been read of a line that is not complete yet.
    partial: String,
}

impl Monitor {
    /// Waits until every key has been named by some poll, and says when the last was first named; and those that were not
    /// named in time.
    ///
    /// # Errors
    /// Redis closed the connection.
    pub fn all_named(&mut self, mut keys: BTreeSet<String>, limit: Duration) -> Result<(Instant, BTreeSet<String>)> {
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

    /// Waits until that many polls have named a key.
    ///
    /// # Errors
    /// There were fewer in time, or Redis closed the connection.
    pub fn named(&mut self, count: u32, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        for seen in 0..count {
            if self.next_key(end)?.is_none() {
                bail!("within {limit:?} Redis was asked {seen} times, not {count}");
            }
        }
        Ok(())
    }

    /// The seconds since 1970 at which Redis took each command of this name, and what that was first asked about; until
    /// `stop` is requested.
    ///
    /// # Errors
    /// Redis closed the connection.
    pub fn taken(mut self, command: &str, stop: &Stop) -> Result<Vec<(f64, String)>> {
        let mut taken = Vec::new();
        while !stop.requested() {
            taken.extend(self.look(command)?);
        }
        Ok(taken)
    }

    /// The key of the next poll; nothing when the time is up. The type of a key is what the scaler of lists asks first.
    fn next_key(&mut self, end: Instant) -> Result<Option<String>> {
        while Instant::now() < end {
            if let Some((_, key)) = self.look("TYPE")? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The next line, if it comes within a moment and is of this command.
    fn look(&mut self, command: &str) -> Result<Option<(f64, String)>> {
        match self.wire.0.read_line(&mut self.partial) {
            Ok(0) => bail!("Redis closed the monitor"),
            // `+TIME [0 ADDRESS] "COMMAND" "key" …`
            Ok(_) => Ok(parsed(&std::mem::take(&mut self.partial), command)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error).context("read the monitor"),
        }
    }
}

fn parsed(line: &str, command: &str) -> Option<(f64, String)> {
    let (head, rest) = line.split_once(&format!(r#"] "{command}" ""#))?;
    let (time, _) = head.strip_prefix('+')?.split_once(' ')?;
    Some((time.parse().ok()?, rest.split_once('"')?.0.to_owned()))
}
