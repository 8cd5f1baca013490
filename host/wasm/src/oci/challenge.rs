//! What a registry wants to be told of who asks, as it says in `WWW-Authenticate`. Pure text.

/// One way to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password with each request.
    Basic,
    /// A token, which somebody else gives.
    Bearer {
        /// Who gives it.
        realm: String,
        /// For whom.
        service: Option<String>,
        /// For what, in the registry's words.
        scope: Option<String>,
    },
}

/// Letters of a header that are read; a token's scope is some hundred.
const HEADER_BYTES_MAX: usize = 4096;

/// The challenges of one header, those that we know.
pub(super) fn read(header: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for word in words(header.get(..HEADER_BYTES_MAX).unwrap_or(header)) {
        match word {
            Word::Scheme(scheme) => found.push((scheme, Vec::new())),
            Word::Parameter(name, value) => {
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((name, value));
                }
            }
        }
    }
    found.into_iter().filter_map(|(scheme, parameters)| known(&scheme, &parameters)).collect()
}

fn known(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => {
            Some(Challenge::Bearer { realm: value("realm")?, service: value("service"), scope: value("scope") })
        }
        _ => None,
    }
}

enum Word {
    Scheme(String),
    Parameter(String, String),
}

/// `scheme name="value", name=value, scheme …`
fn words(header: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',', '=', '\t']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let name = name.to_ascii_lowercase();
        rest = match after.strip_prefix('=') {
            None => {
                words.push(Word::Scheme(name));
                after
            }
            Some(after) => {
                let (value, after) = value(after);
                words.push(Word::Parameter(name, value));
                after
            }
        };
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    words
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([' ', ',']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned), scope: scope.map(str::to_owned) }
    }

    #[test]
    fn challenges_are_read_in_all_their_spellings() {
        for (header, expected) in [
            (r#"Basic realm="Registry Realm""#, vec![Challenge::Basic]),
            (
                r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull""#,
                vec![bearer("https://ghcr.io/token", Some("ghcr.io"), Some("repository:a/b:pull"))],
            ),
            (
                r#"bearer  realm=https://a/t , scope="repository:a:pull,push""#,
                vec![bearer("https://a/t", None, Some("repository:a:pull,push"))],
            ),
            (r#"Negotiate, Basic realm="a\"b, c", Bearer realm="r""#, vec![Challenge::Basic, bearer("r", None, None)]),
        ] {
            assert_eq!(read(header), expected, "{header}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_challenge() {
        for header in ["", "Bearer", "Bearer service=\"x\"", "=,=\"", "Digest realm=\"a\"", "\"", "Bearer realm"] {
            assert_eq!(read(header), [], "{header}");
        }
    }

    #[test]
    fn whatever_a_registry_wants_is_read_or_passed_over() {
        use proptest::prelude::*;

        let word = prop_oneof![
            crate::fuzz::text(),
            prop::sample::select(vec!["Bearer ", "Basic ", "realm=", "service=\"", "scope=\"a\\", "\", ", "=", ","])
                .prop_map(str::to_owned)
        ];
        let header = prop::collection::vec(word, 0..12).prop_map(|words| words.concat());
        crate::fuzz::target("challenge", header, |header| {
            let longest = header.len();
            for challenge in read(&header) {
                if let Challenge::Bearer { realm, service, scope } = challenge {
                    for told in [Some(realm), service, scope].into_iter().flatten() {
                        assert!(told.len() <= longest, "nothing is made up: {told:?}");
                    }
                }
            }
        });
    }
}
