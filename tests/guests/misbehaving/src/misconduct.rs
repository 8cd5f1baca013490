//! Every kind of misconduct, by the name of the trigger type that asks for it.
//!
//! Whatever is not in `KINDS` is a problem of `plan`, as in a scaler that behaves.

use bellows_sdk::export::bindings::bellows::scaler::types::{Attribute, Detail};
use bellows_sdk::export::bindings::bellows::scaler::{amqp, http, log, memo, redis};
use bellows_sdk::export::bindings::exports::bellows::scaler::plugin;
use bellows_sdk::export::parameter;
use bellows_sdk::redis::Redis;
use bellows_sdk::{Connection as _, Origin, Parameter};
use plugin::{Failure, Reading, Trigger};

/// Name, and what happens in a call with a trigger of it.
const KINDS: &[(&str, &str)] = &[
    ("loop", "measure never ends"),
    ("greed", "measure takes memory until there is none"),
    ("recursion", "measure recurses until the stack ends"),
    ("trap", "measure panics"),
    ("plan-trap", "plan panics"),
    ("plan-loop", "plan never ends"),
    ("plan-many", "plan has a metric more than anybody may"),
    ("wrong-count", "measure gives one result too few"),
    ("nan", "the value is not a number"),
    ("infinite", "the value is infinite"),
    ("negative", "the value is -1"),
    ("stranger", "the reading is of a metric that was never planned"),
    ("many", "10,000 readings of one trigger"),
    ("shouting", "a failure of 1 MiB with control characters"),
    ("chatty", "100,000 lines of log, 10 KiB each"),
    ("insatiable", "asks its connection without end"),
    ("greedy", "10,000 copies of a command in one pipeline"),
    ("hoarding", "opens its connection without end, and keeps all of them"),
    ("keeping", "keeps 1 MiB of state"),
    (
        "inspect",
        "looks at the queues that `command` names over the connection `over`, and puts what comes back into a failure",
    ),
    ("holding", "takes 56 MiB of memory, asks its connection, and keeps all of it until it is answered"),
    (
        "fetch",
        "sends `copies` of a request of `method`, `path`, and one header of `name` and `value`, and puts what comes back \
         into a failure",
    ),
    ("ask", "sends the words of `command` as one, and puts what comes back into a failure"),
];

const BEHAVES: Parameter = Parameter {
    name: "behaves",
    summary: &["Whether it answers 1 instead."],
    kind: "boolean",
    required: false,
    default: Some("false"),
    origins: &[Origin::Metadata],
    feeds: None,
    deprecated: None,
};

const COMMAND: Parameter =
    Parameter { name: "command", summary: &["Words to send."], kind: "string", default: Some("PING"), ..BEHAVES };

struct Misbehaving;

impl plugin::Guest for Misbehaving {
    fn describe() -> plugin::Description {
        plugin::Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            trigger_types: KINDS.iter().map(|(name, summary)| trigger_type(name, summary)).collect(),
            attributes: Vec::new(),
        }
    }

    fn plan(trigger: Trigger) -> Result<Vec<plugin::Metric>, Vec<plugin::Problem>> {
        let kind = trigger.trigger_type.clone();
        if !KINDS.iter().any(|(name, _)| *name == kind) {
            let message = format!("\"{kind}\" is no kind of misconduct");
            return Err(vec![plugin::Problem { parameter: "type".to_owned(), message }]);
        }
        match kind.as_str() {
            "plan-trap" if !behaves(&trigger) => core::arch::wasm32::unreachable(),
            "plan-loop" if !behaves(&trigger) => forever(),
            _ => {}
        }
        let count = if kind == "plan-many" { 257 } else { 1 };
        let metric = plugin::Metric::External(plugin::ExternalMetric {
            name: kind,
            target: 1.0,
            target_type: plugin::TargetType::AverageValue,
            attributes: Vec::new(),
        });
        Ok(vec![metric; count])
    }

    fn measure(_at: plugin::Instant, triggers: Vec<Trigger>) -> Vec<Result<Vec<Reading>, Failure>> {
        let short = triggers.iter().any(|trigger| trigger.trigger_type == "wrong-count" && !behaves(trigger));
        let mut results: Vec<_> = triggers.iter().map(measure).collect();
        if short {
            results.pop();
        }
        results
    }
}

fn trigger_type(name: &str, summary: &str) -> plugin::TriggerType {
    let connection = plugin::Connection {
        name: "redis".to_owned(),
        protocols: vec![plugin::Protocol::Redis],
        attributes: Vec::new(),
    };
    let asks = ["insatiable", "greedy", "hoarding", "holding", "ask"].contains(&name);
    let fed = if asks { Redis::PARAMETERS } else { &[] };
    plugin::TriggerType {
        name: name.to_owned(),
        summary: summary.to_owned(),
        parameters: [BEHAVES, COMMAND].iter().chain(fed).map(|one| parameter(one, Some("redis"))).collect(),
        connections: if asks { vec![connection] } else { Vec::new() },
        attributes: Vec::new(),
    }
}

fn measure(trigger: &Trigger) -> Result<Vec<Reading>, Failure> {
    let name = trigger.trigger_type.as_str();
    if behaves(trigger) {
        return Ok(vec![reading(name, 1.0)]);
    }
    let value = match name {
        "loop" => forever(),
        "greed" => devour(),
        "recursion" => descend(1) as f64,
        "trap" => core::arch::wasm32::unreachable(),
        "nan" => f64::NAN,
        "infinite" => f64::INFINITY,
        "negative" => -1.0,
        "stranger" => return Ok(vec![reading("never-planned", 1.0)]),
        "many" => return Ok((0..10_000).map(|_| reading(name, 1.0)).collect()),
        "shouting" => return Err(told("shout", "\u{1b}[31m\nlevel=error \0".repeat(64 * 1024))),
        "chatty" => chat(),
        "insatiable" => return Err(ask_forever(trigger)),
        "greedy" => return ask(&vec![command(trigger); 10_000]),
        "hoarding" => return Err(hoard()),
        "keeping" => {
            memo::set(&trigger.id, &vec![0; 1024 * 1024])?;
            1.0
        }
        "inspect" => return inspect(setting(trigger, "over").unwrap_or("amqp"), &command(trigger)),
        "ask" => return ask(&[command(trigger)]),
        "holding" => {
            // Not touched, so that it is counted and yet costs the machine nothing.
            core::arch::wasm32::memory_grow(0, 56 * 16);
            return ask(&[command(trigger)]);
        }
        "fetch" => return fetch(trigger),
        _ => 1.0,
    };
    Ok(vec![reading(name, value)])
}

fn reading(metric: &str, value: f64) -> Reading {
    Reading { metric: metric.to_owned(), value, active: true, attributes: Vec::new() }
}

fn told(code: &str, message: String) -> Failure {
    Failure::Transient(Detail { code: code.to_owned(), message })
}

fn setting<'a>(trigger: &'a Trigger, name: &str) -> Option<&'a str> {
    let found: Option<&Attribute> = trigger.settings.iter().find(|setting| setting.name == name);
    found.map(|setting| setting.value.as_str())
}

fn behaves(trigger: &Trigger) -> bool {
    setting(trigger, "behaves") == Some("true")
}

fn command(trigger: &Trigger) -> Vec<String> {
    setting(trigger, "command").unwrap_or("PING").split(' ').map(str::to_owned).collect()
}

fn forever() -> ! {
    let mut turn: u64 = 0;
    loop {
        turn = core::hint::black_box(turn.wrapping_add(1));
    }
}

fn devour() -> f64 {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(core::hint::black_box(vec![1; 1024 * 1024]));
    }
}

fn descend(depth: u64) -> u64 {
    let deeper = core::hint::black_box(depth + 1);
    if deeper == 0 { 0 } else { core::hint::black_box(descend(deeper) + 1) }
}

fn chat() -> f64 {
    let line = "la".repeat(5 * 1024);
    for _ in 0..100_000 {
        log::emit(log::Level::Error, &line);
    }
    1.0
}

fn ask_forever(trigger: &Trigger) -> Failure {
    let commands = [command(trigger)];
    loop {
        match redis::open("redis").and_then(|connection| connection.pipeline(&commands)) {
            Ok(replies) => drop(core::hint::black_box(replies)),
            Err(failure) => return failure,
        }
    }
}

fn hoard() -> Failure {
    let mut kept = Vec::new();
    loop {
        match redis::open("redis") {
            Ok(connection) => kept.push(connection),
            Err(failure) => return failure,
        }
    }
}

fn ask(commands: &[Vec<String>]) -> Result<Vec<Reading>, Failure> {
    let replies = redis::open("redis")?.pipeline(commands)?;
    let first: Vec<String> = replies.first().into_iter().flatten().map(|value| format!("{value:?}")).collect();
    Err(told("asked", format!("{} replies; the first is {}", replies.len(), first.join(" "))))
}

fn inspect(over: &str, queues: &[String]) -> Result<Vec<Reading>, Failure> {
    let answers = amqp::open(over)?.inspect(queues)?;
    let answers: Vec<String> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(queue) => format!("{} ready for {}", queue.ready, queue.consumers),
            Err(failure) => format!("{failure:?}"),
        })
        .collect();
    Err(told("asked", answers.join("; ")))
}

fn fetch(trigger: &Trigger) -> Result<Vec<Reading>, Failure> {
    let text = |name| setting(trigger, name).unwrap_or_default().to_owned();
    let header = Attribute { name: text("name"), value: text("value") };
    let headers = if header.name.is_empty() { Vec::new() } else { vec![header] };
    let body = text("body").into_bytes();
    let request = http::Request { method: text("method"), path: text("path"), headers, body };
    let copies = setting(trigger, "copies").and_then(|copies| copies.parse().ok()).unwrap_or(1);
    let responses = http::open("http")?.send(&vec![request; copies]);
    let mut told_of = Vec::new();
    for response in responses {
        let http::Response { status, headers, body } = response?;
        told_of.push(format!("{status} with {} headers and {} bytes", headers.len(), body.len()));
    }
    Err(told("asked", told_of.join("; ")))
}

bellows_sdk::export::bindings::export!(Misbehaving);
