//! The matrix: what can be wrong, with which source, and the word by which everybody is to be told.
//!
//! Where a real source can be brought to do it, a real source does it; the words of the rest are scripted.

use bellows_tests::services::Way;

/// What is asked, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Redis,
    Amqp,
    Http,
}

/// What is done to a source.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The way there misbehaves.
    Path(Way),
    /// Its certificate is of an authority that nobody trusts.
    Stranger,
    /// The password is another one. It is mended in the Secret (keda#7640).
    Password,
    /// The user may not any more.
    Permission,
    /// The queue is gone (keda#624, #855).
    Missing,
    /// The key is of another kind.
    Kind,
}

/// One trial.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its workload, and what is measured, are called so.
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    pub(crate) tls: bool,
    pub(crate) fault: Fault,
    /// The word that `bellows why` must have for it.
    pub(crate) code: &'static str,
    /// Whose fault that is.
    pub(crate) blame: &'static str,
}

/// JSON of the management where a queue should be.
const NO_FIELD: &str = r#"{"name": "q", "vhost": "a b/c"}"#;
const NULL_FIELD: &str = r#"{"name": "q", "messages": null, "messages_ready": null}"#;
const WRONG_TYPE: &str = r#"{"name": "q", "messages": "many"}"#;
const CUT_OFF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"messages\": 0";
const NO_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
const NONSENSE: &[u8] = b"?!\r\n\r\n";
const REDIRECT: &str = "Location: http://127.0.0.9/elsewhere\r\n";

use Fault::{Kind, Missing, Password, Path, Permission, Stranger};
use Source::{Amqp, Http, Redis};

fn row(name: &'static str, source: Source, fault: Fault, code: &'static str, blame: &'static str) -> Row {
    let tls = matches!(fault, Stranger) || name.ends_with("-tls");
    Row { name, source, tls, fault, code, blame }
}

/// All of them.
pub(crate) fn all() -> Vec<Row> {
    let scripted = |status, body| Path(Way::Http(status, "Content-Type: application/json\r\n", body));
    vec![
        row("redis-refused", Redis, Path(Way::Refuse), "refused", "source"),
        row("redis-silent", Redis, Path(Way::Silent), "timeout", "source"),
        row("redis-drip", Redis, Path(Way::Drip), "timeout", "source"),
        row("redis-hangs-up", Redis, Path(Way::HangUp), "closed", "source"),
        row("redis-nonsense", Redis, Path(Way::Say(NONSENSE)), "protocol", "source"),
        // It is the answer to the first question, which is who asks.
        row("redis-error", Redis, Path(Way::Resp("-ERR internal error")), "unauthorized", "operator"),
        row("redis-no-tls", Redis, Path(Way::Say(NO_TLS)), "tls", "operator"),
        row("redis-stranger", Redis, Stranger, "tls", "operator"),
        row("redis-password", Redis, Password, "unauthorized", "operator"),
        row("redis-permission", Redis, Permission, "forbidden", "operator"),
        row("redis-kind", Redis, Kind, "wrong-type", "source"),
        row("amqp-refused", Amqp, Path(Way::Refuse), "refused", "source"),
        row("amqp-silent", Amqp, Path(Way::Silent), "timeout", "source"),
        row("amqp-drip", Amqp, Path(Way::Drip), "timeout", "source"),
        row("amqp-hangs-up", Amqp, Path(Way::HangUp), "closed", "source"),
        row("amqp-nonsense", Amqp, Path(Way::Say(NONSENSE)), "protocol", "source"),
        row("amqp-stranger", Amqp, Stranger, "tls", "operator"),
        row("amqp-password", Amqp, Password, "unauthorized", "operator"),
        row("amqp-permission", Amqp, Permission, "forbidden", "operator"),
        row("amqp-missing", Amqp, Missing, "no-such-queue", "source"),
        row("http-refused", Http, Path(Way::Refuse), "refused", "source"),
        row("http-silent", Http, Path(Way::Silent), "timeout", "source"),
        row("http-drip", Http, Path(Way::Drip), "timeout", "source"),
        row("http-hangs-up", Http, Path(Way::HangUp), "closed", "source"),
        row("http-nonsense", Http, Path(Way::Say(NONSENSE)), "protocol", "source"),
        row("http-stranger", Http, Stranger, "tls", "operator"),
        row("http-password", Http, Password, "unauthorized", "operator"),
        row("http-permission", Http, Permission, "unauthorized", "operator"),
        row("http-missing", Http, Missing, "no-such-queue", "source"),
        row("http-401", Http, scripted(401, "{}"), "unauthorized", "operator"),
        row("http-403", Http, scripted(403, "{}"), "forbidden", "operator"),
        row("http-404", Http, scripted(404, "{}"), "no-such-queue", "source"),
        row("http-429", Http, scripted(429, "{}"), "too-many-requests", "source"),
        row("http-500", Http, scripted(500, "{}"), "server-error", "source"),
        row("http-redirect", Http, Path(Way::Http(302, REDIRECT, "")), "redirect", "source"),
        row("http-empty-body", Http, scripted(200, ""), "unexpected-reply", "source"),
        row("http-cut-off", Http, Path(Way::Say(CUT_OFF)), "closed", "source"),
        row("http-no-json", Http, scripted(200, "<html>"), "unexpected-reply", "source"),
        // keda#7180: missing statistics are not 0.
        row("http-no-field", Http, scripted(200, NO_FIELD), "no-statistics", "source"),
        row("http-null-field", Http, scripted(200, NULL_FIELD), "no-statistics", "source"),
        row("http-wrong-type", Http, scripted(200, WRONG_TYPE), "unexpected-reply", "source"),
    ]
}
