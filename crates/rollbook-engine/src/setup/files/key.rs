//! The vault's key as a file may hold it: 32 random bytes, bare, or as base64 or hexadecimal text.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretBox;
use secrecy::zeroize::Zeroizing;

use rollbook_core::document::lookalike::Lookalike;

/// Bytes of a key.
const LENGTH: usize = 32;

/// Text with or without `=` at its end, as tools differ.
const TEXT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a key; the error states why it is invalid, and repeats nothing of it.
pub(super) fn key_of(bytes: Vec<u8>) -> Result<SecretBox<[u8; LENGTH]>, String> {
    let bytes = Zeroizing::new(bytes);
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_text = |bytes: &[u8]| bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    if bytes.is_empty() {
        return Err("is empty".to_owned());
    }
    // A bare key first: its last byte may happen to be that of a line's end.
    for bare in [bytes.as_slice(), line] {
        if bare.len() == LENGTH && !is_text(bare) {
            return Ok(boxed(bare));
        }
    }
    if !is_text(line) {
        let lookalike = str::from_utf8(line)
            .ok()
            .and_then(Lookalike::reason_against);
        return Err(lookalike.unwrap_or_else(|| "is not 32 bytes long".to_owned()));
    }
    let decoded = match line.len() {
        64 => hex(line),
        43 | 44 => TEXT.decode(line).ok().map(Zeroizing::new),
        _ => None,
    };
    match decoded {
        Some(key) if key.len() == LENGTH => Ok(boxed(&key)),
        _ => Err("is a text, but not 32 bytes as base64 or hexadecimal".to_owned()),
    }
}

fn boxed(bytes: &[u8]) -> SecretBox<[u8; LENGTH]> {
    SecretBox::init_with_mut(|key: &mut [u8; LENGTH]| key.copy_from_slice(bytes))
}

fn hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    text.chunks_exact(2)
        .map(pair)
        .collect::<Option<Vec<u8>>>()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    /// A name, the content of the file, and the key or why it is none.
    type Row<'a> = (&'a str, Vec<u8>, Result<&'a [u8], &'a str>);

    #[test]
    fn every_spelling_of_a_key() {
        let key: Vec<u8> = (200..232).collect();
        let mut ends_like_a_line = key.clone();
        ends_like_a_line[31] = b'\n';
        let hex = "c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7";
        let base64 = "yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5uc=";
        let rows: [Row<'_>; 16] = [
            ("bare", key.clone(), Ok(&key)),
            (
                "bare, and a line's end",
                [&key[..], b"\n"].concat(),
                Ok(&key),
            ),
            (
                "ends like a line",
                ends_like_a_line.clone(),
                Ok(&ends_like_a_line),
            ),
            ("hexadecimal", hex.into(), Ok(&key)),
            (
                "in capitals",
                format!("{}\n", hex.to_uppercase()).into(),
                Ok(&key),
            ),
            ("base64", base64.into(), Ok(&key)),
            (
                "with a line's end",
                format!("{base64}\r\n").into(),
                Ok(&key),
            ),
            (
                "without its end",
                base64.trim_end_matches('=').into(),
                Ok(&key),
            ),
            ("nothing", vec![], Err("is empty")),
            (
                "a line's end",
                b"\n".into(),
                Err("is a text, but not 32 bytes as base64 or hexadecimal"),
            ),
            (
                "a password",
                b"correct horse battery staple 123".into(),
                Err("is a text, but not 32 bytes as base64 or hexadecimal"),
            ),
            (
                "copied from a web page",
                format!("\u{200b}{base64}").into(),
                Err("has U+200B, a zero-width character, which is invisible, as character 1"),
            ),
            ("too short", key[1..].into(), Err("is not 32 bytes long")),
            (
                "too long",
                [&key[..], &key[..]].concat(),
                Err("is not 32 bytes long"),
            ),
            (
                "half of it",
                hex[..32].into(),
                Err("is a text, but not 32 bytes as base64 or hexadecimal"),
            ),
            (
                "two lines",
                format!("{base64}\n\n").into(),
                Err("is not 32 bytes long"),
            ),
        ];
        for (name, text, expected) in rows {
            let found = key_of(text);
            let found = found.as_ref().map(|key| key.expose_secret().as_slice());
            assert_eq!(found.map_err(String::as_str), expected, "{name}");
        }
    }
}
