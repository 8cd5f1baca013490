//! Chance against whatever reads what strangers wrote: each target has a law that must hold for every input. The targets
//! stand beside what they try.
//!
//! Seeds begin at 0 in every run, so that what failed once fails again; a faster machine gets further. A failure names its
//! target, its seed and the smallest input that was found to fail. Refuses to try longer than a target's time.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// For how long one target is tried: twenty of them take half a minute, side by side a quarter.
const TIME: Duration = Duration::from_millis(1_500);
/// Inputs of one seed.
const INPUTS: u32 = 64;

/// Targets share it; whoever measures a time has it alone, because all of them are threads of one program.
pub(crate) static PROCESSORS: RwLock<()> = RwLock::new(());

/// Tries a law on inputs, one seed after another.
pub(crate) fn target<S: Strategy>(name: &str, inputs: S, law: impl Fn(S::Value)) {
    let _shared = PROCESSORS.read().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let mut seed = 0_u64;
    while began.elapsed() < TIME {
        one(name, seed, &inputs, &law);
        seed += 1;
    }
    println!("fuzz: {name}: the law held for {} inputs of seeds 0 to {}", seed * u64::from(INPUTS), seed - 1);
}

fn one<S: Strategy>(name: &str, seed: u64, inputs: &S, law: &impl Fn(S::Value)) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases: INPUTS, failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new_with_rng(config, random).run(inputs, |input| {
        law(input);
        Ok(())
    });
    if let Err(failure) = tried {
        panic!("fuzz: {name}, seed {seed}: {failure}");
    }
}

/// Texts as strangers write them: mostly short, any character, and those that mean something somewhere.
pub(crate) fn text() -> impl Strategy<Value = String> + Clone {
    let odd = prop::sample::select(vec![
        '\0', '\r', '\n', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{202e}', '\u{2028}', '\u{feff}', ' ', '"', '\\', '/',
        ':', '@', '.', '%', '#', '*', '{', '}', '…', 'ä',
    ]);
    let letter = prop_oneof![3 => prop::char::range('!', '~'), 2 => odd, 1 => any::<char>()];
    let text = |lengths: std::ops::Range<usize>| {
        prop::collection::vec(letter.clone(), lengths).prop_map(|letters| letters.into_iter().collect::<String>())
    };
    prop_oneof![8 => text(0..24), 2 => text(0..300), 1 => text(1_000..1_100)]
}

/// Damage to some bytes: where, and what is put there; or where it ends.
pub(crate) fn damaged(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = whole.len();
    let changes = prop::collection::vec((0..length, any::<u8>()), 0..8);
    (changes, prop::option::weighted(0.2, 0..length)).prop_map(move |(changes, end)| {
        let mut bytes = whole.clone();
        for (place, byte) in changes {
            bytes[place] = byte;
        }
        bytes.truncate(end.unwrap_or(length));
        bytes
    })
}

/// What may stand in a log, a condition or an Event: one line, bounded, and nothing that moves a terminal.
pub(crate) fn assert_printable(text: &str, bytes_max: usize) {
    assert!(text.len() <= bytes_max, "{} bytes, {bytes_max} are allowed: {text:?}", text.len());
    let moves = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.chars().any(moves), "{text:?}");
}
