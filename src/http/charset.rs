//! Converts a body to UTF-8 from the charset that the server declares.
//!
//! JSON is UTF-8, but many servers declare another charset, because their framework has a default. A body
//! that is valid UTF-8 stays as it is, whatever is declared: such bytes make no words in another charset.
//! Does not repair invalid bytes; the decoder does that and reports it by column.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The body as UTF-8 where its charset is known, else unchanged.
pub(super) fn to_utf8(body: Vec<u8>, content_type: Option<&str>) -> Vec<u8> {
    let Some(encoding) = encoding(&body, content_type) else {
        return body;
    };
    encoding
        .decode_with_bom_removal(&body)
        .0
        .into_owned()
        .into_bytes()
}

/// The charset of a body, if it is not UTF-8.
fn encoding(body: &[u8], content_type: Option<&str>) -> Option<&'static Encoding> {
    match *body {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        // JSON begins with two ASCII characters, so a zero beside the first one shows the byte order.
        [b'{' | b'[', 0, ..] => return Some(UTF_16LE),
        [0, b'{' | b'[', ..] => return Some(UTF_16BE),
        _ => {}
    }
    let encoding = Encoding::for_label(declared(content_type?)?.as_bytes())?;
    let is_utf8 = || std::str::from_utf8(body).is_ok();
    (encoding != UTF_8 && encoding != UTF_16LE && encoding != UTF_16BE && !is_utf8())
        .then_some(encoding)
}

/// The charset's name in a `Content-Type`.
fn declared(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches(['"', '\'']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_every_charset() {
        let utf16 = |text: &str, big: bool, mark: bool| -> Vec<u8> {
            let units = mark
                .then_some(0xfeff)
                .into_iter()
                .chain(text.encode_utf16());
            units
                .flat_map(|unit| match big {
                    true => unit.to_be_bytes(),
                    false => unit.to_le_bytes(),
                })
                .collect()
        };
        let text = r#"["Zoë €"]"#;
        type Row = (
            &'static str,
            Option<&'static str>,
            Vec<u8>,
            Option<&'static str>,
        );
        let rows: [Row; 18] = [
            ("nothing declared", None, text.into(), Some(text)),
            (
                "UTF-8",
                Some("application/json; charset=utf-8"),
                text.into(),
                Some(text),
            ),
            (
                "latin 1",
                Some("application/json;charset=ISO-8859-1"),
                b"[\"Zo\xeb\"]".into(),
                Some(r#"["Zoë"]"#),
            ),
            (
                "latin1, in quotes",
                Some("application/json; version=1; Charset = \"latin1\""),
                b"[\"Zo\xeb\"]".into(),
                Some(r#"["Zoë"]"#),
            ),
            (
                "windows-1252",
                Some("text/json; charset=windows-1252"),
                b"[\"Zo\xeb \x80 \x93\"]".into(),
                Some("[\"Zoë € “\"]"),
            ),
            (
                "cp1252",
                Some("text/json; charset=cp1252"),
                b"[\"\x80\"]".into(),
                Some(r#"["€"]"#),
            ),
            (
                "latin 1 leaves 0x80 undefined; servers mean the euro",
                Some("text/json; charset=iso-8859-1"),
                b"[\"\x80\"]".into(),
                Some(r#"["€"]"#),
            ),
            (
                "latin 9",
                Some("a/b; charset=iso-8859-15"),
                b"[\"\xa4\"]".into(),
                Some(r#"["€"]"#),
            ),
            (
                "windows-1250",
                Some("a/b; charset=windows-1250"),
                b"[\"\x9a\"]".into(),
                Some(r#"["š"]"#),
            ),
            (
                "declared latin 1 and is UTF-8",
                Some("application/json; charset=iso-8859-1"),
                text.into(),
                Some(text),
            ),
            (
                "unknown charset",
                Some("a/b; charset=klingon"),
                text.into(),
                Some(text),
            ),
            (
                "UTF-16, little",
                Some("a/b; charset=utf-16"),
                utf16(text, false, true),
                Some(text),
            ),
            ("UTF-16, big", None, utf16(text, true, true), Some(text)),
            (
                "UTF-16 without a mark",
                None,
                utf16(text, false, false),
                Some(text),
            ),
            (
                "UTF-16, big, without a mark",
                Some("a/b; charset=utf-16be"),
                utf16(text, true, false),
                Some(text),
            ),
            (
                "declared UTF-16 and is UTF-8",
                Some("a/b; charset=utf-16"),
                text.into(),
                Some(text),
            ),
            ("neither", None, b"[\"Zo\xeb\"]".into(), None),
            ("nothing", Some("a/b; charset=latin1"), Vec::new(), Some("")),
        ];
        for (what, content_type, body, expected) in rows {
            let seen = String::from_utf8(to_utf8(body, content_type)).ok();
            assert_eq!(seen.as_deref(), expected, "{what}");
        }
    }
}
