//! Parses requests: path segments, query pairs, form bodies, credentials.

use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Percent-decoded path segments, without empty ones.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|word| !word.is_empty())
        .map(percent_decoded)
        .collect()
}

/// Decoded pairs of a query string or a form body, in order.
pub(crate) fn pairs(encoded: &str) -> Vec<(String, String)> {
    // A form body has the syntax of a query string, which is all that the extractor accepts.
    Uri::try_from(format!("/?{encoded}"))
        .ok()
        .and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok())
        .map(|Query(pairs)| pairs)
        .unwrap_or_default()
}

/// The first value with this name.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

/// User name and password of `Authorization: Basic …`, as sent.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let bytes = STANDARD.decode(credentials(headers, "basic")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (word, rest) = text.split_once(' ')?;
    word.eq_ignore_ascii_case(scheme).then_some(rest.trim())
}

/// Decodes `%xx`; everything else stays as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        match escaped
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_bad_ones_kept() {
        for (text, decoded) in [
            ("a%20b", "a b"),
            ("%C3%BC", "ü"),
            ("100%", "100%"),
            ("%zz1", "%zz1"),
            ("", ""),
        ] {
            assert_eq!(percent_decoded(text), decoded);
        }
    }

    #[test]
    fn pairs_are_decoded_and_in_order() {
        let found = pairs("filter=role%3D%27a%27+AND&x=1&x=2");
        assert_eq!(value(&found, "filter"), Some("role='a' AND"));
        assert_eq!(value(&found, "x"), Some("1"));
        assert_eq!(found.len(), 3);
    }
}
