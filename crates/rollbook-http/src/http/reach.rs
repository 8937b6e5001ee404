//! Which addresses a name may resolve to (reliability.md 2.4).
//!
//! A name is resolved once per connection, and the connection uses the address that was checked, so a name that
//! resolves to another address later (DNS rebinding) is checked again. A literal IP address is not checked: only the
//! configuration can contain one, because links and documents of a server stay on the configured origins.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses the names of a source may resolve to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses; `localhost` also this machine.
    #[default]
    Internet,
    /// Also this machine and its own network.
    Anywhere,
}

/// Why a name has no usable address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResolveError {
    Unknown,
    /// It resolves only to addresses that are not allowed; the range of the first one.
    PrivateAddress {
        name: String,
        range: &'static str,
    },
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the name does not resolve"),
            Self::PrivateAddress { name, range } => write!(f, "{name} resolves to {range}"),
        }
    }
}

impl Error for ResolveError {}

/// Resolves names and drops the addresses that are not allowed.
pub(super) struct Resolver {
    reach: Reach,
    lookup: Arc<dyn Resolve>,
}

impl Resolver {
    /// Resolves as this machine is configured.
    pub fn new(reach: Reach) -> Self {
        Self::with_lookup(Arc::new(SystemLookup), reach)
    }

    pub fn with_lookup(lookup: Arc<dyn Resolve>, reach: Reach) -> Self {
        Self { reach, lookup }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, host) = (self.reach, name.as_str().to_owned());
        let lookup = self.lookup.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup.await?.collect();
            let allowed = match reach {
                Reach::Anywhere => found,
                Reach::Internet => public_addresses(&host, found)?,
            };
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The public addresses of a name. The others are never connected to; a name that has only such is refused.
fn public_addresses(name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ResolveError> {
    let refused = |address: &SocketAddr| {
        let ip = address.ip();
        private_range(ip).filter(|_| !(is_localhost(name) && ip.is_loopback()))
    };
    let first = found.iter().find_map(refused);
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| refused(address).is_none())
        .collect();
    match first {
        Some(range) if allowed.is_empty() => Err(ResolveError::PrivateAddress {
            name: name.to_owned(),
            range,
        }),
        _ => Ok(allowed),
    }
}

/// RFC 6761 6.3 reserves this name for the machine itself.
fn is_localhost(name: &str) -> bool {
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

/// DNS as this machine is configured.
struct SystemLookup;

impl Resolve for SystemLookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port of the URL is used; 0 is a placeholder.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            match found {
                Ok(found) => {
                    let found: Vec<SocketAddr> = found.collect();
                    Ok(Box::new(found.into_iter()) as Addrs)
                }
                Err(_) => Err(ResolveError::Unknown.into()),
            }
        })
    }
}

/// Ranges of the special-purpose registry (RFC 6890) that no vendor uses, with a description for admins.
const RANGES_4: [(Ipv4Addr, u32, &str); 11] = [
    (
        Ipv4Addr::new(0, 0, 0, 0),
        8,
        "an unspecified address (0.0.0.0/8)",
    ),
    (
        Ipv4Addr::new(10, 0, 0, 0),
        8,
        "a private network (10.0.0.0/8)",
    ),
    (
        Ipv4Addr::new(100, 64, 0, 0),
        10,
        "a carrier's network (100.64.0.0/10)",
    ),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine (127.0.0.0/8)"),
    (
        Ipv4Addr::new(169, 254, 0, 0),
        16,
        "a link-local network (169.254.0.0/16)",
    ),
    (
        Ipv4Addr::new(172, 16, 0, 0),
        12,
        "a private network (172.16.0.0/12)",
    ),
    (
        Ipv4Addr::new(192, 0, 0, 0),
        24,
        "a reserved range (192.0.0.0/24)",
    ),
    (
        Ipv4Addr::new(192, 168, 0, 0),
        16,
        "a private network (192.168.0.0/16)",
    ),
    (
        Ipv4Addr::new(198, 18, 0, 0),
        15,
        "a test network (198.18.0.0/15)",
    ),
    (
        Ipv4Addr::new(224, 0, 0, 0),
        4,
        "a multicast group (224.0.0.0/4)",
    ),
    (
        Ipv4Addr::new(240, 0, 0, 0),
        4,
        "a reserved range (240.0.0.0/4)",
    ),
];

const RANGES_6: [(Ipv6Addr, u32, &str); 7] = [
    (Ipv6Addr::UNSPECIFIED, 128, "an unspecified address (::)"),
    (Ipv6Addr::LOCALHOST, 128, "this machine (::1)"),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        "a private network (64:ff9b:1::/48)",
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        "a private network (fc00::/7)",
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a link-local network (fe80::/10)",
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a private network (fec0::/10)",
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
        8,
        "a multicast group (ff00::/8)",
    ),
];

/// The range of an address that is not public; `None` for a public one.
fn private_range(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => RANGES_4.iter().find_map(|(start, bits, description)| {
            let shift = u32::BITS - bits;
            (address.to_bits() >> shift == start.to_bits() >> shift).then_some(*description)
        }),
        IpAddr::V6(address) => RANGES_6
            .iter()
            .find_map(|(start, bits, description)| {
                let shift = u128::BITS - bits;
                (address.to_bits() >> shift == start.to_bits() >> shift).then_some(*description)
            })
            .or_else(|| private_range(IpAddr::V4(embedded_ipv4(address)?))),
    }
}

/// The IPv4 address within an IPv6 address: mapped, compatible, by NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let joined = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(joined(high, low)),
        [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
