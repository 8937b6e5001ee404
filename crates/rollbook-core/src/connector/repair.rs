//! Turns a response that is almost JSON into JSON: a damaged text affects its own cell and not the list.
//!
//! Only for a response that cannot be parsed, or if a number's own digits are needed: one pass over the text, without a
//! grammar. What JSON cannot express is marked by one of three noncharacters of Unicode, as an escape, so that the
//! decoder meets them only in texts with escapes. If a vendor sends one of these characters, it is replaced first, so a
//! mark cannot be forged.

use std::borrow::Cow;

/// Marks characters that a text cannot hold; the cell gets U+FFFD.
pub const REPLACED: char = '\u{fdd0}';

/// The whole text for a bare `NaN` or `Infinity`.
pub const NOT_A_NUMBER: &str = "\u{fdd1}";

/// Begins a number's own digits, where reading them as a number could round them.
pub const DIGITS: char = '\u{fdd2}';

/// What cannot be in a text of a repaired response: U+0000, because tools cut a text there.
pub fn is_odd(text: &str) -> bool {
    text.contains(['\0', REPLACED])
}

/// The text with U+FFFD for every character that it cannot hold.
pub fn plain(text: &str) -> Cow<'_, str> {
    if is_odd(text) {
        Cow::Owned(text.replace(['\0', REPLACED], "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A response's text. Bytes that are not UTF-8 are marked, and the response must be repaired.
pub fn utf8(body: &[u8]) -> (Cow<'_, str>, bool) {
    if let Ok(text) = std::str::from_utf8(body) {
        return (Cow::Borrowed(text), false);
    }
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(REPLACED);
        }
    }
    (Cow::Owned(text), true)
}

/// The same response as valid JSON.
pub fn repaired(text: &str) -> String {
    let mut pass = Pass {
        text,
        at: 0,
        copied: 0,
        out: String::with_capacity(text.len() + text.len() / 16),
    };
    pass.whole();
    pass.out
}

/// The pass; `at` is always a character boundary.
struct Pass<'t> {
    text: &'t str,
    at: usize,
    /// Up to here the text is in `out`, as it was or replaced.
    copied: usize,
    out: String,
}

impl Pass<'_> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Replaces the next `length` bytes.
    fn replace(&mut self, length: usize, by: &str) {
        self.out.push_str(&self.text[self.copied..self.at]);
        self.out.push_str(by);
        self.at += length;
        self.copied = self.at;
    }

    fn whole(&mut self) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b'"' => self.string(),
                b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => self.word(),
                _ => self.at += 1,
            }
        }
        self.out.push_str(&self.text[self.copied..]);
    }

    /// A number, `true`, `null`, or something that JSON does not know.
    fn word(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        let word = &self.text[self.at..self.at + length];
        if is_plain_integer(word) {
            self.at += length;
        } else if is_number(word) {
            let marked = format!("\"\\ufdd2{word}\"");
            self.replace(length, &marked);
        } else if is_no_number(word) {
            self.replace(length, "\"\\ufdd1\"");
        } else {
            self.at += length;
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => self.escape(),
                // A raw control character means what its escape means.
                ..0x20 => {
                    let escape = format!("\\u{byte:04x}");
                    self.replace(1, &escape);
                }
                0xef if self.byte(1) == Some(0xb7) && matches!(self.byte(2), Some(0x90..=0x92)) => {
                    self.replace(3, "\\ufdd0");
                }
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) {
        match self.byte(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match (self.unit(0), self.unit(6)) {
                (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => self.at += 12,
                (Some(0xd800..0xe000 | 0xfdd0..=0xfdd2), _) => self.replace(6, "\\ufdd0"),
                (Some(_), _) => self.at += 6,
                (None, _) => self.replace(1, "\\\\"),
            },
            Some(b'\'') => self.replace(1, ""),
            // A backslash that escapes nothing is itself a character.
            Some(_) => self.replace(1, "\\\\"),
            None => self.at += 1,
        }
    }

    /// The 16 bits of an escape `\uXXXX` that begins so far ahead.
    fn unit(&self, ahead: usize) -> Option<u16> {
        let start = self.at + ahead;
        let digits = self
            .text
            .get(start..start + 6)?
            .strip_prefix("\\u")
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    }
}

/// A whole number that JSON's readers hold exactly.
fn is_plain_integer(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let is_bare = digits.bytes().all(|digit| digit.is_ascii_digit())
        && (word == "0" || !digits.starts_with('0'));
    is_bare && (word.parse::<i64>().is_ok() || word.parse::<u64>().is_ok())
}

/// A number in any format: also `+1`, `007`, `.5` and `5.`.
fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let has_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && are_digits(digits)
    });
    are_digits(whole)
        && are_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && has_exponent
}

/// What languages write for a number that is none.
fn is_no_number(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    ["nan", "infinity", "inf"]
        .iter()
        .any(|name| unsigned.eq_ignore_ascii_case(name))
}

/// A number's digits as JSON: the shortest form where that is the same number, else as sent; a spelling that JSON
/// does not know becomes a text.
pub fn number_as_json(digits: &str, out: &mut String) {
    let short = serde_json::from_str::<serde_json::Number>(digits).map(|number| number.to_string());
    match short {
        Ok(short) if is_same_number(digits, &short) => out.push_str(&short),
        _ if is_json_number(digits) => out.push_str(digits),
        _ => {
            out.push('"');
            out.push_str(digits);
            out.push('"');
        }
    }
}

/// Of what [`is_number`] accepts, the spellings that JSON knows.
fn is_json_number(word: &str) -> bool {
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let whole = unsigned.split(['.', 'e', 'E']).next().unwrap_or_default();
    let is_bare = whole == "0" || whole.starts_with(|digit: char| ('1'..='9').contains(&digit));
    let has_fraction = unsigned
        .split_once('.')
        .is_none_or(|(_, rest)| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    is_number(word) && is_bare && has_fraction
}

fn is_same_number(left: &str, right: &str) -> bool {
    match (Decimal::read(left), Decimal::read(right)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// A number as its significant digits and the position of the point.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    /// The number of digits before the point.
    point: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        if !is_number(text) {
            return None;
        }
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let leading = all.bytes().take_while(|digit| *digit == b'0').count();
        let digits = all[leading..].trim_end_matches('0').to_owned();
        // An exponent beyond all measure moves the point as far as can be counted.
        let negative_exponent = exponent.starts_with('-');
        let exponent = exponent.parse::<i64>().unwrap_or(if negative_exponent {
            i64::MIN
        } else {
            i64::MAX
        });
        let point = (whole.len() as i64 - leading as i64).saturating_add(exponent);
        Some(Self {
            negative: text.starts_with('-'),
            point: if digits.is_empty() { 0 } else { point },
            digits,
        })
    }
}

/// A whole number, computed on its digits: `3.0` is 3 and `1e3` is 1000. The error describes the value.
pub fn whole(text: &str) -> Result<i64, &'static str> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let decimal = Decimal::read(text).ok_or("a text that is not a whole number")?;
    let length = decimal.digits.len() as i64;
    if decimal.digits.is_empty() {
        return Ok(0);
    }
    if decimal.point < length {
        return Err("a number with decimals");
    }
    if decimal.point > 19 {
        return Err("a whole number of more than 64 bits");
    }
    let zeros = "0".repeat((decimal.point - length) as usize);
    let sign = if decimal.negative { "-" } else { "" };
    format!("{sign}{}{zeros}", decimal.digits)
        .parse()
        .map_err(|_| "a whole number of more than 64 bits")
}

#[cfg(test)]
mod tests;
