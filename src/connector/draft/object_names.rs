//! Which objects in rows have members of fixed names, and which are named by data: by ids, or by what people chose.
//!
//! A name that occurs in one row only may be a person's. So members are columns only where most of their names recur. In a
//! pivot they recur: then several values of one kind have names that are no words of a vendor.

use std::collections::{BTreeMap, BTreeSet};

use super::json_node::{JsonNode, ValueShape, are_alike, is_value};
use super::vocabulary::is_schema_name;

/// Members of objects in a row are columns down to this depth.
pub(super) const DEPTH: usize = 3;

/// The names in the objects at one path, each with the rows that have it.
#[derive(Debug, Default)]
struct SeenNames<'a> {
    rows: BTreeSet<usize>,
    names: BTreeMap<&'a str, BTreeSet<usize>>,
    shapes: BTreeSet<ValueShape>,
}

/// The names in all objects of rows, by path.
#[derive(Debug)]
pub(super) struct ObjectNames<'a> {
    seen: BTreeMap<Vec<&'a str>, SeenNames<'a>>,
    /// The rows' own names begin with small letters.
    is_small: bool,
}

impl<'a> ObjectNames<'a> {
    /// Of these rows.
    pub(super) fn of(rows: impl Iterator<Item = &'a JsonNode>) -> Self {
        let mut found = Self {
            seen: BTreeMap::new(),
            is_small: true,
        };
        for (number, row) in rows.enumerate() {
            let mut own = row.members().iter();
            found.is_small &= !own.any(|(name, _)| is_capital(name));
            found.note(row, number, &mut Vec::new());
        }
        found
    }

    fn note(&mut self, node: &'a JsonNode, row: usize, path: &mut Vec<&'a str>) {
        for (name, member) in node.members() {
            path.push(name);
            if !member.members().is_empty() {
                let seen = self.seen.entry(path.clone()).or_default();
                seen.rows.insert(row);
                for (inner, value) in member.members() {
                    seen.names.entry(inner).or_default().insert(row);
                    seen.shapes.extend(value.shape());
                }
                if path.len() + 1 < DEPTH {
                    self.note(member, row, path);
                }
            }
            path.pop();
        }
    }

    /// Whether the names in the objects at a path may be data: most occur in one row only, each occurs in half of the rows
    /// at most, they are capitalised as the rows' own names are not, or half are no words of a vendor and name values of one
    /// kind.
    pub(super) fn are_data(&self, path: &[String]) -> bool {
        let Some(seen) = self.at(path) else {
            return false;
        };
        let recurring = seen.names.values().filter(|rows| rows.len() > 1).count();
        let is_varied = || {
            let mut all = seen.names.values();
            all.all(|rows| rows.len() * 2 <= seen.rows.len())
        };
        let is_styled = || self.is_small && seen.names.keys().any(|name| is_capital(name));
        let is_pivot = || {
            let unknown = seen.names.keys().filter(|name| !is_schema_name(name));
            seen.shapes.len() == 1 && unknown.count() * 2 >= seen.names.len()
        };
        recurring * 2 <= seen.names.len() || is_varied() || is_styled() || is_pivot()
    }

    /// Whether a member of an object occurs in one row only.
    pub(super) fn is_once(&self, path: &[String]) -> bool {
        let Some((name, object)) = path.split_last() else {
            return false;
        };
        let seen = self.at(object);
        seen.and_then(|seen| seen.names.get(name.as_str()))
            .is_some_and(|rows| rows.len() < 2)
    }

    fn at<'b>(&'b self, path: &'b [String]) -> Option<&'b SeenNames<'b>> {
        let seen: &BTreeMap<Vec<&'b str>, SeenNames<'b>> = &self.seen;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        seen.get(path.as_slice())
    }
}

fn is_capital(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

/// The members of rows whose names may be data: ids and people, and several values of one kind whose names are no words of
/// a vendor, such as the columns of a pivot.
pub(super) fn data_members<'a>(rows: impl Iterator<Item = &'a JsonNode>) -> BTreeSet<&'a str> {
    let mut unknown: BTreeMap<&str, Vec<&JsonNode>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (name, value) in rows.flat_map(JsonNode::members) {
        if is_value(name) {
            found.insert(name.as_str());
        } else if !is_schema_name(name) {
            unknown.entry(name).or_default().push(value);
        }
    }
    let mut groups: BTreeMap<ValueShape, BTreeMap<&str, Vec<&JsonNode>>> = BTreeMap::new();
    for (name, values) in unknown {
        let shapes: BTreeSet<ValueShape> =
            values.iter().filter_map(|value| value.shape()).collect();
        if let (Some(shape), 1) = (shapes.first(), shapes.len()) {
            groups.entry(*shape).or_default().insert(name, values);
        }
    }
    for (shape, group) in groups {
        match shape {
            ValueShape::Text => found.extend(sharing(&group)),
            _ if are_group(shape, &group) => found.extend(group.into_keys()),
            _ => {}
        }
    }
    found
}

/// Whether members have values that are alike: of lists and objects, the first that show something.
fn are_group<'a>(shape: ValueShape, group: &BTreeMap<&str, Vec<&'a JsonNode>>) -> bool {
    let values = group.values();
    let shown: Vec<&'a JsonNode> = match shape {
        ValueShape::List => {
            let elements = |value: &&'a JsonNode| value.elements().first();
            values
                .filter_map(|values| values.iter().find_map(elements))
                .collect()
        }
        ValueShape::Object => {
            let is_shown = |value: &&&JsonNode| !value.members().is_empty();
            values
                .filter_map(|values| values.iter().find(is_shown).copied())
                .collect()
        }
        _ => return group.len() > 1,
    };
    are_alike(&shown)
}

/// The members that have a text which another one has too: what is marked for each person is of few words.
fn sharing<'a>(group: &BTreeMap<&'a str, Vec<&JsonNode>>) -> BTreeSet<&'a str> {
    let mut having: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, values) in group {
        for text in values.iter().filter_map(|value| value.text()) {
            having.entry(text).or_default().insert(name);
        }
    }
    having.remove("");
    let shared = having.into_values().filter(|names| names.len() > 1);
    shared.flatten().collect()
}
