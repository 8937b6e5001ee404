//! Classifies a response of a token endpoint without a token, which may have a good status.
//!
//! Pure. Only an error object of RFC 6749 5.2 is a refusal, in whatever status; a web page, an empty body and a proxy's
//! answer are not. Of the response's text one line is kept, without secrets (`http/vendor_text.rs`).

use jiff::Timestamp;
use reqwest::{StatusCode, Url};
use serde_json::{Map, Value};

use crate::http::classify::{is_transient, requested_wait};
use crate::http::error::HttpErrorKind;
use crate::http::peer::host_of;
use crate::http::refusal::{Refused, TokenRefusal};
use crate::http::reply::Headers;
use crate::http::vendor_text::one_line;

/// What a token request sends besides the client's own credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    Password,
    /// A refresh token or a code.
    Token,
}

/// A response without a token.
pub(super) struct TokenReply<'a> {
    pub status: u16,
    pub headers: &'a Headers,
    pub body: &'a [u8],
    /// The target of a redirect.
    pub target: Option<&'a Url>,
    pub now: Timestamp,
}

/// The kind of failure. `secrets` are the texts that no message may contain.
pub(super) fn failure(answer: &TokenReply<'_>, sent: Sent, secrets: &[&str]) -> HttpErrorKind {
    let status = answer.status;
    let wait = requested_wait(answer.headers, answer.now);
    let object = object(answer.body);
    let error = object
        .as_ref()
        .and_then(|object| OAuthError::of(object, status));
    match (error, status) {
        (Some(error), _) if error.is_transient() => HttpErrorKind::Unavailable(status, wait),
        (Some(error), _) if error.code.is_some() => refused(status, error, sent, secrets),
        (_, 300..=399) => HttpErrorKind::Redirect(status, answer.target.map(host_of)),
        _ if is_transient(status) => HttpErrorKind::Unavailable(status, wait),
        (_, 403) if wait.is_some() => HttpErrorKind::Unavailable(status, wait),
        (Some(error), 200..=299 | 400..=499) => refused(status, error, sent, secrets),
        (None, 200..=299 | 400..=499) => {
            HttpErrorKind::NoTokenResponse(status, described(answer.body, object.is_some()))
        }
        _ => HttpErrorKind::HttpStatus(status),
    }
}

/// Whether a response without a token is an error object; some servers send it with status 200.
pub(super) fn is_error(status: u16, body: &[u8]) -> bool {
    object(body).is_some_and(|object| OAuthError::of(&object, status).is_some())
}

/// A body in words, without its text.
pub(super) fn described(body: &[u8], is_object: bool) -> String {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => "an empty body",
        Some(b'<') => "a web page",
        Some(_) if is_object => "JSON that is no token response",
        Some(_) => "a text that is no token response",
    }
    .to_owned()
}

fn refused(status: u16, error: OAuthError, sent: Sent, secrets: &[&str]) -> HttpErrorKind {
    HttpErrorKind::GrantRefused(TokenRefusal {
        status,
        code: error.code,
        description: error.description.and_then(|text| one_line(&text, secrets)),
        refused: what(error.code, sent),
    })
}

/// What a code is about. `invalid_client` is about the client and never about a person; other codes with a password may be
/// about the person, also `invalid_request`, by which some servers mean a wrong one.
fn what(code: Option<&str>, sent: Sent) -> Refused {
    match (code, sent) {
        (Some("invalid_client"), _) => Refused::Client,
        (Some("invalid_grant" | "invalid_token"), Sent::Token) => Refused::Token,
        (
            Some(
                "invalid_scope"
                | "unauthorized_client"
                | "unsupported_grant_type"
                | "invalid_request",
            ),
            _,
        ) => Refused::Request,
        (_, Sent::Password) => Refused::Password,
        (Some("invalid_grant"), Sent::Nothing) => Refused::Client,
        _ => Refused::Unknown,
    }
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match serde_json::from_slice(body).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// An error object of RFC 6749 5.2.
struct OAuthError {
    /// The standard's code; `None` for the vendor's own.
    code: Option<&'static str>,
    description: Option<String>,
}

impl OAuthError {
    /// Frameworks and gateways send `error` too, with the reason phrase of the status; that is no error object of OAuth.
    fn of(object: &Map<String, Value>, status: u16) -> Option<Self> {
        let word = object.get("error")?.as_str()?.trim();
        let code = standard_code(word);
        let is_described =
            object.contains_key("error_description") || object.contains_key("error_uri");
        let is_own_code = !word.is_empty() && is_code(word) && !is_reason_phrase(word, status);
        (code.is_some() || (is_described && !word.is_empty()) || is_own_code).then(|| Self {
            code,
            description: object
                .get("error_description")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }

    fn is_transient(&self) -> bool {
        matches!(
            self.code,
            Some("temporarily_unavailable" | "server_error" | "slow_down")
        )
    }
}

/// The standard's error codes (RFC 6749 5.2, 4.1.2.1; RFC 8628; OpenID Connect Core 3.1.2.6) and the usual one for
/// a second factor, in any case and with any separator.
fn standard_code(word: &str) -> Option<&'static str> {
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
    let received = letters(word);
    CODES.into_iter().find(|code| letters(code) == received)
}

fn letters(word: &str) -> String {
    let letters = word.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Codes are lower-case words that are joined, such as `account_locked`.
fn is_code(word: &str) -> bool {
    word.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.')
    })
}

fn is_reason_phrase(word: &str, status: u16) -> bool {
    let phrase = StatusCode::from_u16(status).ok();
    let phrase = phrase.and_then(|status| status.canonical_reason());
    phrase.is_some_and(|phrase| letters(phrase) == letters(word))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    /// What a response to a password means, in one word.
    fn meaning(status: u16, body: &str, sent: Sent) -> String {
        let headers = Headers::from(HeaderMap::new());
        let answer = TokenReply {
            status,
            headers: &headers,
            body: body.as_bytes(),
            target: None,
            now: Timestamp::UNIX_EPOCH,
        };
        match failure(&answer, sent, &["hunter2", "ada"]) {
            HttpErrorKind::GrantRefused(refusal) => {
                format!("{:?} {}", refusal.refused, refusal.code.unwrap_or("own"))
            }
            HttpErrorKind::NoTokenResponse(_, received) => received,
            HttpErrorKind::Unavailable(..) => "transient".into(),
            HttpErrorKind::Redirect(..) => "redirect".into(),
            HttpErrorKind::HttpStatus(_) => "status".into(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn only_an_error_object_is_a_refusal_in_whatever_status() {
        let sent = Sent::Password;
        for status in [200, 400, 401, 403, 404, 418, 429, 500, 503] {
            for (body, expected) in [
                (r#"{"error":"invalid_grant"}"#, "Password invalid_grant"),
                (r#"{"error":"Invalid Grant"}"#, "Password invalid_grant"),
                (r#"{"error":"invalid_client"}"#, "Client invalid_client"),
                (r#"{"error":"invalid_request"}"#, "Request invalid_request"),
                (r#"{"error":"mfa_required"}"#, "Password mfa_required"),
                (r#"{"error":"temporarily_unavailable"}"#, "transient"),
            ] {
                assert_eq!(meaning(status, body, sent), expected, "{status} {body}");
            }
        }
        for (status, body, expected) in [
            (401, "<html>", "a web page"),
            (403, "\n <!doctype html>", "a web page"),
            (200, "<html>", "a web page"),
            (400, "", "an empty body"),
            (404, " \r\n", "an empty body"),
            (401, "Unauthorized", "a text that is no token response"),
            (
                401,
                r#"{"message":"Forbidden"}"#,
                "JSON that is no token response",
            ),
            (
                401,
                r#"{"error":"Unauthorized","status":401}"#,
                "JSON that is no token response",
            ),
            (
                404,
                r#"{"error":"Not Found"}"#,
                "JSON that is no token response",
            ),
            (
                401,
                r#"{"error":"unauthorized"}"#,
                "JSON that is no token response",
            ),
            (
                400,
                r#"{"error":{"code":"invalid_grant"}}"#,
                "JSON that is no token response",
            ),
            (400, r#"{"error":""}"#, "JSON that is no token response"),
            (
                400,
                r#"["invalid_grant"]"#,
                "a text that is no token response",
            ),
            (
                401,
                r#"{"error":"unauthorized","error_description":"x"}"#,
                "Password own",
            ),
            (400, r#"{"error":"account_locked"}"#, "Password own"),
            (500, r#"{"error":"account_locked"}"#, "transient"),
            (
                500,
                r#"{"error":"Internal Server Error","status":500}"#,
                "transient",
            ),
            (503, "<html>", "transient"),
            (501, "", "status"),
            (302, "<html>", "redirect"),
        ] {
            assert_eq!(meaning(status, body, sent), expected, "{status} {body}");
        }
    }

    #[test]
    fn what_is_refused_by_code_and_grant() {
        for (sent, code, expected) in [
            (Sent::Nothing, "invalid_grant", "Client invalid_grant"),
            (Sent::Nothing, "access_denied", "Unknown access_denied"),
            (Sent::Nothing, "invalid_scope", "Request invalid_scope"),
            (Sent::Token, "invalid_grant", "Token invalid_grant"),
            (Sent::Token, "invalid_client", "Client invalid_client"),
        ] {
            let body = format!(r#"{{"error":"{code}"}}"#);
            assert_eq!(meaning(400, &body, sent), expected);
        }
    }
}
