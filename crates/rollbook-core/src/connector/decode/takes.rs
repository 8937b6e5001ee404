//! Columns that take JSON: a value whole, something of each element, or one element picked by a member.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::RowReader;
use crate::connector::slots::Slots;
use crate::connector::tree::{Leaf, MemberNode, TakeRule};
use crate::connector::{json, repair};
use crate::model::row::Repair;

/// The most bytes of JSON that a column takes something of; what it keeps may have a mebibyte.
const MAX_TAKEN: usize = 8 << 20;

impl<'d> RowReader<'d> {
    /// Gives each column that takes JSON or an array's element its part of `raw`, whose brackets and quotes are
    /// balanced.
    pub(super) fn take(&mut self, node: &'d MemberNode, raw: &RawValue) {
        if raw.get() == "null" {
            return;
        }
        if raw.get().len() > MAX_TAKEN {
            let leaves = node.takes.iter().map(|take| take.leaf);
            return leaves.for_each(|leaf| self.slots.mismatch(leaf, "JSON of more than 8 MiB"));
        }
        let mut apart: Option<Vec<json::Members<'_>>> = None;
        for take in &node.takes {
            let taken = match &take.what {
                TakeRule::Whole(keep) => self.take_json(take.leaf, raw, |raw, out| {
                    json::write(raw, keep.as_deref(), out)
                }),
                TakeRule::Each { path, keep } => {
                    let texts = self.decoder.columns[take.leaf.column].shaping.texts;
                    self.take_json(take.leaf, raw, |raw, out| {
                        let form = json::JsonForm {
                            keep: keep.as_deref(),
                            texts,
                        };
                        json::write_each(raw, path, form, out)
                    })
                }
                TakeRule::Pick { member, is, path } => self.take_one(
                    take.leaf,
                    raw,
                    &mut apart,
                    (member.as_str(), is.as_str(), path.as_slice()),
                ),
            };
            if taken.is_err() {
                self.take_failed(take.leaf);
            }
        }
    }

    /// A text inside is damaged: read again, repaired. What is unreadable even then is nested too deeply.
    #[cold]
    fn take_failed(&mut self, leaf: Leaf) {
        if self.slots.repaired {
            self.slots.mismatch(leaf, "JSON that is nested too deeply");
        } else {
            self.slots.needs_repair = true;
        }
    }

    fn take_one<'r>(
        &mut self,
        leaf: Leaf,
        raw: &'r RawValue,
        apart: &mut Option<Vec<json::Members<'r>>>,
        (member, is, path): (&str, &str, &[String]),
    ) -> serde_json::Result<()> {
        let elements = match apart {
            Some(elements) => elements,
            None => apart.insert(
                json::elements(raw)?
                    .into_iter()
                    .map(json::members)
                    .collect::<Result<_, _>>()?,
            ),
        };
        let Some(value) = pick(elements, member, is, path)? else {
            return Ok(());
        };
        ScalarSeed {
            slots: &mut self.slots,
            leaf,
        }
        .deserialize(&mut serde_json::Deserializer::from_str(value.get()))
    }

    fn take_json(
        &mut self,
        leaf: Leaf,
        raw: &RawValue,
        write: impl Fn(&str, &mut json::Written) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        if self.slots.has_better(leaf) {
            return Ok(());
        }
        let memo = &mut self.memos[leaf.column];
        // A memo of one rank may not answer for another, so only a column's first path has one.
        if leaf.rank > 0 || memo.raw != raw.get() {
            memo.raw.clear();
            memo.json.clear();
            write(raw.get(), &mut memo.json)?;
            if memo.json.decimals {
                // The digits as sent, if they are more exact than the number that was read.
                memo.json.clear();
                write(&repair::repaired(raw.get()), &mut memo.json)?;
                json::resolve_marks(&mut memo.json.text);
                memo.json.in_order = false;
            }
            memo.marks = match self.slots.repaired {
                true => json::resolve_marks(&mut memo.json.text),
                false => json::Marks::default(),
            };
            // Marks that were resolved may have changed the order.
            let is_sorted = memo.json.in_order && !self.slots.repaired;
            if self.decoder.columns[leaf.column].shaping.set && !is_sorted {
                json::sort_elements(&mut memo.json.text);
            }
            if leaf.rank == 0 {
                memo.raw.push_str(raw.get());
            }
        }
        if !memo.json.text.is_empty() {
            self.slots.json(leaf, &memo.json.text);
            for (is_so, repair) in [
                (memo.marks.replaced, Repair::Replaced),
                (memo.marks.no_number, Repair::NotANumber),
                (memo.json.repeated, Repair::Repeated),
            ] {
                if is_so {
                    self.slots.note(leaf, repair);
                }
            }
        }
        Ok(())
    }
}

fn at_path<'a>(raw: &'a RawValue, path: &[String]) -> serde_json::Result<Option<&'a RawValue>> {
    let mut value = raw;
    for name in path {
        let inside = json::members(value)?
            .into_iter()
            .find(|(member, _)| member == name);
        match inside {
            Some((_, inner)) => value = inner,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// The value at `path` of the first element whose `member` is `is`.
fn pick<'a>(
    elements: &[json::Members<'a>],
    member: &str,
    is: &str,
    path: &[String],
) -> serde_json::Result<Option<&'a RawValue>> {
    let is_meant = |(name, value): &(Cow<'_, str>, &RawValue)| {
        name == member
            && (value.get() == is
                || serde_json::from_str::<Cow<'_, str>>(value.get()).is_ok_and(|text| text == is))
    };
    let Some(element) = elements.iter().find(|members| members.iter().any(is_meant)) else {
        return Ok(None);
    };
    let Some((first, rest)) = path.split_first() else {
        return Ok(None);
    };
    match element.iter().find(|(name, _)| name == first) {
        Some((_, value)) => at_path(value, rest),
        None => Ok(None),
    }
}

/// Reads a scalar that was taken apart before.
struct ScalarSeed<'s, 'd> {
    slots: &'s mut Slots<'d>,
    leaf: Leaf,
}

impl<'de> DeserializeSeed<'de> for ScalarSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.slots.boolean(self.leaf, value);
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.slots.integer(self.leaf, value);
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.slots.unsigned(self.leaf, value);
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.slots.real(self.leaf, value);
        Ok(())
    }
    fn visit_borrowed_str<E>(self, value: &str) -> Result<(), E> {
        self.slots.text(self.leaf, value);
        Ok(())
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.slots.escaped_text(self.leaf, value);
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.slots.mismatch(self.leaf, "an array");
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.slots.mismatch(self.leaf, "an object");
        Ok(())
    }
}
