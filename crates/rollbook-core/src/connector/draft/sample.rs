//! A sample answer: where its rows are, and the address that it is from.

use std::collections::BTreeMap;

use super::address::SampleAddress;
use super::json_node::JsonNode;
use super::object_names::ObjectNames;
use super::parameters::{is_harmless, is_known_name, is_secret_name};
use super::vocabulary::{is_known, is_schema_name};
use super::{DraftOutline, DraftSample};

/// Lists are searched in objects down to this depth.
const DEPTH: usize = 3;

/// One list of a vendor, by an answer that shows it.
#[derive(Debug)]
pub(super) struct SampleList {
    /// What its stream could be called.
    pub name: String,
    pub title: String,
    pub path: String,
    /// Query parameters; without a value if only the name is known.
    pub parameters: Vec<(String, Option<String>)>,
    /// Parameters and headers of every request whose values are not known, each with the table that it belongs to.
    pub required: Vec<(String, &'static str)>,
    /// The largest page that the vendor allows.
    pub max_size: Option<u32>,
    pub body: JsonNode,
    /// What members of a row mean, by their path.
    pub help: BTreeMap<Vec<String>, String>,
    /// The names of members are those of a schema, and no row's.
    pub is_schema: bool,
    /// The path of the list for whose rows this one is read, and the variable in `path`.
    pub parent: Option<(String, String)>,
}

/// The rows of an answer.
#[derive(Debug, PartialEq)]
pub(super) struct ListRows<'a> {
    /// Their path.
    pub at: String,
    /// The value of `rows`: the path without a name that may be a person's.
    pub shown: String,
    pub envelope: Option<String>,
    pub rows: Vec<&'a JsonNode>,
    /// The rows' own names where they are members of an object.
    pub names: Vec<&'a str>,
}

/// The only list of a sample answer.
pub(super) fn outline(body: JsonNode, sample: &DraftSample) -> Result<DraftOutline, String> {
    rows(&body, false)?;
    let mut outline = DraftOutline::default();
    let mut list = SampleList {
        name: sample.stem.clone(),
        title: String::new(),
        path: String::new(),
        parameters: Vec::new(),
        required: Vec::new(),
        max_size: None,
        body,
        help: BTreeMap::new(),
        is_schema: false,
        parent: None,
    };
    if let Some(address) = &sample.address {
        let address = SampleAddress::read(address);
        outline.base_url = address.base_url;
        outline.address_keys = address.keys;
        list.name = address.name;
        list.path = address.path;
        for (name, value) in address.query {
            let value = match value {
                Some(value) if is_known_name(&name) => value,
                None if is_known(&name) => String::new(),
                _ => {
                    let why = "a parameter whose name may be a secret or a value";
                    outline.left_out.push(why.to_owned());
                    continue;
                }
            };
            if is_secret_name(&name) {
                outline.left_out.push(format!(
                    "the parameter {name}, which looks like a secret: see [auth]"
                ));
            } else if is_harmless(&name, &value) {
                list.parameters.push((name, Some(value)));
            } else {
                // Its name still shows how pages are requested.
                outline.left_out.push(format!(
                    "the value of the parameter {name}, which may be a secret or a person: if it is neither, add it to `query`"
                ));
                list.parameters.push((name, None));
            }
        }
    }
    outline.lists.push(list);
    Ok(outline)
}

/// Finds the rows of an answer. Names in a schema are no data.
///
/// # Errors
/// When there are none, with the reason.
pub(super) fn rows(body: &JsonNode, is_schema: bool) -> Result<ListRows<'_>, String> {
    let mut lists = Vec::new();
    lists_in(body, is_schema, &mut Vec::new(), &mut lists);
    // The first of the longest.
    let best = lists.into_iter().rev().max_by_key(|(_, rows)| rows.len());
    let is_empty_list = |(_, member): &(String, JsonNode)| *member == JsonNode::List(Vec::new());
    let (at, rows) = match best {
        Some((path, rows)) => (list_path(&path), rows),
        None => {
            if let Some(mut found) =
                by_id(body, &mut Vec::new()).or_else(|| bare(body, &mut Vec::new()))
            {
                found.shown = shown(&found.at, body, is_schema);
                return Ok(found);
            }
            if body.members().iter().any(is_empty_list) {
                return Err("the list in it is empty: take a page that has rows".to_owned());
            }
            if body.members().is_empty() {
                return Err(
                    "it has no list of objects, so there is nothing to make columns of".to_owned(),
                );
            }
            ("{}".to_owned(), vec![body])
        }
    };
    let envelope = envelope(&rows, is_schema);
    let rows = rows.into_iter().map(|row| match &envelope {
        Some(name) => row.get(name).unwrap_or(row),
        None => row,
    });
    Ok(ListRows {
        shown: shown(&at, body, is_schema),
        at,
        rows: rows.collect(),
        envelope: envelope.clone(),
        names: Vec::new(),
    })
}

/// In place of a name in the path of the rows that may be a person's.
pub(super) const HIDDEN: &str = "NAME";

/// The path of rows with names that are a vendor's only.
fn shown(at: &str, body: &JsonNode, is_schema: bool) -> String {
    let is_sign = |name: &str| matches!(name, "[]" | "{}" | "{*}");
    let is_shown = |name: &str| is_schema || is_sign(name) || is_schema_name(name);
    let names: Vec<&str> = at.split('.').collect();
    let is_list = |(_, member): &&(String, JsonNode)| matches!(member, JsonNode::List(_));
    match names[..] {
        [name] if !is_shown(name) && body.members().iter().filter(is_list).count() == 1 => {
            "*".to_owned()
        }
        _ => {
            let names = names
                .iter()
                .map(|name| if is_shown(name) { name } else { HIDDEN });
            names.collect::<Vec<_>>().join(".")
        }
    }
}

fn list_path(path: &[String]) -> String {
    match path {
        [] => "[]".to_owned(),
        path => path.join("."),
    }
}

/// An object whose members are rows: several objects that have most of their members in common.
fn by_id<'a>(node: &'a JsonNode, path: &mut Vec<String>) -> Option<ListRows<'a>> {
    let members = node.members();
    if node.has_alike_members() {
        path.push("{*}".to_owned());
        return Some(ListRows {
            at: path.join("."),
            shown: String::new(),
            envelope: None,
            rows: members.iter().map(|(_, row)| row).collect(),
            names: members.iter().map(|(name, _)| name.as_str()).collect(),
        });
    }
    below(node, path, by_id)
}

/// A list of texts or numbers.
fn bare<'a>(node: &'a JsonNode, path: &mut Vec<String>) -> Option<ListRows<'a>> {
    let rows = node.elements();
    let is_bare = |row: &JsonNode| matches!(row, JsonNode::Text(_) | JsonNode::Integer(_));
    if !rows.is_empty() && rows.iter().all(is_bare) {
        return Some(ListRows {
            at: list_path(path),
            shown: String::new(),
            envelope: None,
            rows: rows.iter().collect(),
            names: Vec::new(),
        });
    }
    below(node, path, bare)
}

/// The first that is found in a member that a path can name.
fn below<'a>(
    node: &'a JsonNode,
    path: &mut Vec<String>,
    find: fn(&'a JsonNode, &mut Vec<String>) -> Option<ListRows<'a>>,
) -> Option<ListRows<'a>> {
    // Beside a text, what is there belongs to one thing with a name.
    let is_one = |(_, member): &(String, JsonNode)| {
        matches!(member, JsonNode::Text(_) | JsonNode::Boolean(_))
    };
    let is_data = || node.is_keyed_by_data() || node.is_lists_by_data();
    if path.len() == DEPTH || is_data() || node.members().iter().any(is_one) {
        return None;
    }
    node.members()
        .iter()
        .filter(|(name, _)| can_be_named(name))
        .find_map(|(name, member)| {
            path.push(name.clone());
            let found = find(member, path);
            path.pop();
            found
        })
}

fn can_be_named(name: &str) -> bool {
    !name.is_empty() && !name.contains(['.', '*', '[', ']', '{', '}'])
}

/// Every list with objects in it, and its path.
fn lists_in<'a>(
    node: &'a JsonNode,
    is_schema: bool,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, Vec<&'a JsonNode>)>,
) {
    let objects: Vec<&JsonNode> = node
        .elements()
        .iter()
        .filter(|element| element.is_object())
        .collect();
    // Links to other pages are no rows.
    if !objects.iter().all(|object| object.get("rel").is_some()) {
        found.push((path.clone(), objects));
    }
    let is_data = || node.is_keyed_by_data() || (!is_schema && node.is_lists_by_data());
    if path.len() == DEPTH || is_data() {
        return;
    }
    for (name, member) in node.members() {
        if can_be_named(name) {
            path.push(name.clone());
            lists_in(member, is_schema, path, found);
            path.pop();
        }
    }
}

/// The member that every row is wrapped in, beside at most one other.
fn envelope(rows: &[&JsonNode], is_schema: bool) -> Option<String> {
    let first = rows.first()?;
    let objects = (!is_schema).then(|| ObjectNames::of(rows.iter().copied()));
    let wraps = |name: &str, row: &JsonNode| {
        row.members().len() <= 2
            && row
                .members()
                .iter()
                .all(|(other, member)| (other == name) == member.is_object())
            && row
                .get(name)
                .is_some_and(|inner| inner.members().len() > 1 && !inner.is_keyed_by_data())
    };
    let mut names = first.members().iter().map(|(name, _)| name);
    let found = names.find(|name| {
        (is_schema || is_schema_name(name)) && rows.iter().all(|row| wraps(name, row))
    })?;
    let path = std::slice::from_ref(found);
    if objects.is_some_and(|objects| objects.are_data(path)) {
        return None;
    }
    (!found.is_empty() && !found.contains('.')).then(|| found.clone())
}
