//! Chance against what people write: manifests that were damaged, read by `bellows check` as it reads them from a file.
//! Targets for what components and registries say stand beside what reads that, in `host/wasm`.

#![cfg(test)]

use std::time::{Duration, Instant};

use bellows::check::{Source, check};
use bellows_tests::paths;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// For how long they are tried.
const TIME: Duration = Duration::from_secs(3);
/// Inputs of one seed; one of them is checked in some milliseconds.
const INPUTS: u32 = 8;
/// Lines of a document are moved about, words of them replaced.
const WORDS: [&str; 14] = [
    "null",
    "-1",
    "1e400",
    "[]",
    "{}",
    "\"\"",
    "~",
    "!!binary a",
    "&a [*a]",
    "*a",
    "99999999999999999999",
    "|",
    "? a",
    "\u{7f}",
];

/// What is done to a document: a line and what becomes of it.
#[derive(Clone, Debug)]
enum Damage {
    Drop,
    Twice,
    Deeper,
    Value(String),
    Key(String),
}

fn damage() -> impl Strategy<Value = Damage> {
    let word = || prop_oneof![prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned), "[ -~]{0,20}"];
    prop_oneof![
        Just(Damage::Drop),
        Just(Damage::Twice),
        Just(Damage::Deeper),
        word().prop_map(Damage::Value),
        word().prop_map(Damage::Key)
    ]
}

fn damaged(text: &str, damages: &[(prop::sample::Index, Damage)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (place, damage) in damages {
        if lines.is_empty() {
            break;
        }
        let place = place.index(lines.len());
        let line = lines[place].clone();
        let (key, value) = line.split_once(": ").unwrap_or((&line, ""));
        match damage {
            Damage::Drop => _ = lines.remove(place),
            Damage::Twice => lines.insert(place, line.clone()),
            Damage::Deeper => lines[place] = format!("  {line}"),
            Damage::Value(word) => lines[place] = format!("{key}: {word}"),
            Damage::Key(word) => lines[place] = format!("{word}: {value}"),
        }
    }
    lines.join("\n")
}

/// Manifests of this repository, all that `check` knows.
fn manifests() -> Vec<String> {
    let files = ["tests/src/scenario/rabbitmq/manifests.yaml", "tests/src/scenario/redis/scaledobject.yaml"];
    let mut texts: Vec<String> =
        files.iter().map(|file| std::fs::read_to_string(paths::root().join(file)).unwrap()).collect();
    texts.push(SCALER.to_owned());
    texts
}

const SCALER: &str = "\
apiVersion: bellows.dev/v1alpha1
kind: Scaler
metadata:
  name: my-queue
spec:
  image: ghcr.io/me/my-queue:1.0.0
  grants:
    capabilities: [redis]
    namespaces:
    - selector:
        matchExpressions:
        - key: team
          operator: In
          values: [shop]
      hosts: [redis.shop.svc]
  allowedNamespaces: [shop]
  allowedNamespaceSelector:
    matchLabels:
      team: shop
";

#[test]
fn whatever_is_written_is_checked_and_every_finding_is_in_a_line_of_it() {
    let (began, mut seed) = (Instant::now(), 0_u64);
    let inputs =
        (prop::sample::select(manifests()), prop::collection::vec((any::<prop::sample::Index>(), damage()), 0..6));
    while began.elapsed() < TIME {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config { cases: INPUTS, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let tried = runner.run(&inputs, |(text, damages)| {
            let text = damaged(&text, &damages);
            let lines = text.lines().count() + 1;
            let report = check(&[Source { name: "a.yaml".into(), text }], None);
            for finding in &report.findings {
                prop_assert!(finding.line <= lines, "line {} of {lines}: {finding:?}", finding.line);
            }
            Ok(())
        });
        if let Err(failure) = tried {
            panic!("fuzz: manifests, seed {seed}: {failure}");
        }
        seed += 1;
    }
    println!("fuzz: manifests: the law held for {} inputs of seeds 0 to {}", seed * u64::from(INPUTS), seed - 1);
}
