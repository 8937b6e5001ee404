//! Reading one answer of a vendor into rows, by the columns of a description.
//!
//! One pass over the text, no document in between: members that no column names are skipped
//! where they stand, so they never reach the program's memory as values, let alone the disk (only
//! their names are told). One bad row is put among the rejects and loses nobody else's.
//! Not paging: what the facts of a page mean for the next request is `paging.rs`.

mod takes;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::{Column, Origin};
use super::description::NameMatch;
use super::json;
use super::slots::Slots;
use super::tree::{Leaf, Node, Tree, What};
use crate::model::row::Rows;

/// At most so many names of unlisted members are kept of a reading.
const MOST_UNLISTED: usize = 50;

/// How the rows of one stream are read.
#[derive(Debug)]
pub struct Decoder {
    /// The columns in the table's order.
    pub columns: Vec<Column>,
    tree: Tree,
    key: Vec<usize>,
    nulls: Vec<String>,
}

/// Rows of one answer and what was noticed on the way.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The rows.
    pub rows: Rows,
    /// Names of members that no column names.
    pub unlisted: BTreeSet<String>,
}

impl Decoder {
    /// A decoder for columns, of which `key` must have a value.
    pub fn new(
        columns: Vec<Column>,
        key: Vec<usize>,
        envelope: Option<&str>,
        ignored: &[String],
        nulls: Vec<String>,
        names: NameMatch,
    ) -> Self {
        let tree = Tree::of(&columns, envelope, ignored, names);
        Self {
            columns,
            tree,
            key,
            nulls,
        }
    }

    /// Starts reading one answer of about this many bytes.
    pub fn reader(&self, bytes: usize) -> Reader<'_> {
        Reader {
            decoder: self,
            slots: Slots::new(&self.columns, &self.nulls),
            shapes: vec![Vec::new(); self.tree.nodes],
            memos: vec![Memo::default(); self.columns.len()],
            out: Decoded {
                // Rows are smaller than their JSON; room that is not filled costs nothing, growing does.
                rows: Rows::with_room(bytes / 4 * 3),
                unlisted: BTreeSet::new(),
            },
        }
    }
}

/// An answer that is being read.
pub struct Reader<'d> {
    decoder: &'d Decoder,
    slots: Slots<'d>,
    /// For each node the names in the order of the last row: the next row mostly has the same.
    shapes: Vec<Vec<(String, Found)>>,
    memos: Vec<Memo>,
    out: Decoded,
}

/// The last JSON of a column: many rows carry the same, such as their school.
#[derive(Clone, Debug, Default)]
struct Memo {
    raw: String,
    json: String,
}

#[derive(Clone, Copy, Debug)]
enum Found {
    Member(usize),
    Skip,
}

impl Reader<'_> {
    /// What was read.
    pub fn finish(mut self) -> Decoded {
        self.out.rows.shrink();
        self.out
    }

    /// Forgets what was read, because a better place for the rows was found in the same answer.
    pub fn restart(&mut self) {
        self.out.rows.clear();
    }

    fn end_row(&mut self) {
        let key_missing = self.decoder.key.iter().find(|place| {
            let constant = matches!(self.decoder.columns[**place].origin, Origin::Constant(_));
            !constant && self.slots.is_null(**place)
        });
        if let Some(place) = key_missing {
            let path = self.decoder.columns[*place].from.clone();
            self.slots.refuse(&path, "the key is missing");
        }
        match self.slots.take_reject() {
            Some(reject) => self.out.rows.rejects.push(reject),
            None => self.out.rows.push(|bytes| self.slots.write(bytes)),
        }
        self.slots.clear();
    }

    fn unlisted(&mut self, node: &Node, name: &str) {
        if node.quiet || self.out.unlisted.len() >= MOST_UNLISTED {
            return;
        }
        let plain = name.len() <= 64
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.@$".contains(&byte));
        let name = if plain {
            name
        } else {
            "(a name with other signs)"
        };
        let whole = if node.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", node.path)
        };
        self.out.unlisted.insert(whole);
    }
}

/// Reads rows wherever serde stands: an array of them, or one.
pub struct RowsSeed<'r, 'd>(pub &'r mut Reader<'d>);

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
        while seq.next_element_seed(RowSeed(self.0))?.is_some() {}
        Ok(())
    }
}

/// Reads one row.
pub struct RowSeed<'r, 'd>(pub &'r mut Reader<'d>);

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let reader = self.0;
        let root = &reader.decoder.tree.root;
        ValueSeed {
            reader: &mut *reader,
            node: root,
        }
        .deserialize(deserializer)?;
        reader.end_row();
        Ok(())
    }
}

/// Reads what stands at one node of the tree.
struct ValueSeed<'r, 'd> {
    reader: &'r mut Reader<'d>,
    node: &'d Node,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node.takes.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
        self.reader
            .take(self.node, raw)
            .map_err(serde::de::Error::custom)?;
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
        self.leaves(|slots, leaf| slots.truth(leaf, value));
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

    fn visit_str<E>(mut self, value: &str) -> Result<(), E> {
        self.leaves(|slots, leaf| slots.text(leaf, value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.leaves(|slots, leaf| slots.mismatch(leaf, "an array"));
        if self.node.id == 0 {
            self.reader
                .slots
                .refuse("(row)", "expected an object, found an array");
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.node.members.is_empty() {
            self.leaves(|slots, leaf| slots.mismatch(leaf, "an object"));
        }
        let node = self.node;
        let mut place = 0;
        while let Some(found) = map.next_key_seed(KeySeed {
            reader: &mut *self.reader,
            node,
            place,
        })? {
            place += 1;
            match found {
                Found::Member(member) => {
                    map.next_value_seed(ValueSeed {
                        reader: &mut *self.reader,
                        node: &node.members[member],
                    })?;
                }
                Found::Skip => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Recognises a member's name, mostly by what stood at the same place in the row before.
struct KeySeed<'r, 'd> {
    reader: &'r mut Reader<'d>,
    node: &'d Node,
    place: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = Found;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_, '_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Found, E> {
        let shape = &mut self.reader.shapes[self.node.id];
        if let Some((last, found)) = shape.get(self.place)
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
        match shape.get_mut(self.place) {
            Some(last) => *last = step,
            None => shape.push(step),
        }
        if known.is_none() {
            self.reader.unlisted(self.node, name);
        }
        Ok(found)
    }
}
