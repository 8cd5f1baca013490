//! Which hosts and ports a grant means, and the numbers of its limits: parsed once, so that judging cannot fail.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::grant::Cidr;

/// Hosts as they are written in a manifest: `redis.shop.svc`, `*.shop.svc`, `10.0.0.0/8`, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    written: String,
    meaning: Meaning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    All,
    /// In small letters, without a final dot.
    Name(String),
    /// What follows the star, with its dot: one or more labels stand before it.
    Below(String),
    Block(Cidr),
}

/// What is wrong with the text of a host or port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl FromStr for HostPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let wrong = || {
            PatternError(format!(
                "{text:?} is neither a name such as redis.shop.svc, nor *.shop.svc, nor an address or block such as \
                 10.0.0.0/8, nor * for all"
            ))
        };
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let meaning = if text == "*" {
            Meaning::All
        } else if let Ok(block) = text.parse::<Cidr>() {
            Meaning::Block(block)
        } else if let Some(below) = name.strip_prefix("*.").filter(|below| is_name(below)) {
            Meaning::Below(format!(".{below}"))
        } else if is_name(&name) {
            Meaning::Name(name)
        } else {
            return Err(wrong());
        };
        Ok(Self { written: text.to_owned(), meaning })
    }
}

/// Labels of letters, digits, dashes and underscores. Digits and dots alone would be an address that is none.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.len() <= 253 && text.split('.').all(label) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl HostPattern {
    /// Whether it means `host`, which is in small letters and has no final dot.
    pub fn allows(&self, host: &str) -> bool {
        match &self.meaning {
            Meaning::All => true,
            Meaning::Name(name) => name == host,
            Meaning::Below(below) => host.strip_suffix(below.as_str()).is_some_and(|before| !before.is_empty()),
            Meaning::Block(block) => host.parse::<IpAddr>().is_ok_and(|address| block.contains(address.to_canonical())),
        }
    }

    /// Whether it means addresses.
    pub fn is_block(&self) -> bool {
        matches!(self.meaning, Meaning::Block(_))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.written)
    }
}

/// Ports from one to another: `6379`, or `8000-8999`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl FromStr for PortRange {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(PatternError(format!("{text:?} is neither a port from 1 to 65535 nor a range such as 8000-8999"))),
        }
    }
}

impl PortRange {
    /// Whether `port` is one of them.
    pub fn allows(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(out, "{}", self.first)
        } else {
            write!(out, "{}-{}", self.first, self.last)
        }
    }
}

/// Bytes of a quantity of Kubernetes without a fraction: `67108864`, `64Mi`, `128M`.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().allows(host)
    }

    #[test]
    fn a_name_means_itself_and_a_star_what_is_below() {
        assert!(allows("Redis.Shop.svc.", "redis.shop.svc"));
        assert!(!allows("redis.shop.svc", "redis.shop.svc.cluster.local"));
        assert!(allows("*.shop.svc", "redis.shop.svc") && allows("*.shop.svc", "redis-0.redis.shop.svc"));
        for other in ["shop.svc", ".shop.svc", "redisshop.svc", "redis.shop.svc.evil.example", "redis.workshop.svc"] {
            assert!(!allows("*.shop.svc", other), "{other}");
        }
        assert!(allows("*", "anything") && allows("*", "::1"));
    }

    #[test]
    fn a_block_means_addresses_in_each_spelling_and_no_name() {
        assert!(allows("10.0.0.0/8", "10.1.2.3") && allows("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(allows("192.0.2.7", "192.0.2.7") && allows("fd00::/8", "fd12::1"));
        for other in ["11.0.0.1", "10.evil.example", "0x0a.1", "167772161", "fd12::1"] {
            assert!(!allows("10.0.0.0/8", other), "{other}");
        }
    }

    #[test]
    fn what_means_no_host_and_no_port_is_refused_with_what_would() {
        for wrong in ["", "re*dis", "*.", "redis:6379", "10.0.0.0/33", "1.2.3", "http://x", "*.*.svc", "a..b"] {
            let told = wrong.parse::<HostPattern>().unwrap_err().to_string();
            assert!(told.contains("*.shop.svc"), "{wrong}: {told}");
        }
        for wrong in ["0", "65536", "9-8", "a", "1-", "-1", ""] {
            let told = wrong.parse::<PortRange>().unwrap_err().to_string();
            assert!(told.contains("8000-8999"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_range_of_ports_has_both_of_its_ends() {
        let range: PortRange = "8000-8002".parse().unwrap();
        let allowed: Vec<u16> = (7_999..=8_003).filter(|port| range.allows(*port)).collect();
        assert_eq!(allowed, [8_000, 8_001, 8_002]);
        assert_eq!(
            (range.to_string(), "6379".parse::<PortRange>().unwrap().to_string()),
            ("8000-8002".into(), "6379".into())
        );
    }

    #[test]
    fn a_quantity_of_bytes_has_no_fraction() {
        let told = ["64Mi", "1Gi", "128M", "5k", "7", "1.5Gi", "64MiB", "-1", "", "99999999999Gi"].map(bytes);
        let (none, mebi) = (None, 1 << 20);
        let some = [Some(64 * mebi), Some(1024 * mebi), Some(128_000_000), Some(5_000), Some(7)];
        assert_eq!(told[..5], some);
        assert_eq!(told[5..], [none; 5]);
    }
}
