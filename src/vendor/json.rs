//! JSON in one form: members sorted, no blanks, so that the same content is the same text.
//!
//! Vendors reorder members and change blanks from answer to answer; a mirror that kept the text as
//! sent would see a change where there is none. Not a document model: nothing is kept but the text.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object or the one array level, taken apart but not decoded.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Appends `raw` in the one form; with `keep`, objects at the top keep only these members.
pub fn write(raw: &str, keep: Option<&[String]>, out: &mut String) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    Plain { out, keep }.deserialize(&mut deserializer)
}

/// How the elements of a list are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'k> {
    /// Objects keep only these members.
    pub keep: Option<&'k [String]>,
    /// Numbers become texts: ids are texts (webuntis-oneroster.md 4.3).
    pub texts: bool,
}

/// Appends an array of what stands at `path` in each element of `raw`; nothing at all when elements exist
/// and none has it. What is no array is one element by itself, null is none.
pub fn write_each(
    raw: &str,
    path: &[String],
    form: Form<'_>,
    out: &mut String,
) -> serde_json::Result<()> {
    let start = out.len();
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    out.push('[');
    let (elements, found) = match raw.as_bytes().first() {
        Some(b'[') => deserializer.deserialize_seq(Each { out, path, form })?,
        Some(b'n') => (0, 0),
        _ => {
            let found = At { out, path, form }.deserialize(&mut deserializer)?;
            (1, usize::from(found))
        }
    };
    out.push(']');
    if found == 0 && elements > 0 {
        out.truncate(start);
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
            while let Some((Text(name), value)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
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

/// A text, borrowed from the answer where it holds no escape.
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

/// Writes what stands at a path in each element; counts the elements and those that have it.
struct Each<'o, 'p> {
    out: &'o mut String,
    path: &'p [String],
    form: Form<'p>,
}

impl<'de> Visitor<'de> for Each<'_, '_> {
    type Value = (usize, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(usize, usize), A::Error> {
        let Self { out, path, form } = self;
        let (mut elements, mut found) = (0, 0);
        loop {
            let before = out.len();
            if found > 0 {
                out.push(',');
            }
            match seq.next_element_seed(At { out, path, form })? {
                Some(true) => found += 1,
                Some(false) => out.truncate(before),
                None => {
                    out.truncate(before);
                    return Ok((elements, found));
                }
            }
            elements += 1;
        }
    }
}

/// Writes what stands at a path; says whether something does. Of two members with one name the first counts.
struct At<'o, 'p> {
    out: &'o mut String,
    path: &'p [String],
    form: Form<'p>,
}

impl<'de> DeserializeSeed<'de> for At<'_, '_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if !self.path.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let Self { out, form, .. } = self;
        let start = out.len();
        let (plain, keep) = (&mut *out, form.keep);
        Plain { out: plain, keep }.deserialize(deserializer)?;
        let is_number =
            out[start..].starts_with(|first: char| first == '-' || first.is_ascii_digit());
        if form.texts && is_number {
            out.insert(start, '"');
            out.push('"');
        }
        Ok(true)
    }
}

impl<'de> Visitor<'de> for At<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { out, path, form } = self;
        let Some((first, path)) = path.split_first() else {
            return Ok(false); // deserialize has dealt with it
        };
        let mut found = None;
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            if found.is_none() && name == *first {
                let out = &mut *out;
                found = Some(map.next_value_seed(At { out, path, form })?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found.unwrap_or(false))
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

/// Writes whatever comes next in the one form.
struct Plain<'o, 'k> {
    out: &'o mut String,
    keep: Option<&'k [String]>,
}

impl<'de> DeserializeSeed<'de> for Plain<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.push_str("null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        let _ = write!(self.out, "{value}"); // memory does not fail
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        let _ = write!(self.out, "{value}"); // memory does not fail
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.out
            .push_str(&serde_json::to_string(&value).map_err(E::custom)?);
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        quote(value, self.out);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.out.push('[');
        let start = self.out.len();
        loop {
            let before = self.out.len();
            if before > start {
                self.out.push(',');
            }
            if seq
                .next_element_seed(Plain {
                    out: self.out,
                    keep: self.keep,
                })?
                .is_none()
            {
                self.out.truncate(before);
                break;
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.out.push('{');
        let start = self.out.len();
        let mut placed: Vec<(Cow<'de, str>, Range<usize>)> = Vec::with_capacity(4);
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            if self
                .keep
                .is_some_and(|keep| !keep.iter().any(|kept| *kept == name))
            {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if !placed.is_empty() {
                self.out.push(',');
            }
            let from = self.out.len();
            quote(&name, self.out);
            self.out.push(':');
            map.next_value_seed(Plain {
                out: self.out,
                keep: None,
            })?;
            placed.push((name, from..self.out.len()));
        }
        sort(self.out, start, placed);
        self.out.push('}');
        Ok(())
    }
}

/// Puts the members that stand behind `start` in order, where they are not.
fn sort(out: &mut String, start: usize, mut placed: Vec<(Cow<'_, str>, Range<usize>)>) {
    if placed.is_sorted_by(|left, right| left.0 <= right.0) {
        return;
    }
    placed.sort_by(|left, right| left.0.cmp(&right.0));
    let mut sorted = String::with_capacity(out.len() - start + placed.len());
    for (number, (_, range)) in placed.into_iter().enumerate() {
        if number > 0 {
            sorted.push(',');
        }
        sorted.push_str(&out[range]);
    }
    out.truncate(start);
    out.push_str(&sorted);
}

/// Appends a JSON string; most texts hold nothing that must be escaped.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    // Without a way out in the middle, so that many bytes are looked at at once.
    let odd = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if !text.bytes().fold(false, |found, byte| found | odd(byte)) {
        out.push_str(text);
    } else {
        let quoted = serde_json::Value::from(text).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
    }
    out.push('"');
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
