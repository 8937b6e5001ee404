//! Converts a body to UTF-8 from the charset that the server declares.
//!
//! JSON is UTF-8, but many servers declare another charset, because their framework has a default. A body
//! that is valid UTF-8 stays as it is, whatever is declared: such bytes make no words in another charset.
//! Does not repair invalid bytes; the decoder does that and reports it by column.

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The charset of one body, which comes piece by piece.
pub(super) struct Charset {
    /// What the server declares, if it is another one than UTF-8.
    declared: Option<&'static Encoding>,
    found: CharsetFound,
    /// The first bytes of a character whose others have not arrived.
    cut: Vec<u8>,
}

enum CharsetFound {
    /// Nothing arrived.
    Nothing,
    /// Everything so far is the same in UTF-8 and in what is declared.
    Ascii,
    Utf8,
    Other(Box<Decoder>),
}

impl Charset {
    pub fn of(content_type: Option<&str>) -> Self {
        let encoding = content_type
            .and_then(declared)
            .and_then(|name| Encoding::for_label(name.as_bytes()));
        let is_other = |encoding: &&Encoding| ![UTF_8, UTF_16LE, UTF_16BE].contains(encoding);
        Self {
            declared: encoding.filter(is_other),
            found: CharsetFound::Nothing,
            cut: Vec::new(),
        }
    }

    /// Converts the bytes from `from` on, which follow those of the last call, to UTF-8 where their charset is known.
    pub fn convert(&mut self, text: &mut Vec<u8>, from: usize, is_last: bool) {
        if matches!(self.found, CharsetFound::Nothing) {
            self.found = match (by_first_bytes(&text[from..]), self.declared) {
                (Some(encoding), _) => CharsetFound::decoded(encoding),
                (None, Some(_)) => CharsetFound::Ascii,
                (None, None) => CharsetFound::Utf8,
            };
        }
        if let (CharsetFound::Ascii, Some(declared)) = (&self.found, self.declared) {
            text.splice(from..from, self.cut.drain(..));
            match std::str::from_utf8(&text[from..]) {
                Ok(valid) if valid.is_ascii() => {}
                Ok(_) => self.found = CharsetFound::Utf8,
                Err(error) if error.error_len().is_none() && !is_last => {
                    self.cut = text.split_off(from + error.valid_up_to());
                }
                Err(_) => self.found = CharsetFound::decoded(declared),
            }
        }
        if let CharsetFound::Other(decoder) = &mut self.found {
            let bytes = text.split_off(from);
            let room = decoder.max_utf8_buffer_length(bytes.len());
            let mut converted = String::with_capacity(room.unwrap_or(bytes.len()));
            // There is room for the largest outcome, so one call converts everything.
            let _ = decoder.decode_to_string(&bytes, &mut converted, is_last);
            text.extend_from_slice(converted.as_bytes());
        }
    }
}

impl CharsetFound {
    fn decoded(encoding: &'static Encoding) -> Self {
        Self::Other(Box::new(encoding.new_decoder_with_bom_removal()))
    }
}

/// UTF-16, which shows by itself.
fn by_first_bytes(body: &[u8]) -> Option<&'static Encoding> {
    match *body {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        // JSON begins with two ASCII characters, so a zero beside the first one shows the byte order.
        [b'{' | b'[', 0, ..] => Some(UTF_16LE),
        [0, b'{' | b'[', ..] => Some(UTF_16BE),
        _ => None,
    }
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
            for piece in [usize::MAX, 2, 3] {
                let mut charset = Charset::of(content_type);
                let mut text = Vec::new();
                let mut pieces = body.chunks(piece.min(body.len().max(1))).peekable();
                while let Some(bytes) = pieces.next() {
                    let from = text.len();
                    text.extend_from_slice(bytes);
                    charset.convert(&mut text, from, pieces.peek().is_none());
                }
                let seen = String::from_utf8(text).ok();
                assert_eq!(seen.as_deref(), expected, "{what}, {piece} bytes a piece");
            }
        }
    }
}
