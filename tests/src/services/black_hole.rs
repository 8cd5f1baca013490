//! An address that swallows every packet, as a broker behind a failed network does.
//!
//! Owns a network namespace and the pair of interfaces that leads there. Refuses nothing audibly: connections neither open
//! nor fail. Needs root.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::process::output;

/// Namespaces are `bellows-PID-NUMBER`, so that those of killed runs can be told.
const PREFIX: &str = "bellows-";
/// There are this many networks below 10.100.0.0/16 for black holes; a test run needs a handful.
const NETWORKS: u8 = 250;

/// An address behind which nothing answers, until [`BlackHole::open`]. Dropping it removes it.
#[derive(Debug)]
pub struct BlackHole {
    namespace: String,
    interface: String,
    address: Ipv4Addr,
}

impl BlackHole {
    /// Makes one, and removes those of runs that were killed.
    ///
    /// # Errors
    /// Not root, or all networks are in use.
    pub fn make() -> Result<Self> {
        remove_stale()?;
        for number in 1..=NETWORKS {
            let interface = format!("bellows{number}");
            let peer = format!("{interface}p");
            // Making the interface is what reserves the number, among all test runs of the machine.
            let added = ip(&["link", "add", &interface, "type", "veth", "peer", "name", &peer]);
            match added {
                Ok(()) => {}
                Err(error) if format!("{error:#}").contains("File exists") => continue,
                Err(error) => return Err(error.context("make a pair of interfaces")),
            }
            let namespace = format!("{PREFIX}{}-{number}", std::process::id());
            let hole = Self { namespace, interface, address: Ipv4Addr::new(10, 100, number, 2) };
            hole.lead_there(&peer, number)?;
            hole.close()?;
            return Ok(hole);
        }
        bail!("all {NETWORKS} networks for black holes are in use")
    }

    fn lead_there(&self, peer: &str, number: u8) -> Result<()> {
        let Self { namespace, interface, address } = self;
        ip(&["netns", "add", namespace])?;
        ip(&["link", "set", peer, "netns", namespace])?;
        ip(&["address", "add", &format!("10.100.{number}.1/30"), "dev", interface])?;
        ip(&["link", "set", interface, "up"])?;
        ip(&["-netns", namespace, "link", "set", "lo", "up"])?;
        ip(&["-netns", namespace, "address", "add", &format!("{address}/30"), "dev", peer])?;
        ip(&["-netns", namespace, "link", "set", peer, "up"])
    }

    /// The address that swallows.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        IpAddr::V4(self.address)
    }

    /// The namespace behind it, where a service can run.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Lets packets through to whatever runs in the namespace.
    ///
    /// # Errors
    /// It is open already.
    pub fn open(&self) -> Result<()> {
        self.rule("-D").context("open a black hole")
    }

    /// Swallows packets again.
    ///
    /// # Errors
    /// iptables is missing.
    pub fn close(&self) -> Result<()> {
        self.rule("-A").context("close a black hole")
    }

    fn rule(&self, action: &str) -> Result<()> {
        let interface = format!("{}p", self.interface);
        ip(&["netns", "exec", &self.namespace, "iptables", action, "INPUT", "-i", &interface, "-j", "DROP"])
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        // Either may be missing after a failed start; the pair goes together.
        let _interfaces = ip(&["link", "delete", &self.interface]);
        let _namespace = ip(&["netns", "delete", &self.namespace]);
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    output(Command::new("ip").env("PATH", paths::search_path()).args(arguments)).map(drop)
}

/// Removes namespaces whose process is gone; their interfaces go with them.
fn remove_stale() -> Result<()> {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if let Some(owner) = owner
            && !fs::exists(format!("/proc/{owner}")).unwrap_or(true)
        {
            ip(&["netns", "delete", &name]).context("remove a black hole of a killed run")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_black_hole_neither_accepts_nor_refuses_until_it_is_opened() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let hole = BlackHole::make().unwrap();
        let dial = || TcpStream::connect_timeout(&(hole.address(), 6379).into(), Duration::from_millis(300));
        assert_eq!(dial().unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        hole.open().unwrap();
        assert_eq!(dial().unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
