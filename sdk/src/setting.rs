//! How the text of one parameter becomes a value, as KEDA reads it: numbers by JSON's grammar, booleans by Go's words.
//!
//! The text arrives trimmed and not blank. A type says what it accepts in words that complete "accepted is …".

use std::num::{NonZeroU32, NonZeroU64};

use crate::number;

/// A type that a parameter may have.
pub trait Setting: Sized {
    /// The `type` that documentation and checks are told: `string`, `integer`, `number`, `boolean` or `list`.
    const KIND: &'static str;
    /// What is accepted, for the user who wrote something else.
    const ACCEPTED: &'static str;
    /// Whether the parameter may be left out although it has no default.
    const OPTIONAL: bool = false;

    /// The value of a text, if it is one.
    fn parse(text: &str) -> Option<Self>;

    /// The value of a parameter that is left out and has no default.
    fn absent() -> Option<Self> {
        None
    }
}

impl Setting for String {
    const KIND: &'static str = "string";
    const ACCEPTED: &'static str = "any text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Setting for bool {
    const KIND: &'static str = "boolean";
    const ACCEPTED: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => None,
        }
    }
}

impl Setting for f64 {
    const KIND: &'static str = "number";
    const ACCEPTED: &'static str = "a number, such as 5 or 0.5";

    fn parse(text: &str) -> Option<Self> {
        let number = json_number(text).and_then(|_| number::parse(text))?;
        number.is_finite().then_some(number)
    }
}

macro_rules! whole_numbers {
    ($($number:ty: $accepted:literal),+ $(,)?) => {$(
        impl Setting for $number {
            const KIND: &'static str = "integer";
            const ACCEPTED: &'static str = $accepted;

            fn parse(text: &str) -> Option<Self> {
                json_number(text).filter(|number| *number == Number::Whole).and_then(|_| text.parse().ok())
            }
        }
    )+};
}

whole_numbers! {
    i64: "a whole number, such as 5",
    u32: "a whole number from 0",
    u64: "a whole number from 0",
    NonZeroU32: "a whole number from 1",
    NonZeroU64: "a whole number from 1",
}

/// A comma-separated list; its items are trimmed.
impl Setting for Vec<String> {
    const KIND: &'static str = "list";
    const ACCEPTED: &'static str = "a list, separated by commas";

    fn parse(text: &str) -> Option<Self> {
        Some(text.split(',').map(|item| item.trim().to_owned()).collect())
    }
}

impl<T: Setting> Setting for Option<T> {
    const KIND: &'static str = T::KIND;
    const ACCEPTED: &'static str = T::ACCEPTED;
    const OPTIONAL: bool = true;

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

#[derive(PartialEq)]
enum Number {
    Whole,
    Broken,
}

/// Whether a text is a number by RFC 8259.
pub(crate) fn is_json_number(text: &str) -> bool {
    json_number(text).is_some()
}

/// What kind of number RFC 8259 makes of a text: no plus sign, no leading zeros, digits on both sides of the point.
fn json_number(text: &str) -> Option<Number> {
    let text = text.as_bytes();
    let mut at = usize::from(text.first() == Some(&b'-'));
    at = match text.get(at)? {
        b'0' => at + 1,
        _ => digits(text, at)?,
    };
    let mut kind = Number::Whole;
    if text.get(at) == Some(&b'.') {
        kind = Number::Broken;
        at = digits(text, at + 1)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        kind = Number::Broken;
        let signed = matches!(text.get(at + 1), Some(b'+' | b'-'));
        at = digits(text, at + 1 + usize::from(signed))?;
    }
    (at == text.len()).then_some(kind)
}

/// Where the digits end that begin at a place; nothing where there is none.
fn digits(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > start).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_json_numbers_without_a_point() {
        for (text, value) in [
            ("5", Some(5)),
            ("0", Some(0)),
            ("-3", Some(-3)),
            ("-0", Some(0)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("5.0", None),
            ("5e0", None),
            ("05", None),
            ("+5", None),
            ("0x5", None),
            ("5 ", None),
            ("five", None),
            ("-", None),
        ] {
            assert_eq!(i64::parse(text), value, "{text:?}");
        }
    }

    #[test]
    fn broken_numbers_are_json_numbers() {
        for (text, value) in [
            ("5", Some(5.0)),
            ("5.0", Some(5.0)),
            ("-0.5", Some(-0.5)),
            ("1e3", Some(1000.0)),
            ("1.5E-1", Some(0.15)),
            ("1e400", None),
            (".5", None),
            ("5.", None),
            ("5e", None),
            ("01.5", None),
            ("+1", None),
            ("NaN", None),
            ("inf", None),
            ("1_000", None),
        ] {
            assert_eq!(f64::parse(text), value, "{text:?}");
        }
    }

    #[test]
    fn booleans_are_the_words_that_go_reads() {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(bool::parse(text), Some(true), "{text:?}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(bool::parse(text), Some(false), "{text:?}");
        }
        for text in ["yes", "no", "on", "tRUE", "2"] {
            assert_eq!(bool::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_from_one_refuses_zero() {
        assert_eq!((NonZeroU64::parse("0"), NonZeroU64::parse("1")), (None, NonZeroU64::new(1)));
    }

    #[test]
    fn the_items_of_a_list_are_trimmed() {
        assert_eq!(Vec::parse("a, b ,c"), Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
    }
}
