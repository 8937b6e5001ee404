//! The vendor's own word for an error, quoted in messages.
//!
//! Bodies do not appear in messages: they may hold secrets and persons. What is quoted are a few members that name an
//! error, and a text without anything that looks like a secret, an address or a number of a person.

use serde_json::Value;

use super::reply::Headers;

/// Members with an error's code, in any case.
const CODES: [&str; 4] = ["error", "code", "errorCode", "error_code"];

/// Members with an explanation; the first is OAuth's (RFC 6749 5.2).
const TEXTS: [&str; 4] = ["error_description", "message", "detail", "title"];

/// Objects that hold the members above.
const OBJECTS: [&str; 3] = ["responseStatus", "error", "fault"];

/// The longest quotation, in characters.
const LONGEST: usize = 120;

/// The longest word that is no secret.
const LONGEST_WORD: usize = 24;

/// The words of an error response with this status; nothing where it has none that may be shown.
pub(crate) fn vendor_word(status: u16, headers: &Headers, body: &[u8]) -> Option<String> {
    if !matches!(status, 401 | 402 | 403 | 407 | 429 | 500..=599) {
        return None;
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Elsewhere an explanation may speak of a row.
    let texts = match status {
        401 | 402 | 407 | 429 | 503 => &TEXTS[..],
        _ => &TEXTS[..1],
    };
    let of_body = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| of_object(&body, texts));
    of_body.or_else(|| headers.get("x-amzn-errortype").and_then(shown))
}

fn of_object(body: &Value, texts: &[&str]) -> Option<String> {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| member(body, name)?.as_str());
        found.and_then(shown)
    };
    let own = match (text(&CODES), text(texts)) {
        (Some(code), Some(text)) if code != text => Some(format!("{code}: {text}")),
        (code, text) => code.or(text),
    };
    own.or_else(|| {
        let inner = OBJECTS.iter().filter_map(|name| member(body, name));
        inner
            .filter(|inner| inner.is_object())
            .find_map(|inner| of_object(inner, texts))
    })
}

fn member<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = body.as_object()?.iter();
    members.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

/// A text in one line, cut; nothing where it may hold more than a reason.
pub(crate) fn shown(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let is_suspicious = |word: &&str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        word.contains(['@', '<', '=']) || word.chars().count() > LONGEST_WORD || digits > 4
    };
    if words.is_empty() || words.iter().any(is_suspicious) {
        return None;
    }
    let line = words.join(" ").replace('"', "'");
    Some(match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let headers = Headers::default();
            let word = vendor_word(status, &headers, body.as_bytes());
            assert_eq!(word.as_deref(), expected, "{status} {body}");
        }
        let long = "word ".repeat(100);
        let cut = shown(&long).expect("a text");
        assert_eq!(cut.chars().count(), LONGEST + 1);
        assert_eq!(shown("a\u{1b}[31mred"), Some("a [31mred".into()));
    }
}
