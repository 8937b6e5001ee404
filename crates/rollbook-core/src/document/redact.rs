//! Finds likely secrets in a text.
//!
//! The last line of defence for excerpts in error messages: it also works on a file that is not TOML at all, such as a
//! partly saved one. It redacts too much rather than too little. The schema decides which values are refused.

use std::ops::Range;

/// Key names, without case, `-` and `_`, that mark their value as a secret.
const NAMES: [&str; 9] = [
    "secret",
    "passwd",
    "apikey",
    "password",
    "passphrase",
    "clientsecret",
    "refreshtoken",
    "accesstoken",
    "clientpassword",
];

/// Names at least this long also count when two letters are wrong.
const MIN_FUZZY_LENGTH: usize = 8;

/// The ranges in `text` that an excerpt must not show.
pub fn secret_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges = passwords_in_addresses(text);
    let mut at = 0;
    while let Some(word) = next_word(text, at) {
        at = word.end;
        if !is_secret_name(&text[word.clone()]) {
            continue;
        }
        if let Some(value) = value_after(text, &word) {
            at = value.end.max(at);
            ranges.push(value);
        }
    }
    ranges
}

fn is_secret_name(word: &str) -> bool {
    if word.len() > 40 {
        return false;
    }
    let word: String = word
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect();
    NAMES.iter().any(|name| {
        word == *name
            || (name.len() >= MIN_FUZZY_LENGTH
                && name.len().abs_diff(word.len()) <= 2 // computing the distance is expensive, and this runs for every word
                && strsim::damerau_levenshtein(&word, name) <= 2)
    })
}

fn next_word(text: &str, from: usize) -> Option<Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let start = from + text[from..].find(part)?;
    let end = text[start..]
        .find(|c| !part(c))
        .map_or(text.len(), |length| start + length);
    Some(start..end)
}

/// The value after a word that is used as a key; a table itself is not redacted, but its values may be.
fn value_after(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let blank = |c: char| c == ' ' || c == '\t';
    let rest = text[word.end..]
        .trim_start_matches(['"', '\''])
        .trim_start_matches(blank);
    let value = match rest.strip_prefix(['=', ':']) {
        Some(value) => value.trim_start_matches(blank),
        // `password "x"`: the equals sign is missing.
        None if rest.starts_with(['"', '\''])
            || (begins_line(text, word.start) && rest.starts_with(char::is_alphanumeric)) =>
        {
            rest
        }
        None => return None,
    };
    let skipped = text[word.end..].len() - value.len();
    let start = word.end + skipped;
    let length = match value.chars().next()? {
        '{' | '\n' | '\r' => return None,
        '[' => value.find(']').map_or(value.len(), |end| end + 1),
        quote @ ('"' | '\'') => quoted_length(value, quote),
        _ => value.find('\n').unwrap_or(value.len()),
    };
    Some(start..start + length)
}

fn begins_line(text: &str, at: usize) -> bool {
    text[..at]
        .rsplit('\n')
        .next()
        .is_some_and(|before| before.trim().is_empty())
}

/// Length of a quoted text with its quotes; up to the line's end when it is not closed.
fn quoted_length(value: &str, quote: char) -> usize {
    let triple = [quote; 3].iter().collect::<String>();
    if let Some(inner) = value.strip_prefix(triple.as_str()) {
        return inner
            .find(triple.as_str())
            .map_or(value.len(), |end| end + 6);
    }
    let mut escaped = false;
    for (at, letter) in value.char_indices().skip(1) {
        match letter {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = quote == '"',
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    value.len()
}

/// `user:password` in `https://user:password@host`.
fn passwords_in_addresses(text: &str) -> Vec<Range<usize>> {
    text.match_indices("://")
        .filter_map(|(at, sign)| {
            let start = at + sign.len();
            let rest = &text[start..];
            let authority = &rest[..rest.find(['/', '"', '\'', '\n', ' ']).unwrap_or(rest.len())];
            authority.rfind('@').map(|end| start..start + end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whatever_may_be_a_secret_is_found() {
        let rows = [
            (r#"client_secret = "hunter2""#, vec![r#""hunter2""#]),
            (r#"clientSecret="hunter2" # now"#, vec![r#""hunter2""#]),
            (r#"client_secert = "hunter2""#, vec![r#""hunter2""#]),
            (r#""password" = 'hunter2'"#, vec!["'hunter2'"]),
            (r#"password = "hun\"ter2", x = 1"#, vec![r#""hun\"ter2""#]),
            ("password = \"hunter2\nnext = 1", vec!["\"hunter2"]),
            ("password = hunter2, x\nnext", vec!["hunter2, x"]),
            ("password: hunter2", vec!["hunter2"]),
            ("password hunter2", vec!["hunter2"]),
            (r#"password "hunter2""#, vec![r#""hunter2""#]),
            ("password = \"\"\"a\nb\"\"\"\nc", vec!["\"\"\"a\nb\"\"\""]),
            ("api_key = [\"a\",\n\"b\"]\nc", vec!["[\"a\",\n\"b\"]"]),
            (
                r#"auth = { username = "u", password = "p", api_key = "k" }"#,
                vec![r#""p""#, r#""k""#],
            ),
            (r#"# password = "old""#, vec![r#""old""#]),
            (
                r#"proxy = "http://me:hunter2@proxy:3128/x""#,
                vec!["me:hunter2"],
            ),
            (r#"password = { credential = "x" }"#, vec![]),
            ("[auth.password]\nlifetime = 1", vec![]),
            (r#"token_url = "https://host/a@b""#, vec![]),
            (r#"grant = "password""#, vec![]),
            (r#"key = ["id"]"#, vec![]),
            ("password =", vec![]),
            ("password", vec![]),
        ];
        for (text, expected) in rows {
            let mut ranges = secret_ranges(text);
            ranges.sort_by_key(|range| range.start);
            let found: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn places_are_within_any_text(text in r#"(password|secret|://|@|[="'\[\]{}:é\n \\]|.){0,40}"#) {
            for range in secret_ranges(&text) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}
