//! Columns that take JSON: a value whole, something of each element, or one element picked by a member.

use super::*;

impl<'d> Reader<'d> {
    /// Gives each column that takes JSON or an array's element its part of `raw`.
    pub(super) fn take(&mut self, node: &'d Node, raw: &RawValue) -> serde_json::Result<()> {
        if raw.get() == "null" {
            return Ok(());
        }
        let mut apart: Option<Vec<json::Members<'_>>> = None;
        for take in &node.takes {
            match &take.what {
                What::Whole(keep) => self.take_json(take.leaf, raw, |out| {
                    json::write(raw.get(), keep.as_deref(), out)
                })?,
                What::Each { path, keep } => {
                    let texts = self.decoder.columns[take.leaf.column].shaping.texts;
                    self.take_json(take.leaf, raw, |out| {
                        let form = json::Form {
                            keep: keep.as_deref(),
                            texts,
                        };
                        json::write_each(raw.get(), path, form, out)
                    })?;
                }
                What::Pick { member, is, path } => {
                    if apart.is_none() {
                        apart = Some(
                            json::elements(raw)?
                                .into_iter()
                                .map(json::members)
                                .collect::<Result<_, _>>()?,
                        );
                    }
                    let elements = apart.as_deref().unwrap_or_default();
                    if let Some(value) = pick(elements, member, is, path)? {
                        ScalarSeed {
                            slots: &mut self.slots,
                            leaf: take.leaf,
                        }
                        .deserialize(&mut serde_json::Deserializer::from_str(value.get()))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn take_json(
        &mut self,
        leaf: Leaf,
        raw: &RawValue,
        write: impl FnOnce(&mut String) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        if self.slots.has_better(leaf) {
            return Ok(());
        }
        let memo = &mut self.memos[leaf.column];
        // A memo of one rank may not answer for another, so only a column's first path has one.
        if leaf.rank > 0 || memo.raw != raw.get() {
            let mut text = std::mem::take(&mut memo.json);
            text.clear();
            write(&mut text)?;
            memo.json = text;
            memo.raw.clear();
            if leaf.rank == 0 {
                memo.raw.push_str(raw.get());
            }
        }
        if !memo.json.is_empty() {
            self.slots.json(leaf, &memo.json);
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
        self.slots.truth(self.leaf, value);
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
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.slots.text(self.leaf, value);
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
