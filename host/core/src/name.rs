//! Names as an API server takes them. A name that is none never becomes a part of a request's path.

/// Longest name.
const NAME_BYTES_MAX: usize = 253;

/// Whether `name` is a name of an object: RFC 1123, a subdomain of 253 characters at most. A slash, two dots in a row or
/// a question mark in a request's path would lead to another object, or to another namespace.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label)
}

/// Whether `text` is one part of such a name.
fn is_label(text: &str) -> bool {
    let ends = text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.ends_with(|letter: char| letter.is_ascii_alphanumeric());
    ends && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// Whether `text` is `GROUP/VERSION`, or a version of the core group.
pub fn is_api_version(text: &str) -> bool {
    let (group, version) = text.rsplit_once('/').map_or((None, text), |(group, version)| (Some(group), version));
    is_label(version) && group.is_none_or(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lead_elsewhere_in_a_path_is_no_name() {
        for name in [
            "",
            ".",
            "..",
            "../login",
            "../../other/secrets/login",
            "login/status",
            "other/login",
            "login?watch=true",
            "login#a",
            "login%2f..",
            "a..b",
            "login ",
            "Login",
            "-login",
            "login\n",
            "lögin",
            &"x".repeat(254),
        ] {
            assert!(!is_name(name), "{name:?}");
        }
        for name in ["login", "a", "web-1", "sh.helm.release.v1.web.v1", &"x".repeat(253)] {
            assert!(is_name(name), "{name:?}");
        }
    }

    #[test]
    fn an_api_version_is_a_group_and_a_version() {
        for text in ["apps/v1", "v1", "argoproj.io/v1alpha1"] {
            assert!(is_api_version(text), "{text:?}");
        }
        for text in ["", "/v1", "apps/", "apps/v1/..", "x/../../api/v1", "v1?a", "..", "../v1"] {
            assert!(!is_api_version(text), "{text:?}");
        }
    }
}
