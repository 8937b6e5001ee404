//! Who asks: the peer, or behind a reverse proxy the client that the proxy names.

use std::net::IpAddr;

use hyper::HeaderMap;

use super::hosts::is_loopback;

/// The header that every proxy writes.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The addresses of the reverse proxy.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpAddr>);

impl TrustedProxies {
    /// These.
    pub fn new(addresses: Vec<IpAddr>) -> Self {
        Self(addresses)
    }

    /// Whether this peer may connect: with a proxy only the proxy, and this machine.
    pub fn admit(&self, peer: IpAddr) -> bool {
        self.0.is_empty() || is_loopback(peer) || self.is_proxy(peer)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The client: the last address that is not a proxy's. What is before it may be invented.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter();
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        let addresses = lines.iter().rev().flat_map(|line| line.rsplit(','));
        for address in addresses {
            let (true, Ok(address)) = (self.is_proxy(client), address.trim().parse::<IpAddr>())
            else {
                break;
            };
            client = address.to_canonical();
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn the_client_is_the_last_address_that_is_not_a_proxys() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let proxies = TrustedProxies::new(vec![address("192.0.2.10"), address("127.0.0.1")]);
        for (peer, lines, expected) in [
            ("192.0.2.10", &["203.0.113.7"][..], "203.0.113.7"),
            ("::ffff:192.0.2.10", &["203.0.113.7"], "203.0.113.7"),
            ("192.0.2.10", &["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            (
                "192.0.2.10",
                &["198.51.100.1", "203.0.113.7"],
                "203.0.113.7",
            ),
            ("127.0.0.1", &["203.0.113.7, 192.0.2.10"], "203.0.113.7"),
            ("192.0.2.10", &["2001:db8::1"], "2001:db8::1"),
            ("192.0.2.10", &[], "192.0.2.10"),
            ("192.0.2.10", &["unknown"], "192.0.2.10"),
            ("192.0.2.10", &["203.0.113.7, _hidden"], "192.0.2.10"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
            }
            let found = proxies.client(address(peer), &headers);
            assert_eq!(found, address(expected), "{peer} {lines:?}");
        }
    }

    #[test]
    fn with_a_proxy_only_it_and_this_machine_may_connect() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let named = TrustedProxies::new(vec![address("192.0.2.10")]);
        for (peer, by_named) in [
            ("192.0.2.10", true),
            ("::ffff:192.0.2.10", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("192.0.2.11", false),
        ] {
            assert_eq!(named.admit(address(peer)), by_named, "{peer}");
            assert!(TrustedProxies::default().admit(address(peer)));
        }
    }
}
