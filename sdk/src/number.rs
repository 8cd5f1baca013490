//! Decimal numbers as doubles.
//!
//! Own code, because the standard library's reader, exact to the last bit of every number, is 16 KiB of code and tables, a
//! sixth of what a component may weigh. Readings and targets have few digits, and those are exact here too.

/// A text without the letters of one kind that it begins with. All kinds share it, because a component has to be small.
pub(crate) fn after(text: &str, kind: fn(char) -> bool) -> &str {
    text.trim_start_matches(kind)
}

/// A text without the one letter of a kind that it begins with, if it begins with one.
pub(crate) fn after_one(text: &str, kind: fn(char) -> bool) -> Option<&str> {
    text.strip_prefix(kind)
}

fn is_sign(letter: char) -> bool {
    matches!(letter, '+' | '-')
}

/// The number that a text is: a sign, digits with at most one point among them, and a power of ten. Exact up to 2⁵³ with a
/// power of 22 at most, which is every number of 15 digits that people write; else within a few units of the last place.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let (mut number, mut exponent) = (0_u64, 0_i32);
    let (mut digits, mut point) = (false, false);
    let mut rest = after_one(text, is_sign).unwrap_or(text).as_bytes();
    while let Some((letter, after)) = rest.split_first() {
        rest = after;
        match letter {
            b'0'..=b'9' => {
                digits = true;
                // Digits beyond the eighteenth only say how large the number is.
                let room = number < u64::MAX / 100;
                number = if room { number * 10 + u64::from(letter - b'0') } else { number };
                exponent += i32::from(!room) - i32::from(point);
            }
            b'.' if !point => point = true,
            b'e' | b'E' if digits => {
                exponent = exponent.saturating_add(power(rest)?);
                break;
            }
            _ => return None,
        }
    }
    let number = if number == 0 { 0.0 } else { scaled(number as f64, exponent) };
    digits.then_some(if text.starts_with('-') { -number } else { number })
}

/// A power of ten, with or without a sign. Beyond a thousand it does not matter how far.
pub(crate) fn power(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    let mut power = 0;
    for digit in digits {
        power = (power * 10 + i32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?)).min(1_000);
    }
    (!digits.is_empty()).then_some(sign * power)
}

/// The number times a power of ten. Powers up to the 22nd are exact, so that one step rounds once.
pub(crate) fn scaled(mut number: f64, exponent: i32) -> f64 {
    // No mantissa is worth more than 20 digits, so that beyond 400 all is endless or nothing.
    let mut left = exponent.unsigned_abs().min(400);
    while left > 0 {
        let step = left.min(22);
        let power = (0..step).fold(1.0, |power, _| power * 10.0);
        number = if exponent < 0 { number / power } else { number * power };
        left -= step;
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_of_fifteen_digits_is_exact(digits in 0_u64..1_000_000_000_000_000, places in 0_u32..15) {
            let text = format!("{}.{:0>2$}", digits / 10_u64.pow(places), digits % 10_u64.pow(places), places.max(1) as usize);
            prop_assert_eq!(parse(&text), text.parse().ok(), "{}", text);
        }

        #[test]
        fn any_other_is_as_good_as_exact(number in -1e300..1e300_f64) {
            for text in [format!("{number}"), format!("{number:e}")] {
                let parsed = parse(&text).unwrap();
                prop_assert!((parsed - number).abs() <= number.abs() * 1e-14, "{} is {}", text, parsed);
            }
        }
    }

    #[test]
    fn a_text_that_is_no_number_is_none() {
        for (text, number) in [
            ("0", Some(0.0)),
            ("-0.5", Some(-0.5)),
            ("+7", Some(7.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e3", Some(1000.0)),
            ("25E-1", Some(2.5)),
            ("1e999", Some(f64::INFINITY)),
            ("1e-999", Some(0.0)),
            ("0e999999", Some(0.0)),
            ("9007199254740993", Some(9_007_199_254_740_992.0)),
            ("123456789012345678901234567890", Some(123_456_789_012_345_680_000_000_000_000.0)),
            ("", None),
            ("-", None),
            (".", None),
            ("e3", None),
            ("1e", None),
            ("1.2.3", None),
            ("1 ", None),
            ("NaN", None),
            ("inf", None),
        ] {
            assert_eq!(parse(text), number, "{text:?}");
        }
    }
}
