//! A text of the vendor for a message: one short line without secrets.
//!
//! Pure. A server may repeat what it was sent, in whatever form; in case of uncertainty nothing is shown.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use form_urlencoded::byte_serialize;

/// The most characters shown.
const LONGEST: usize = 200;

/// A longer word may be a token.
const LONGEST_WORD: usize = 40;

/// So many characters of a secret in a row are not shown.
const PART: usize = 8;

/// One line of at most 200 characters with escaped control characters; `None` when it is empty, contains one of the
/// secrets, whole or in part, or a mail address, which names a person.
pub(crate) fn one_line(text: &str, secrets: &[&str]) -> Option<String> {
    if text.contains('@') || secrets.iter().any(|secret| shows(text, secret)) {
        return None;
    }
    let words = text.split_whitespace().map(|word| {
        if word.chars().count() > LONGEST_WORD {
            "[…]".to_owned()
        } else {
            let escaped = |letter: char| match letter.is_control() || is_invisible(letter) {
                true => letter.escape_unicode().collect(),
                false => String::from(letter),
            };
            word.chars().map(escaped).collect()
        }
    });
    let line = words.collect::<Vec<String>>().join(" ");
    let line = match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    };
    (!line.is_empty()).then_some(line)
}

/// Characters that change the direction of a text, or take no space.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn shows(text: &str, secret: &str) -> bool {
    if secret.is_empty() {
        return false;
    }
    let text = text.to_lowercase();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        secret.to_owned(),
        byte_serialize(secret.as_bytes()).collect(),
        BASE64_STANDARD.encode(secret),
        BASE64_STANDARD_NO_PAD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        hex,
    ];
    forms.iter().any(|form| {
        let form: Vec<char> = form.to_lowercase().chars().collect();
        let part = PART.min(form.len());
        form.windows(part)
            .any(|part| text.contains(&part.iter().collect::<String>()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_without_secrets() {
        let long = "x ".repeat(300);
        let cut = format!("{}…", "x ".repeat(100));
        for (text, expected) in [
            ("Client is disabled", Some("Client is disabled")),
            ("  two\r\nlines\t ", Some("two lines")),
            ("a\u{7}b \u{202e}c", Some("a\\u{7}b \\u{202e}c")),
            ("", None),
            (" \n", None),
            (long.as_str(), Some(cut.as_str())),
            ("wrong password hunter2 for ada", None),
            ("grace@school.example is locked", None),
            ("wrong password HUNTER2", None),
            ("starts with s3cret-o", None),
            ("Basic aHVudGVyMg==", None),
            ("68756e74657232", None),
            ("pass%26word", None),
            (
                "trace eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9eyJhbGciOiJSUzI1NiJ9 end",
                Some("trace […] end"),
            ),
        ] {
            let secrets = ["hunter2", "ada", "s3cret-of-the-client", "pass&word", ""];
            assert_eq!(one_line(text, &secrets).as_deref(), expected, "{text:?}");
        }
    }
}
