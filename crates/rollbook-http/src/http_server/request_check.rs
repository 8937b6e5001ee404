//! What every request must pass before a site looks at its path: a client that may ask, for a name that is answered, and not
//! too often.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::HeaderMap;
use hyper::http::request::Parts;

use super::allowance::{Allowances, Rated};
use super::config::ProxyAddress;
use super::forwarded::TrustedProxies;
use super::headers_check::refusal;
use super::hosts::{AllowedHosts, HostName};
use super::reply::HttpReply;
use rollbook_core::clock::Clock;

/// Hosts, reverse proxies, and the allowances of all clients.
pub struct RequestCheck<K> {
    hosts: AllowedHosts,
    proxies: TrustedProxies,
    allowances: Mutex<Allowances<K>>,
    clock: Clock,
}

impl<K: Rated> RequestCheck<K> {
    /// With `hosts` and `trusted_proxy` of this file.
    pub fn new(
        file: &'static str,
        hosts: &[HostName],
        trusted_proxy: &[ProxyAddress],
        clock: Clock,
    ) -> Self {
        let proxies = trusted_proxy.iter().map(|proxy| proxy.0).collect();
        Self {
            hosts: AllowedHosts::new(file, hosts),
            proxies: TrustedProxies::new(proxies),
            allowances: Mutex::default(),
            clock,
        }
    }

    /// Whether this peer may connect.
    pub fn admits(&self, peer: IpAddr) -> bool {
        self.proxies.admit(peer)
    }

    /// Who asks: the peer, or the client that a trusted proxy names.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.proxies.client(peer, headers)
    }

    /// Why a request is refused, whatever it asks for.
    pub fn refusal(&self, parts: &Parts) -> Option<HttpReply> {
        refusal(parts, &self.hosts)
    }

    /// Takes one request of this kind from the client's allowance.
    ///
    /// # Errors
    /// If none is left: how long until there is, in seconds, for `Retry-After`.
    pub fn take(&self, kind: K, client: IpAddr) -> Result<(), u64> {
        let now = self.clock.running();
        self.allowances().take(kind, client, now)
    }

    /// Whether a request of this kind is left, without taking it.
    ///
    /// # Errors
    /// As for [`RequestCheck::take`].
    pub fn left(&self, kind: K, client: IpAddr) -> Result<(), u64> {
        let now = self.clock.running();
        self.allowances().left(kind, client, now)
    }

    fn allowances(&self) -> MutexGuard<'_, Allowances<K>> {
        self.allowances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
