//! A broker as a test wants it: it speaks as much AMQP 0-9-1 as passive declarations need, and misbehaves on request.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a broker does when it is asked for a queue.
#[derive(Clone, Debug)]
pub(super) enum Says {
    /// So many are ready, so many consume.
    Holds(u32, u32),
    /// It closes the channel.
    Refuses(u16, &'static str),
    /// It closes the connection, the first time; then it holds nothing.
    Leaves(u16, &'static str),
    /// Nothing.
    Nothing,
}

/// How far a broker lets one in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    /// It takes the connection and is silent.
    Silent,
    /// It speaks something else.
    Garbage,
    /// It closes the connection where a login, or a virtual host, is due.
    Login(u16, &'static str),
    VirtualHost(u16, &'static str),
    /// It lets in and blocks at once.
    Blocked,
}

/// What was seen of the clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: usize,
    /// Connections that ended, by a goodbye or not.
    pub(super) ended: usize,
    pub(super) goodbyes: usize,
    pub(super) channels: HashSet<u16>,
    pub(super) asked: Vec<String>,
    pub(super) login: Vec<u8>,
    pub(super) virtual_host: String,
    /// All that the client said of itself.
    pub(super) properties: String,
}

pub(super) struct Broker {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Broker {
    pub(super) async fn start(door: Door, queues: impl IntoIterator<Item = (&'static str, Says)>) -> Self {
        let queues: Arc<HashMap<String, Says>> =
            Arc::new(queues.into_iter().map(|(name, says)| (name.to_owned(), says)).collect());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                told.lock().unwrap().connections += 1;
                let mut client = Client { stream, seen: Arc::clone(&told), queues: Arc::clone(&queues) };
                tokio::spawn(async move {
                    // A client that leaves ends it, which is an error like any other.
                    let _left = client.serve(door).await;
                    client.seen.lock().unwrap().ended += 1;
                });
            }
        });
        Self { address, seen, task }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until clients were seen to do something.
    pub(super) async fn until(&self, what: impl Fn(&Seen) -> bool) {
        let waiting = async {
            while !what(&self.seen()) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap();
    }
}

struct Client {
    stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
    queues: Arc<HashMap<String, Says>>,
}

fn short_text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat()
}

fn long_text(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

fn close(code: u16, text: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], &short_text(text), &[0; 4]].concat()
}

impl Client {
    async fn say(&mut self, channel: u16, (class, method): (u16, u16), arguments: &[u8]) -> std::io::Result<()> {
        let size = u32::try_from(arguments.len() + 4).unwrap();
        let (class, method) = (class.to_be_bytes(), method.to_be_bytes());
        let frame =
            [&[1][..], &channel.to_be_bytes(), &size.to_be_bytes(), &class, &method, arguments, &[0xce]].concat();
        self.stream.write_all(&frame).await
    }

    async fn hear(&mut self) -> std::io::Result<(u16, (u16, u16), Vec<u8>)> {
        loop {
            let mut head = [0; 7];
            self.stream.read_exact(&mut head).await?;
            let [kind, channel_high, channel_low, size @ ..] = head;
            let mut payload = vec![0; usize::try_from(u32::from_be_bytes(size)).unwrap() + 1];
            self.stream.read_exact(&mut payload).await?;
            if kind == 1 {
                let number = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
                let channel = u16::from_be_bytes([channel_high, channel_low]);
                return Ok((channel, (number(0), number(2)), payload[4..].to_vec()));
            }
        }
    }

    async fn serve(&mut self, door: Door) -> std::io::Result<()> {
        let mut greeting = [0; 8];
        self.stream.read_exact(&mut greeting).await?;
        match door {
            Door::Silent => {
                let mut rest = Vec::new();
                return self.stream.read_to_end(&mut rest).await.map(drop);
            }
            Door::Garbage => {
                self.stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await?;
                let mut rest = Vec::new();
                return self.stream.read_to_end(&mut rest).await.map(drop);
            }
            _ => {}
        }
        let start = [&[0, 9, 0, 0, 0, 0][..], &long_text("PLAIN EXTERNAL"), &long_text("en_US")].concat();
        self.say(0, (10, 10), &start).await?;
        let (_, _, login) = self.hear().await?;
        {
            let mut seen = self.seen.lock().unwrap();
            seen.properties = String::from_utf8_lossy(&login).into_owned();
            seen.login = login;
        }
        if let Door::Login(code, text) = door {
            self.say(0, (10, 50), &close(code, text)).await?;
            return self.hear().await.map(drop);
        }
        self.say(0, (10, 30), &[7, 255, 0, 2, 0, 0, 0, 60]).await?;
        self.hear().await?;
        let (_, _, open) = self.hear().await?;
        self.seen.lock().unwrap().virtual_host = String::from_utf8(open[1..=usize::from(open[0])].to_vec()).unwrap();
        if let Door::VirtualHost(code, text) = door {
            self.say(0, (10, 50), &close(code, text)).await?;
            return self.hear().await.map(drop);
        }
        self.say(0, (10, 41), &short_text("")).await?;
        if door == Door::Blocked {
            self.say(0, (10, 60), &short_text("low on memory")).await?;
        }
        self.answer().await
    }

    async fn answer(&mut self) -> std::io::Result<()> {
        let mut closing = HashSet::new();
        loop {
            let (channel, name, arguments) = self.hear().await?;
            match name {
                (20, 10) => {
                    self.seen.lock().unwrap().channels.insert(channel);
                    self.say(channel, (20, 11), &long_text("")).await?;
                }
                (20, 40) => self.say(channel, (20, 41), &[]).await?,
                (20, 41) => drop(closing.remove(&channel)),
                (10, 50) => {
                    self.seen.lock().unwrap().goodbyes += 1;
                    self.say(0, (10, 51), &[]).await?;
                }
                // What comes behind a refusal is not read.
                (50, 10) if !closing.contains(&channel) => {
                    let queue = String::from_utf8(arguments[3..3 + usize::from(arguments[2])].to_vec()).unwrap();
                    if !self.declared(channel, &queue).await? {
                        closing.insert(channel);
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the channel lives on.
    async fn declared(&mut self, channel: u16, queue: &str) -> std::io::Result<bool> {
        let first = {
            let mut seen = self.seen.lock().unwrap();
            seen.asked.push(queue.to_owned());
            seen.connections == 1
        };
        let (ready, consumers) = match self.queues.get(queue) {
            Some(Says::Holds(ready, consumers)) => (*ready, *consumers),
            Some(Says::Refuses(code, text)) => {
                self.say(channel, (20, 40), &close(*code, text)).await?;
                return Ok(false);
            }
            Some(Says::Leaves(code, text)) if first => {
                self.say(0, (10, 50), &close(*code, text)).await?;
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
            Some(Says::Nothing) => return Ok(true),
            Some(Says::Leaves(..)) | None => (0, 0),
        };
        let counts = [ready.to_be_bytes(), consumers.to_be_bytes()].concat();
        self.say(channel, (50, 11), &[short_text(queue), counts].concat()).await?;
        Ok(true)
    }
}
