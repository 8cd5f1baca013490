//! AMQP 0-9-1, as much of it as it takes to put messages into a queue and to hold some.
//!
//! Owns one connection with one channel. Blocking, and never the code under test: that brings its own client. Refuses to
//! call a message published before the broker has confirmed it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long the broker may be silent: a confirmation waits for a disk on which somebody else may be writing an image.
const PATIENCE: Duration = Duration::from_secs(60);
/// Publishes on their way without a confirmation: enough to keep the broker busy, too few to fill a socket's buffer.
const UNCONFIRMED_MAX: usize = 200;
/// The largest frame that is read. Frames of the handshake and of our own small messages stay far below.
const FRAME_MAX: u32 = 131_072;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const END: u8 = 0xce;

/// What we say and hear, by class and method.
type Name = (u16, u16);
const CONNECTION_START: Name = (10, 10);
const CONNECTION_START_OK: Name = (10, 11);
const CONNECTION_TUNE: Name = (10, 30);
const CONNECTION_TUNE_OK: Name = (10, 31);
const CONNECTION_OPEN: Name = (10, 40);
const CONNECTION_OPEN_OK: Name = (10, 41);
const CONNECTION_CLOSE: Name = (10, 50);
const CHANNEL_OPEN: Name = (20, 10);
const CHANNEL_OPEN_OK: Name = (20, 11);
const CHANNEL_CLOSE: Name = (20, 40);
const BASIC_QOS: Name = (60, 10);
const BASIC_QOS_OK: Name = (60, 11);
const BASIC_CONSUME: Name = (60, 20);
const BASIC_CONSUME_OK: Name = (60, 21);
const BASIC_PUBLISH: Name = (60, 40);
const BASIC_RETURN: Name = (60, 50);
const BASIC_DELIVER: Name = (60, 60);
const BASIC_ACK: Name = (60, 80);
const BASIC_NACK: Name = (60, 120);
const CONFIRM_SELECT: Name = (85, 10);
const CONFIRM_SELECT_OK: Name = (85, 11);

/// A connection with its channel.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
}

/// Messages that somebody took and says nothing about. Dropping it gives them back.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "the open connection is what holds them")] Link);

/// The arguments of a method.
#[derive(Default)]
struct Arguments(Vec<u8>);

impl Arguments {
    fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn short(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn long(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// At most 255 bytes, which every name of AMQP is.
    fn text(mut self, value: &str) -> Result<Self> {
        self.0.push(u8::try_from(value.len()).context("a name of AMQP has at most 255 bytes")?);
        self.0.extend(value.bytes());
        Ok(self)
    }

    fn long_text(mut self, value: &str) -> Result<Self> {
        self.0.extend(u32::try_from(value.len()).context("a long text of AMQP")?.to_be_bytes());
        self.0.extend(value.bytes());
        Ok(self)
    }
}

impl Link {
    pub(super) fn open(address: SocketAddr, user: &str, password: &str, vhost: &str) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).context("connect to RabbitMQ")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut link = Self { stream };
        link.stream.write_all(b"AMQP\0\0\x09\x01")?;
        link.expect(CONNECTION_START)?;
        let login = format!("\0{user}\0{password}");
        // No properties; a mechanism, what it wants, a language.
        let start = Arguments::default().long(0).text("PLAIN")?.long_text(&login)?.text("en_US")?;
        link.method(0, CONNECTION_START_OK, start)?;
        link.expect(CONNECTION_TUNE)?;
        // One channel, and no heartbeats: a held message is held in silence.
        link.method(0, CONNECTION_TUNE_OK, Arguments::default().short(1).long(FRAME_MAX).short(0))?;
        link.method(0, CONNECTION_OPEN, Arguments::default().text(vhost)?.text("")?.byte(0))?;
        link.expect(CONNECTION_OPEN_OK)?;
        link.method(1, CHANNEL_OPEN, Arguments::default().text("")?)?;
        link.expect(CHANNEL_OPEN_OK)?;
        Ok(link)
    }

    /// Publishes to the default exchange, whose routing keys are the names of queues.
    pub(super) fn publish(&mut self, queue: &str, count: u64) -> Result<()> {
        self.method(1, CONFIRM_SELECT, Arguments::default().byte(0))?;
        self.expect(CONFIRM_SELECT_OK)?;
        let mut unconfirmed = BTreeSet::new();
        for number in 1..=count {
            // Mandatory: what reaches no queue comes back.
            let publish = Arguments::default().short(0).text("")?.text(queue)?.byte(1);
            let mut frames = method_frame(1, BASIC_PUBLISH, publish)?;
            // Class, weight, size in eight bytes, and one property: delivery mode 2, which is persistent.
            let header = Arguments::default().short(60).short(0).long(0).long(4).short(0x1000).byte(2);
            frames.extend(frame(HEADER, 1, &header.0)?);
            frames.extend(frame(BODY, 1, b"work")?);
            self.stream.write_all(&frames).context("write to RabbitMQ")?;
            unconfirmed.insert(number);
            while unconfirmed.len() >= UNCONFIRMED_MAX || (number == count && !unconfirmed.is_empty()) {
                self.read_confirmation(&mut unconfirmed)?;
            }
        }
        Ok(())
    }

    fn read_confirmation(&mut self, unconfirmed: &mut BTreeSet<u64>) -> Result<()> {
        let (name, arguments) = self.read()?;
        match (name, arguments.first_chunk::<8>().map(|number| u64::from_be_bytes(*number))) {
            (BASIC_ACK, Some(number)) => match arguments.get(8) {
                Some(1) => unconfirmed.retain(|one| *one > number),
                _ => drop(unconfirmed.remove(&number)),
            },
            (BASIC_NACK, _) => bail!("the broker does not take a message"),
            (BASIC_RETURN, _) => bail!("a message came back: {}", reason(&arguments)),
            _ => bail!("the broker said {name:?} where a confirmation was due"),
        }
        Ok(())
    }

    pub(super) fn hold(mut self, queue: &str, count: u16) -> Result<Held> {
        self.method(1, BASIC_QOS, Arguments::default().long(0).short(count).byte(0))?;
        self.expect(BASIC_QOS_OK)?;
        self.method(1, BASIC_CONSUME, Arguments::default().short(0).text(queue)?.text("")?.byte(0).long(0))?;
        self.expect(BASIC_CONSUME_OK)?;
        for taken in 0..count {
            self.expect(BASIC_DELIVER).with_context(|| format!("after {taken} of {count} messages"))?;
        }
        Ok(Held(self))
    }

    fn method(&mut self, channel: u16, name: Name, arguments: Arguments) -> Result<()> {
        let frame = method_frame(channel, name, arguments)?;
        self.stream.write_all(&frame).context("write to RabbitMQ")
    }

    fn expect(&mut self, wanted: Name) -> Result<()> {
        let (name, _) = self.read()?;
        if name != wanted {
            bail!("the broker said {name:?} where {wanted:?} was due");
        }
        Ok(())
    }

    /// The next method; a refusal is an error. Headers, bodies and heartbeats are passed over.
    fn read(&mut self) -> Result<(Name, Vec<u8>)> {
        loop {
            let mut head = [0; 7];
            self.stream.read_exact(&mut head).context("read from RabbitMQ")?;
            let [kind, _, _, size @ ..] = head;
            let size = u32::from_be_bytes(size);
            if size > FRAME_MAX {
                bail!("RabbitMQ sends a frame of {size} bytes");
            }
            let mut rest = vec![0; usize::try_from(size)? + 1];
            self.stream.read_exact(&mut rest).context("read from RabbitMQ")?;
            if kind != METHOD {
                continue;
            }
            let Some(([class_high, class_low, method_high, method_low], arguments)) = rest.split_first_chunk::<4>()
            else {
                bail!("RabbitMQ sends a method without a name");
            };
            let name = (u16::from_be_bytes([*class_high, *class_low]), u16::from_be_bytes([*method_high, *method_low]));
            if name == CONNECTION_CLOSE || name == CHANNEL_CLOSE {
                bail!("the broker refuses: {}", reason(arguments));
            }
            return Ok((name, arguments.to_vec()));
        }
    }
}

fn method_frame(channel: u16, (class, method): Name, arguments: Arguments) -> Result<Vec<u8>> {
    let payload = [&class.to_be_bytes()[..], &method.to_be_bytes()[..], &arguments.0].concat();
    frame(METHOD, channel, &payload)
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Result<Vec<u8>> {
    let size = u32::try_from(payload.len()).context("a frame of AMQP")?;
    Ok([&[kind][..], &channel.to_be_bytes(), &size.to_be_bytes(), payload, &[END]].concat())
}

/// A code and a text, as closes and returns begin.
fn reason(arguments: &[u8]) -> String {
    let Some(([high, low], rest)) = arguments.split_first_chunk::<2>() else { return "without a reason".to_owned() };
    let (length, text) = rest.split_first().map_or((0, rest), |(length, text)| (usize::from(*length), text));
    let text = String::from_utf8_lossy(text.get(..length).unwrap_or(text)).into_owned();
    format!("{} {text}", u16::from_be_bytes([*high, *low]))
}
