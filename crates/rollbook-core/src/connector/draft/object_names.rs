//! Which objects in rows have members of fixed names, and which are named by data: by ids, or by what people chose.
//!
//! A name that occurs in one row only may be a person's. So members are columns only where most of their names recur. In a
//! pivot they recur: then several names are no words of a vendor.

use std::collections::{BTreeMap, BTreeSet};

use super::json_node::{JsonNode, is_value};
use super::vocabulary::is_schema_name;

/// Members of objects in a row are columns down to this depth.
pub(super) const DEPTH: usize = 3;

/// The names in the objects at one path, each with the rows that have it.
#[derive(Debug, Default)]
struct SeenNames<'a> {
    rows: BTreeSet<usize>,
    names: BTreeMap<&'a str, BTreeSet<usize>>,
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
                for (inner, _) in member.members() {
                    seen.names.entry(inner).or_default().insert(row);
                }
                if path.len() + 1 < DEPTH {
                    self.note(member, row, path);
                }
            }
            path.pop();
        }
    }

    /// Whether the names in the objects at a path may be data: most occur in one row only, each occurs in half of the rows
    /// at most, they are capitalised as the rows' own names are not, or several, or half, are no words of a vendor.
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
            let unknown = unknown.count();
            unknown > 1 || unknown * 2 >= seen.names.len()
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

/// The members of rows whose names may be data: ids and people, and all whose names are no words of a vendor if there are
/// several, such as the columns of a pivot. What is in them tells nothing: marks, hours and remarks are of every kind.
pub(super) fn data_members<'a>(rows: impl Iterator<Item = &'a JsonNode>) -> BTreeSet<&'a str> {
    let (mut found, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for (name, _) in rows.flat_map(JsonNode::members) {
        if is_value(name) {
            found.insert(name.as_str());
        } else if !is_schema_name(name) {
            unknown.insert(name.as_str());
        }
    }
    if unknown.len() > 1 {
        found.extend(unknown);
    }
    found
}
