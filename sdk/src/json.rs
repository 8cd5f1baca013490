//! Reading JSON in place: a document that is valid as a whole, and the values in it.
//!
//! Own code, because a component has to stay around 100 KiB and the tree of the smallest library is 40 of them. A value is
//! a piece of the document's text; nothing is copied, and nothing recurses, so that a hostile document is a failure and no
//! trap.

use crate::number;
use crate::setting::is_json_number;

/// A value: as much of a valid document as is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// The value that a document is; nothing where it is none, or not all of one.
    pub fn read(document: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(document).ok()?;
        let (value, rest) = value(text)?;
        blank(rest).is_empty().then_some(value)
    }

    /// The first field of this name; nothing where there is none, or this is no object.
    pub fn field(self, name: &str) -> Option<Self> {
        let mut rest = self.0.strip_prefix('{')?;
        loop {
            let (key, after) = value(rest)?;
            let (found, after) = value(blank(after).strip_prefix(':')?)?;
            if key.is_text(name) {
                return Some(found);
            }
            rest = blank(after).strip_prefix(',')?;
        }
    }

    /// The items of an array; nothing where this is none.
    pub fn items(self) -> Option<Items<'a>> {
        self.0.strip_prefix('[').map(Items)
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The number that it is, if a double can hold it.
    pub fn number(self) -> Option<f64> {
        number::after_one(self.0, |letter| letter == '-' || letter.is_ascii_digit())?;
        number::parse(self.0).filter(|number| number.is_finite())
    }

    /// The text that it is.
    pub fn text(self) -> Option<String> {
        let mut rest = self.0.strip_prefix('"')?.strip_suffix('"')?;
        let mut text = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('\\') {
            let (letter, after) = unescaped(after);
            text.push_str(before);
            text.push(letter);
            rest = after;
        }
        text.push_str(rest);
        Some(text)
    }

    /// Whether it is this text.
    fn is_text(self, text: &str) -> bool {
        if self.0.contains('\\') {
            return self.text().is_some_and(|own| own == text);
        }
        self.0.strip_prefix('"').and_then(|own| own.strip_suffix('"')) == Some(text)
    }
}

/// The items of an array, in order.
#[derive(Debug, Clone)]
pub struct Items<'a>(&'a str);

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        // The closing bracket is no value, and ends the items.
        let (item, rest) = value(self.0)?;
        self.0 = blank(rest);
        self.0 = self.0.strip_prefix(',').unwrap_or(self.0);
        Some(item)
    }
}

/// What an escape stands for, without its backslash, and what follows it. Half of a surrogate pair stands for the
/// replacement character.
fn unescaped(escape: &str) -> (char, &str) {
    let mut letters = escape.chars();
    let letter = match letters.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return unescaped_code(letters.as_str()),
        letter => letter.unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    (letter, letters.as_str())
}

fn unescaped_code(digits: &str) -> (char, &str) {
    let (mut letter, mut rest) = code(digits).unwrap_or((0xd800, digits));
    if (0xd800..0xdc00).contains(&letter)
        && let Some((second, after)) = rest.strip_prefix("\\u").and_then(code)
        && (0xdc00..0xe000).contains(&second)
    {
        letter = 0x10000 + ((letter - 0xd800) << 10) + (second - 0xdc00);
        rest = after;
    }
    (char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

fn code(digits: &str) -> Option<(u32, &str)> {
    let (digits, rest) = digits.split_at_checked(4)?;
    let mut code = 0;
    for letter in digits.chars() {
        code = code * 16 + letter.to_digit(16)?;
    }
    Some((code, rest))
}

/// A text without the white space that it begins with.
fn blank(text: &str) -> &str {
    number::after(text, |letter| matches!(letter, ' ' | '\t' | '\n' | '\r'))
}

/// The value that a text begins with, and what follows it.
fn value(text: &str) -> Option<(Json<'_>, &str)> {
    let start = blank(text);
    let mut rest = start;
    // The brackets that wait to be closed.
    let mut open = Vec::new();
    loop {
        rest = blank(rest);
        let closing = match rest.as_bytes().first()? {
            b'{' => Some('}'),
            b'[' => Some(']'),
            _ => None,
        };
        if let Some(closing) = closing {
            rest = blank(rest.get(1..)?);
            if let Some(after) = rest.strip_prefix(closing) {
                rest = after;
            } else {
                open.push(closing);
                rest = if closing == '}' { key(rest)? } else { rest };
                continue;
            }
        } else {
            rest = scalar(rest)?;
        }
        // A value has ended: so do those around it, until another one begins.
        loop {
            let Some(closing) = open.last().copied() else {
                return start.strip_suffix(rest).map(|value| (Json(value), rest));
            };
            rest = blank(rest);
            if let Some(after) = rest.strip_prefix(',') {
                rest = if closing == '}' { key(after)? } else { after };
                break;
            }
            rest = rest.strip_prefix(closing)?;
            open.pop();
        }
    }
}

/// What follows a key and its colon.
fn key(text: &str) -> Option<&str> {
    blank(string(blank(text))?).strip_prefix(':')
}

/// What follows a value that holds no other.
fn scalar(text: &str) -> Option<&str> {
    if text.starts_with('"') {
        return string(text);
    }
    for word in ["null", "true", "false"] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some(rest);
        }
    }
    let rest = number::after(text, |letter| letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.' | 'e' | 'E'));
    text.strip_suffix(rest).filter(|number| is_json_number(number)).map(|_| rest)
}

/// What follows a string.
fn string(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('"')?;
    loop {
        rest = number::after(rest, |letter| letter >= ' ' && letter != '"' && letter != '\\');
        if let Some(after) = rest.strip_prefix('"') {
            return Some(after);
        }
        let escape = rest.strip_prefix('\\')?;
        rest = match escape.strip_prefix('u') {
            Some(digits) => code(digits)?.1,
            None => {
                number::after_one(escape, |letter| matches!(letter, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't'))?
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The same document as the library of the host reads it.
    fn same(own: Json<'_>, theirs: &Value) -> bool {
        match theirs {
            Value::Null => own.is_null(),
            Value::Bool(truth) => own.0 == truth.to_string(),
            Value::Number(number) => {
                let (own, theirs) = (own.number().unwrap(), number.as_f64().unwrap());
                (own - theirs).abs() <= theirs.abs() * 1e-14
            }
            Value::String(text) => own.text().as_ref() == Some(text),
            Value::Array(items) => {
                let own: Vec<_> = own.items().unwrap().collect();
                own.len() == items.len() && own.iter().zip(items).all(|(own, theirs)| same(*own, theirs))
            }
            Value::Object(fields) => fields.iter().all(|(name, theirs)| same(own.field(name).unwrap(), theirs)),
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300_f64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_says_what_another_reader_says_of_it(document in documents(), pretty: bool) {
            let text = if pretty { format!(" {document:#}\n") } else { document.to_string() };
            prop_assert!(same(Json::read(text.as_bytes()).unwrap(), &document), "{text}");
        }

        #[test]
        fn what_another_reader_refuses_is_refused(document in documents(), place: usize, letter in "[\\]\\[{}\",:0-9a-zA-Z\\\\ .+-]") {
            let mut text: Vec<char> = document.to_string().chars().collect();
            let place = place % (text.len() + 1);
            text.splice(place..(place + 1).min(text.len()), letter.chars());
            let text: String = text.into_iter().collect();
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(Json::read(text.as_bytes()).is_some(), theirs, "{}", text);
        }
    }

    #[test]
    fn a_document_is_read_as_a_whole_or_not_at_all() {
        for broken in [
            "",
            " ",
            "{",
            "}",
            "{\"a\":1",
            "{\"a\":1}}",
            "{\"a\"}",
            "{\"a\":}",
            "{,}",
            "{1:2}",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[",
            "]",
            "{'a':1}",
            "nonsense",
            "nul",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "\"a\"b",
            "[}",
            "{]",
        ] {
            assert_eq!(Json::read(broken.as_bytes()), None, "{broken:?}");
        }
        assert_eq!(Json::read(b"\xff"), None);
    }

    #[test]
    fn escapes_are_read_in_names_and_in_texts() {
        let document = Json::read(br#"{"a\u0062":"\"\\\/\b\f\n\r\t\ud83d\ude00\ud83d!","ab":2}"#).unwrap();
        let text = document.field("ab").and_then(Json::text);
        assert_eq!(
            text.as_deref(),
            Some("\"\\/\u{8}\u{c}\n\r\t\u{1f600}\u{fffd}!"),
            "the first of two equal names counts"
        );
    }

    #[test]
    fn a_number_beyond_all_is_none() {
        assert_eq!(Json::read(b"1e999").unwrap().number(), None);
        assert_eq!(Json::read(b"true").unwrap().number(), None);
    }

    #[test]
    fn a_document_as_deep_as_a_well_is_read_without_falling_in() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert!(Json::read(deep.as_bytes()).is_some());
    }
}
