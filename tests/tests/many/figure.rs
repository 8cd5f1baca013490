//! Figures: how they are printed, and how often a bound on a latency may be tried.
//!
//! Owns the one form of a line. Refuses to hide a try that missed its bound.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};

/// A machine that does something else at the same time may miss a bound of milliseconds; three times in a row it is us.
const TRIES: usize = 3;

/// Prints a figure.
pub(crate) fn print(name: &str, value: impl Display, unit: &str) {
    println!("figure: {name} = {value} {unit}");
}

/// Prints a duration in seconds.
pub(crate) fn seconds(name: &str, value: Duration) {
    print(name, format_args!("{:.3}", value.as_secs_f64()), "s");
}

/// Prints a duration in milliseconds.
pub(crate) fn milliseconds(name: &str, value: Duration) {
    print(name, format_args!("{:.2}", value.as_secs_f64() * 1e3), "ms");
}

/// The value below which this share of the sorted values lies; zero of none.
pub(crate) fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or_default()
}

/// Tries until one try is below the bound, three times at most, and prints each.
pub(crate) fn below(name: &str, bound: Duration, mut attempt: impl FnMut(usize) -> Result<Duration>) -> Result<()> {
    let mut tries = Vec::new();
    for number in 0..TRIES {
        let took = attempt(number)?;
        seconds(&format!("{name}, try {}", number + 1), took);
        if took <= bound {
            return Ok(());
        }
        tries.push(took);
    }
    bail!("{name}: {tries:?}, and none is below {bound:?}")
}
