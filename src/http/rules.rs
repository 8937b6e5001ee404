//! What a session is told at its start: where to ask, how politely, and within which limits.
//!
//! Plain data, filled by `app/` from a vendor description and a source. Not a place for defaults
//! that a vendor decides; those stand in its description.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::error::Kind;
use super::reach::Reach;

/// All that a session of one source has to know. No `Debug`: a header's value may be a secret.
#[derive(Clone)]
pub struct SessionRules {
    /// The source's name, for messages and the day's count.
    pub source: String,
    /// The address that every path is put behind. https, or http on loopback.
    pub base_url: Url,
    /// Further headers of every request. Their values are kept out of every message.
    pub headers: Vec<(String, String)>,
    /// Requests under way at once; at least 1.
    pub in_flight: u32,
    /// Requests started in a second; more than 0. Infinity does not pace at all.
    pub per_second: f64,
    /// Requests in a day (UTC), counted on disk.
    pub per_day: Option<u32>,
    /// Largest answer in bytes, unpacked.
    pub body_limit: u64,
    /// How long each step of a request may take.
    pub timeouts: Timeouts,
    /// How the vendor says in a body what went wrong.
    pub errors: ErrorWords,
    /// How the requests leave the machine.
    pub route: Route,
}

/// How a source's requests leave the machine, and whom they trust.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// A file with further certificate authorities (PEM), beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy to go through; it looks the names up then. The environment's is never used.
    pub proxy: Option<Url>,
    /// Where names may lead.
    pub reach: Reach,
}

/// How long each step of a request may take (reliability.md 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name lookup, connection and TLS.
    pub connect: Duration,
    /// From the start until the answer's headers.
    pub first_byte: Duration,
    /// Silence within a body.
    pub idle: Duration,
    /// The whole request, so that a drip that never falls silent ends too.
    pub whole: Duration,
    /// A body is not measured for its pace before this.
    pub pace_after: Duration,
    /// A body must bring [`Timeouts::pace_bytes`] in each span of this length.
    pub pace_window: Duration,
    /// Fewest bytes in a `pace_window`.
    pub pace_bytes: u64,
    /// A whole token request.
    pub token: Duration,
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
        }
    }
}

/// How a vendor says in a body what went wrong.
///
/// Words are compared without regard to case, blanks and underscores, because vendors spell them
/// differently in documents and answers (webuntis-oneroster.md 3).
#[derive(Clone, Debug, Default)]
pub struct ErrorWords {
    /// Where a code may stand, as member names joined by dots; `[]` behind a name means each element.
    pub code: Vec<String>,
    /// Codes that mean "asked for too much at once".
    pub too_many: Vec<String>,
    /// Codes that mean "there is no such thing", whatever the status.
    pub missing: Vec<String>,
    /// Codes that mean "this token is no longer good", whatever the status.
    pub token: Vec<String>,
}

/// Counts a source's requests of a day where a restart does not forget them.
pub trait DayCount: Send + Sync {
    /// Adds requests to a day (`YYYY-MM-DD`, UTC) and gives the day's total. May block.
    ///
    /// # Errors
    /// A sentence when the count cannot be kept; then no request is sent.
    fn add(&self, source: &str, day: &str, requests: u32) -> Result<u32, String>;
}

/// Refuses an address that would send secrets in the clear: plain http is for loopback only.
pub(super) fn must_be_safe(address: &Url, name: &str) -> Result<(), Kind> {
    let problem = match address.scheme() {
        "https" if address.host_str().is_some() => None,
        "http" if is_loopback(address) => None,
        "http" => Some("must be https, because only a loopback address may do without"),
        _ => Some("must be an https address"),
    };
    let problem = problem.or_else(|| {
        (!address.username().is_empty() || address.password().is_some())
            .then_some("must not hold a user or a password; configure them as a credential")
    });
    problem.map_or(Ok(()), |problem| {
        Err(Kind::Setup(format!("{name} {problem}")))
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
