//! What stands at a path in each element of a list.

use super::*;
use crate::vendor::repair::DIGITS;

/// Writes what stands at a path in each element; counts the elements and those that have it.
pub(super) struct Each<'o, 'p> {
    pub(super) out: &'o mut Written,
    pub(super) path: &'p [String],
    pub(super) form: Form<'p>,
}

impl<'de> Visitor<'de> for Each<'_, '_> {
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
            match seq.next_element_seed(At { out, path, form })? {
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

/// Writes what stands at a path; says whether something does. Of two members with one name the last counts.
pub(super) struct At<'o, 'p> {
    pub(super) out: &'o mut Written,
    pub(super) path: &'p [String],
    pub(super) form: Form<'p>,
}

impl<'de> DeserializeSeed<'de> for At<'_, '_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if !self.path.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let Self { out, form, .. } = self;
        let start = out.text.len();
        let (plain, keep) = (&mut *out, form.keep);
        Plain { out: plain, keep }.deserialize(deserializer)?;
        if form.texts {
            make_text(&mut out.text, start);
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
        let mut found: Option<Range<usize>> = None;
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            if name != *first {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let from = out.text.len();
            let is_there = map.next_value_seed(At {
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

/// Makes a text of the number that stands behind `start`, if one does.
fn make_text(out: &mut String, start: usize) {
    if out[start..].starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        out.insert(start, '"');
        out.push('"');
    } else if out[start + 1..].starts_with(DIGITS) {
        out.replace_range(start + 1..start + 1 + DIGITS.len_utf8(), "");
    }
}
