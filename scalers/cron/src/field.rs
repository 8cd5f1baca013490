//! One field of a cron expression: numbers, names, ranges, steps and lists become a set of bits.

/// What a field may say.
pub(crate) struct Field {
    what: &'static str,
    least: u8,
    most: u8,
    /// Three letters for each number from the least on, where there are names.
    names: &'static str,
}

pub(crate) const MINUTE: Field = Field { what: "minute", least: 0, most: 59, names: "" };
pub(crate) const HOUR: Field = Field { what: "hour", least: 0, most: 23, names: "" };
pub(crate) const DAY: Field = Field { what: "day of month", least: 1, most: 31, names: "" };
pub(crate) const MONTH: Field =
    Field { what: "month", least: 1, most: 12, names: "janfebmaraprmayjunjulaugsepoctnovdec" };
pub(crate) const WEEKDAY: Field = Field { what: "day of week", least: 0, most: 6, names: "sunmontuewedthufrisat" };

/// The numbers that a field means as bits, and whether it means any.
///
/// # Errors
/// What is wrong with it, and what would be accepted.
pub(crate) fn parse(text: &str, field: &Field) -> Result<(u64, bool), String> {
    let mut bits = 0;
    let mut any = false;
    // An item of a list may be empty, as in KEDA, but not all of them.
    for item in text.split(',').filter(|item| !item.is_empty()) {
        let (meant, all) = range(item, field).ok_or_else(|| refused(item, field))?;
        bits |= meant;
        any |= all;
    }
    if bits == 0 { Err(refused(text, field)) } else { Ok((bits, any)) }
}

/// Reads `*`, `?`, `N` or `N-M`, each with or without `/STEP`. `N/STEP` goes on to the largest number.
fn range(text: &str, field: &Field) -> Option<(u64, bool)> {
    let (numbers, step) = match text.split_once('/') {
        // A step beyond the largest number is as good as any other beyond it.
        Some((numbers, step)) => (numbers, Some(u8::try_from(step.parse::<u32>().ok()?).unwrap_or(u8::MAX))),
        None => (text, None),
    };
    let (first, last, all) = match numbers.split_once('-') {
        _ if numbers == "*" || numbers == "?" => (field.least, field.most, step.is_none_or(|step| step == 1)),
        Some((first, last)) => (field.number(first)?, field.number(last)?, false),
        None => {
            let first = field.number(numbers)?;
            (first, if step.is_some() { field.most } else { first }, false)
        }
    };
    if step == Some(0) {
        return None;
    }
    let mut bits = 0;
    let mut number = first;
    while number <= last {
        bits |= 1 << number;
        number = number.saturating_add(step.unwrap_or(1));
    }
    // A range that ends before it begins has none.
    (bits != 0).then_some((bits, all))
}

impl Field {
    /// A number or a name, if it is one of this field.
    fn number(&self, text: &str) -> Option<u8> {
        for (number, name) in (self.least..).zip(self.names.as_bytes().chunks(3)) {
            if text.as_bytes().eq_ignore_ascii_case(name) {
                return Some(number);
            }
        }
        text.parse().ok().filter(|number| (self.least..=self.most).contains(number))
    }
}

fn refused(text: &str, field: &Field) -> String {
    let Field { what, least, most, names } = field;
    let names = match names.get(..3) {
        Some(first) => format!(" or {first} to {}", names.get(names.len() - 3..).unwrap_or_default()),
        None => String::new(),
    };
    format!(
        "the {what} {} is none: accepted are {least} to {most}{names}, *, ?, ranges N-M, steps /N and lists",
        quoted(text)
    )
}

/// 64 characters are enough to find the place by.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    quoted.extend(text.chars().take(64));
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str, field: &Field) -> Vec<u8> {
        let (bits, _) = parse(text, field).unwrap();
        (0..64).filter(|number| bits >> number & 1 == 1).collect()
    }

    #[test]
    fn numbers_names_ranges_steps_and_lists_are_read() {
        for (text, field, expected) in [
            ("5", &MINUTE, vec![5]),
            ("05", &MINUTE, vec![5]),
            ("0,30", &MINUTE, vec![0, 30]),
            (",30,,", &MINUTE, vec![30]),
            ("*/20", &MINUTE, vec![0, 20, 40]),
            ("50/4", &MINUTE, vec![50, 54, 58]),
            ("1-9/3,59", &MINUTE, vec![1, 4, 7, 59]),
            ("7/1000", &MINUTE, vec![7]),
            ("?/12", &HOUR, vec![0, 12]),
            ("28-31", &DAY, vec![28, 29, 30, 31]),
            ("JAN-mar,Dec", &MONTH, vec![1, 2, 3, 12]),
            ("sun,FRI-Sat", &WEEKDAY, vec![0, 5, 6]),
            ("mon/2", &WEEKDAY, vec![1, 3, 5]),
            ("*", &WEEKDAY, vec![0, 1, 2, 3, 4, 5, 6]),
        ] {
            assert_eq!(numbers(text, field), expected, "{text}");
        }
    }

    #[test]
    fn a_star_means_any_unless_it_steps() {
        for (text, any) in [("*", true), ("?", true), ("*/1", true), ("3,*", true), ("*/2", false), ("1-31", false)] {
            assert_eq!(parse(text, &DAY).unwrap().1, any, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_is_accepted() {
        for text in [
            "-1",
            "60",
            "1-60",
            "9-5",
            "x",
            "mon",
            ",",
            "*/0",
            "*/",
            "/5",
            "1-2-3",
            "1/2/3",
            "*-5",
            "**",
            "1.5",
            "300",
            "99999999999999999999",
            "*/-1",
            "L",
            "5W",
        ] {
            let told =
                format!("the minute \"{text}\" is none: accepted are 0 to 59, *, ?, ranges N-M, steps /N and lists");
            assert_eq!(parse(text, &MINUTE), Err(told), "{text}");
        }
        let told =
            "the day of week \"7\" is none: accepted are 0 to 6 or sun to sat, *, ?, ranges N-M, steps /N and lists";
        assert_eq!(parse("7", &WEEKDAY), Err(told.to_owned()));
        let told =
            "the month \"monday\" is none: accepted are 1 to 12 or jan to dec, *, ?, ranges N-M, steps /N and lists";
        assert_eq!(parse("1,monday", &MONTH), Err(told.to_owned()));
    }
}
