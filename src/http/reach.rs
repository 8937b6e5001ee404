//! Which addresses a name may lead to (reliability.md 2.4).
//!
//! A name is looked up once for each connection, and the connection is made to what was looked at; so a name that
//! stands for another address the next time (rebinding) is judged anew. An address that is written as a number is
//! no name and not judged: only the configuration can say one, because links and documents of a server stay on
//! the origins that are configured.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How far the names of a source reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// To addresses of the internet; `localhost` to this machine.
    #[default]
    Internet,
    /// Also to this machine and its own network.
    Anywhere,
}

/// Why a name led to no address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NameFault {
    /// Nobody knows it.
    Unknown,
    /// It stands for addresses that it should not; the first one's range.
    Inward { name: String, range: &'static str },
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the name is not known"),
            Self::Inward { name, range } => write!(f, "{name} leads to {range}"),
        }
    }
}

impl Error for NameFault {}

/// Looks names up and lets through what is within reach.
pub(super) struct Names {
    reach: Reach,
    lookup: Arc<dyn Resolve>,
}

impl Names {
    /// Asks this machine's name service.
    pub fn new(reach: Reach) -> Self {
        Self::by(Arc::new(NameService), reach)
    }

    /// Asks somebody else.
    pub fn by(lookup: Arc<dyn Resolve>, reach: Reach) -> Self {
        Self { reach, lookup }
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, host) = (self.reach, name.as_str().to_owned());
        let looking = self.lookup.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = looking.await?.collect();
            let within = match reach {
                Reach::Anywhere => found,
                Reach::Internet => outward(&host, found)?,
            };
            Ok(Box::new(within.into_iter()) as Addrs)
        })
    }
}

/// The addresses that a name on the internet may have. One that has others too keeps these; the rest is never
/// connected to.
fn outward(name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NameFault> {
    let refused = |address: &SocketAddr| {
        let ip = address.ip();
        inward(ip).filter(|_| !(is_localhost(name) && ip.is_loopback()))
    };
    let first = found.iter().find_map(refused);
    let within: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| refused(address).is_none())
        .collect();
    match first {
        Some(range) if within.is_empty() => Err(NameFault::Inward {
            name: name.to_owned(),
            range,
        }),
        _ => Ok(within),
    }
}

/// RFC 6761 6.3 gives this name to the machine itself.
fn is_localhost(name: &str) -> bool {
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

/// This machine's name service, as the system is set up.
struct NameService;

impl Resolve for NameService {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is the address's; 0 stands for it here.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            match found {
                Ok(found) => {
                    let found: Vec<SocketAddr> = found.collect();
                    Ok(Box::new(found.into_iter()) as Addrs)
                }
                Err(_) => Err(NameFault::Unknown.into()),
            }
        })
    }
}

/// Ranges of the special-purpose registry (RFC 6890) in which no vendor's server stands, in words for an admin.
const RANGES_4: [(Ipv4Addr, u32, &str); 11] = [
    (
        Ipv4Addr::new(0, 0, 0, 0),
        8,
        "no address at all (0.0.0.0/8)",
    ),
    (
        Ipv4Addr::new(10, 0, 0, 0),
        8,
        "a private network (10.0.0.0/8)",
    ),
    (
        Ipv4Addr::new(100, 64, 0, 0),
        10,
        "a provider's own network (100.64.0.0/10)",
    ),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine (127.0.0.0/8)"),
    (
        Ipv4Addr::new(169, 254, 0, 0),
        16,
        "the local link (169.254.0.0/16)",
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
        "a group of machines (224.0.0.0/4)",
    ),
    (
        Ipv4Addr::new(240, 0, 0, 0),
        4,
        "a reserved range (240.0.0.0/4)",
    ),
];

const RANGES_6: [(Ipv6Addr, u32, &str); 7] = [
    (Ipv6Addr::UNSPECIFIED, 128, "no address at all (::)"),
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
        "the local link (fe80::/10)",
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a private network (fec0::/10)",
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
        8,
        "a group of machines (ff00::/8)",
    ),
];

/// The range of an address that leads into this machine, its network, or nowhere; nothing for the internet's.
fn inward(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => RANGES_4.iter().find_map(|(start, bits, words)| {
            let shift = u32::BITS - bits;
            (address.to_bits() >> shift == start.to_bits() >> shift).then_some(*words)
        }),
        IpAddr::V6(address) => RANGES_6
            .iter()
            .find_map(|(start, bits, words)| {
                let shift = u128::BITS - bits;
                (address.to_bits() >> shift == start.to_bits() >> shift).then_some(*words)
            })
            .or_else(|| inward(IpAddr::V4(carried(address)?))),
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, by NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
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
