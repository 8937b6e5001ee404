//! An OpenAPI 3 description: each list that a GET returns becomes a sample of one row, by its schema.
//!
//! Reads `$ref` within the document only. A schema is followed to a small depth, so that one that contains itself ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::address::has_secret;
use super::json_node::JsonNode;
use super::sample::{SampleList, rows};
use super::{DraftOutline, DraftSample, sign_in};

/// No connector is drafted with more streams.
const MAX_LISTS: usize = 40;

/// Schemas are followed down to this depth: the body, a list in it, a row, and objects in the row.
const DEPTH: usize = 7;

/// A sample has no more nodes: schemas that hold many others would make one of millions.
const MAX_NODES: usize = 2_000;

/// So many references behind one another are a circle.
const MAX_REFERENCES: usize = 20;

/// A description of these headers has no effect: a connector has them elsewhere. In small letters.
const IGNORED_HEADERS: &[&str] = &["accept", "content-type", "authorization"];

/// Whether it is an OpenAPI 3 description.
///
/// # Errors
/// When it is a description of another kind.
pub(super) fn version(node: &JsonNode) -> Result<bool, String> {
    let version = |name| node.get(name).and_then(JsonNode::text).unwrap_or_default();
    let is_3 = version("openapi").starts_with("3.") && node.get("paths").is_some();
    if !is_3 && version("swagger").starts_with('2') {
        return Err("it is a Swagger 2 description: convert it to OpenAPI 3 first, such as by `swagger2openapi`".to_owned());
    }
    Ok(is_3)
}

/// The lists of a description.
pub(super) fn outline(
    root: &JsonNode,
    sample: &DraftSample,
    only: &[String],
) -> Result<DraftOutline, String> {
    let description = Description {
        root,
        nodes_left: Cell::new(0),
        open: RefCell::default(),
    };
    let title = root.at(&["info", "title"]).and_then(JsonNode::text);
    let schemes = root.at(&["components", "securitySchemes"]);
    let schemes = schemes.map(JsonNode::members).unwrap_or_default().iter();
    let (auth, left_out) = sign_in::lines(schemes.map(|(_, scheme)| description.resolved(scheme)));
    let mut outline = DraftOutline {
        title: title.unwrap_or_default().to_owned(),
        base_url: description.base_url(sample),
        auth,
        left_out,
        ..DraftOutline::default()
    };
    let paths = root.get("paths").map(JsonNode::members).unwrap_or_default();
    let mut more = 0;
    for (path, operations) in paths {
        let is_wanted = only.is_empty() || only.iter().any(|only| path.starts_with(only.as_str()));
        let (true, Some(get)) = (is_wanted, operations.get("get")) else {
            continue;
        };
        if outline.lists.len() == MAX_LISTS {
            more += 1;
            continue;
        }
        match description.list(path, operations, get) {
            None => {}
            Some(Ok(list)) => outline.lists.push(list),
            Some(Err(why)) => outline.left_out.push(format!("{path}: {why}")),
        }
    }
    if more > 0 {
        outline
            .left_out
            .push(format!("up to {more} more lists; `--only PATH` chooses"));
    }
    // A list for whose rows another one is read is in front of it.
    outline.lists.sort_by_key(|list| list.parent.is_some());
    Ok(outline)
}

/// A whole description.
struct Description<'a> {
    root: &'a JsonNode,
    /// What the sample under way may still have.
    nodes_left: Cell<usize>,
    /// The schemas that it is within: one that holds itself ends there.
    open: RefCell<Vec<&'a JsonNode>>,
}

impl<'a> Description<'a> {
    /// The list of a GET; `None` if it returns none.
    fn list(
        &self,
        path: &str,
        operations: &'a JsonNode,
        get: &'a JsonNode,
    ) -> Option<Result<SampleList, String>> {
        let responses = get.get("responses")?;
        let response = self.resolved(
            ["200", "default", "2XX"]
                .iter()
                .find_map(|code| responses.get(code))?,
        );
        let content = response.get("content")?.members();
        let (_, content) = content.iter().find(|(kind, _)| kind.contains("json"))?;
        let mut help = BTreeMap::new();
        self.nodes_left.set(MAX_NODES);
        let body = self.sample(content.get("schema")?, DEPTH, &mut Vec::new(), &mut help);
        let found = rows(&body, true)
            .ok()
            .filter(|found| found.at != "{}" && found.rows.iter().all(|row| row.is_object()))?;
        // What describes the members of a row is found by their path in it.
        let mut above: Vec<String> = found
            .at
            .split('.')
            .filter(|part| *part != "[]")
            .map(str::to_owned)
            .collect();
        above.extend(found.envelope.clone());
        let of_row = help.iter().filter_map(|(path, text)| {
            Some((path.strip_prefix(&above[..])?.to_vec(), text.clone()))
        });
        let help = of_row.collect();
        let text = |name| get.get(name).and_then(JsonNode::text);
        let mut list = SampleList {
            name: name_of(path),
            title: text("summary")
                .or_else(|| text("description"))
                .unwrap_or_default()
                .to_owned(),
            path: path.to_owned(),
            parameters: Vec::new(),
            required: Vec::new(),
            max_size: None,
            body,
            help,
            is_schema: true,
            parent: None,
        };
        let elements = |node: &'a JsonNode| {
            node.get("parameters")
                .map(JsonNode::elements)
                .unwrap_or_default()
        };
        for parameter in elements(operations).iter().chain(elements(get)) {
            self.parameter(self.resolved(parameter), &mut list);
        }
        let variables: Vec<&str> = path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .collect();
        match variables[..] {
            [] => {}
            [variable] => {
                let above = path
                    .split('{')
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches('/');
                list.parent = Some((above.to_owned(), variable.to_owned()));
            }
            _ => return Some(Err("it is read for several things at once".to_owned())),
        }
        Some(Ok(list))
    }

    fn parameter(&self, parameter: &'a JsonNode, list: &mut SampleList) {
        let text = |name| parameter.get(name).and_then(JsonNode::text);
        let Some(name) = text("name") else {
            return;
        };
        let table = match text("in") {
            Some("query") => "query",
            Some("header") if !IGNORED_HEADERS.contains(&&*name.to_ascii_lowercase()) => "headers",
            _ => return,
        };
        let required = (name.to_owned(), table);
        if parameter.get("required") == Some(&JsonNode::Boolean(true))
            && !list.required.contains(&required)
        {
            list.required.push(required);
        }
        if table == "headers" {
            return;
        }
        let schema = parameter.get("schema").map(|schema| self.resolved(schema));
        let number = |key| match schema.and_then(|schema| schema.get(key)) {
            Some(JsonNode::Integer(number)) => {
                u32::try_from(*number).ok().filter(|number| *number > 1)
            }
            _ => None,
        };
        // Only the size of a page has a largest value that is of use.
        list.max_size = list.max_size.or_else(|| number("maximum"));
        list.parameters.push((name.to_owned(), None));
    }

    /// What a reference leads to, or the node itself.
    fn resolved(&self, node: &'a JsonNode) -> &'a JsonNode {
        let mut node = node;
        for _ in 0..MAX_REFERENCES {
            let reference = node.get("$ref").and_then(JsonNode::text);
            let Some(path) = reference.and_then(|text| text.strip_prefix("#/")) else {
                return node;
            };
            let mut names = path
                .split('/')
                .map(|name| name.replace("~1", "/").replace("~0", "~"));
            let target = names.try_fold(self.root, |node, name| node.get(&name));
            let Some(target) = target else {
                return &JsonNode::Null;
            };
            node = target;
        }
        &JsonNode::Null
    }

    /// A value of a schema; what its members mean is noted by their path, lists left out of it.
    fn sample(
        &self,
        schema: &'a JsonNode,
        depth: usize,
        path: &mut Vec<String>,
        help: &mut BTreeMap<Vec<String>, String>,
    ) -> JsonNode {
        let schema = self.resolved(schema);
        if let Some(text) = schema.get("description").and_then(JsonNode::text) {
            help.insert(path.clone(), text.to_owned());
        }
        let left = self.nodes_left.get();
        let is_open = self.is_open(schema);
        if depth == 0 || left == 0 || is_open {
            return unfollowed(schema, is_open);
        }
        self.nodes_left.set(left - 1);
        self.open.borrow_mut().push(schema);
        let node = self.sample_within(schema, depth, path, help);
        self.open.borrow_mut().pop();
        node
    }

    /// Whether the sample under way is within this schema.
    fn is_open(&self, schema: &JsonNode) -> bool {
        let open = self.open.borrow();
        open.iter().any(|open| std::ptr::eq(*open, schema))
    }

    fn sample_within(
        &self,
        schema: &'a JsonNode,
        depth: usize,
        path: &mut Vec<String>,
        help: &mut BTreeMap<Vec<String>, String>,
    ) -> JsonNode {
        let mut members = Vec::new();
        self.members(schema, depth, path, help, &mut members);
        if !members.is_empty() {
            return JsonNode::Object(members);
        }
        if let Some(items) = schema.get("items") {
            let is_open = self.is_open(self.resolved(items));
            let element = self.sample(items, depth - 1, path, help);
            return JsonNode::List(if is_open { Vec::new() } else { vec![element] });
        }
        let alternatives = ["oneOf", "anyOf", "allOf"]
            .iter()
            .filter_map(|name| schema.get(name));
        let mut alternatives = alternatives
            .flat_map(JsonNode::elements)
            .map(|one| self.resolved(one));
        let is_null = |one: &&JsonNode| one.get("type").and_then(JsonNode::text) == Some("null");
        if let Some(one) = alternatives.find(|one| !is_null(one)) {
            return self.sample(one, depth - 1, path, help);
        }
        scalar(schema)
    }

    /// The members of an object, with those of the schemas that it combines.
    fn members(
        &self,
        schema: &'a JsonNode,
        depth: usize,
        path: &mut Vec<String>,
        help: &mut BTreeMap<Vec<String>, String>,
        found: &mut Vec<(String, JsonNode)>,
    ) {
        for (name, member) in schema
            .get("properties")
            .map(JsonNode::members)
            .unwrap_or_default()
        {
            let is_write_only =
                |schema: &JsonNode| schema.get("writeOnly") == Some(&JsonNode::Boolean(true));
            if found.iter().any(|(other, _)| other == name) || is_write_only(self.resolved(member))
            {
                continue;
            }
            path.push(name.clone());
            let value = self.sample(member, depth - 1, path, help);
            path.pop();
            found.push((name.clone(), value));
        }
        if depth <= 1 {
            return;
        }
        for name in ["allOf", "oneOf", "anyOf"] {
            for part in schema.get(name).map(JsonNode::elements).unwrap_or_default() {
                self.members(self.resolved(part), depth - 1, path, help, found);
            }
        }
    }

    /// The first server's address; relative ones belong to the description's own.
    fn base_url(&self, sample: &DraftSample) -> String {
        let server = self
            .root
            .get("servers")
            .and_then(|servers| servers.elements().first());
        let mut url = server
            .and_then(|server| server.get("url")?.text())
            .unwrap_or_default()
            .to_owned();
        for (name, variable) in server
            .and_then(|server| server.get("variables"))
            .map(JsonNode::members)
            .unwrap_or_default()
        {
            let default = variable
                .get("default")
                .and_then(JsonNode::text)
                .unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), default);
        }
        if let (false, Some(address)) = (url.contains("://"), &sample.address) {
            let start = address.find("://").map_or(0, |at| at + 3);
            let origin = address[start..]
                .find(['/', '?'])
                .map_or(address.as_str(), |end| &address[..start + end]);
            url = format!("{origin}/{}", url.trim_start_matches('/'));
        }
        let is_usable = url.starts_with("https://")
            || sample.address.as_ref().is_some_and(|address| {
                let scheme = address.split("://").next().unwrap_or_default();
                url.starts_with(&format!("{scheme}://"))
            });
        match is_usable && !has_secret(&url) {
            true => url.trim_end_matches('/').to_owned(),
            false => String::new(),
        }
    }
}

/// A value of a schema whose members or elements are not followed, because it is too deep or contains itself.
fn unfollowed(schema: &JsonNode, is_open: bool) -> JsonNode {
    match () {
        () if schema.get("items").is_some() => JsonNode::List(Vec::new()),
        () if is_open || schema.get("properties").is_some() => JsonNode::Object(Vec::new()),
        () => scalar(schema),
    }
}

/// A value of a schema without members or elements.
fn scalar(schema: &JsonNode) -> JsonNode {
    let kinds = schema.get("type");
    let of_list = kinds
        .map(JsonNode::elements)
        .unwrap_or_default()
        .iter()
        .filter_map(JsonNode::text);
    let mut kinds = of_list
        .chain(kinds.and_then(JsonNode::text))
        .filter(|kind| *kind != "null");
    let text = |text: &str| JsonNode::Text(text.to_owned());
    match (kinds.next(), schema.get("format").and_then(JsonNode::text)) {
        (Some("string") | None, Some("date")) => text("2026-01-31"),
        (Some("string") | None, Some("date-time")) => text("2026-01-31T08:00:00Z"),
        (Some("string"), Some("uri" | "url")) => text("https://x.example"),
        (Some("string"), _) => text("x"),
        (Some("integer"), _) => JsonNode::Integer(1),
        (Some("number"), _) => JsonNode::Real,
        (Some("boolean"), _) => JsonNode::Boolean(true),
        (Some("array"), _) => JsonNode::List(Vec::new()),
        (Some("object"), _) => JsonNode::Object(Vec::new()),
        _ => JsonNode::Null,
    }
}

/// The last part of a path that is no variable, such as `users` of `/orgs/{id}/users`.
fn name_of(path: &str) -> String {
    let mut parts = path
        .rsplit('/')
        .filter(|part| !part.is_empty() && !part.contains('{'));
    parts.next().unwrap_or("rows").to_owned()
}
