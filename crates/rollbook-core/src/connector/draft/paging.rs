//! Guesses how the next page is requested: by members beside the rows, headers, and the names of parameters.

use super::DraftSample;
use super::json_node::JsonNode;
use super::lines::assumption;
use super::parameters::{CURSOR, LIMIT, NUMBER, OFFSET, folded};
use super::sample::{ListRows, SampleList};
use super::vocabulary::is_schema_name;
use crate::connector::response::NextPath;
use crate::document::toml_text::toml_string;

/// Names of parameters and members, in small letters without signs. Earlier ones are likelier.
const NEXT: &[&str] = &[
    "odatanextlink",
    "next",
    "nextlink",
    "nextpagelink",
    "nexturl",
    "nextpageurl",
    "nextpagetoken",
    "nextcursor",
    "nexttoken",
    "nextpage",
    "nexthref",
    "endcursor",
    "cursor",
];
const TOTAL: &[&str] = &[
    "odatacount",
    "total",
    "totalcount",
    "totalresults",
    "totalelements",
    "totalitems",
    "totalrecords",
    "totalrows",
    "recordcount",
    "recordstotal",
    "numfound",
];

/// A page of this size suits most servers.
const SIZE: u32 = 100;

/// Members beside the rows are searched down to this depth.
const DEPTH: usize = 3;

/// What was guessed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FoundPaging {
    /// The line of `page`; empty for one response.
    pub line: String,
    /// The parameters that have nothing to do with it.
    pub query: Vec<(String, String)>,
    /// What the guess is made of.
    pub why: String,
}

/// Guesses the paging of a list.
pub(super) fn guess(list: &SampleList, found: &ListRows<'_>, sample: &DraftSample) -> FoundPaging {
    let named = |names: &[&str]| {
        let position = |name: &String| names.iter().position(|other| *other == folded(name));
        let named = list
            .parameters
            .iter()
            .filter_map(|(name, _)| Some((position(name)?, name)));
        named.min().map(|(_, name)| name.as_str())
    };
    let (limit, mut used) = (named(LIMIT), Vec::new());
    let mut beside = Vec::new();
    beside_rows(
        &list.body,
        found,
        list.is_schema,
        &mut Vec::new(),
        &mut beside,
    );
    let (mut line, why) = match next(&beside) {
        Some((path, NextKind::Address)) => (
            format!("by = \"next_url\", next = {}", toml_string(&path)),
            "the body has the address of the next page".to_owned(),
        ),
        Some((path, NextKind::Token)) => {
            let cursor = named(CURSOR).or_else(|| named(NUMBER)).map(str::to_owned);
            let guessed = cursor.clone().unwrap_or_else(|| parameter_of(&path));
            used.extend(cursor);
            let line = format!(
                "by = \"cursor\", cursor = {}, next = {}",
                toml_string(&guessed),
                toml_string(&path)
            );
            (
                line,
                "the body has a token of the next page; does the parameter have this name?"
                    .to_owned(),
            )
        }
        None if sample.has_next_link => (
            "by = \"link\"".to_owned(),
            "the answer has a Link header".to_owned(),
        ),
        None => match (named(OFFSET), named(NUMBER)) {
            (Some(offset), _) => {
                used.push(offset.to_owned());
                let why = format!("by the name of the parameter {offset}; is the first row 0?");
                let line = format!("by = \"offset\", offset = {}", toml_string(offset));
                match value_of(list, offset) {
                    Some("1") => (line + ", first = 1", why.replace("row 0", "row 1")),
                    _ => (line, why),
                }
            }
            (None, Some(number)) => {
                used.push(number.to_owned());
                let why = format!("by the name of the parameter {number}; is the first page 1?");
                {
                    let line = format!("by = \"number\", number = {}", toml_string(number));
                    (line + &size_in_number(list, number), why)
                }
            }
            (None, None) => {
                let why = "nothing shows a next page, so one response is taken as the whole list";
                (String::new(), why.to_owned())
            }
        },
    };
    // Without pages it would cut the list.
    used.extend(limit.map(str::to_owned));
    if let (false, Some(limit)) = (line.is_empty(), limit) {
        let size = list.max_size.unwrap_or(SIZE);
        line.push_str(&format!(", limit = {}, size = {size}", toml_string(limit)));
    }
    if !line.is_empty() {
        line.push_str(&total(&beside, sample));
        line = format!("page    = {{ {line} }}");
    }
    used.extend(
        [OFFSET, NUMBER, CURSOR]
            .iter()
            .filter_map(|names| named(names))
            .map(str::to_owned),
    );
    // A table has each name once.
    let mut query: Vec<(String, String)> = Vec::new();
    for (name, value) in &list.parameters {
        let is_new = !used.contains(name) && query.iter().all(|(other, _)| other != name);
        if let (true, false, Some(value)) = (is_new, name.is_empty(), value) {
            query.push((name.clone(), value.clone()));
        }
    }
    FoundPaging {
        line,
        query,
        why: assumption(&why),
    }
}

/// The value of a parameter in the address.
fn value_of<'a>(list: &'a SampleList, parameter: &str) -> Option<&'a str> {
    let mut all = list.parameters.iter();
    all.find(|(name, _)| name == parameter)
        .and_then(|(_, value)| value.as_deref())
}

/// For `page=1,50`: number and size in one parameter.
fn size_in_number(list: &SampleList, number: &str) -> String {
    let value = value_of(list, number);
    let parts = value.and_then(|value| value.split_once(','));
    match parts.map(|(page, size)| (page.parse::<u32>(), size.parse::<u32>())) {
        Some((Ok(_), Ok(_))) => format!(", value = \"{{number}},{{size}}\", size = {SIZE}"),
        _ => String::new(),
    }
}

/// What a member promises the next page by.
enum NextKind {
    Address,
    Token,
}

/// The member that leads to the next page.
fn next(beside: &[(Vec<String>, &JsonNode)]) -> Option<(String, NextKind)> {
    let linked = beside.iter().find_map(|(path, node)| {
        let links = node.elements().iter();
        let mut links = links.filter(|link| link.get("rel").and_then(JsonNode::text).is_some());
        let member = links.find_map(|link| {
            ["uri", "href", "url"]
                .into_iter()
                .find(|name| link.get(name).is_some())
        })?;
        Some((
            format!("{}[rel=next].{member}", path.join(".")),
            NextKind::Address,
        ))
    });
    let position = |path: &[String]| {
        let name = match path {
            [.., next, last] if ["href", "url", "uri"].contains(&last.as_str()) => next,
            [.., last] => last,
            [] => return None,
        };
        NEXT.iter().position(|other| *other == folded(name))
    };
    let named = beside
        .iter()
        .filter_map(|(path, node)| Some((position(path)?, path, *node)));
    let best = named.min_by_key(|(position, path, _)| (*position, path.len()));
    let named = best.and_then(|(position, path, node)| {
        let is_address = match node {
            JsonNode::Text(text) => text.contains("://") || text.starts_with(['/', '?']),
            JsonNode::Null => position < 7,
            JsonNode::Integer(_) => false,
            _ => return None,
        };
        Some((
            path.join("."),
            if is_address {
                NextKind::Address
            } else {
                NextKind::Token
            },
        ))
    });
    linked
        .or(named)
        .filter(|(path, _)| NextPath::read(path).is_some())
}

/// `nextPageToken` is sent as `pageToken`, `next_cursor` as `cursor`.
fn parameter_of(path: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or_default();
    let bare = last
        .strip_prefix("next")
        .or_else(|| last.strip_prefix("end"))
        .unwrap_or(last);
    let bare = bare.trim_start_matches(['_', '-']);
    let mut letters = bare.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "cursor".to_owned(),
    }
}

/// Where the size of the whole list is declared.
fn total(beside: &[(Vec<String>, &JsonNode)], sample: &DraftSample) -> String {
    if let Some(header) = &sample.total_header {
        return format!(", total_header = {}", toml_string(header));
    }
    let is_total = |(path, node): &&(Vec<String>, &JsonNode)| {
        let name = path.last().map(|name| folded(name)).unwrap_or_default();
        matches!(node, JsonNode::Integer(_)) && TOTAL.contains(&name.as_str())
    };
    match beside.iter().find(is_total) {
        Some((path, _)) => format!(", total_member = [{}]", toml_string(&path.join("."))),
        None => String::new(),
    }
}

/// Every member outside of the rows that is no object.
fn beside_rows<'a>(
    node: &'a JsonNode,
    found: &ListRows<'_>,
    is_schema: bool,
    path: &mut Vec<String>,
    beside: &mut Vec<(Vec<String>, &'a JsonNode)>,
) {
    if found.at == "{}" {
        return; // the body is a row
    }
    for (name, member) in node.members() {
        path.push(name.clone());
        if path.join(".") != found.at && !name.contains(['[', ']', '=']) {
            match member.is_object() {
                // Its name is in the path of what is found there.
                true if path.len() < DEPTH && (is_schema || is_schema_name(name)) => {
                    beside_rows(member, found, is_schema, path, beside);
                }
                true => {}
                false => beside.push((path.clone(), member)),
            }
        }
        path.pop();
    }
}
