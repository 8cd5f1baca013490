//! One reply of a Redis server as a tree, and what its errors mean.
//!
//! It is lenient about the version of the protocol, and never turns an error into a number.

use crate::failure::{Failure, Result};

/// A reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// A whole number.
    Integer(i64),
    /// A number.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// A text.
    Text(String),
    /// Bytes that are no UTF-8.
    Bytes(Vec<u8>),
    /// A list or a set.
    Items(Vec<Self>),
    /// A map.
    Pairs(Vec<(Self, Self)>),
    /// The server's refusal, in its own words: `WRONGTYPE Operation against …`.
    Error(String),
}

/// How deep a reply may nest. Redis's own commands reach 5 (`XINFO STREAM … FULL`); deeper is not read, because
/// reading recurses.
pub const DEPTH_MAX: usize = 16;

/// A piece of a reply as it travels: a nested reply is announced, and its members follow.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A reply that holds no other.
    Leaf(Reply),
    /// So many members follow.
    Items(u32),
    /// So many keys follow, each with its value after it.
    Pairs(u32),
}

impl Reply {
    /// The tree that pieces spell; nothing where they end early, go on, or nest deeper than `DEPTH_MAX`.
    pub fn gather(pieces: impl IntoIterator<Item = Piece>) -> Option<Self> {
        let mut pieces = pieces.into_iter();
        let reply = Self::next_of(&mut pieces, DEPTH_MAX)?;
        pieces.next().is_none().then_some(reply)
    }

    fn next_of(pieces: &mut impl Iterator<Item = Piece>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        // Members are not reserved room for in advance: a count is a claim, and the pieces are what there is.
        match pieces.next()? {
            Piece::Leaf(reply) => Some(reply),
            Piece::Items(count) => {
                (0..count).map(|_| Self::next_of(pieces, depth)).collect::<Option<_>>().map(Self::Items)
            }
            Piece::Pairs(count) => (0..count)
                .map(|_| Some((Self::next_of(pieces, depth)?, Self::next_of(pieces, depth)?)))
                .collect::<Option<_>>()
                .map(Self::Pairs),
        }
    }

    /// The reply, unless it is an error.
    ///
    /// # Errors
    /// The failure that the server's error means.
    pub fn no_error(self) -> Result<Self> {
        match self {
            Self::Error(message) => Err(meaning(&message)),
            other => Ok(other),
        }
    }

    /// The whole number that it is.
    ///
    /// # Errors
    /// The failure that the server's error means, or `unexpected-reply`.
    pub fn integer(self) -> Result<i64> {
        match self.no_error()? {
            Self::Integer(number) => Ok(number),
            other => Err(other.instead_of("a whole number")),
        }
    }

    /// The text that it is.
    ///
    /// # Errors
    /// The failure that the server's error means, or `unexpected-reply`.
    pub fn text(self) -> Result<String> {
        match self.no_error()? {
            Self::Text(text) => Ok(text),
            other => Err(other.instead_of("a text")),
        }
    }

    fn instead_of(&self, wanted: &str) -> Failure {
        let found = match self {
            Self::Nil => "nothing",
            Self::Integer(_) => "a whole number",
            Self::Double(_) => "a number",
            Self::Boolean(_) => "a truth value",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Items(_) => "a list",
            Self::Pairs(_) => "a map",
            Self::Error(_) => "an error",
        };
        Failure::transient("unexpected-reply", format!("the server answered with {found} instead of {wanted}"))
    }
}

/// What the host must do about an error of the server: its first word decides.
fn meaning(message: &str) -> Failure {
    let word = message.split_whitespace().next().unwrap_or_default();
    match word {
        "NOAUTH" | "WRONGPASS" => Failure::denied("unauthorized", message),
        "NOPERM" => Failure::denied("forbidden", message),
        "WRONGTYPE" => Failure::transient("wrong-type", message),
        "" | "ERR" => Failure::transient("error", message),
        other => Failure::transient(other.to_ascii_lowercase(), message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_server_says_what_to_do_next() {
        for (message, failure) in [
            ("NOAUTH Authentication required.", Failure::denied("unauthorized", "NOAUTH Authentication required.")),
            ("WRONGPASS invalid", Failure::denied("unauthorized", "WRONGPASS invalid")),
            ("NOPERM no", Failure::denied("forbidden", "NOPERM no")),
            ("WRONGTYPE no", Failure::transient("wrong-type", "WRONGTYPE no")),
            ("LOADING Redis is", Failure::transient("loading", "LOADING Redis is")),
            ("MASTERDOWN Link", Failure::transient("masterdown", "MASTERDOWN Link")),
            ("ERR unknown", Failure::transient("error", "ERR unknown")),
            ("", Failure::transient("error", "")),
        ] {
            assert_eq!(Reply::Error(message.to_owned()).integer(), Err(failure), "{message}");
        }
    }

    #[test]
    fn nothing_is_not_zero() {
        let failure =
            Failure::transient("unexpected-reply", "the server answered with nothing instead of a whole number");
        assert_eq!(Reply::Nil.integer(), Err(failure));
    }

    fn number(number: i64) -> Piece {
        Piece::Leaf(Reply::Integer(number))
    }

    #[test]
    fn pieces_become_a_tree() {
        let pieces = [Piece::Items(2), Piece::Pairs(1), number(1), number(2), Piece::Items(0)];
        let pair = (Reply::Integer(1), Reply::Integer(2));
        assert_eq!(Reply::gather(pieces), Some(Reply::Items(vec![Reply::Pairs(vec![pair]), Reply::Items(vec![])])));
    }

    #[test]
    fn pieces_that_do_not_add_up_are_no_reply() {
        for (pieces, what) in [
            (vec![], "none"),
            (vec![Piece::Items(2), number(1)], "one too few"),
            (vec![number(1), number(2)], "one too many"),
            (vec![Piece::Items(u32::MAX)], "an empty promise"),
            (vec![Piece::Items(1); 100_000], "a bottomless pit"),
        ] {
            assert_eq!(Reply::gather(pieces), None, "{what}");
        }
    }
}
