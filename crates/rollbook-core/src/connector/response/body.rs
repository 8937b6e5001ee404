//! The walk through the outside of a body, in one pass.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::scalar::Scalar;
use super::search::MAX_NEXT;
use super::{NextPath, PageSearch, RowsPath};
use crate::connector::decode::{RowReader, RowSeed, RowsSeed};
use crate::connector::json::JsonText;
use crate::connector::repair;

/// Walks the outside of a body.
pub(super) struct BodySeed<'a, 's, 'd> {
    pub(super) search: &'a mut PageSearch<'s, 'd>,
    pub(super) at: Vec<String>,
}

impl<'de> DeserializeSeed<'de> for BodySeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let at = &self.at;
        if at.is_empty() && self.search.shape.rows.first() == Some(&RowsPath::One) {
            self.search.start_rows(0);
            return RowSeed(&mut self.search.reader).deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BodySeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { search, at } = self;
        let shape = search.shape;
        let rank = search.rank(|path| match path {
            RowsPath::Body => at.is_empty(),
            RowsPath::AnyMember => at.len() == 1,
            // PHP writes an empty object like an empty array.
            RowsPath::Member(path) | RowsPath::Named(path) => shape.is_path(path, &at),
            RowsPath::One => false,
        });
        if let Some(rank) = rank {
            search.start_rows(rank);
            return RowsSeed(&mut search.reader).visit_seq(seq);
        }
        search.found.in_rows = false;
        match &shape.next {
            Some(NextPath::Picked { list, .. }) if shape.same(list, &at.join(".")) => {
                while let Some(element) = seq.next_element::<&RawValue>()? {
                    let element = Some(element.get()).filter(|text| text.len() <= MAX_NEXT);
                    let element = element.and_then(|text| serde_json::from_str(text).ok());
                    search.pick_next(&element.unwrap_or(Value::Null));
                }
            }
            _ => {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                search.note_thing(&at);
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { search, at } = self;
        search.note_thing(&at);
        let shape = search.shape;
        let rank = search.rank(|path| match path {
            RowsPath::Body => at.is_empty(),
            RowsPath::Member(path) => shape.is_path(path, &at),
            RowsPath::One | RowsPath::AnyMember | RowsPath::Named(_) => false,
        });
        let named =
            search.rank(|path| matches!(path, RowsPath::Named(path) if shape.is_path(path, &at)));
        if let Some(rank) = named {
            search.start_rows(rank);
            return named_rows(search, at.is_empty(), map);
        }
        search.note_parent(&at);
        let mut key = map.next_key::<JsonText<'de>>()?;
        if let Some(rank) = rank.filter(|_| !shape.leads_to_rows(&at)) {
            match &key {
                // PHP and Lua write an empty list like this; so does a server that has lost it.
                None => {
                    search.found.empty.get_or_insert(true);
                    return Ok(());
                }
                Some(JsonText(name)) if is_number(name) => {
                    search.start_rows(rank);
                    return numbered_rows(&mut search.reader, map);
                }
                Some(JsonText(name)) if !at.is_empty() => {
                    let name = name.clone().into_owned();
                    return search.one_row(rank, &at, &name, map);
                }
                Some(_) => {}
            }
        }
        while let Some(JsonText(name)) = key {
            if at.is_empty()
                && search.found.names.len() < 5
                && name.len() <= 40
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                search.found.names.push(format!("`{name}`"));
            }
            search.note_name(&at, &name);
            let mut inner = at.clone();
            inner.push(name.into_owned());
            map.next_value_seed(BodySeed {
                search: &mut *search,
                at: inner,
            })?;
            key = map.next_key::<JsonText<'de>>()?;
        }
        if rank.is_none() && search.is_rows(&at) {
            search.found.in_rows = false;
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.search.note_total(&self.at, number);
        let text = number.to_string();
        self.search.note_scalar(&self.at, &Scalar::Number(&text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        // Marks of `repair.rs` are in texts of a repaired response only.
        if text == repair::NOT_A_NUMBER {
            return Ok(());
        }
        let digits = text.strip_prefix(repair::DIGITS);
        let text = &*repair::plain(digits.unwrap_or(text));
        if let Ok(number) = repair::whole(text.trim())
            && let Ok(number) = u64::try_from(number)
        {
            self.search.note_total(&self.at, number);
        }
        let scalar = match digits {
            Some(_) => Scalar::Number(text),
            None => Scalar::Text(text),
        };
        self.search.note_scalar(&self.at, &scalar);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        if self.search.is_rows(&self.at) {
            self.search.found.empty = Some(false);
        }
        self.search.note_scalar(&self.at, &Scalar::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.search.note_scalar(&self.at, &Scalar::Boolean(value));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        let text = number.to_string();
        self.search.note_scalar(&self.at, &Scalar::Number(&text));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        let whole = number.fract() == 0.0 && (0.0..1e15).contains(&number);
        if whole {
            self.search.note_total(&self.at, number as u64);
        }
        // A cursor is sent back unchanged: its own digits are needed.
        if self.search.is_next(&self.at) {
            self.search.reader.ask_for_digits();
        }
        let text = number.to_string();
        self.search.note_scalar(&self.at, &Scalar::Number(&text));
        Ok(())
    }
}

/// Rows as the members of an object: the name of each is its key.
fn named_rows<'de, A: MapAccess<'de>>(
    search: &mut PageSearch<'_, '_>,
    is_body: bool,
    mut map: A,
) -> Result<(), A::Error> {
    while let Some(JsonText(name)) = map.next_key::<JsonText<'de>>()? {
        if is_body {
            search.note_row_name(&name);
        }
        search.reader.name_row(&name);
        map.next_value_seed(RowSeed(&mut search.reader))?;
    }
    Ok(())
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// A list in the form of an object of numbered rows; the first number was read.
fn numbered_rows<'de, A: MapAccess<'de>>(
    reader: &mut RowReader<'_>,
    mut map: A,
) -> Result<(), A::Error> {
    let mut is_row = true;
    loop {
        if is_row {
            map.next_value_seed(RowSeed(&mut *reader))?;
        } else {
            map.next_value::<IgnoredAny>()?;
        }
        match map.next_key::<JsonText<'de>>()? {
            Some(JsonText(name)) => is_row = is_number(&name),
            None => return Ok(()),
        }
    }
}
