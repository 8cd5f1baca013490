//! What addresses, logins and switches become, and what is said of wrong ones.

use super::*;

fn fields(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn redis(given: &[(&str, &str)]) -> Result<RedisConnection, Vec<Problem>> {
    match Connection::parse(&[Protocol::Redis], &fields(given))? {
        Connection::Redis(redis) => Ok(redis),
        other => panic!("{other:?}"),
    }
}

fn broker(given: &[(&str, &str)]) -> Result<Connection, Vec<Problem>> {
    Connection::parse(&[Protocol::Amqp, Protocol::Http], &fields(given))
}

fn amqp(given: &[(&str, &str)]) -> AmqpConnection {
    match broker(given) {
        Ok(Connection::Amqp(amqp)) => amqp,
        other => panic!("{other:?}"),
    }
}

fn http(given: &[(&str, &str)]) -> HttpConnection {
    match broker(given) {
        Ok(Connection::Http(http)) => http,
        other => panic!("{other:?}"),
    }
}

fn wrong(result: Result<Connection, Vec<Problem>>) -> Vec<String> {
    result.unwrap_err().into_iter().map(|problem| problem.field).collect()
}

fn login(username: &str, password: &str) -> Option<(String, Secret)> {
    Some((username.to_owned(), Secret::new(password)))
}

#[test]
fn an_address_wins_over_host_and_port_and_only_the_first_counts() {
    let redis = redis(&[("addresses", "a:1,b:2"), ("hosts", "c"), ("ports", "3")]).unwrap();
    assert_eq!((redis.host.as_str(), redis.port), ("a", 1));
}

#[test]
fn an_ipv6_address_loses_its_brackets_and_gets_them_back_in_messages() {
    let redis = redis(&[("addresses", "[::1]:6379")]).unwrap();
    assert_eq!(redis.host, "::1");
    assert_eq!(Connection::Redis(redis).endpoint(), "[::1]:6379");
    assert_eq!(amqp(&[("uri", "amqp://[::1]:1/")]).host, "::1");
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let problems =
        redis(&[("hosts", "c"), ("enable-tls", "yes"), ("database", "-1"), ("certificate", "x")]).unwrap_err();
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["port", "databaseIndex", "enableTLS", "cert"]);
    let broker =
        broker(&[("uri", "http://h"), ("tls", "on"), ("unsafe-ssl", "no"), ("username", "u"), ("timeout", "x")]);
    assert_eq!(wrong(broker), ["tls", "unsafeSsl", "password", "timeout"]);
}

#[test]
fn tls_in_two_places_is_refused_even_if_they_agree() {
    let problems = redis(&[("addresses", "a:1"), ("enable-tls", "true"), ("tls", "enable")]).unwrap_err();
    assert_eq!(problems.first().map(|problem| problem.field.as_str()), Some("enableTLS"));
}

#[test]
fn a_secret_is_not_printed() {
    let redis = redis(&[("addresses", "a:1"), ("password", "foobared")]).unwrap();
    assert!(!format!("{redis:?}").contains("foobared"));
    let broker = amqp(&[("uri", "amqp://u:foobared@h/")]);
    assert!(!format!("{broker:?}").contains("foobared"));
    for uri in ["foobared", "ftp://u:foobared@h/", "amqp://u:foobared@h:0/", "amqp://u:foobared@"] {
        let told = broker_problem(uri);
        assert!(!told.contains("foobared"), "{told}");
    }
}

fn broker_problem(uri: &str) -> String {
    broker(&[("uri", uri)]).unwrap_err().iter().map(Problem::to_string).collect()
}

#[test]
fn the_scheme_decides_what_is_spoken_and_which_port_is_usual() {
    for (uri, port, encrypted) in [("amqp://h/", 5672, false), ("amqps://h", 5671, true), ("AMQP://h:9/v", 9, false)] {
        let amqp = amqp(&[("uri", uri)]);
        assert_eq!((amqp.port, amqp.tls.is_some()), (port, encrypted), "{uri}");
    }
    for (uri, port, encrypted) in
        [("http://h/", 80, false), ("https://h", 443, true), ("http://h:15672/v", 15672, false)]
    {
        let http = http(&[("uri", uri)]);
        assert_eq!((http.port, http.tls.is_some()), (port, encrypted), "{uri}");
    }
    assert_eq!(
        broker_problem("h:5672"),
        "host: is no address with a scheme: give amqp[s]://HOST:PORT/VHOST or http[s]://HOST:PORT/…"
    );
    let url = Connection::parse(&[Protocol::Http], &fields(&[("uri", "invalid-invalid")]));
    assert_eq!(url.unwrap_err()[0].to_string(), "url: is no address with a scheme: give http[s]://HOST:PORT/…");
}

/// KEDA's documentation says that passwords with special characters do not work.
#[test]
fn a_password_may_hold_any_character_encoded_or_not() {
    for (uri, password) in [
        ("amqp://u:p%40ss%2Fw%25@h:1/v", "p@ss/w%"),
        ("amqp://u:p@ss@h:1/v", "p@ss"),
        ("amqp://u:p/s?s#@h:1/v", "p/s?s#"),
        ("amqp://u:100%@h:1/v", "100%"),
        ("amqp://u:a b:c@h:1/v", "a b:c"),
        ("amqp://u:@h:1/v", ""),
    ] {
        let amqp = amqp(&[("uri", uri)]);
        assert_eq!(
            (amqp.login, amqp.host.as_str(), amqp.virtual_host.as_str()),
            (login("u", password), "h", "v"),
            "{uri}"
        );
    }
}

/// keda#6963.
#[test]
fn a_virtual_host_is_the_decoded_path_or_what_overrides_it() {
    for (path, given, virtual_host) in [
        ("", None, "/"),
        ("/", None, "/"),
        ("/%2F", None, "/"),
        ("/%2f", None, "/"),
        ("/a%2Fb", None, "a/b"),
        ("/a/b", None, "a/b"),
        ("/a%20b?heartbeat=5", None, "a b"),
        ("/a", Some("b"), "b"),
        ("/a", Some("/"), "/"),
        ("/a", Some("%2F"), "/"),
    ] {
        let uri = format!("amqp://h{path}");
        let mut given = given.map(|vhost| vec![("vhost", vhost)]).unwrap_or_default();
        given.push(("uri", &uri));
        assert_eq!(amqp(&given).virtual_host, virtual_host, "{given:?}");
    }
}

#[test]
fn a_login_of_its_own_overrides_that_of_the_address_and_comes_whole() {
    let uri = ("uri", "amqp://a:b@h/");
    assert_eq!(amqp(&[uri, ("username", "c"), ("password", "d")]).login, login("c", "d"));
    assert_eq!(wrong(broker(&[uri, ("password", "d")])), ["username"]);
    assert_eq!(amqp(&[("uri", "amqp://h/")]).login, None);
}

#[test]
fn a_component_sees_the_address_without_who_we_are() {
    for (uri, seen) in [
        ("amqp://u:p@h:1/v", "amqp://h:1/v"),
        ("http://u:p/p@h/b/v?x=1", "http://h/b/v?x=1"),
        ("https://h:1/v%40x", "https://h:1/v%40x"),
        ("u:p@h", ""),
    ] {
        assert_eq!(seen_by_scaler("uri", uri).as_deref(), Some(seen), "{uri}");
    }
    assert_eq!(seen_by_scaler("vhost", "/").as_deref(), Some("/"));
    for field in ["username", "password", "ca", "certificate", "key", "bearer-token", "api-key", "tls"] {
        assert_eq!(seen_by_scaler(field, "x"), None, "{field}");
    }
}

#[test]
fn credentials_of_http_are_chosen_by_the_mode() {
    use HttpCredentials::{ApiKey, Basic, Bearer, None};
    let basic = || Basic { username: "u".into(), password: Secret::new("p") };
    let key = |name: &str, in_query| ApiKey { name: name.into(), in_query, key: Secret::new("k") };
    let login = [("username", "u"), ("password", "p")];
    for (uri, given, expected) in [
        ("http://h", vec![], None),
        ("http://u:p@h", vec![], basic()),
        ("http://h", login.to_vec(), basic()),
        ("http://h", [login.as_slice(), &[("auth-modes", "none")]].concat(), None),
        ("http://h", vec![("auth-modes", "bearer"), ("bearer-token", "t")], Bearer(Secret::new("t"))),
        ("http://h", vec![("auth-modes", "apiKey"), ("api-key", "k")], key("X-API-KEY", false)),
        (
            "http://h",
            vec![("auth-modes", "apiKey"), ("api-key", "k"), ("api-key-method", "query")],
            key("api_key", true),
        ),
        (
            "http://h",
            vec![("auth-modes", "tls, apiKey"), ("api-key", "k"), ("certificate", "c"), ("key", "y")],
            key("X-API-KEY", false),
        ),
        ("http://h", vec![("api-key-method", "query")], None),
    ] {
        let given = [given.as_slice(), &[("uri", uri)]].concat();
        assert_eq!(http(&given).credentials, expected, "{given:?}");
    }
    for (given, field) in [
        (("auth-modes", "basic"), "username"),
        (("auth-modes", "bearer"), "token"),
        (("auth-modes", "apiKey"), "apiKey"),
        (("auth-modes", "tls"), "cert"),
        (("auth-modes", "digest"), "authMode"),
        (("oauth-token-uri", "x"), "oauthTokenURI"),
        (("workload-identity", "x"), "workloadIdentityResource"),
    ] {
        assert_eq!(wrong(broker(&[("uri", "http://h"), given])), [field], "{given:?}");
    }
}

#[test]
fn a_timeout_is_gos_duration_or_milliseconds_and_for_http_only() {
    for (text, milliseconds) in [("250", 250), ("3s", 3_000), ("1m30s", 90_000), ("1.5s", 1_500), ("20ms", 20)] {
        let timeout = http(&[("uri", "http://h"), ("timeout", text)]).timeout;
        assert_eq!(timeout, Some(std::time::Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["0", "-1", "3 s", "s", "1d", "11m"] {
        assert_eq!(wrong(broker(&[("uri", "http://h"), ("timeout", text)])), ["timeout"], "{text}");
    }
    assert_eq!(wrong(broker(&[("uri", "amqp://h"), ("timeout", "3s")])), ["timeout"]);
}
