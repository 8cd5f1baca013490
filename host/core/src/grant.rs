//! Which addresses the host may dial for a guest. The address is judged after the name was looked up, at every dial.
//!
//! A permitted name may resolve to the machine itself or to the metadata service of a cloud: those ranges are refused
//! unless the operator of the host allowed them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses, `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// What is wrong with the text of a block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a block of addresses such as 10.0.0.0/8, 192.0.2.7 or fd00::/8")]
pub struct CidrError(String);

impl std::str::FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let error = || CidrError(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let network: IpAddr = address.parse().map_err(|_| error())?;
        let bits = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.parse().map_err(|_| error()))?;
        if prefix > bits { Err(error()) } else { Ok(Self { network, prefix }) }
    }
}

impl Cidr {
    /// Whether the block holds `address`, which must be canonical.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = |bits: u8| u32::from(bits - self.prefix);
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The policy of one host: what `--allow-egress` added to the default.
#[derive(Debug, Clone, Default)]
pub struct EgressPolicy {
    allowed: Vec<Cidr>,
}

impl EgressPolicy {
    /// Refuses the special ranges but for `allowed`.
    pub fn new(allowed: Vec<Cidr>) -> Self {
        Self { allowed }
    }

    /// `Ok`, or the name of the range that `address` belongs to.
    pub fn permits(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = address.to_canonical();
        match special(address) {
            Some(range) if !self.allowed.iter().any(|block| block.contains(address)) => Err(range),
            _ => Ok(()),
        }
    }
}

fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("unspecified"),
        [127, ..] => Some("loopback"),
        // Shared address space: the metadata service of one cloud lives here.
        [100, 100, 100, 200] => Some("metadata"),
        [169, 254, 169, 254] => Some("metadata"),
        [169, 254, ..] => Some("link-local"),
        [224..=239, ..] => Some("multicast"),
        [255, 255, 255, 255] => Some("broadcast"),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let [first, .., last] = segments;
    if let Some(inner) = spelled_inside(segments).filter(|_| !address.is_loopback() && !address.is_unspecified()) {
        return special_v4(inner);
    }
    match first {
        0 if address.is_loopback() => Some("loopback"),
        0 if address.is_unspecified() => Some("unspecified"),
        0xfd00 if last == 0x254 && segments == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Some("metadata"),
        0xfe80..=0xfebf => Some("link-local"),
        0xff00..=0xffff => Some("multicast"),
        _ => None,
    }
}

/// The IPv4 address that NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056) and the oldest form of all (RFC 4291) spell inside one
/// of IPv6: it is where the packets go.
fn spelled_inside(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let (high, low) = match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..]
        | [0, 0, 0, 0, 0, 0, high, low] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allowed: &[&str]) -> EgressPolicy {
        EgressPolicy::new(allowed.iter().map(|block| block.parse().unwrap()).collect())
    }

    #[test]
    fn special_ranges_are_refused_by_name_in_every_spelling() {
        for (address, range) in [
            ("127.0.0.1", "loopback"),
            ("127.8.9.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b:1::7f00:1", "loopback"),
            ("2002:7f00:1::1", "loopback"),
            ("2002:a9fe:a9fe::", "metadata"),
            ("::127.0.0.1", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("::", "unspecified"),
            ("169.254.169.254", "metadata"),
            ("fd00:ec2::254", "metadata"),
            ("100.100.100.200", "metadata"),
            ("169.254.1.1", "link-local"),
            ("fe80::1", "link-local"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("255.255.255.255", "broadcast"),
        ] {
            assert_eq!(policy(&[]).permits(address.parse().unwrap()), Err(range), "{address}");
        }
    }

    #[test]
    fn ordinary_addresses_are_permitted_private_ones_too() {
        for address in ["10.1.2.3", "192.168.0.1", "8.8.8.8", "2001:db8::1", "fd12::1", "2002:808:808::1"] {
            assert_eq!(policy(&[]).permits(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn the_operator_may_allow_a_block_and_no_more_than_that() {
        let policy = policy(&["127.0.0.0/30"]);
        assert_eq!(policy.permits("127.0.0.2".parse().unwrap()), Ok(()));
        assert_eq!(policy.permits("::ffff:127.0.0.2".parse().unwrap()), Ok(()));
        assert_eq!(policy.permits("127.0.0.4".parse().unwrap()), Err("loopback"));
    }

    #[test]
    fn a_block_of_all_addresses_holds_all() {
        assert_eq!(policy(&["0.0.0.0/0"]).permits("127.0.0.1".parse().unwrap()), Ok(()));
    }

    #[test]
    fn a_prefix_longer_than_the_address_is_refused() {
        assert_eq!("10.0.0.0/33".parse::<Cidr>(), Err(CidrError("10.0.0.0/33".into())));
    }
}
