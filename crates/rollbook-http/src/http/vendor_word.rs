//! The vendor's own word for an error of its API, quoted in messages.
//!
//! Bodies do not appear in messages: they may hold persons. What is quoted are a few members that name an error, if their
//! texts have no markup and no number of a person.

use serde_json::Value;

use super::reply::Reply;
use super::vendor_text::one_line;

/// Members with an error's code, in any case.
const CODES: [&str; 4] = ["error", "code", "errorCode", "error_code"];

/// Members with an explanation; the first is OAuth's (RFC 6749 5.2).
const TEXTS: [&str; 4] = ["error_description", "message", "detail", "title"];

/// Objects that hold the members above.
const OBJECTS: [&str; 3] = ["responseStatus", "error", "fault"];

/// A longer number may be that of a person.
const LONGEST_NUMBER: usize = 4;

/// The words of an error response; `None` if it has none that may be shown. `secrets` were sent with the request.
pub(super) fn vendor_word(reply: &Reply, secrets: &[&str]) -> Option<String> {
    let (status, body) = (reply.status, &reply.body[..]);
    if !matches!(status, 200 | 401 | 402 | 403 | 407 | 429 | 500..=599) {
        return None;
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Elsewhere an explanation may speak of a row.
    let texts = match status {
        401 | 402 | 407 | 429 | 503 => &TEXTS[..],
        200 => &TEXTS[..0],
        _ => &TEXTS[..1],
    };
    let of_body = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| of_object(&body, texts, secrets));
    let header = || shown(reply.headers.get("x-amzn-errortype")?, secrets);
    // A failure inside a 200: its code, and no sentence.
    let is_code = |word: &String| status != 200 || !word.contains(' ');
    of_body.filter(is_code).or_else(header)
}

fn of_object(body: &Value, texts: &[&str], secrets: &[&str]) -> Option<String> {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| member(body, name)?.as_str());
        found.and_then(|text| shown(text, secrets))
    };
    let own = match (text(&CODES), text(texts)) {
        (Some(code), Some(text)) if code != text => Some(format!("{code}: {text}")),
        (code, text) => code.or(text),
    };
    own.or_else(|| {
        let inner = OBJECTS.iter().filter_map(|name| member(body, name));
        inner
            .filter(|inner| inner.is_object())
            .find_map(|inner| of_object(inner, texts, secrets))
    })
}

fn member<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = body.as_object()?.iter();
    members.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

fn shown(text: &str, secrets: &[&str]) -> Option<String> {
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    let is_number = |word: &str| digits(word) > LONGEST_NUMBER;
    if text.contains(['<', '=']) || text.split_whitespace().any(is_number) {
        return None;
    }
    Some(one_line(text, secrets)?.replace('"', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reply::Headers;

    #[test]
    fn what_is_quoted() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
        for (status, body, expected) in [
            (
                429,
                r#"{"message":"Limit Exceeded"}"#,
                Some("Limit Exceeded"),
            ),
            (
                429,
                r#"{"Message":"Too  Many\nRequests"}"#,
                Some("Too Many Requests"),
            ),
            (
                403,
                r#"{"error":"key_revoked","error_description":"This key was revoked."}"#,
                Some("key_revoked: This key was revoked."),
            ),
            (
                403,
                r#"{"error":{"code":"Revoked","message":"ask your admin"}}"#,
                Some("Revoked"),
            ),
            (
                500,
                r#"{"responseStatus":{"errorCode":"Broken"}}"#,
                Some("Broken"),
            ),
            (401, r#"{"code":401}"#, None),
            (400, r#"{"message":"Jane Doe is no learner"}"#, None),
            (404, r#"{"message":"no such learner"}"#, None),
            (429, "<html>Slow down</html>", None),
            (429, "", None),
            (
                200,
                r#"{"exception":"x","errorcode":"accessexception","message":"Jane Doe may not"}"#,
                Some("accessexception"),
            ),
            (
                403,
                r#"{"message":"user jane@example.org is blocked"}"#,
                None,
            ),
            (403, r#"{"message":"learner 1234567 is blocked"}"#, None),
            (
                403,
                &format!(r#"{{"message":"token {token} is invalid"}}"#),
                None,
            ),
            (403, r#"{"message":"<b>no</b>"}"#, None),
        ] {
            let reply = Reply {
                status,
                redirected: false,
                headers: Headers::default(),
                date: None,
                body: body.into(),
            };
            let word = vendor_word(&reply, &[token]);
            assert_eq!(word.as_deref(), expected, "{status} {body}");
        }
    }
}
