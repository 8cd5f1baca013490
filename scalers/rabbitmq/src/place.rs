//! Where queues are: what the broker's URI and the virtual host come to.

use bellows_sdk::{Setting, http};

/// What a URI must be, for the user who wrote something else.
pub(crate) const ACCEPTED: &str = "accepted is a URI that begins with amqp://, amqps://, http:// or https://";

/// How a broker is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Over AMQP; the virtual host is the connection's.
    Amqp,
    /// Over the HTTP API.
    Http {
        /// Path of the queues of the virtual host.
        queues: String,
    },
}

impl Place {
    /// The place that a URI names. Over HTTP the last segment of its path is the virtual host, and what is before it is
    /// where the API begins.
    pub(crate) fn of(uri: &str, vhost: Option<&str>) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        let rest = rest.strip_prefix("//")?;
        let scheme = scheme.strip_suffix(|letter| matches!(letter, 's' | 'S')).unwrap_or(scheme);
        if scheme.eq_ignore_ascii_case("amqp") {
            return Some(Self::Amqp);
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let path = rest.get(rest.find('/').unwrap_or(rest.len())..).unwrap_or_default();
        let (base, last) = path.rsplit_once('/').unwrap_or_default();
        let mut queues = base.trim_end_matches('/').to_owned();
        queues.push_str("/api/queues/");
        queues.push_str(&match vhost {
            Some(vhost) => http::encoded(vhost),
            None if last.is_empty() => "%2F".to_owned(),
            None => http::encoded_again(last),
        });
        Some(Self::Http { queues })
    }
}

/// What the user wants to be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Auto,
    Amqp,
    Http,
}

impl Protocol {
    pub(crate) fn agrees_with(self, place: &Place) -> bool {
        match self {
            Self::Auto => true,
            Self::Amqp => *place == Place::Amqp,
            Self::Http => *place != Place::Amqp,
        }
    }
}

impl Setting for Protocol {
    const KIND: &'static str = "string";
    const ACCEPTED: &'static str = "auto, amqp or http";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "amqp" => Some(Self::Amqp),
            "http" => Some(Self::Http),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(uri: &str, vhost: Option<&str>) -> String {
        match Place::of(uri, vhost) {
            Some(Place::Http { queues }) => queues,
            other => panic!("{uri} is {other:?}"),
        }
    }

    #[test]
    fn the_last_segment_of_the_path_is_the_virtual_host() {
        for (uri, path) in [
            ("http://rabbit:15672", "/api/queues/%2F"),
            ("http://rabbit:15672/", "/api/queues/%2F"),
            ("http://rabbit:15672/%2F", "/api/queues/%2F"),
            ("http://rabbit:15672//", "/api/queues/%2F"),
            ("HTTPS://rabbit/shop", "/api/queues/shop"),
            ("http://rabbit/a%20b%2Fc", "/api/queues/a%20b%2Fc"),
            ("http://rabbit/base/shop", "/base/api/queues/shop"),
            ("http://rabbit/base/", "/base/api/queues/%2F"),
            ("http://rabbit/base/deeper//shop", "/base/deeper/api/queues/shop"),
            ("http://rabbit/shop?a=/b#/c", "/api/queues/shop"),
        ] {
            assert_eq!(queues(uri, None), path, "{uri}");
        }
    }

    #[test]
    fn a_virtual_host_that_is_named_beats_the_uris() {
        for (vhost, path) in
            [("shop", "/api/queues/shop"), ("/", "/api/queues/%2F"), ("a b/c", "/api/queues/a%20b%2Fc")]
        {
            assert_eq!(queues("http://rabbit/other", Some(vhost)), path, "{vhost}");
        }
        assert_eq!(queues("http://rabbit/base/other", Some("shop")), "/base/api/queues/shop");
    }

    #[test]
    fn amqp_needs_no_path_and_nothing_else_is_spoken() {
        assert_eq!(Place::of("amqps://rabbit/shop", None), Some(Place::Amqp));
        assert_eq!((Place::of("redis://rabbit", None), Place::of("rabbit:15672", None)), (None, None));
    }
}
