//! What stands between Bellows and a source: a port that passes everything on, counts, and misbehaves when it is told to.
//!
//! Owns its port, its connections and the words of sources that no real one would say on request. Refuses to change what
//! is passed on.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// How long a thread waits before it looks whether something else is wanted of it.
const LOOK: Duration = Duration::from_millis(20);
/// From one byte of a dripping source to the next: an answer of a hundred bytes takes ten times as long as a poll may.
const DRIP: Duration = Duration::from_millis(700);
/// Bytes that are passed on at once.
const CHUNK: usize = 16 * 1024;

/// What becomes of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// They lead to the source.
    Pass,
    /// They lead somewhere else.
    Elsewhere(SocketAddr),
    /// Nobody listens.
    Refuse,
    /// They stay open, and nothing is said.
    Silent,
    /// What the source says comes byte by byte.
    Drip,
    /// They are closed at the first word.
    HangUp,
    /// Whatever is said, this is the answer, and then they are closed.
    Say(&'static [u8]),
    /// Each request is answered by this status, these headers and this body.
    Http(u16, &'static str, &'static str),
    /// Each command is answered by this line.
    Resp(&'static str),
}

/// A relay. Dropping it ends it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: SocketAddr,
    way: Mutex<Way>,
    /// Raised for everything that was opened before the last cut.
    cuts: Mutex<u64>,
    connections: AtomicU64,
    requests: AtomicU64,
    ended: AtomicBool,
}

impl Shared {
    fn way(&self) -> Way {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cuts(&self) -> u64 {
        *self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Relay {
    /// Listens on a free port of its own.
    ///
    /// # Errors
    /// There is none.
    pub fn to(source: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen as a relay")?;
        let address = listener.local_addr().context("read the port of a relay")?;
        let shared = Arc::new(Shared {
            source,
            way: Mutex::new(Way::Pass),
            cuts: Mutex::default(),
            connections: AtomicU64::default(),
            requests: AtomicU64::default(),
            ended: AtomicBool::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(address, listener, &accepting));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this from now on. Connections that are open stay so where that is the point, and are cut else.
    pub fn set(&self, way: Way) {
        let stays = matches!(way, Way::Silent | Way::Drip);
        *self.shared.way.lock().unwrap_or_else(PoisonError::into_inner) = way;
        if !stays {
            self.cut();
        }
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many HTTP requests that read were passed on so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Closes what is open.
    pub fn cut(&self) {
        *self.shared.cuts.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

/// Listens while anybody is to be listened to.
fn accept(address: SocketAddr, listener: TcpListener, shared: &Arc<Shared>) {
    let mut listening = Some(listener);
    while !shared.ended() {
        if shared.way() == Way::Refuse {
            listening = None;
        } else if listening.is_none() {
            listening = TcpListener::bind(address).ok();
        }
        let accepted = listening.as_ref().and_then(|listener| {
            listener.set_nonblocking(true).ok()?;
            listener.accept().ok()
        });
        let Some((client, _)) = accepted else {
            thread::sleep(LOOK);
            continue;
        };
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(shared);
        // Its end is the end of the connection.
        drop(thread::spawn(move || serve(client, &shared)));
    }
}

fn serve(client: TcpStream, shared: &Arc<Shared>) -> Option<()> {
    let born = shared.cuts();
    client.set_nonblocking(false).ok()?;
    client.set_nodelay(true).ok()?;
    client.set_read_timeout(Some(LOOK)).ok()?;
    match shared.way() {
        Way::Pass | Way::Drip => pass(client, shared.source, shared, born),
        Way::Elsewhere(source) => pass(client, source, shared, born),
        way => {
            answer(client, &way, shared, born);
            Some(())
        }
    }
}

fn pass(client: TcpStream, source: SocketAddr, shared: &Arc<Shared>, born: u64) -> Option<()> {
    let source = TcpStream::connect_timeout(&source, Duration::from_secs(5)).ok()?;
    source.set_nodelay(true).ok()?;
    source.set_read_timeout(Some(LOOK)).ok()?;
    let (from_client, to_source) = (client.try_clone().ok()?, source.try_clone().ok()?);
    let up = Arc::clone(shared);
    drop(thread::spawn(move || pump(from_client, to_source, &up, born, false)));
    pump(source, client, shared, born, true);
    Some(())
}

/// Carries bytes one way until either end is closed, or the connection is cut. Answers drip where they are to.
fn pump(mut from: TcpStream, mut to: TcpStream, shared: &Shared, born: u64, answers: bool) {
    let mut chunk = vec![0; CHUNK];
    while let Some(read) = next(&mut from, &mut chunk, shared, born) {
        let bytes = chunk.get(..read).unwrap_or_default();
        if !answers {
            // Our requests are sent whole, each behind the end of another's head or the start of a connection.
            let begun = bytes.windows(5).filter(|window| *window == b"GET /").count();
            shared.requests.fetch_add(begun as u64, Ordering::Relaxed);
        }
        let carried = match shared.way() {
            Way::Silent => Ok(()),
            Way::Drip if answers => bytes.iter().try_for_each(|byte| {
                let pace = if shared.way() == Way::Drip { DRIP } else { Duration::ZERO };
                thread::sleep(pace);
                if shared.cuts() > born { Err(ErrorKind::ConnectionReset.into()) } else { to.write_all(&[*byte]) }
            }),
            _ => to.write_all(bytes),
        };
        if carried.is_err() {
            break;
        }
    }
    // The other end may be closed already.
    _ = from.shutdown(Shutdown::Both);
    _ = to.shutdown(Shutdown::Both);
}

/// Waits for bytes; nothing once the connection is closed or cut.
fn next(from: &mut TcpStream, chunk: &mut [u8], shared: &Shared, born: u64) -> Option<usize> {
    while shared.cuts() <= born && !shared.ended() {
        match from.read(chunk) {
            Ok(0) => return None,
            Ok(read) => return Some(read),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return None,
        }
    }
    None
}

/// Plays the source.
fn answer(mut client: TcpStream, way: &Way, shared: &Shared, born: u64) {
    let (mut chunk, mut heard) = (vec![0; CHUNK], Vec::new());
    while let Some(read) = next(&mut client, &mut chunk, shared, born) {
        heard.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let words = match way {
            Way::Silent => continue,
            Way::Say(words) => words.to_vec(),
            Way::Http(status, headers, body) => {
                let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                heard.drain(..end + 4);
                let length = body.len();
                format!("HTTP/1.1 {status} Scripted\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
            }
            Way::Resp(line) => {
                // A command is an array of bulk strings, which hold no line that begins so.
                let commands = heard.split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'*')).count();
                heard.clear();
                format!("{line}\r\n").repeat(commands).into_bytes()
            }
            Way::Pass | Way::Elsewhere(_) | Way::Refuse | Way::Drip | Way::HangUp => break,
        };
        let said = client.write_all(&words);
        if said.is_err() || matches!(way, Way::Say(_)) {
            break;
        }
    }
    // It may be closed already.
    _ = client.shutdown(Shutdown::Both);
}
