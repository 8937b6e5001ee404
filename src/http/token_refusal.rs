//! What a token endpoint means when it says no.
//!
//! Pure. Of the answer's text only the standard's own words are kept.

use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;

use super::client::host_of;
use super::error::Kind;
use super::reply::Headers;
use super::verdict::{asked_wait, is_passing};

/// What a refused token request means.
pub(super) fn refusal(
    status: u16,
    headers: &Headers,
    body: &[u8],
    target: Option<&Url>,
    now: Timestamp,
) -> Kind {
    let word = error_word(body);
    let passing_word = matches!(
        word,
        Some("temporarily_unavailable" | "server_error" | "slow_down")
    );
    match status {
        300..=399 => Kind::Redirect(status, target.map(host_of)),
        _ if is_passing(status) || passing_word => Kind::Busy(status, asked_wait(headers, now)),
        400..=499 => Kind::GrantRefused(status, word),
        _ => Kind::Rejected(status),
    }
}

/// The standard's error words (RFC 6749 5.2, 4.1.2.1; RFC 8628; OpenID Connect Core 3.1.2.6) and the usual one for
/// a second factor; any other text stays unsaid.
fn error_word(body: &[u8]) -> Option<&'static str> {
    const WORDS: [&str; 13] = [
        "mfa_required",
        "interaction_required",
        "invalid_grant",
        "invalid_client",
        "invalid_request",
        "invalid_scope",
        "invalid_token",
        "unauthorized_client",
        "unsupported_grant_type",
        "access_denied",
        "temporarily_unavailable",
        "server_error",
        "slow_down",
    ];
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body: Value = serde_json::from_slice(body).ok()?;
    let said = body.get("error")?.as_str()?;
    WORDS
        .into_iter()
        .find(|word| word.eq_ignore_ascii_case(said.trim()))
}
