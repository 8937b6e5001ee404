//! The parameters of a session: addresses, rate limits, size limits and timeouts.
//!
//! Plain data, filled by `app/` from a connector and a source. Defaults that depend on a vendor
//! are in its connector, not here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::error::HttpErrorKind;
use super::reach::Reach;
use super::source_metrics::SourceMetrics;
use rollbook_core::model::{ErrorCodes, SourceName};

/// The parameters of one source's session. No `Debug`: a header's value may be a secret.
#[derive(Clone)]
pub struct SessionRules {
    /// The source's name, for messages and the day's count.
    pub source: SourceName,
    /// The URL to which every path is appended. https, or http on loopback.
    pub base_url: Url,
    /// Additional headers of every request. Their values appear in no message.
    pub headers: Vec<(String, String)>,
    /// Concurrent requests; at least 1.
    pub in_flight: u32,
    /// Requests started per second; more than 0. Infinity disables pacing.
    pub per_second: f64,
    /// Requests per day (UTC), counted on disk.
    pub per_day: Option<u32>,
    /// Largest body in bytes, decompressed.
    pub body_limit: u64,
    /// Time limits of each step of a request.
    pub timeouts: Timeouts,
    /// The vendor's error codes in bodies.
    pub errors: ErrorCodes,
    /// How the requests leave the machine.
    pub route: Route,
    /// Counts the requests; survives the session.
    pub metrics: Arc<SourceMetrics>,
}

/// How a source's requests leave the machine, and which certificates they trust.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// A PEM file of certificate authorities, in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy; it then resolves the names. Proxy variables of the environment are never used.
    pub proxy: Option<Url>,
    /// The user at the proxy.
    pub proxy_login: Option<ProxyLogin>,
    /// Which addresses names may resolve to.
    pub reach: Reach,
}

/// A user of a proxy.
#[derive(Clone, Debug)]
pub struct ProxyLogin {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: SecretString,
}

/// Time limits of each step of a request (reliability.md 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// DNS, connection and TLS.
    pub connect: Duration,
    /// From the start to the response headers.
    pub first_byte: Duration,
    /// Longest gap within a body.
    pub idle: Duration,
    /// The whole request, so that a slow drip without a gap ends too.
    pub whole: Duration,
    /// The pace of a body is not checked before this.
    pub pace_after: Duration,
    /// A body must deliver [`Timeouts::pace_bytes`] in each span of this length.
    pub pace_window: Duration,
    /// Fewest bytes in a `pace_window`.
    pub pace_bytes: u64,
    /// A whole token request.
    pub token: Duration,
    /// How long after a limit the response to a token that can be used once is still read, because it would be lost.
    pub grace: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(10),
            first_byte: seconds(60),
            idle: seconds(30),
            whole: seconds(180),
            pace_after: seconds(10),
            pace_window: seconds(30),
            pace_bytes: 30 * 1024,
            token: seconds(30),
            grace: seconds(5),
        }
    }
}

/// Counts a source's requests per day, across restarts.
pub trait DayCount: Send + Sync {
    /// Adds a request to a day (`YYYY-MM-DD`, UTC) and returns the day's total. `limit` is how many are allowed. May block.
    ///
    /// # Errors
    /// A message when the count cannot be stored; then no request is sent.
    fn add(&self, source: &SourceName, day: &str, limit: u32) -> Result<u32, String>;

    /// A run has ended: what was counted beforehand and not sent is taken back. May block.
    fn give_back(&self, _source: &SourceName) {}
}

/// Refuses an address that would send secrets unencrypted: plain http is allowed on loopback only.
pub(crate) fn must_be_safe(address: &Url, name: &str) -> Result<(), HttpErrorKind> {
    unsafe_because(address).map_or(Ok(()), |problem| {
        Err(HttpErrorKind::Setup(format!("{name} {problem}")))
    })
}

/// Why no request can be sent to an address; fits after the name of its key.
pub fn unusable_address(text: &str) -> Option<&'static str> {
    match Url::parse(text) {
        Ok(address) => unsafe_because(&address),
        Err(_) => Some("is not an address such as https://school.example"),
    }
}

fn unsafe_because(address: &Url) -> Option<&'static str> {
    let problem = match address.scheme() {
        "https" if address.host_str().is_some() => None,
        "http" if is_loopback(address) => None,
        "http" => Some("must be https; plain http is allowed on loopback only"),
        _ => Some("must be an https address"),
    };
    problem.or_else(|| {
        (!address.username().is_empty() || address.password().is_some())
            .then_some("must not contain a user or a password; configure them as a credential")
    })
}

fn is_loopback(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    let number = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    number.map_or(host == "localhost", |number| number.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_loopback() {
        for (address, fine) in [
            ("https://api.example.org/v1", true),
            ("http://127.0.0.1:8080/v1", true),
            ("http://127.3.2.1/v1", true),
            ("http://[::1]:8080/", true),
            ("http://localhost:1/", true),
            ("http://localhost.example.org/", false),
            ("http://127.0.0.1.example.org/", false),
            ("http://10.0.0.1/", false),
            ("http://api.example.org/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
            ("https://user:word@api.example.org/", false),
            ("https://user@api.example.org/", false),
        ] {
            let url = Url::parse(address).expect("an address");
            assert_eq!(must_be_safe(&url, "base_url").is_ok(), fine, "{address}");
        }
    }
}
