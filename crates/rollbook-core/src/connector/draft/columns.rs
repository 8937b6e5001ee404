//! The columns of a sample's rows: names, paths and types.
//!
//! Objects become columns of their members, two levels deep, unless these may be named by data; lists become JSON. What has
//! the name of a secret is ignored.

use std::collections::{BTreeMap, BTreeSet};

use super::json_node::JsonNode;
use super::names::{snake, unique};
use super::object_names::{DEPTH, ObjectNames, data_members};
use super::sample::ListRows;
use crate::connector::columns::Column;
use crate::model::scalar::{ParsedTime, timestamp};

/// So many rows say enough.
const ROWS: usize = 1000;

/// A row with more members is no row of a table.
const MAX_COLUMNS: usize = 250;

/// A column name is shorter; a suffix that makes it unique still fits.
const LONGEST: usize = 58;

/// Members with such names are secrets, whatever they hold.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
];

/// A column of a draft.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DraftColumn {
    pub name: String,
    /// Its path, as in a file.
    pub path: String,
    pub kind: &'static str,
    pub help: String,
    /// Why the type is a guess that deserves a look.
    pub uncertainty: &'static str,
    /// The value of each row that is a text or a whole number: what a key can be.
    pub values: Vec<Option<String>>,
}

/// The columns of rows, and the members that are none.
#[derive(Debug, Default)]
pub(super) struct FoundColumns {
    pub columns: Vec<DraftColumn>,
    /// Secrets.
    pub ignored: Vec<String>,
    /// Members that no path can name.
    pub unnamable: usize,
    /// Members of objects that occur in one row only.
    pub once: BTreeSet<Vec<String>>,
    /// How many members of the rows have names that may be data.
    pub named_by_data: usize,
}

/// What was seen at one path.
#[derive(Default)]
struct MemberValues {
    nulls: usize,
    booleans: usize,
    integers: usize,
    reals: usize,
    texts: usize,
    dates: usize,
    times: usize,
    without_zone: usize,
    composites: usize,
    /// Its members may be named by data.
    is_named_by_data: bool,
    values: Vec<Option<String>>,
}

/// Finds the columns of rows; `help` describes members by their path. Names in a schema are no data.
pub(super) fn find(
    found: &ListRows<'_>,
    help: &BTreeMap<Vec<String>, String>,
    is_schema: bool,
) -> FoundColumns {
    let rows = &found.rows;
    let sampled = || rows.iter().take(ROWS).copied();
    let objects = (!is_schema).then(|| ObjectNames::of(sampled()));
    let data = match is_schema {
        true => BTreeSet::new(),
        false => data_members(sampled()),
    };
    let mut once = BTreeSet::new();
    let mut order: Vec<Vec<String>> = Vec::new();
    let mut seen: BTreeMap<Vec<String>, MemberValues> = BTreeMap::new();
    for (number, row) in sampled().enumerate() {
        visit(
            row,
            objects.as_ref(),
            &mut Vec::new(),
            &mut |path, seen_as| {
                if path
                    .first()
                    .is_some_and(|name| data.contains(name.as_str()))
                {
                    return;
                }
                let (node, is_named_by_data) = match seen_as {
                    SeenAs::Once => {
                        once.insert(path.to_vec());
                        return;
                    }
                    SeenAs::Value(node) => (node, false),
                    SeenAs::NamedByData(node) => (node, true),
                };
                if !seen.contains_key(path) {
                    order.push(path.to_vec());
                }
                let here = seen.entry(path.to_vec()).or_default();
                here.note(node, number);
                here.is_named_by_data |= is_named_by_data;
            },
        );
    }
    let rows = rows.len().min(ROWS);
    merge_objects(&mut order, &mut seen);
    let mut names = BTreeSet::new();
    let mut found = FoundColumns {
        columns: of_itself(found, &mut names),
        once,
        named_by_data: data.len(),
        ..FoundColumns::default()
    };
    for path in order {
        let Some(mut seen_here) = seen.remove(&path) else {
            continue;
        };
        let text = path.join(".");
        let last = path
            .last()
            .map(|name| snake(name).replace('_', ""))
            .unwrap_or_default();
        if !can_be_path(&path) {
            found.unnamable += 1;
            continue;
        }
        if SECRETS.iter().any(|secret| last.ends_with(secret)) {
            found.ignored.push(text);
            continue;
        }
        if found.columns.len() == MAX_COLUMNS {
            found.unnamable += 1;
            continue;
        }
        let (kind, uncertainty) = seen_here.kind();
        seen_here.values.resize(rows, None);
        found.columns.push(DraftColumn {
            name: unique(&cut(&snake(&text)), &mut names),
            path: text,
            kind,
            help: help.get(&path).cloned().unwrap_or_default(),
            uncertainty,
            values: seen_here.values,
        });
    }
    found
}

/// The columns of what a row is, besides its members: its own name, or a bare value.
fn of_itself(found: &ListRows<'_>, names: &mut BTreeSet<String>) -> Vec<DraftColumn> {
    let mut column = |name: &str, path: &str, values: Vec<Option<String>>| DraftColumn {
        name: unique(name, names),
        path: path.to_owned(),
        kind: "text",
        help: String::new(),
        uncertainty: "",
        values,
    };
    let bare = |row: &&JsonNode| match row {
        JsonNode::Text(text) => Some(text.clone()),
        JsonNode::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    let values: Vec<_> = found.rows.iter().take(ROWS).map(bare).collect();
    let mut columns = Vec::new();
    if !found.names.is_empty() {
        let names = found
            .names
            .iter()
            .take(ROWS)
            .map(|name| Some((*name).to_owned()));
        columns.push(column("key", "@key", names.collect()));
    }
    if values.iter().all(Option::is_some) {
        columns.push(column("id", "@value", values));
    }
    columns
}

/// A member that is an object in some rows and null in others has the columns of the object; one that has other values is
/// one column.
fn merge_objects(order: &mut Vec<Vec<String>>, seen: &mut BTreeMap<Vec<String>, MemberValues>) {
    let below =
        |path: &[String], other: &[String]| other.len() > path.len() && other.starts_with(path);
    let all = order.clone();
    order.retain(|path| {
        let is_object = all.iter().any(|other| below(path, other));
        !(is_object && seen.get(path).is_some_and(MemberValues::is_only_null))
    });
    let all = order.clone();
    order.retain(|path| !all.iter().any(|above| below(above, path)));
    for path in order {
        if let (true, Some(seen)) = (
            all.iter().any(|other| below(path, other)),
            seen.get_mut(path),
        ) {
            seen.composites += 1;
        }
    }
}

/// What a member of a row is to a draft.
enum SeenAs<'a> {
    Value(&'a JsonNode),
    /// An object whose members may be named by data.
    NamedByData(&'a JsonNode),
    /// A member of an object in this row only: its name may be data.
    Once,
}

/// Calls `act` with each member of a row that is one column, or none.
fn visit(
    node: &JsonNode,
    objects: Option<&ObjectNames<'_>>,
    path: &mut Vec<String>,
    act: &mut impl FnMut(&[String], SeenAs<'_>),
) {
    for (name, member) in node.members() {
        path.push(name.clone());
        let is_object = !member.members().is_empty();
        if path.len() > 1 && objects.is_some_and(|objects| objects.is_once(path)) {
            act(path, SeenAs::Once);
        } else if is_object
            && (member.is_keyed_by_data() || objects.is_some_and(|objects| objects.are_data(path)))
        {
            act(path, SeenAs::NamedByData(member));
        } else if is_object && path.len() < DEPTH {
            visit(member, objects, path, act);
        } else {
            act(path, SeenAs::Value(member));
        }
        path.pop();
    }
}

impl MemberValues {
    fn note(&mut self, node: &JsonNode, row: usize) {
        let mut value = None;
        match node {
            JsonNode::Null => self.nulls += 1,
            JsonNode::Boolean(_) => self.booleans += 1,
            JsonNode::Integer(number) => {
                self.integers += 1;
                value = Some(number.to_string());
            }
            JsonNode::Real => self.reals += 1,
            JsonNode::Text(text) if text.is_empty() => self.nulls += 1,
            JsonNode::Text(text) => {
                self.texts += 1;
                self.note_time(text);
                value = Some(text.clone());
            }
            JsonNode::List(_) | JsonNode::Object(_) => self.composites += 1,
        }
        // A member that is repeated counts once.
        self.values.resize(row, None);
        self.values.push(value);
    }

    /// Only what begins with a year: other numbers and words can be times too.
    fn note_time(&mut self, text: &str) {
        let begins = text.len() >= 10 && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
        let is_time = begins
            && matches!(text.as_bytes()[4], b'-' | b'/')
            && timestamp(text) != ParsedTime::Invalid;
        if is_time && text.len() == 10 {
            self.dates += 1;
        } else if is_time {
            self.times += 1;
            let clock = &text.as_bytes()[10..];
            self.without_zone += usize::from(!clock.iter().any(|byte| b"Zz+-".contains(byte)));
        }
    }

    fn is_only_null(&self) -> bool {
        self.booleans + self.integers + self.reals + self.texts + self.composites == 0
    }

    /// The type, and what is uncertain about it.
    fn kind(&self) -> (&'static str, &'static str) {
        let numbers = self.integers + self.reals;
        let scalars = self.booleans + numbers + self.texts;
        match () {
            () if self.composites > 0 && scalars > 0 => {
                ("json", "lists or objects, and single values")
            }
            () if self.is_named_by_data => (
                "json",
                "its members may be named by data, such as people; list as columns those that the vendor documents",
            ),
            () if self.composites > 0 => ("json", ""),
            () if scalars == 0 => ("text", "the sample has no value of it"),
            () if self.booleans == scalars => ("boolean", ""),
            () if self.integers == scalars => ("integer", ""),
            () if numbers == scalars => ("real", ""),
            () if self.dates == scalars => ("date", ""),
            () if self.dates + self.times == scalars && self.without_zone > 0 => {
                ("timestamp", "times without a zone are taken as UTC")
            }
            () if self.dates + self.times == scalars => ("timestamp", ""),
            () if self.texts == scalars => ("text", ""),
            () => ("text", "values of several types"),
        }
    }
}

/// Whether a path in a file can name the member.
fn can_be_path(path: &[String]) -> bool {
    let is_plain = |name: &String| {
        !name.is_empty()
            && name.trim() == name
            && !name.contains(|letter: char| ".[]{}|:=/".contains(letter) || letter.is_control())
    };
    let text = path.join(".");
    // Of a row that is no object or a member itself.
    let is_reserved = path
        .first()
        .is_some_and(|name| matches!(name.as_str(), "@key" | "@value"));
    !is_reserved
        && path.iter().all(is_plain)
        && Column::read("x", &format!("{text} : text"), "", None).is_ok()
}

fn cut(name: &str) -> String {
    let name: String = name.chars().take(LONGEST).collect();
    name.trim_end_matches('_').to_owned()
}
