//! Values that the mirror has and PostgreSQL cannot have. Pure.

use std::borrow::Cow;

use rollbook_core::model::row::Kind;

/// Digits of a number in `jsonb`, with those that its exponent stands for; PostgreSQL has room for 131,072 before the point and
/// 16,383 behind it.
const MOST_DIGITS: usize = 16_000;

/// U+0000 in JSON.
const NUL: &str = "\\u0000";

/// A value as the database can have it. Times need nothing: the mirror has none before the year 2.
pub(super) fn storable(kind: Kind, text: &str) -> Cow<'_, str> {
    match kind {
        Kind::Json => json(text),
        Kind::Text | Kind::Integer | Kind::Real | Kind::Boolean | Kind::Date | Kind::Timestamp => {
            Cow::Borrowed(text)
        }
    }
}

/// `jsonb` has no U+0000, and no number with too many digits: U+FFFD and a text instead.
fn json(text: &str) -> Cow<'_, str> {
    let is_exponent = |pair: &[u8]| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E');
    let may_be_large = text.len() > MOST_DIGITS || text.as_bytes().windows(2).any(is_exponent);
    if !may_be_large && !text.contains(NUL) {
        return Cow::Borrowed(text);
    }
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => end_of_text(rest),
            '-' | '0'..='9' => rest
                .find(|one: char| !one.is_ascii_alphanumeric() && !"+-.".contains(one))
                .unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let (token, others) = rest.split_at(length);
        match first {
            '"' => without_nul(token, &mut changed),
            '-' | '0'..='9' if is_large(token) => changed.extend(["\"", token, "\""]),
            _ => changed.push_str(token),
        }
        rest = others;
    }
    Cow::Owned(changed)
}

/// Where the text ends that begins here.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|(_, byte)| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// A backslash that is escaped itself begins no escape.
fn without_nul(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (replaced, length) = match escape.strip_prefix(NUL) {
            Some(_) => ("\\ufffd", NUL.len()),
            None => {
                let next = escape[1..].chars().next().map_or(0, char::len_utf8);
                (&escape[..1 + next], 1 + next)
            }
        };
        out.push_str(replaced);
        rest = &escape[length..];
    }
    out.push_str(rest);
}

fn is_large(number: &str) -> bool {
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent = exponent.parse::<i64>().map_or(usize::MAX, |exponent| {
        usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX)
    });
    digits.len().saturating_add(exponent) > MOST_DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_in_place_of_a_value() {
        let long = "1".repeat(20_000);
        let long = (format!("[{long}]"), format!("[\"{long}\"]"));
        for (kind, text, expected) in [
            (Kind::Text, r"\u0000", r"\u0000"),
            (Kind::Json, r#"{"a":"b"}"#, r#"{"a":"b"}"#),
            (
                Kind::Json,
                r#"{"a\u0000":["\u0000\u0000",1]}"#,
                r#"{"a\ufffd":["\ufffd\ufffd",1]}"#,
            ),
            (
                Kind::Json,
                r#"["\\u0000","\\\u0000","\"\u0000"]"#,
                r#"["\\u0000","\\\ufffd","\"\ufffd"]"#,
            ),
            (Kind::Json, "[1e400,-1E-400,1e16]", "[1e400,-1E-400,1e16]"),
            (
                Kind::Json,
                r#"[1e99999,-1.5E-99999,"1e99999",1e99999999999999999999]"#,
                r#"["1e99999","-1.5E-99999","1e99999","1e99999999999999999999"]"#,
            ),
            (Kind::Json, "1e99999", r#""1e99999""#),
            (Kind::Json, &long.0, &long.1),
        ] {
            let found = storable(kind, text);
            assert_eq!(found, expected, "{text}");
        }
    }
}
