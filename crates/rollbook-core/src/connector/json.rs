//! JSON in one canonical form: members sorted, no blanks, so that equal content is equal text.
//!
//! Vendors reorder members and change whitespace from response to response; a mirror that kept the text as sent would
//! record changes where there are none. Not a document model: only the text is kept.

mod finish;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

pub use self::finish::{Marks, resolve_marks, sort_elements};
use super::repair::DIGITS;

/// The members of an object or the one array level, taken apart but not decoded.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Canonical JSON, and what was noticed while writing it.
#[derive(Clone, Debug)]
pub struct Written {
    /// The JSON.
    pub text: String,
    /// A number with decimals, or a large one, was met: it may have been rounded.
    pub decimals: bool,
    /// An object has a member more than once, with different values; the last one was taken.
    pub repeated: bool,
    /// The elements of every array are in order, without duplicates.
    pub in_order: bool,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            text: String::new(),
            decimals: false,
            repeated: false,
            in_order: true,
        }
    }
}

impl Written {
    /// Forgets what was written and keeps the room.
    pub fn clear(&mut self) {
        self.text.clear();
        (self.decimals, self.repeated, self.in_order) = (false, false, true);
    }

    /// Notes whether the element at `start` is in order after the one before it; returns its range.
    fn note_order(&mut self, before: Option<Range<usize>>, start: usize) -> Range<usize> {
        if let Some(before) = before {
            self.in_order &= self.text[before] < self.text[start..];
        }
        start..self.text.len()
    }
}

/// Appends `raw` in the one form; with `keep`, objects at the top keep only these members.
pub fn write(raw: &str, keep: Option<&[String]>, out: &mut Written) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    JsonSeed { out, keep }.deserialize(&mut deserializer)
}

/// How the elements of a list are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonForm<'k> {
    /// Objects keep only these members.
    pub keep: Option<&'k [String]>,
    /// Numbers become texts: ids are texts (webuntis-oneroster.md 4.3).
    pub texts: bool,
}

/// Appends an array of the values at `path` in each element of `raw`; nothing at all if there are elements and none has
/// it. A value that is no array is one element, null is none.
pub fn write_each(
    raw: &str,
    path: &[String],
    form: JsonForm<'_>,
    out: &mut Written,
) -> serde_json::Result<()> {
    let start = out.text.len();
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    out.text.push('[');
    let (elements, found) = match raw.as_bytes().first() {
        Some(b'[') => deserializer.deserialize_seq(EachSeed { out, path, form })?,
        Some(b'n') => (0, 0),
        _ => {
            let found = PathSeed { out, path, form }.deserialize(&mut deserializer)?;
            (1, usize::from(found))
        }
    };
    out.text.push(']');
    if found == 0 && elements > 0 {
        out.text.truncate(start);
    }
    Ok(())
}

/// The elements of an array; anything else is one element by itself, null is none.
pub fn elements(raw: &RawValue) -> serde_json::Result<Vec<&RawValue>> {
    match raw.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(raw.get()),
        Some(b'n') => Ok(Vec::new()),
        _ => Ok(vec![raw]),
    }
}

/// The members of an object; nothing for anything else.
pub fn members(raw: &RawValue) -> serde_json::Result<Members<'_>> {
    struct Apart;
    impl<'a> Visitor<'a> for Apart {
        type Value = Members<'a>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
            let mut members = Vec::with_capacity(4);
            while let Some((JsonText(name), value)) =
                map.next_entry::<JsonText<'a>, &'a RawValue>()?
            {
                members.push((name, value));
            }
            Ok(members)
        }
    }
    if !raw.get().starts_with('{') {
        return Ok(Vec::new());
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Apart)
}

/// A text, borrowed from the response where it holds no escape.
pub struct JsonText<'a>(pub Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for JsonText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = JsonText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<JsonText<'de>, E> {
                Ok(JsonText(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<JsonText<'de>, E> {
                Ok(JsonText(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

/// Writes any value in canonical form.
struct JsonSeed<'o, 'k> {
    out: &'o mut Written,
    keep: Option<&'k [String]>,
}

impl<'de> DeserializeSeed<'de> for JsonSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.text.push_str("null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.out.text.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        let _ = write!(self.out.text, "{value}"); // memory does not fail
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        let _ = write!(self.out.text, "{value}"); // memory does not fail
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.out.decimals = true;
        let text = serde_json::to_string(&value).map_err(E::custom)?;
        self.out.text.push_str(&text);
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        quote(value, &mut self.out.text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.out.text.push('[');
        let start = self.out.text.len();
        let mut last = None;
        loop {
            let before = self.out.text.len();
            if before > start {
                self.out.text.push(',');
            }
            let element = self.out.text.len();
            if seq
                .next_element_seed(JsonSeed {
                    out: self.out,
                    keep: self.keep,
                })?
                .is_none()
            {
                self.out.text.truncate(before);
                break;
            }
            last = Some(self.out.note_order(last, element));
        }
        self.out.text.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.out.text.push('{');
        let start = self.out.text.len();
        let mut members: Vec<(Cow<'de, str>, Range<usize>)> = Vec::with_capacity(4);
        while let Some(JsonText(name)) = map.next_key::<JsonText<'de>>()? {
            let inner = self.keep.map(|keep| kept_below(keep, &name));
            if inner.as_ref().is_some_and(Vec::is_empty) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            // The member itself is named where the rest of a name is empty.
            let inner = inner.filter(|inner| inner.iter().all(|name| !name.is_empty()));
            if !members.is_empty() {
                self.out.text.push(',');
            }
            let from = self.out.text.len();
            quote(&name, &mut self.out.text);
            self.out.text.push(':');
            map.next_value_seed(JsonSeed {
                out: self.out,
                keep: inner.as_deref(),
            })?;
            members.push((name, from..self.out.text.len()));
        }
        sort(self.out, start, members);
        self.out.text.push('}');
        Ok(())
    }
}

/// Of the names to keep those that start with this member, without it; `org.sourcedId` keeps one member of `org`.
fn kept_below(keep: &[String], member: &str) -> Vec<String> {
    let rest = keep.iter().filter_map(|kept| {
        let rest = kept.strip_prefix(member)?;
        match rest.strip_prefix('.') {
            Some(rest) => Some(rest.to_owned()),
            None => rest.is_empty().then(String::new),
        }
    });
    rest.collect()
}

/// Sorts the members behind `start`; of two with one name the last is kept.
fn sort(out: &mut Written, start: usize, mut members: Vec<(Cow<'_, str>, Range<usize>)>) {
    if members.is_sorted_by(|left, right| left.0 < right.0) {
        return;
    }
    members.sort_by(|left, right| left.0.cmp(&right.0)); // stable: equal names stay in the order of the response
    let text = &out.text;
    let mut sorted = String::with_capacity(text.len() - start);
    for (number, (name, range)) in members.iter().enumerate() {
        match members.get(number + 1) {
            Some((next, later)) if next == name => {
                out.repeated |= text[range.clone()] != text[later.clone()];
                continue;
            }
            _ => {}
        }
        if !sorted.is_empty() {
            sorted.push(',');
        }
        sorted.push_str(&text[range.clone()]);
    }
    out.text.truncate(start);
    out.text.push_str(&sorted);
}

/// Appends a JSON string; most texts hold nothing that must be escaped.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    if !has_escaped(text.as_bytes()) {
        out.push_str(text);
    } else {
        let quoted = serde_json::Value::from(text).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
    }
    out.push('"');
}

/// Whether a byte must be escaped. Eight at a time by arithmetic, because a loop is not vectorized where code is kept small.
fn has_escaped(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & TOPS != 0;
    let has_any = |bytes: [u8; 8]| {
        let word = u64::from_ne_bytes(bytes);
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        below(word, 0x20) | is(b'"') | is(b'\\')
    };
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().any(|word| has_any(*word)) | has_any(last)
}

/// Writes the value at a path in each element; counts the elements and those that have it.
struct EachSeed<'o, 'p> {
    out: &'o mut Written,
    path: &'p [String],
    form: JsonForm<'p>,
}

impl<'de> Visitor<'de> for EachSeed<'_, '_> {
    type Value = (usize, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(usize, usize), A::Error> {
        let Self { out, path, form } = self;
        let (mut elements, mut found) = (0, 0);
        let mut last = None;
        loop {
            let before = out.text.len();
            if found > 0 {
                out.text.push(',');
            }
            let start = out.text.len();
            match seq.next_element_seed(PathSeed { out, path, form })? {
                Some(true) => {
                    found += 1;
                    last = Some(out.note_order(last, start));
                }
                Some(false) => out.text.truncate(before),
                None => {
                    out.text.truncate(before);
                    return Ok((elements, found));
                }
            }
            elements += 1;
        }
    }
}

/// Writes the value at a path; returns whether there is one. Of two members with one name the last counts.
struct PathSeed<'o, 'p> {
    out: &'o mut Written,
    path: &'p [String],
    form: JsonForm<'p>,
}

impl<'de> DeserializeSeed<'de> for PathSeed<'_, '_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if !self.path.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let Self { out, form, .. } = self;
        let start = out.text.len();
        let (plain, keep) = (&mut *out, form.keep);
        JsonSeed { out: plain, keep }.deserialize(deserializer)?;
        if form.texts {
            make_text(&mut out.text, start);
        }
        Ok(true)
    }
}

impl<'de> Visitor<'de> for PathSeed<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { out, path, form } = self;
        let Some((first, path)) = path.split_first() else {
            return Ok(false); // deserialize has dealt with it
        };
        let mut found: Option<Range<usize>> = None;
        while let Some(JsonText(name)) = map.next_key::<JsonText<'de>>()? {
            if name != *first {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let from = out.text.len();
            let is_there = map.next_value_seed(PathSeed {
                out: &mut *out,
                path,
                form,
            })?;
            if !is_there {
                out.text.truncate(from);
            }
            if let Some(before) = found.take() {
                out.repeated |= out.text[before.clone()] != out.text[from..];
                out.text.replace_range(before.start..from, "");
                found = Some(before.start..out.text.len());
            } else {
                found = Some(from..out.text.len());
            }
        }
        Ok(found.is_some_and(|found| !found.is_empty()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

/// Turns the number behind `start`, if there is one, into a text.
fn make_text(out: &mut String, start: usize) {
    if out[start..].starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        out.insert(start, '"');
        out.push('"');
    } else if out[start + 1..].starts_with(DIGITS) {
        out.replace_range(start + 1..start + 1 + DIGITS.len_utf8(), "");
    }
}

#[cfg(test)]
mod tests;
