//! What an answer means: the table of reliability.md 2.1, with the vendor's own words first.
//!
//! Pure. The surprise: a word in the body outweighs the status, because vendors send "no such
//! thing" as 400, 404 or 500, and "this token is old" as 200.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;

use super::client::host_of;
use super::error::Kind;
use super::limits::ERROR_IN_FINE_BODY;
use super::reply::Headers;
use super::rules::ErrorWords;
use crate::model::retry::retry_after;

/// What to do with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Give it to the decoder.
    Fine,
    /// The token is not accepted.
    Token,
    /// 403: the right is missing, or the token is old and the vendor confuses the two.
    Forbidden,
    /// It is a failure.
    Failed(Kind),
}

/// An answer before it is judged.
pub(super) struct Answer<'a> {
    pub status: u16,
    pub headers: &'a Headers,
    pub body: &'a [u8],
    /// The address that was asked.
    pub address: &'a Url,
    /// Our own time, for a server that does not tell its own.
    pub now: Timestamp,
}

/// Judges an answer.
pub(super) fn judge(words: &ErrorWords, answer: &Answer<'_>) -> Verdict {
    let status = answer.status;
    if let Some((meaning, code)) = known_code(words, answer) {
        return match meaning {
            Meaning::Token => Verdict::Token,
            Meaning::Missing => Verdict::Failed(Kind::Missing(status, Some(code))),
            Meaning::TooMany => Verdict::Failed(Kind::TooMany(status, Some(code))),
        };
    }
    if challenge_names_token(words, answer.headers) {
        return Verdict::Token;
    }
    match status {
        200 if is_web_page(answer.body) => Verdict::Failed(Kind::BadAnswer(
            status,
            "expected JSON, got a web page".into(),
        )),
        200 | 204 => Verdict::Fine,
        401 => Verdict::Token,
        403 => Verdict::Forbidden,
        404 | 405 | 410 => Verdict::Failed(Kind::Missing(status, None)),
        413 => Verdict::Failed(Kind::TooMany(status, None)),
        300..=399 => Verdict::Failed(Kind::Redirect(status, redirect_host(answer))),
        201..=299 => Verdict::Failed(Kind::BadAnswer(
            status,
            "only 200 and 204 are answers to a question".into(),
        )),
        _ if is_passing(status) => {
            Verdict::Failed(Kind::Busy(status, asked_wait(answer.headers, answer.now)))
        }
        _ => Verdict::Failed(Kind::Rejected(status)),
    }
}

/// A status that passes by itself.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The wait that a server asks for.
pub(super) fn asked_wait(headers: &Headers, now: Timestamp) -> Option<Duration> {
    retry_after(headers.get("retry-after")?, headers.date().unwrap_or(now))
}

/// A redirect's target: the host alone, because the rest may carry secrets.
fn redirect_host(answer: &Answer<'_>) -> Option<String> {
    let target = answer.address.join(answer.headers.get("location")?).ok()?;
    target.host_str()?;
    Some(host_of(&target))
}

fn is_web_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

/// RFC 6750 puts `error="invalid_token"` into the challenge.
fn challenge_names_token(words: &ErrorWords, headers: &Headers) -> bool {
    let Some(challenge) = headers.get("www-authenticate") else {
        return false;
    };
    let challenge = normal(challenge);
    words
        .token
        .iter()
        .any(|word| challenge.contains(&normal(word)))
}

#[derive(Clone, Copy)]
enum Meaning {
    Token,
    Missing,
    TooMany,
}

/// The first code of the body that the description knows, and what it means.
fn known_code(words: &ErrorWords, answer: &Answer<'_>) -> Option<(Meaning, String)> {
    let fine = matches!(answer.status, 200..=299);
    if words.code.is_empty() || (fine && answer.body.len() > ERROR_IN_FINE_BODY) {
        return None;
    }
    let body: Value = serde_json::from_slice(answer.body).ok()?;
    let mut codes = Vec::new();
    for path in &words.code {
        collect(&body, path, &mut codes);
    }
    let known = [
        (Meaning::Token, &words.token),
        (Meaning::Missing, &words.missing),
        (Meaning::TooMany, &words.too_many),
    ];
    codes.iter().find_map(|code| {
        known.iter().find_map(|(meaning, words)| {
            // The description's spelling is shown, never the vendor's text.
            let word = words.iter().find(|word| normal(word) == *code)?;
            Some((*meaning, word.clone()))
        })
    })
}

/// Every code at a dotted path; member names without regard to case, `[]` is each element.
fn collect(value: &Value, path: &str, codes: &mut Vec<String>) {
    let (step, rest) = path
        .split_once('.')
        .map_or((path, None), |(step, rest)| (step, Some(rest)));
    let (name, each) = step
        .strip_suffix("[]")
        .map_or((step, false), |name| (name, true));
    let found: Vec<&Value> = match value {
        _ if name.is_empty() => vec![value],
        Value::Object(members) => members
            .iter()
            .filter(|(member, _)| member.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect(),
        _ => Vec::new(),
    };
    for value in found {
        let elements = match (each, value) {
            (true, Value::Array(elements)) => elements.as_slice(),
            (true, _) => &[],
            (false, value) => std::slice::from_ref(value),
        };
        for value in elements {
            match (rest, value) {
                (Some(rest), value) => collect(value, rest, codes),
                (None, Value::String(code)) => codes.push(normal(code)),
                (None, Value::Number(code)) => codes.push(code.to_string()),
                (None, _) => {}
            }
        }
    }
}

fn normal(word: &str) -> String {
    word.chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn words() -> ErrorWords {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ErrorWords {
            code: texts(&[
                "responseStatus.errorCode",
                "statusInfoSet[].imsx_codeMinor",
                "code",
                "[].code",
            ]),
            too_many: texts(&["TooManyRequested"]),
            missing: texts(&["NotExist", "unknown object"]),
            token: texts(&["invalid_token", "unauthorized"]),
        }
    }

    fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Verdict {
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
        judge(
            &words(),
            &Answer {
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
        let busy = |status| Verdict::Failed(Kind::Busy(status, None));
        let rejected = |status| Verdict::Failed(Kind::Rejected(status));
        let missing = |status| Verdict::Failed(Kind::Missing(status, None));
        for (status, should) in [
            (200, Verdict::Fine),
            (204, Verdict::Fine),
            (400, rejected(400)),
            (401, Verdict::Token),
            (402, rejected(402)),
            (403, Verdict::Forbidden),
            (404, missing(404)),
            (405, missing(405)),
            (408, busy(408)),
            (409, rejected(409)),
            (410, missing(410)),
            (413, Verdict::Failed(Kind::TooMany(413, None))),
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
            (304, Verdict::Failed(Kind::Redirect(304, None))),
        ] {
            assert_eq!(judged(status, &[], ""), should, "{status}");
        }
        for status in [201, 202, 203, 206] {
            assert!(
                matches!(
                    judged(status, &[], "[]"),
                    Verdict::Failed(Kind::BadAnswer(..))
                ),
                "{status}"
            );
        }
    }

    #[test]
    fn words_outweigh_the_status() {
        let missing =
            |status, word: &str| Verdict::Failed(Kind::Missing(status, Some(word.into())));
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
                Verdict::Failed(Kind::TooMany(400, Some("TooManyRequested".into()))),
            ),
            (
                200,
                r#"{"responseStatus":{"errorCode":"Invalid_Token"}}"#,
                Verdict::Token,
            ),
            (403, r#"[{"code":"invalid_token"}]"#, Verdict::Token),
            (
                400,
                r#"{"code":"SomethingElse"}"#,
                Verdict::Failed(Kind::Rejected(400)),
            ),
            (
                400,
                r#"{"code":{"deep":1}}"#,
                Verdict::Failed(Kind::Rejected(400)),
            ),
            (
                200,
                r#"{"users":[],"statusInfoSet":[{"imsx_codeMinor":"invalid_sort_field"}]}"#,
                Verdict::Fine,
            ),
            (
                502,
                "<html>Bad Gateway</html>",
                Verdict::Failed(Kind::Busy(502, None)),
            ),
            (200, "[1]", Verdict::Fine),
            (200, "", Verdict::Fine),
        ] {
            assert_eq!(judged(status, &[], body), should, "{status} {body}");
        }
        for page in ["<!doctype html>", "\u{feff}\n <html>"] {
            assert!(
                matches!(
                    judged(200, &[], page),
                    Verdict::Failed(Kind::BadAnswer(200, _))
                ),
                "{page}"
            );
        }
    }

    #[test]
    fn headers_speak_too() {
        assert_eq!(
            judged(
                403,
                &[("www-authenticate", "Bearer error=\"invalid_token\"")],
                ""
            ),
            Verdict::Token
        );
        assert_eq!(
            judged(403, &[("www-authenticate", "Bearer realm=\"x\"")], ""),
            Verdict::Forbidden
        );
        let wait = |seconds| Verdict::Failed(Kind::Busy(429, Some(Duration::from_secs(seconds))));
        assert_eq!(judged(429, &[("retry-after", "7")], ""), wait(7));
        // The server's clock is an hour ahead of ours: its own Date is what counts.
        let ahead = [
            ("retry-after", "Mon, 02 Mar 2026 07:00:30 GMT"),
            ("date", "Mon, 02 Mar 2026 07:00:00 GMT"),
        ];
        assert_eq!(judged(429, &ahead, ""), wait(30));
        for (location, host) in [
            ("https://evil.example/a?token=t", Some("evil.example")),
            ("https://evil.example:8443/", Some("evil.example:8443")),
            ("/elsewhere?secret=1", Some("api.example.org")),
            ("https://", None),
        ] {
            let should = Verdict::Failed(Kind::Redirect(302, host.map(str::to_owned)));
            assert_eq!(
                judged(302, &[("location", location)], ""),
                should,
                "{location}"
            );
        }
    }
}
