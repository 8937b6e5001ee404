//! A TOML file as a tree in which every key and value knows its file and location.
//!
//! Not typed yet: `schema_walk` checks it, `parse` deserializes it. After a merge the parts of one tree come from
//! several files.

use std::ops::Range;
use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{self, Expected, IntoDeserializer, Unexpected, Visitor};
use toml::de::{DeTable, DeValue};

use super::file_text::{FileText, Location};
use super::lookalike::in_broken_line;
use super::problem::{Problem, Problems};

/// The most problems reported for one file.
pub const MAX_PROBLEMS: usize = 200;

/// A value and its location.
#[derive(Clone, Debug)]
pub struct Node {
    file: Arc<FileText>,
    span: Range<usize>,
    kind: NodeKind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A text.
    Text(String),
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// A number, or a whole number that does not fit.
    Real(f64),
    /// True or false.
    Boolean(bool),
    /// One of TOML's dates and times; no key wants one.
    Datetime,
    /// A list.
    List(Vec<Node>),
    /// A table, in the file's order.
    Table(Vec<TableEntry>),
    /// What the parser could not read and has reported.
    Unreadable,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct TableEntry {
    /// The key.
    pub name: String,
    /// The range of the key, in the file of the value.
    pub key: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Parses a text as TOML as far as possible, with every mistake in it.
    pub fn parse(file: &Arc<FileText>) -> (Self, Problems) {
        let (table, errors) = DeTable::parse_recoverable(file.text());
        let mut problems = Problems::new();
        let mut lines = Vec::new();
        for error in errors.into_iter().take(MAX_PROBLEMS) {
            let location = match error.span() {
                Some(span) => Location::within(file, span),
                None => Location::whole(file),
            };
            let words = match error.span() {
                Some(span)
                    if span.is_empty()
                        && error.message().starts_with("string values must be quoted") =>
                {
                    "the value is missing"
                }
                _ => error.message(),
            };
            let span = location.span.as_ref();
            let problem = span
                .and_then(|span| in_broken_line(file, span.start))
                .unwrap_or_else(|| Problem::error(location, format!("this is not TOML: {words}")));
            // What follows a mistake on its line is mostly made by it.
            if problem.line().is_none_or(|line| !lines.contains(&line)) {
                lines.extend(problem.line());
                problems.push(problem);
            }
        }
        let span = table.span();
        (
            Self {
                file: Arc::clone(file),
                span,
                kind: table_kind(file, table.into_inner()),
            },
            problems,
        )
    }

    /// What it is.
    pub fn kind(&self) -> &NodeKind {
        &self.kind
    }

    /// The file that the value comes from.
    pub fn file(&self) -> &Arc<FileText> {
        &self.file
    }

    /// The location of the value, or of a table's header.
    pub fn location(&self) -> Location {
        Location::within(&self.file, self.span.clone())
    }

    /// The bytes of the value in its file.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The keys of a table; nothing for any other value.
    pub fn entries(&self) -> &[TableEntry] {
        match &self.kind {
            NodeKind::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The values of a list; nothing for any other value.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::List(values) => values,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value below these keys; a number picks from a list, from 0.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        let [first, rest @ ..] = path else {
            return Some(self);
        };
        self.child(first)?.1.at(rest)
    }

    /// The location of the value below these keys, or of the nearest existing key above it; the whole file if there is
    /// none.
    pub fn nearest_location(&self, path: &[&str]) -> Location {
        let mut node = self;
        let mut location = Location::whole(&self.file);
        for (depth, name) in path.iter().enumerate() {
            let Some((key, value)) = node.child(name) else {
                break;
            };
            let last = depth + 1 == path.len();
            location = match key {
                Some(key) if !last || matches!(value.kind, NodeKind::Table(_)) => {
                    Location::within(&value.file, key)
                }
                _ => value.location(),
            };
            node = value;
        }
        location
    }

    /// The table overlaid with another: tables are merged key by key, any other value is replaced. Keys keep this
    /// table's order, followed by new ones.
    pub fn overlaid_with(self, over: Self) -> Self {
        match (self.kind, over.kind) {
            (NodeKind::Table(mut entries), NodeKind::Table(others)) => {
                for other in others {
                    match entries.iter_mut().find(|entry| entry.name == other.name) {
                        Some(entry) => {
                            let below = entry.value.clone();
                            *entry = TableEntry {
                                value: below.overlaid_with(other.value),
                                ..other
                            };
                        }
                        None => entries.push(other),
                    }
                }
                Self {
                    file: over.file,
                    span: over.span,
                    kind: NodeKind::Table(entries),
                }
            }
            (_, kind) => Self {
                file: over.file,
                span: over.span,
                kind,
            },
        }
    }

    /// The keys of a table, to change them; nothing for any other value.
    pub fn entries_mut(&mut self) -> &mut [TableEntry] {
        match &mut self.kind {
            NodeKind::Table(entries) => entries,
            _ => &mut [],
        }
    }

    /// The value of one key of a table, to change it.
    pub fn entry_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.entries_mut()
            .iter_mut()
            .find(|entry| entry.name == name)
            .map(|entry| &mut entry.value)
    }

    /// Keeps only the entries of a table that are wanted; nothing happens to any other value.
    pub fn retain(&mut self, wanted: impl FnMut(&TableEntry) -> bool) {
        if let NodeKind::Table(entries) = &mut self.kind {
            entries.retain(wanted);
        }
    }

    /// Keeps only the values of a list that are wanted; nothing happens to any other value.
    pub fn retain_items(&mut self, wanted: impl FnMut(&Node) -> bool) {
        if let NodeKind::List(values) = &mut self.kind {
            values.retain(wanted);
        }
    }

    fn child(&self, name: &str) -> Option<(Option<Range<usize>>, &Node)> {
        match &self.kind {
            NodeKind::Table(entries) => entries
                .iter()
                .find(|entry| entry.name == name)
                .map(|entry| (Some(entry.key.clone()), &entry.value)),
            NodeKind::List(values) => values
                .get(name.parse::<usize>().ok()?)
                .map(|value| (None, value)),
            _ => None,
        }
    }
}

fn node(file: &Arc<FileText>, span: Range<usize>, value: DeValue<'_>) -> Node {
    let kind = match value {
        // The parser substitutes this for a missing value.
        DeValue::Integer(_) if span.is_empty() => NodeKind::Unreadable,
        DeValue::String(text) => NodeKind::Text(text.into_owned()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => NodeKind::Integer(number),
            Err(_) => NodeKind::Real(f64::INFINITY),
        },
        DeValue::Float(digits) => NodeKind::Real(digits.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => NodeKind::Boolean(value),
        DeValue::Datetime(_) => NodeKind::Datetime,
        DeValue::Array(values) => NodeKind::List(
            values
                .into_iter()
                .map(|value| {
                    let span = value.span();
                    node(file, span, value.into_inner())
                })
                .collect(),
        ),
        DeValue::Table(table) => table_kind(file, table),
    };
    Node {
        file: Arc::clone(file),
        span,
        kind,
    }
}

fn table_kind(file: &Arc<FileText>, table: DeTable<'_>) -> NodeKind {
    let entries = table.into_iter().map(|(key, value)| {
        let span = value.span();
        TableEntry {
            key: key.span(),
            name: key.into_inner().into_owned(),
            value: node(file, span, value.into_inner()),
        }
    });
    NodeKind::Table(entries.collect())
}

/// Why a tree does not make a value, and where.
#[derive(Clone, Debug)]
pub struct ReadError {
    /// Serde's message.
    pub message: String,
    /// The innermost value that it is about.
    pub location: Option<Location>,
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            location: None,
        }
    }
}

impl Node {
    /// The error for a value of another kind than is expected.
    fn unexpected(&self, expected: &dyn Expected) -> ReadError {
        let found = match &self.kind {
            NodeKind::Text(text) => Unexpected::Str(text),
            NodeKind::Integer(number) => Unexpected::Signed(*number),
            NodeKind::Real(number) => Unexpected::Float(*number),
            NodeKind::Boolean(value) => Unexpected::Bool(*value),
            NodeKind::Datetime | NodeKind::Unreadable => Unexpected::Unit,
            NodeKind::List(_) => Unexpected::Seq,
            NodeKind::Table(_) => Unexpected::Map,
        };
        de::Error::invalid_type(found, expected)
    }

    fn placed<V>(&self, result: Result<V, ReadError>) -> Result<V, ReadError> {
        result.map_err(|error| ReadError {
            location: error.location.or_else(|| Some(self.location())),
            ..error
        })
    }
}

impl<'de> IntoDeserializer<'de, ReadError> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match &self.kind {
            NodeKind::Text(text) => visitor.visit_borrowed_str(text),
            NodeKind::Integer(number) => visitor.visit_i64(*number),
            NodeKind::Real(number) => visitor.visit_f64(*number),
            NodeKind::Boolean(value) => visitor.visit_bool(*value),
            NodeKind::Datetime | NodeKind::Unreadable => visitor.visit_unit(),
            NodeKind::List(values) => SeqDeserializer::new(values.iter()).deserialize_any(visitor),
            NodeKind::Table(entries) => visitor.visit_map(MapDeserializer::new(pairs(entries))),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(visitor.visit_some(self))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.placed(match &self.kind {
            NodeKind::Text(word) => visitor.visit_enum(word.as_str().into_deserializer()),
            _ => visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(pairs(
                self.entries(),
            )))),
        })
    }

    // What only one kind of value can be asks for no other, so that less is compiled for each type; and a list is no struct.

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match &self.kind {
            NodeKind::Boolean(value) => visitor.visit_bool(*value),
            _ => Err(self.unexpected(&visitor)),
        })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match &self.kind {
            NodeKind::Text(text) => visitor.visit_borrowed_str(text),
            _ => Err(self.unexpected(&visitor)),
        })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match &self.kind {
            NodeKind::List(values) => SeqDeserializer::new(values.iter()).deserialize_any(visitor),
            _ => Err(self.unexpected(&visitor)),
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match &self.kind {
            NodeKind::Table(entries) => visitor.visit_map(MapDeserializer::new(pairs(entries))),
            _ => Err(self.unexpected(&visitor)),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct identifier ignored_any
    }
}

fn pairs(entries: &[TableEntry]) -> impl Iterator<Item = (&str, &Node)> {
    entries
        .iter()
        .map(|entry| (entry.name.as_str(), &entry.value))
}
