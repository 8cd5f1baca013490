//! Every scaler as it is shipped, every example, and a scaler of each version of the contract that was ever published: the component that was built, run by the host's own engine against its
//! `cases.toml`, with replies by script. One case, one test.
//!
//! Started as `conformance compile INPUT OUTPUT`, it is the child process in which the engine compiles.

mod bench;
mod contract;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bellows::rehearse::trigger;
use bellows_core::scaler::Trigger;
use bellows_sdk::testing::cases;
use bellows_tests::{guests, paths};
use bellows_wasm::{Limits, compile};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::bench::Bench;

/// What each scaler of ours imports.
const USED: [(&str, &[&str]); 5] = [
    ("cpu-memory", &["types"]),
    ("cron", &["types"]),
    ("metrics-api", &["types", "http"]),
    ("rabbitmq", &["types", "amqp", "http"]),
    ("redis", &["types", "redis"]),
];

/// What a scaler written in Rust may weigh: the largest of ours speaks AMQP and HTTP and reads JSON, and is 108 KiB; one that
/// speaks one protocol is 80.
const BYTES_MAX: u64 = 112 * 1024;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, input, output] = arguments.as_slice()
        && command == "compile"
    {
        compile(Path::new(input), Path::new(output), &Limits::default())?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(libtest_mimic::run(&Arguments::from_args(), trials()?).exit_code())
}

fn trials() -> Result<Vec<Trial>> {
    let components = guests::build_all()?;
    let bench = Arc::new(Bench::new()?);
    let shared = Arc::clone(&bench);
    let mut trials = vec![
        trial("building again changes nothing".to_owned(), building_again_changes_nothing),
        trial("redis: a hundred triggers of a call take two round trips".to_owned(), move || hundred(&shared)),
    ];
    let shared = Arc::clone(&bench);
    let name = "rabbitmq: a hundred triggers of a call take one request".to_owned();
    trials.push(trial(name, move || hundred_queues(&shared)));
    for (name, used) in USED {
        let name = name.to_owned();
        trials.push(trial(format!("{name}: imports nothing that it does not use"), move || imports_only(&name, used)));
    }
    for component in components {
        let sources = if component.starts_with(paths::scalers()) {
            "scalers"
        } else if component.starts_with(paths::examples()) {
            "sdk/examples"
        } else {
            continue;
        };
        let name = component.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = paths::root().join(sources).join(&name).join("cases.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("{name} has no cases"))?;
        for case in cases::read(&text).with_context(|| format!("cannot read {}", file.display()))? {
            let (bench, component) = (Arc::clone(&bench), component.clone());
            trials.push(trial(format!("{name}: {}", case.name), move || bench.hold(&component, &case)));
        }
        trials.push(trial(format!("{name}: is small, and imports only the contract"), move || fits(&component)));
    }
    trials.extend(contract::trials(&bench)?);
    Ok(trials)
}

fn trial(name: String, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || run().map_err(|error| Failed::from(format!("{error:#}"))))
}

fn hundred(bench: &Bench) -> Result<()> {
    let keys: Vec<String> = (0..100).map(|index| format!("key-{index}")).collect();
    let replies = keys.iter().enumerate().map(|(length, key)| {
        format!("{{ to = ['TYPE', '{key}'], text = 'list' }},\n{{ to = ['LLEN', '{key}'], integer = {length} }},\n")
    });
    let replies: String = replies.collect();
    let file = format!("[[case]]\nname = 'a hundred'\ntrigger-type = 'redis'\nreplies = [{replies}]\n");
    let case = cases::read(&file)?.pop().context("one was written")?;
    let of_key = |key: &String| Trigger {
        settings: vec![("listName".to_owned(), key.clone())],
        ..trigger(&case, &format!("default/{key}/0"))
    };
    let scaler = bench.load(&paths::scalers().join("redis.wasm"))?;
    let (measured, rounds) = bench.measure(&scaler, &case, keys.iter().map(of_key).collect());
    let readings = measured.outcomes.into_iter().flatten().flatten();
    same("the values", readings.map(|reading| reading.value).collect(), (0..100).map(f64::from).collect::<Vec<_>>())?;
    same("commands in each round trip", rounds.iter().map(Vec::len).collect(), vec![100, 100])
}

/// rabbitmq-server#9437.
fn hundred_queues(bench: &Bench) -> Result<()> {
    let queue = |index: u32| format!("{{\"name\":\"queue-{index}\",\"messages\":{index},\"messages_ready\":0}}");
    let queues: Vec<String> = (0..300).map(queue).collect();
    let path = "/api/queues/shop?page=1&page_size=500&disable_stats=true&enable_queue_totals=true&columns=name,messages,\
                messages_ready";
    let page = format!("{{\"page_count\":1,\"items\":[{}]}}", queues.join(","));
    let file = format!(
        "[[case]]\nname = 'a hundred queues'\ntrigger-type = 'rabbitmq'\n\
         replies = [{{ to = ['GET', '{path}'], body = '{page}' }}]\n"
    );
    let case = cases::read(&file)?.pop().context("one was written")?;
    let of_queue = |index: u32| Trigger {
        settings: vec![
            ("queueName".to_owned(), format!("queue-{index}")),
            ("host".to_owned(), "http://rabbit:15672/shop".to_owned()),
        ],
        ..trigger(&case, &format!("default/queue-{index}/0"))
    };
    let scaler = bench.load(&paths::scalers().join("rabbitmq.wasm"))?;
    let (measured, rounds) = bench.measure(&scaler, &case, (100..200).map(of_queue).collect());
    let readings = measured.outcomes.into_iter().flatten().flatten();
    same("the values", readings.map(|reading| reading.value).collect(), (100..200).map(f64::from).collect::<Vec<_>>())?;
    same("requests in each round trip", rounds.iter().map(Vec::len).collect(), vec![1])
}

fn fits(component: &Path) -> Result<()> {
    let bytes = fs::metadata(component)?.len();
    ensure!(bytes < BYTES_MAX, "{bytes} bytes are too many; {BYTES_MAX} is the bound");
    let strangers = imports(component)?.into_iter().filter(|name| !name.starts_with("bellows:scaler/"));
    same("what it imports besides the contract", strangers.collect(), Vec::<String>::new())
}

fn imports_only(name: &str, used: &[&str]) -> Result<()> {
    let used = used.iter().map(|interface| format!("bellows:scaler/{interface}@0.1.0")).collect();
    let found = imports(&paths::scalers().join(format!("{name}.wasm")))?;
    same("the imports", found.into_iter().collect::<BTreeSet<_>>(), used)
}

/// The interfaces that a component imports, by their full names.
fn imports(component: &Path) -> Result<Vec<String>> {
    Ok(bellows_build::interfaces(&fs::read(component)?)?.imports)
}

/// Fails with both, where they differ.
fn same<T: Debug + PartialEq>(what: &str, found: T, expected: T) -> Result<()> {
    ensure!(found == expected, "{what}: found {found:?}, expected {expected:?}");
    Ok(())
}

fn building_again_changes_nothing() -> Result<()> {
    let times = || -> Result<Vec<_>> {
        let modified = |path: &PathBuf| Ok(fs::metadata(path)?.modified()?);
        guests::build_all()?.iter().map(modified).collect()
    };
    same("the times of the components", times()?, times()?)
}
