//! `$(VARIABLE)` in a value of a pod's `env`, and its escape `$$`. Knows no values.

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'value> {
    Text(&'value str),
    Variable(&'value str),
}

/// The parts of `value`, in order. A dollar sign that begins nothing, or a parenthesis that nobody closes, is text.
pub(super) fn pieces(value: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, length) = first(rest);
        rest = rest.get(length..).unwrap_or_default();
        Some(piece)
    })
}

/// The variables that `value` names.
pub(super) fn variables(value: &str) -> impl Iterator<Item = &str> {
    pieces(value).filter_map(|piece| match piece {
        Piece::Variable(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// The first part, and how many bytes of the value it takes.
fn first(value: &str) -> (Piece<'_>, usize) {
    let Some(after) = value.strip_prefix('$') else {
        let text = value.split('$').next().unwrap_or(value);
        return (Piece::Text(text), text.len());
    };
    if after.starts_with('$') {
        return (Piece::Text("$"), 2);
    }
    match after.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
        Some((name, _)) => (Piece::Variable(name), name.len() + 3),
        None => (Piece::Text("$"), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_and_unescaped_parenthesis_names_a_variable() {
        use Piece::{Text, Variable};
        let cases: [(&str, &[Piece<'_>]); 6] = [
            ("a$(B)c", &[Text("a"), Variable("B"), Text("c")]),
            ("$$(B)", &[Text("$"), Text("(B)")]),
            ("$$$(B)", &[Text("$"), Variable("B")]),
            ("$(B", &[Text("$"), Text("(B")]),
            ("a$b$", &[Text("a"), Text("$"), Text("b"), Text("$")]),
            ("", &[]),
        ];
        for (value, expected) in cases {
            assert_eq!(pieces(value).collect::<Vec<_>>(), expected, "{value}");
        }
    }
}
