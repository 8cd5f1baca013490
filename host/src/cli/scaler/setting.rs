//! Settings and times as they are given on a command line: `key=value`, `5s`.

use std::time::Duration;

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// What comes before the first `=`.
    pub(super) name: String,
    /// All that comes after it.
    pub(super) value: String,
}

impl std::str::FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            // Not repeated: it may be half of a credential.
            None | Some(("", _)) => Err("give NAME=VALUE".to_owned()),
            Some((name, value)) => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
        }
    }
}

/// A time with its unit: `500ms`, `5s`, `2m`; not 0, and an hour at most.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time such as 500ms, 5s or 2m, of an hour at most");
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => number,
        "s" => number.saturating_mul(1_000),
        "m" => number.saturating_mul(60_000),
        _ => return Err(wrong()),
    };
    if (1..=3_600_000).contains(&milliseconds) { Ok(Duration::from_millis(milliseconds)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_what_separates_it_from_its_name() {
        let setting: Setting = "url=http://a/?b=c".parse().unwrap();
        assert_eq!((&*setting.name, &*setting.value), ("url", "http://a/?b=c"));
        for wrong in ["secret", "=secret", ""] {
            assert_eq!(wrong.parse::<Setting>().unwrap_err(), "give NAME=VALUE");
        }
    }

    #[test]
    fn a_time_has_a_unit_and_a_bound() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["5", "0s", "s", "61m", "1.5s", "5h", "99999999999999999999s"] {
            assert!(time(wrong).unwrap_err().contains("is no time such as 500ms"), "{wrong}");
        }
    }
}
