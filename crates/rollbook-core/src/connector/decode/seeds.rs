//! How serde walks rows, one by one and member by member.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Found, RowReader};
use crate::connector::slots::Slots;
use crate::connector::tree::{Leaf, MemberNode};

/// Reads rows at serde's current position: an array of them, or one.
pub struct RowsSeed<'r, 'd>(pub &'r mut RowReader<'d>);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            self.0.is_row_begun = true;
            if seq.next_element_seed(RowSeed(self.0))?.is_none() {
                self.0.is_row_begun = false;
                return Ok(());
            }
        }
    }
}

/// Reads one row.
pub struct RowSeed<'r, 'd>(pub &'r mut RowReader<'d>);

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let reader = self.0;
        let root = &reader.decoder.tree.root;
        deserializer.deserialize_any(RowVisitor(ValueSeed {
            reader: &mut *reader,
            node: root,
        }))?;
        reader.end_row();
        Ok(())
    }
}

/// Reads the row's object, or notes what was found instead.
struct RowVisitor<'r, 'd>(ValueSeed<'r, 'd>);

impl<'r, 'd> RowVisitor<'r, 'd> {
    fn no_object<E>(self, found: &'static str) -> Result<(), E> {
        self.0.reader.no_object = Some(found);
        Ok(())
    }

    /// A bare value in place of an object: what a column takes as `@value`, or no row.
    fn scalar<E>(
        self,
        found: &'static str,
        read: impl FnOnce(ValueSeed<'r, 'd>) -> Result<(), E>,
    ) -> Result<(), E> {
        let node = &self.0.reader.decoder.tree.value;
        match node.leaves.is_empty() {
            true => self.no_object(found),
            false => read(ValueSeed { node, ..self.0 }),
        }
    }
}

impl<'de> Visitor<'de> for RowVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.no_object("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.no_object("null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.scalar("true or false", |seed| seed.visit_bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.scalar("a number", |seed| seed.visit_i64(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.scalar("a number", |seed| seed.visit_u64(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.scalar("a number", |seed| seed.visit_f64(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.scalar("a text", |seed| seed.visit_str(value))
    }
}

/// Reads the value at one node of the tree.
struct ValueSeed<'r, 'd> {
    reader: &'r mut RowReader<'d>,
    node: &'d MemberNode,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node.takes.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
        self.reader.take(self.node, raw);
        if self.node.members.is_empty() && self.node.leaves.is_empty() {
            return Ok(());
        }
        let mut again = serde_json::Deserializer::from_str(raw.get());
        again
            .deserialize_any(self)
            .map_err(serde::de::Error::custom)
    }
}

impl<'d> ValueSeed<'_, 'd> {
    fn leaves(&mut self, mut act: impl FnMut(&mut Slots<'d>, Leaf)) {
        for leaf in &self.node.leaves {
            act(&mut self.reader.slots, *leaf);
        }
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(mut self, value: bool) -> Result<(), E> {
        self.leaves(|slots, leaf| slots.boolean(leaf, value));
        Ok(())
    }

    fn visit_i64<E>(mut self, value: i64) -> Result<(), E> {
        self.leaves(|slots, leaf| slots.integer(leaf, value));
        Ok(())
    }

    fn visit_u64<E>(mut self, value: u64) -> Result<(), E> {
        self.leaves(|slots, leaf| slots.unsigned(leaf, value));
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        self.leaves(|slots, leaf| slots.real(leaf, value));
        Ok(())
    }

    fn visit_borrowed_str<E>(mut self, value: &str) -> Result<(), E> {
        self.leaves(|slots, leaf| slots.text(leaf, value));
        Ok(())
    }

    fn visit_str<E>(mut self, value: &str) -> Result<(), E> {
        self.leaves(|slots, leaf| slots.escaped_text(leaf, value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.leaves(|slots, leaf| slots.mismatch(leaf, "an array"));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.node.members.is_empty() {
            self.leaves(|slots, leaf| slots.mismatch(leaf, "an object"));
        }
        let node = self.node;
        let mut index = 0;
        while let Some(found) = map.next_key_seed(KeySeed {
            reader: &mut *self.reader,
            node,
            index,
        })? {
            index += 1;
            match found {
                Found::Member(member) => {
                    let member = &node.members[member];
                    let before = self.reader.enter(member);
                    map.next_value_seed(ValueSeed {
                        reader: &mut *self.reader,
                        node: member,
                    })?;
                    if let Some(before) = before {
                        self.reader.slots.compare(before);
                    }
                }
                Found::Skip => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Members of an object whose order is remembered: a hostile one has millions.
const MAX_SHAPE: usize = 256;

/// Recognises a member's name, mostly by the name at the same index in the previous row.
struct KeySeed<'r, 'd> {
    reader: &'r mut RowReader<'d>,
    node: &'d MemberNode,
    index: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = Found;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed<'_, '_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<Found, E> {
        self.reader.note_name(name);
        self.visit_str(name)
    }

    fn visit_str<E>(self, name: &str) -> Result<Found, E> {
        self.reader.is_row_begun = false;
        let shape = &mut self.reader.shapes[self.node.id];
        if let Some((last, found)) = shape.get(self.index)
            && last == name
        {
            return Ok(*found);
        }
        let known = self.node.find(name, self.reader.decoder.tree.names);
        let found = match known {
            Some(member) if !self.node.members[member].is_nothing() => Found::Member(member),
            Some(_) | None => Found::Skip,
        };
        let step = (name.to_owned(), found);
        match shape.get_mut(self.index) {
            Some(last) => *last = step,
            None if self.index >= MAX_SHAPE => {}
            None => shape.push(step),
        }
        if known.is_none() {
            self.reader.unlisted(self.node, name);
        }
        Ok(found)
    }
}
