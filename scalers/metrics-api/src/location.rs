//! Where a number is in a document: the part of GJSON's paths that leads to one value. What leads to several, or computes,
//! is refused.

use bellows_sdk::http::unexpected;
use bellows_sdk::json::Json;
use bellows_sdk::prelude::*;
use bellows_sdk::quantity;

/// What a location must be, for the user who wrote something else.
pub(crate) const ACCEPTED: &str = "accepted are keys and indexes separated by dots, and # for the length of a list; a \
                                   backslash before a sign makes it part of a key. Wildcards, queries and modifiers of \
                                   GJSON are not supported by this release of Bellows";

/// A place in a document.
pub(crate) struct Location<'a> {
    text: &'a str,
    steps: Vec<Step>,
}

enum Step {
    /// Into a field, or to an item of a list.
    Key(String),
    /// To the length of a list.
    Length,
}

impl<'a> Location<'a> {
    /// The location that a text describes, if it is of those that are followed.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut key = String::new();
        let mut escaped = false;
        let mut letters = text.chars();
        loop {
            match letters.next() {
                Some('\\') => {
                    key.push(letters.next()?);
                    escaped = true;
                }
                letter @ (None | Some('.')) => {
                    let length = key == "#" && !escaped;
                    steps.push(if length { Step::Length } else { Step::Key(std::mem::take(&mut key)) });
                    (key, escaped) = (String::new(), false);
                    match (letter, length) {
                        (None, _) => return Some(Self { text, steps }),
                        // What follows would be collected from all items.
                        (Some(_), true) => return None,
                        (Some(_), false) => {}
                    }
                }
                Some('*' | '?' | '|') => return None,
                Some('@' | '!' | '{' | '[') if key.is_empty() => return None,
                Some('(') if key == "#" && !escaped => return None,
                Some(letter) => key.push(letter),
            }
        }
    }

    /// The number that is there, or that a text there says.
    pub(crate) fn read(&self, document: Json<'_>) -> Result<f64> {
        let mut place = document;
        for step in &self.steps {
            let next = match step {
                Step::Key(key) => match place.items() {
                    Some(mut items) => key.parse().ok().and_then(|index| items.nth(index)),
                    None => place.field(key),
                },
                Step::Length => match place.items() {
                    Some(items) => return Ok(items.count() as f64),
                    None => place.field("#"),
                },
            };
            place = next.ok_or_else(|| self.told("nothing in the answer"))?;
        }
        let said = place.number().or_else(|| quantity::amount(&place.text()?));
        said.ok_or_else(|| self.told("what is neither a number nor a text that says a quantity, such as \"500m\""))
    }

    fn told(&self, what: &str) -> Failure {
        unexpected(format!("valueLocation \"{}\" leads to {what}", self.text))
    }
}
