//! What Kubernetes accepts as a label selector, in words for whoever wrote something else. The API server reads it in the
//! end; this look is for the moment at which a trigger is planned, when nobody is asked.

/// Longest name and value of a label, and longest prefix of a name.
const NAME_MAX: usize = 63;
const PREFIX_MAX: usize = 253;

/// What is wrong with a selector, if anything is.
pub(crate) fn problem(selector: &str) -> Option<String> {
    requirements(selector).err()
}

fn requirements(selector: &str) -> Result<(), String> {
    let mut rest = selector.trim();
    loop {
        rest = requirement(rest)?.trim_start();
        if rest.is_empty() {
            return Ok(());
        }
        let Some(next) = rest.strip_prefix(',') else { return Err(expected("a comma or the end", rest)) };
        rest = next.trim_start();
    }
}

/// Reads `name`, `!name` or `name OPERATOR VALUE`, and gives what follows.
fn requirement(text: &str) -> Result<&str, String> {
    let denied = text.strip_prefix('!');
    let (name, rest) = word(denied.unwrap_or(text).trim_start());
    if name.is_empty() {
        return Err(expected("the name of a label", rest));
    }
    judge_name(name)?;
    let rest = rest.trim_start();
    if denied.is_some() || rest.is_empty() || rest.starts_with(',') {
        return Ok(rest);
    }
    // The longer of two that begin alike comes first.
    for operator in ["==", "!=", "="] {
        if let Some(rest) = rest.strip_prefix(operator) {
            let (value, rest) = word(rest.trim_start());
            return judge_value(value).map(|()| rest);
        }
    }
    for operator in ["<", ">"] {
        if let Some(rest) = rest.strip_prefix(operator) {
            let (value, rest) = word(rest.trim_start());
            let is_number = value.parse::<i64>().is_ok();
            return if is_number { Ok(rest) } else { Err(expected("a whole number", value)) };
        }
    }
    match word(rest) {
        ("in" | "notin", rest) => set(rest.trim_start()),
        _ => Err(expected("=, ==, !=, <, >, in or notin", rest)),
    }
}

/// Reads `(a, b)`, and gives what follows.
fn set(text: &str) -> Result<&str, String> {
    let mut rest = text.strip_prefix('(').ok_or_else(|| expected("(", text))?;
    loop {
        let (value, after) = word(rest.trim_start());
        judge_value(value)?;
        let after = after.trim_start();
        if let Some(after) = after.strip_prefix(')') {
            return Ok(after);
        }
        rest = after.strip_prefix(',').ok_or_else(|| expected("a comma or )", after))?;
    }
}

/// The word that a text begins with, which may be empty, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let is_end = |letter: char| letter.is_whitespace() || "=!(),<>".contains(letter);
    text.split_at_checked(text.find(is_end).unwrap_or(text.len())).unwrap_or((text, ""))
}

fn judge_name(name: &str) -> Result<(), String> {
    let (prefix, own) = name.rsplit_once('/').map_or((None, name), |(prefix, own)| (Some(prefix), own));
    if own.is_empty() || !is_word(own) {
        return Err(refused(name, "the name of a label", NAME_MAX));
    }
    match prefix {
        Some(prefix) if !is_domain(prefix) => Err(refused(prefix, "the prefix of a label's name", PREFIX_MAX)),
        _ => Ok(()),
    }
}

fn judge_value(value: &str) -> Result<(), String> {
    if value.is_empty() || is_word(value) { Ok(()) } else { Err(refused(value, "the value of a label", NAME_MAX)) }
}

fn is_word(text: &str) -> bool {
    let is_inner = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter);
    text.len() <= NAME_MAX && text.bytes().all(is_inner) && has_ends(text)
}

fn is_domain(text: &str) -> bool {
    let is_inner = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    text.len() <= PREFIX_MAX && text.split('.').all(|part| part.bytes().all(is_inner) && has_ends(part))
}

/// Whether a text begins and ends with a letter or a digit.
fn has_ends(text: &str) -> bool {
    let is_end = |letter: Option<u8>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    is_end(text.bytes().next()) && is_end(text.bytes().last())
}

fn expected(what: &str, found: &str) -> String {
    let mut message = "is no label selector: expected ".to_owned();
    message.push_str(what);
    if found.is_empty() {
        message.push_str(" at its end");
    } else {
        message.push_str(" instead of \"");
        message.push_str(&shown(found));
        message.push('"');
    }
    message
}

fn refused(text: &str, what: &str, length: usize) -> String {
    let letters =
        if length == PREFIX_MAX { "lower-case letters, digits, - and ." } else { "letters, digits, -, _ and ." };
    let shown = shown(text);
    format!(
        "is no label selector: \"{shown}\" is not {what}, which has at most {length} {letters} and begins and ends with a \
         letter or a digit"
    )
}

/// 64 characters are enough to find the place by.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_accepts_is_accepted() {
        let longest = format!("{}/{}", "a".repeat(253), "b".repeat(63));
        for selector in [
            "app=web",
            " app == web , tier != db ",
            "app in (a, b),tier notin (c)",
            "app in (a,)",
            "app in ()",
            "app,!tier",
            "! app",
            "app=",
            "app=,tier",
            "app.kubernetes.io/name=web_1.2-x",
            "replicas>3,replicas<10",
            "weight > -1",
            "in in (in, notin)",
            "notin",
            longest.as_str(),
        ] {
            assert_eq!(problem(selector), None, "{selector}");
        }
    }

    #[test]
    fn what_kubernetes_refuses_is_refused_with_the_place_that_is_wrong() {
        let (name, length) = ("is not the name of a label, which has at most 63", "b".repeat(64));
        for (selector, wrong) in [
            ("app=web,", "expected the name of a label at its end"),
            ("=web", "expected the name of a label instead of \"=web\""),
            ("app web", "expected =, ==, !=, <, >, in or notin instead of \"web\""),
            ("app=web db", "expected a comma or the end instead of \"db\""),
            ("app=web=db", "expected a comma or the end instead of \"=db\""),
            ("!app=web", "expected a comma or the end instead of \"=web\""),
            ("app in a", "expected ( instead of \"a\""),
            ("app in (a", "expected a comma or ) at its end"),
            ("app in (a b)", "expected a comma or ) instead of \"b)\""),
            ("app>many", "expected a whole number instead of \"many\""),
            ("app>", "expected a whole number at its end"),
            ("{{.Name}}", "\"{{.Name}}\" is not the name of a label"),
            ("app=a/b", "\"a/b\" is not the value of a label"),
            ("app=-web", "\"-web\" is not the value of a label"),
            ("app/", "\"app/\" is not the name of a label"),
            ("App.io/name", "\"App.io\" is not the prefix of a label's name, which has at most 253 lower-case letters"),
            ("a/b/c", "\"a/b\" is not the prefix of a label's name"),
            ("/name", "\"\" is not the prefix of a label's name"),
            (&length, name),
        ] {
            let message = problem(selector).unwrap_or_default();
            assert!(message.starts_with("is no label selector: ") && message.contains(wrong), "{selector}: {message}");
        }
    }
}
