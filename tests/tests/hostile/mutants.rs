//! Components that were damaged on their way: bytes changed where chance has it, the same in every run, and ends cut off.

use std::time::Duration;

use bellows_tests::paths;

use super::bench::{Bench, Stopwatch, call, trigger};

/// How many are tried; compiling one takes a quarter of a second, and most end before that.
const MUTANTS: u64 = 24;

/// One number after another, by Knuth's multiplier: what is found once is found again.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap()
}

#[tokio::test]
async fn a_damaged_component_is_refused_or_kept_within_its_bounds() {
    let bench = Bench::new();
    let whole = bench.misbehaving().await;
    let bytes = std::fs::read(paths::target().join("guests/misbehaving.wasm")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut refused, mut state) = (0, 7);
    for number in 0..MUTANTS {
        let mut mutant = bytes.clone();
        if number % 4 == 0 {
            mutant.truncate(next(&mut state) % bytes.len());
        } else {
            for _ in 0..=number % 4 {
                let place = next(&mut state) % bytes.len();
                mutant[place] ^= 1 << (next(&mut state) % 8);
            }
        }
        let path = folder.path().join(format!("{number}.wasm"));
        std::fs::write(&path, mutant).unwrap();
        let Ok(scaler) = bench.engine.load(&path).await else {
            refused += 1;
            continue;
        };
        let watch = Stopwatch::start();
        let measured = scaler.measure(call(None, vec![trigger(0, "nan", &[])])).await;
        assert!(watch.took() < Duration::from_secs(3), "mutant {number} took {:?}", watch.took());
        assert_eq!(measured.outcomes.len(), 1, "mutant {number} answers for its trigger, or the host does");
    }
    assert!(refused >= MUTANTS / 4, "only {refused} of {MUTANTS} were refused");
    let measured = whole.measure(call(None, vec![trigger(0, "nan", &[])])).await;
    assert!(measured.outcomes.iter().all(Result::is_ok), "the whole one answers as before");
}
