//! Against servers of these tests on loopback, which say what no honest server says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bellows_core::connection::{HttpCredentials, Secret, Tls};
use bellows_core::failure::{Blame, FailureKind, Scope};
use bellows_core::grant::EgressPolicy;
use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::connection::NetworkSettings;

/// What a server does with one request.
enum Act {
    /// Sends this and keeps the connection.
    Say(String),
    /// Sends this and closes the connection.
    End(String),
    /// Sends a byte of an endless body now and then.
    Drip,
    /// Nothing.
    Hang,
}

fn ok(body: &str) -> Act {
    Act::Say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn sends_on(location: &str) -> Act {
    Act::Say(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
}

/// A server and what it saw.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(act: impl Fn(&str) -> Act + Send + Sync + Clone + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, counted) = (requests.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let (act, seen) = (act.clone(), seen.clone());
                tokio::spawn(async move {
                    let mut text = String::new();
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
                        let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
                        let (head, rest) = (head.to_owned(), rest.to_owned());
                        text = rest;
                        seen.lock().unwrap().push(head.clone());
                        match act(head.split(' ').nth(1).unwrap()) {
                            Act::Say(response) => stream.write_all(response.as_bytes()).await.unwrap(),
                            Act::End(response) => {
                                stream.write_all(response.as_bytes()).await.unwrap();
                                return;
                            }
                            Act::Drip => {
                                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
                                while stream.write_all(b"x").await.is_ok() {
                                    tokio::time::sleep(Duration::from_millis(50)).await;
                                }
                            }
                            Act::Hang => {}
                        }
                    }
                });
            }
        });
        Self { port, requests, connections }
    }

    fn connection(&self) -> HttpConnection {
        let (host, credentials) = ("127.0.0.1".to_owned(), HttpCredentials::None);
        HttpConnection { host, port: self.port, credentials, tls: None, timeout: None }
    }

    fn seen(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn pool(allowed: &[&str]) -> HttpPool {
    let settings = NetworkSettings {
        egress: EgressPolicy::new(allowed.iter().map(|block| block.parse().unwrap()).collect()),
        name_servers: vec!["127.0.0.1:9".parse().unwrap()],
        ..NetworkSettings::default()
    };
    HttpPool::new(Arc::new(Reach::new(&settings).unwrap()))
}

fn get(path: &str) -> HttpRequest {
    HttpRequest { method: Method::GET, path: path.parse().unwrap(), headers: HeaderMap::new() }
}

async fn send(pool: &HttpPool, connection: &HttpConnection, path: &str) -> Result<HttpResponse, Failure> {
    let until = Instant::now() + Duration::from_secs(5);
    pool.send("shop", connection, vec![get(path)], until).await.remove(0)
}

async fn answer(server: &Server, path: &str) -> Result<HttpResponse, Failure> {
    send(&pool(&["127.0.0.0/8"]), &server.connection(), path).await
}

#[tokio::test]
async fn a_response_is_handed_on_whole_whatever_its_status() {
    let server = Server::start(|path| match path {
        "/gone" => {
            Act::Say("HTTP/1.1 404 Not Found\r\nX-Why: none\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}".into())
        }
        _ => ok("[1]"),
    });
    let server = server.await;
    assert_eq!(answer(&server, "/a?b=c").await.map(|response| response.body), Ok(b"[1]".to_vec()));
    let gone = answer(&server, "/gone").await.unwrap();
    let headers = vec![("x-why".to_owned(), "none".to_owned()), ("content-length".to_owned(), "2".to_owned())];
    assert_eq!((gone.status, gone.headers, gone.body), (404, headers, b"{}".to_vec()));
}

#[tokio::test]
async fn equal_requests_of_one_moment_are_sent_once_and_connections_are_kept() {
    let server = Server::start(ok_always).await;
    let (pool, connection) = (pool(&["127.0.0.0/8"]), server.connection());
    let until = Instant::now() + Duration::from_secs(5);
    let batches = (0..10).map(|_| pool.send("shop", &connection, vec![get("/same"), get("/same")], until));
    for results in join_all(batches).await {
        assert!(results.iter().all(Result::is_ok));
    }
    assert_eq!(server.seen().len(), 1);
    for number in 0..20 {
        send(&pool, &connection, &format!("/{number}")).await.unwrap();
    }
    assert_eq!((server.seen().len(), server.connections.load(Ordering::Relaxed)), (21, 1));
    let all = (0..100).map(|number| get(&format!("/all/{number}"))).collect();
    assert!(pool.send("shop", &connection, all, until).await.iter().all(Result::is_ok));
    assert!(server.connections.load(Ordering::Relaxed) <= 8, "{:?}", server.connections);
}

fn ok_always(_path: &str) -> Act {
    ok("{}")
}

#[tokio::test]
async fn an_answer_stands_for_a_moment_only() {
    let server = Server::start(ok_always).await;
    let (pool, connection) = (pool(&["127.0.0.0/8"]), server.connection());
    send(&pool, &connection, "/").await.unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    while server.seen().len() < 2 {
        assert!(Instant::now() < end, "the first answer stands for ever");
        send(&pool, &connection, "/").await.unwrap();
        // An answer that stands is there at once, and the clock moves only while nobody runs.
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_we_are_is_added_by_the_host_and_shared_with_nobody_else() {
    let server = Server::start(ok_always).await;
    let pool = pool(&["127.0.0.0/8"]);
    let key = |in_query| HttpCredentials::ApiKey { name: "key".into(), in_query, key: Secret::new("a&b c") };
    let basic = HttpCredentials::Basic { username: "u".into(), password: Secret::new("p:@") };
    for (credentials, path, line) in [
        (basic, "/1", "authorization: Basic dTpwOkA="),
        (HttpCredentials::Bearer(Secret::new("t")), "/2", "authorization: Bearer t"),
        (key(false), "/3", "key: a&b c"),
        (key(true), "/4?a=b", "GET /4?a=b&key=a%26b%20c HTTP/1.1"),
        (HttpCredentials::None, "/5", "user-agent: bellows"),
    ] {
        send(&pool, &HttpConnection { credentials, ..server.connection() }, path).await.unwrap();
        let request = server.seen().pop().unwrap();
        assert!(request.lines().any(|seen| seen == line), "{request}");
    }
    assert!(!server.seen().pop().unwrap().contains("authorization"));
    let wrong = HttpConnection { credentials: HttpCredentials::Bearer(Secret::new("a\r\nb")), ..server.connection() };
    let failure = send(&pool, &wrong, "/").await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.blame, failure.code.as_str()),
        (FailureKind::Denied, Blame::Operator, "credentials")
    );
}

#[tokio::test]
async fn redirects_are_followed_within_the_origin_only() {
    let server = Server::start(|path| match path {
        "/old" => sends_on("/new"),
        "/metadata" => sends_on("http://169.254.169.254/latest/meta-data"),
        "/loopback" => sends_on("http://localhost:1/"),
        "/other-port" => sends_on("http://127.0.0.1:1/"),
        "/scheme" => sends_on("https://127.0.0.1/"),
        "/user" => sends_on("//u:hunter2@127.0.0.1/"),
        "/round" => sends_on("/round"),
        "/nowhere" => sends_on(""),
        _ => ok("here"),
    });
    let server = server.await;
    assert_eq!(answer(&server, "/old").await.unwrap().body, b"here");
    for path in ["/metadata", "/loopback", "/other-port", "/scheme", "/user", "/round", "/nowhere"] {
        let failure = answer(&server, path).await.unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.blame, failure.scope),
            ("redirect", Blame::Operator, Scope::Trigger),
            "{path}"
        );
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    }
    let absolute =
        Server::start(
            move |path| if path == "/there" { ok("there") } else { sends_on(&format!("http://{}/there", &path[1..])) },
        )
        .await;
    let origin = format!("127.0.0.1:{}", absolute.port);
    assert_eq!(answer(&absolute, &format!("/{origin}")).await.unwrap().body, b"there");
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_broken_off_is_a_failure_with_its_name() {
    let server = Server::start(|path| match path {
        "/giant" => Act::Say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", 5 << 20, "x".repeat(5 << 20))),
        "/short" => Act::End("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".into()),
        "/chunks" => Act::End("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".into()),
        "/other" => Act::End("* OK IMAP4 ready\r\n\r\n".into()),
        "/closed" => Act::End(String::new()),
        "/drip" => Act::Drip,
        _ => Act::Hang,
    });
    let server = server.await;
    let short = HttpConnection { timeout: Some(Duration::from_millis(300)), ..server.connection() };
    for (path, code) in [
        ("/giant", "reply-size"),
        ("/short", "closed"),
        ("/chunks", "closed"),
        ("/other", "protocol"),
        ("/closed", "closed"),
        ("/drip", "timeout"),
        ("/hang", "timeout"),
    ] {
        let connection = if code == "timeout" { &short } else { &server.connection() };
        let failure = send(&pool(&["127.0.0.0/8"]), connection, path).await.unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.kind),
            (code, FailureKind::Transient),
            "{path}: {}",
            failure.message
        );
    }
}

#[tokio::test]
async fn an_origin_that_may_not_be_dialled_or_is_not_there_says_so() {
    let server = Server::start(ok_always).await;
    let failure = send(&pool(&[]), &server.connection(), "/").await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.scope), ("egress", Scope::Endpoint));
    let by_name = HttpConnection { host: "localhost".into(), ..server.connection() };
    assert_eq!(send(&pool(&[]), &by_name, "/").await.unwrap_err().code, "egress");
    let nobody = HttpConnection { port: 9, ..server.connection() };
    let failure = send(&pool(&["127.0.0.0/8"]), &nobody, "/").await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.scope), ("refused", Scope::Endpoint));
    let tls = Some(Tls { verify: true, authorities: None, identity: None });
    let failure = send(&pool(&["127.0.0.0/8"]), &HttpConnection { tls, ..server.connection() }, "/").await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.scope), ("tls", Scope::Endpoint), "{}", failure.message);
    assert_eq!(server.seen(), Vec::<String>::new());
}
