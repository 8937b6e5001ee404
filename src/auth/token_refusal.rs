//! Classifies an error response of a token endpoint, which may have a good status.
//!
//! Pure. Of the response's text only the standard's own error codes are kept.

use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;

use crate::http::classify::{is_transient, requested_wait};
use crate::http::client::host_of;
use crate::http::error::HttpErrorKind;
use crate::http::reply::Headers;

/// The kind of failure of a refused token request.
pub(super) fn refusal(
    status: u16,
    headers: &Headers,
    body: &[u8],
    target: Option<&Url>,
    now: Timestamp,
) -> HttpErrorKind {
    let code = error_code(body);
    let is_transient_code = matches!(
        code,
        Some("temporarily_unavailable" | "server_error" | "slow_down")
    );
    match status {
        300..=399 => HttpErrorKind::Redirect(status, target.map(host_of)),
        _ if is_transient(status) || is_transient_code => {
            HttpErrorKind::Unavailable(status, requested_wait(headers, now))
        }
        200..=299 | 400..=499 => HttpErrorKind::GrantRefused(status, code),
        _ => HttpErrorKind::HttpStatus(status),
    }
}

/// Whether a response without a token is an error of RFC 6749 5.2; some servers send it with status 200.
pub(super) fn is_error(body: &[u8]) -> bool {
    error(body).is_some_and(|error| !error.is_empty())
}

fn error(body: &[u8]) -> Option<String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body.get("error")?.as_str()?.trim().to_owned())
}

/// The standard's error codes (RFC 6749 5.2, 4.1.2.1; RFC 8628; OpenID Connect Core 3.1.2.6) and the usual one for
/// a second factor; any other text is dropped.
fn error_code(body: &[u8]) -> Option<&'static str> {
    const CODES: [&str; 13] = [
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
    let received = error(body)?;
    CODES
        .into_iter()
        .find(|code| code.eq_ignore_ascii_case(&received))
}
