//! Who asks: what the API server wrote into the headers of a request that it passed on.
//!
//! Owns reading the headers. Whether they may be believed is decided before, by the client certificate.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

/// A user as the API server authenticated it. The name is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Name.
    pub user: String,
    /// Unique identifier; often empty.
    pub uid: String,
    /// Groups, in the order sent.
    pub groups: Vec<String>,
    /// What the authenticator added, by lower-case key.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Which headers say who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// The first of these that is present and not empty names the user.
    pub user: Vec<HeaderName>,
    /// The first of these that is present and not empty is the user's identifier.
    pub uid: Vec<HeaderName>,
    /// All values of all of these are groups.
    pub group: Vec<HeaderName>,
    /// What begins with one of these is extra; lower case.
    pub extra_prefix: Vec<String>,
}

impl Headers {
    /// Reads who asks; `None` where no header names a user.
    pub fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let user = first(&self.user, headers)?;
        let groups = self.group.iter().flat_map(|name| headers.get_all(name)).filter_map(|value| value.to_str().ok());
        let mut extra = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in headers {
            let key = self.extra_prefix.iter().find_map(|prefix| name.as_str().strip_prefix(prefix.as_str()));
            if let (Some(key), Ok(value)) = (key, value.to_str()) {
                let key = percent_decode_str(key).decode_utf8_lossy().to_lowercase();
                extra.entry(key).or_default().push(value.to_owned());
            }
        }
        Some(Caller {
            user: user.to_owned(),
            uid: first(&self.uid, headers).unwrap_or_default().to_owned(),
            groups: groups.map(str::to_owned).collect(),
            extra,
        })
    }
}

fn first<'a>(names: &[HeaderName], headers: &'a HeaderMap) -> Option<&'a str> {
    names.iter().filter_map(|name| headers.get(name)?.to_str().ok()).find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Headers {
        Headers {
            user: vec![HeaderName::from_static("x-remote-user")],
            uid: vec![HeaderName::from_static("x-remote-uid")],
            group: vec![HeaderName::from_static("x-remote-group")],
            extra_prefix: vec!["x-remote-extra-".to_owned()],
        }
    }

    #[test]
    fn all_groups_and_extras_of_a_caller_are_read() {
        let mut headers = HeaderMap::new();
        headers.append("x-remote-user", "jane".parse().unwrap());
        headers.append("x-remote-group", "a".parse().unwrap());
        headers.append("x-remote-group", "b".parse().unwrap());
        headers.append("x-remote-extra-example.org%2fscope", "s1".parse().unwrap());
        headers.append("x-remote-extra-example.org%2fscope", "s2".parse().unwrap());
        let caller = Caller {
            user: "jane".to_owned(),
            uid: String::new(),
            groups: vec!["a".to_owned(), "b".to_owned()],
            extra: BTreeMap::from([("example.org/scope".to_owned(), vec!["s1".to_owned(), "s2".to_owned()])]),
        };
        assert_eq!(usual().caller(&headers), Some(caller));
    }

    #[test]
    fn an_empty_user_is_nobody() {
        let mut headers = HeaderMap::new();
        headers.append("x-remote-user", "".parse().unwrap());
        assert_eq!(usual().caller(&headers), None);
    }
}
