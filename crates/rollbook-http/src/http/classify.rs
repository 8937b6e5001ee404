//! Classifies a response: the table of reliability.md 2.1, after the vendor's own error codes.
//!
//! Pure. The surprise: an error code in the body takes precedence over the status, because vendors
//! return "not found" as 400, 404 or 500, and "token expired" as 200.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;

use super::error::HttpErrorKind;
use super::limits::ERROR_IN_FINE_BODY;
use super::peer::host_of;
use super::reply::Headers;
use rollbook_core::model::error_path::values_at;
use rollbook_core::model::retry::retry_after;
use rollbook_core::model::{ErrorCodes, UnexpectedResponse};

/// What to do with a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Classification {
    /// Pass it to the decoder.
    Fine,
    /// The token is not accepted.
    Token,
    /// 403: a right is missing, or the token is too old and the vendor confuses the two.
    Forbidden,
    Failed(HttpErrorKind),
}

/// A response to classify.
pub(crate) struct Response<'a> {
    pub status: u16,
    pub headers: &'a Headers,
    pub body: &'a [u8],
    /// The URL of the request.
    pub address: &'a Url,
    /// Local time, for a server that sends no `Date`.
    pub now: Timestamp,
}

pub(crate) fn classify(words: &ErrorCodes, response: &Response<'_>) -> Classification {
    let status = response.status;
    let body = error_body(words, response);
    if let Some((meaning, code)) = body.as_ref().and_then(|body| known_code(words, body)) {
        return match meaning {
            Meaning::Token => Classification::Token,
            Meaning::Missing => Classification::Failed(HttpErrorKind::Missing(status, Some(code))),
            Meaning::TooMany => {
                Classification::Failed(HttpErrorKind::TooMuchRequested(status, Some(code)))
            }
        };
    }
    if challenge_names_token(words, response.headers) {
        return Classification::Token;
    }
    // The decoder finds those of every size; here the vendor's code for the failure can still be quoted.
    let failure = body.filter(|_| matches!(status, 200..=299));
    let failure = failure.and_then(|body| {
        words.outcome_members().find(|member| {
            let mut found = values_at(&body, member.path).into_iter();
            found.any(|value| member.is_failure(value))
        })
    });
    if let Some(member) = failure {
        let failure = UnexpectedResponse::of_form(member.message());
        return Classification::Failed(HttpErrorKind::UnexpectedResponse(status, failure));
    }
    let wait = requested_wait(response.headers, response.now);
    match status {
        200 | 206 if is_web_page(response.body) => {
            Classification::Failed(HttpErrorKind::UnexpectedResponse(
                status,
                UnexpectedResponse::of_server("expected JSON, got a web page"),
            ))
        }
        200 | 204 => Classification::Fine,
        206 if is_part_of_list(response.headers) => Classification::Fine,
        401 => Classification::Token,
        // Some servers throttle with 403; a right that is missing has no end.
        403 if wait.is_some() => Classification::Failed(HttpErrorKind::Unavailable(status, wait)),
        403 => Classification::Forbidden,
        404 | 405 | 410 => Classification::Failed(HttpErrorKind::Missing(status, None)),
        413 => Classification::Failed(HttpErrorKind::TooMuchRequested(status, None)),
        300..=399 => {
            Classification::Failed(HttpErrorKind::Redirect(status, redirect_host(response)))
        }
        201..=299 => Classification::Failed(HttpErrorKind::UnexpectedResponse(
            status,
            UnexpectedResponse::of_form(
                "only the statuses 200 and 204 are expected, and 206 with a Content-Range of rows",
            ),
        )),
        _ if is_transient(status) => {
            Classification::Failed(HttpErrorKind::Unavailable(status, wait))
        }
        _ => Classification::Failed(HttpErrorKind::HttpStatus(status)),
    }
}

/// A status that a retry may change.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The wait that `Retry-After` requests, or `X-Retry-After`.
pub(crate) fn requested_wait(headers: &Headers, now: Timestamp) -> Option<Duration> {
    let names = ["retry-after", "x-retry-after"];
    let text = names.into_iter().find_map(|name| headers.get(name))?;
    retry_after(text, headers.date(), now)
}

/// The target host of a redirect, without the rest of the URL, which may contain secrets.
fn redirect_host(response: &Response<'_>) -> Option<String> {
    let target = response
        .address
        .join(response.headers.get("location")?)
        .ok()?;
    target.host_str()?;
    Some(host_of(&target))
}

/// 206 of a list says which of its rows it holds, such as `items 0-19/60`. A range of bytes was not requested.
fn is_part_of_list(headers: &Headers) -> bool {
    let range = headers.get("content-range").map(str::trim_start);
    range.is_some_and(|range| {
        range.contains('/') && !range.to_ascii_lowercase().starts_with("bytes")
    })
}

fn is_web_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

/// RFC 6750 puts `error="invalid_token"` into the challenge.
fn challenge_names_token(words: &ErrorCodes, headers: &Headers) -> bool {
    let Some(challenge) = headers.get("www-authenticate") else {
        return false;
    };
    let challenge = ErrorCodes::normal(challenge);
    words
        .token
        .iter()
        .any(|word| challenge.contains(&ErrorCodes::normal(word)))
}

#[derive(Clone, Copy)]
enum Meaning {
    Token,
    Missing,
    TooMany,
}

/// The body, where it may be an error object.
fn error_body(words: &ErrorCodes, response: &Response<'_>) -> Option<Value> {
    let is_fine = matches!(response.status, 200..=299);
    let is_declared = !(words.code.is_empty() && words.failed.is_empty() && words.ok.is_empty());
    if !is_declared || (is_fine && response.body.len() > ERROR_IN_FINE_BODY) {
        return None;
    }
    serde_json::from_slice(response.body).ok()
}

/// The first code of the body that the connector knows, and what it means.
fn known_code(words: &ErrorCodes, body: &Value) -> Option<(Meaning, String)> {
    let codes = words.code.iter().flat_map(|path| values_at(body, path));
    let known = [
        (Meaning::Token, &words.token),
        (Meaning::Missing, &words.missing),
        (Meaning::TooMany, &words.too_many),
    ];
    codes.filter_map(ErrorCodes::text_of).find_map(|code| {
        known.iter().find_map(|(meaning, words)| {
            // Messages show the connector's spelling, never the vendor's text.
            let word = words.iter().find(|word| ErrorCodes::normal(word) == code)?;
            Some((*meaning, word.clone()))
        })
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn words() -> ErrorCodes {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ErrorCodes {
            code: texts(&[
                "responseStatus.errorCode",
                "statusInfoSet[].imsx_codeMinor",
                "code",
                "[].code",
                "results.{*}.code",
            ]),
            too_many: texts(&["TooManyRequested"]),
            missing: texts(&["NotExist", "unknown object"]),
            token: texts(&["invalid_token", "unauthorized"]),
            failed: texts(&["exception"]),
            ok: [("ocs.meta.statuscode".to_owned(), texts(&["100", "OK"]))].into(),
        }
    }

    fn classified(
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: &str,
    ) -> Classification {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let address = Url::parse("https://api.example.org/v1/users").expect("an address");
        let now = "2026-03-02T06:00:00Z".parse().expect("a time");
        let headers = Headers::from(map);
        classify(
            &words(),
            &Response {
                status,
                headers: &headers,
                body: body.as_bytes(),
                address: &address,
                now,
            },
        )
    }

    #[test]
    fn the_status_by_rows() {
        let busy = |status| Classification::Failed(HttpErrorKind::Unavailable(status, None));
        let rejected = |status| Classification::Failed(HttpErrorKind::HttpStatus(status));
        let missing = |status| Classification::Failed(HttpErrorKind::Missing(status, None));
        for (status, should) in [
            (200, Classification::Fine),
            (204, Classification::Fine),
            (400, rejected(400)),
            (401, Classification::Token),
            (402, rejected(402)),
            (403, Classification::Forbidden),
            (404, missing(404)),
            (405, missing(405)),
            (408, busy(408)),
            (409, rejected(409)),
            (410, missing(410)),
            (
                413,
                Classification::Failed(HttpErrorKind::TooMuchRequested(413, None)),
            ),
            (422, rejected(422)),
            (425, busy(425)),
            (429, busy(429)),
            (500, busy(500)),
            (501, rejected(501)),
            (502, busy(502)),
            (503, busy(503)),
            (504, busy(504)),
            (505, rejected(505)),
            (511, rejected(511)),
            (
                304,
                Classification::Failed(HttpErrorKind::Redirect(304, None)),
            ),
        ] {
            assert_eq!(classified(status, &[], ""), should, "{status}");
        }
        for (range, is_fine) in [
            ("items 0-19/60", true),
            ("0-24/3573", true),
            ("items 0-19/*", true),
            ("items 0-19", false),
            ("bytes 0-999/6000", false),
            ("Bytes 0-999/*", false),
        ] {
            let answer = classified(206, &[("content-range", range)], "[]");
            assert_eq!(answer == Classification::Fine, is_fine, "{range}");
        }
        for status in [201, 202, 203, 206] {
            assert!(
                matches!(
                    classified(status, &[], "[]"),
                    Classification::Failed(HttpErrorKind::UnexpectedResponse(..))
                ),
                "{status}"
            );
        }
    }

    #[test]
    fn codes_override_the_status() {
        let missing = |status, word: &str| {
            Classification::Failed(HttpErrorKind::Missing(status, Some(word.into())))
        };
        for (status, body, should) in [
            (
                500,
                r#"{"responseStatus":{"errorCode":"NotExist","message":"Flux 9021"}}"#,
                missing(500, "NotExist"),
            ),
            (
                400,
                r#"{"ResponseStatus":{"ErrorCode":"notexist"}}"#,
                missing(400, "NotExist"),
            ),
            (
                404,
                r#"{"statusInfoSet":[{"imsx_codeMinor":"x"},{"imsx_codeMinor":"unknownobject"}]}"#,
                missing(404, "unknown object"),
            ),
            (
                400,
                r#"{"code":"TooManyRequested"}"#,
                Classification::Failed(HttpErrorKind::TooMuchRequested(
                    400,
                    Some("TooManyRequested".into()),
                )),
            ),
            (
                200,
                r#"{"responseStatus":{"errorCode":"Invalid_Token"}}"#,
                Classification::Token,
            ),
            (403, r#"[{"code":"invalid_token"}]"#, Classification::Token),
            (
                400,
                r#"{"results":{"7":{"code":"x"},"8":{"code":"NotExist"}}}"#,
                missing(400, "NotExist"),
            ),
            (
                400,
                r#"{"code":"SomethingElse"}"#,
                Classification::Failed(HttpErrorKind::HttpStatus(400)),
            ),
            (
                400,
                r#"{"code":{"deep":1}}"#,
                Classification::Failed(HttpErrorKind::HttpStatus(400)),
            ),
            (
                200,
                r#"{"users":[],"statusInfoSet":[{"imsx_codeMinor":"invalid_sort_field"}]}"#,
                Classification::Fine,
            ),
            (
                502,
                "<html>Bad Gateway</html>",
                Classification::Failed(HttpErrorKind::Unavailable(502, None)),
            ),
            (200, "[1]", Classification::Fine),
            (200, "", Classification::Fine),
        ] {
            assert_eq!(classified(status, &[], body), should, "{status} {body}");
        }
        let failed = |reason: &str| {
            let reason = UnexpectedResponse::of_form(reason);
            Classification::Failed(HttpErrorKind::UnexpectedResponse(200, reason))
        };
        let exception = || failed("the response reports a failure in `exception`");
        let code = || {
            failed(
                "the response reports a failure: `ocs.meta.statuscode` has none of the values that mean success",
            )
        };
        for (body, should) in [
            (
                r#"{"exception":"moodle_exception","errorcode":"x"}"#,
                exception(),
            ),
            (r#"{"exception":{"a":1}}"#, exception()),
            (r#"{"exception":null,"users":[]}"#, Classification::Fine),
            (r#"{"exception":"","users":[]}"#, Classification::Fine),
            (r#"{"exception":[],"users":[]}"#, Classification::Fine),
            (
                r#"{"exception":"x","code":"invalid_token"}"#,
                Classification::Token,
            ),
            (
                r#"{"users":[{"exception":"a column"}]}"#,
                Classification::Fine,
            ),
            (
                r#"{"ocs":{"meta":{"statuscode":100},"data":[]}}"#,
                Classification::Fine,
            ),
            (
                r#"{"ocs":{"meta":{"statuscode":"ok"},"data":[]}}"#,
                Classification::Fine,
            ),
            (r#"{"ocs":{"meta":{"statuscode":997},"data":[]}}"#, code()),
            (r#"{"ocs":{"meta":{"statuscode":null},"data":[]}}"#, code()),
            (r#"{"users":[]}"#, Classification::Fine),
        ] {
            assert_eq!(classified(200, &[], body), should, "{body}");
        }
        for page in ["<!doctype html>", "\u{feff}\n <html>"] {
            assert!(
                matches!(
                    classified(200, &[], page),
                    Classification::Failed(HttpErrorKind::UnexpectedResponse(200, _))
                ),
                "{page}"
            );
        }
    }

    #[test]
    fn headers_by_rows() {
        assert_eq!(
            classified(
                403,
                &[("www-authenticate", "Bearer error=\"invalid_token\"")],
                ""
            ),
            Classification::Token
        );
        assert_eq!(
            classified(403, &[("www-authenticate", "Bearer realm=\"x\"")], ""),
            Classification::Forbidden
        );
        let wait_after = |status, seconds| {
            let wait = Some(Duration::from_secs(seconds));
            Classification::Failed(HttpErrorKind::Unavailable(status, wait))
        };
        let wait = |seconds| wait_after(429, seconds);
        for (status, header, value, expected) in [
            (429, "retry-after", "7", wait(7)),
            (429, "x-retry-after", "7", wait(7)),
            (503, "x-retry-after", "7", wait_after(503, 7)),
            (403, "retry-after", "2", wait_after(403, 2)),
            (403, "x-retry-after", "2", wait_after(403, 2)),
            (403, "retry-after", "soon", Classification::Forbidden),
        ] {
            let classified = classified(status, &[(header, value)], "");
            assert_eq!(classified, expected, "{status} {header}: {value}");
        }
        // The server's clock is an hour ahead of ours: its own Date is what counts.
        let server_time = [
            ("retry-after", "Mon, 02 Mar 2026 07:00:30 GMT"),
            ("date", "Mon, 02 Mar 2026 07:00:00 GMT"),
        ];
        assert_eq!(classified(429, &server_time, ""), wait(30));
        for (location, host) in [
            ("https://evil.example/a?token=t", Some("evil.example")),
            ("https://evil.example:8443/", Some("evil.example:8443")),
            ("/elsewhere?secret=1", Some("api.example.org")),
            ("https://", None),
        ] {
            let should =
                Classification::Failed(HttpErrorKind::Redirect(302, host.map(str::to_owned)));
            assert_eq!(
                classified(302, &[("location", location)], ""),
                should,
                "{location}"
            );
        }
    }
}
