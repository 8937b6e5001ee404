//! Texts in the forms in which they are compared: without case and accents, and nothing else guessed.
//!
//! Neither for display nor for the mirror, which keeps the vendor's spelling. `ü` and `ue` stay different, because it
//! is unknown which of `Mueller` and `Muller` a `Müller` is elsewhere.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The words of a text without case, accents and punctuation, separated by one space.
///
/// Compatibility forms are unified (NFKD), combining marks are dropped, letters are lower-cased. Everything that is
/// neither letter nor digit separates words, except an apostrophe, which joins them: `O’Brien-Łuk` becomes `obrien
/// luk`. Empty if no letter or digit is left.
pub fn words(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut gap = false;
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        if matches!(letter, '\'' | '’' | '‘' | 'ʼ' | '`' | '´') {
            continue;
        }
        if !letter.is_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && !folded.is_empty() {
            folded.push(' ');
        }
        gap = false;
        for low in letter.to_lowercase().filter(|low| !is_combining_mark(*low)) {
            push_folded(&mut folded, low);
        }
    }
    folded
}

/// Letters that NFKD does not decompose, in their usual transcription.
fn push_folded(folded: &mut String, letter: char) {
    match letter {
        'ß' => folded.push_str("ss"),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        'þ' => folded.push_str("th"),
        'ø' => folded.push('o'),
        'ł' => folded.push('l'),
        'đ' | 'ð' => folded.push('d'),
        'ı' => folded.push('i'),
        'ς' => folded.push('σ'),
        other => folded.push(other),
    }
}

/// An e-mail address in lower case, trimmed; `None` if it is not an address.
///
/// The part before the `@` is folded too: by the letter of the standard it may matter, at no school does it.
pub fn email(text: &str) -> Option<String> {
    let address = text.trim();
    let (name, host) = address.rsplit_once('@')?;
    let is_address = !name.is_empty() && !host.is_empty() && !address.contains(char::is_whitespace);
    is_address.then(|| address.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_case_accents_and_punctuation_and_nothing_else() {
        let rows = [
            ("Zoë Dvořák", "zoe dvorak"),
            ("ZOE\u{308}  DVOR\u{30c}A\u{301}K", "zoe dvorak"),
            ("O'Brien", "obrien"),
            ("O’Brien", "obrien"),
            ("Jo-Ann", "jo ann"),
            ("  van der  Berg ", "van der berg"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("Ünal", "unal"),
            ("Mueller", "mueller"),
            ("Müller", "muller"),
            ("Łukasz Øre", "lukasz ore"),
            ("İpek Işık", "ipek isik"),
            ("ﬁnn", "finn"),
            ("Ａｄａ", "ada"),
            ("Ὀδυσσεύς", "οδυσσευσ"),
            ("王 小明", "王 小明"),
            ("Not stated (@@)", "not stated"),
            ("@@", ""),
            (" - ", ""),
            ("", ""),
        ];
        for (text, expected) in rows {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_has_two_sides_and_no_blank() {
        let rows = [
            (" Ada.Abel@School.Example ", Some("ada.abel@school.example")),
            ("\"a@b\"@school.example", Some("\"a@b\"@school.example")),
            ("ada", None),
            ("@school.example", None),
            ("ada@", None),
            ("ada abel@school.example", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(email(text).as_deref(), expected, "{text}");
        }
    }
}
