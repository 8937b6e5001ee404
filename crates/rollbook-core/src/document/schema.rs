//! Reads a JSON Schema: which values are allowed, and how to describe them.
//!
//! It understands what `schemars` writes for our types, not JSON Schema as a whole. No trees, no problems.

use std::collections::BTreeMap;

use serde_json::Value;

use super::suggest::{advice, quoted};

/// A whole schema, which resolves the references in all its parts.
#[derive(Clone, Copy)]
pub struct Schema<'a>(pub &'a Value);

impl<'a> Schema<'a> {
    /// Suggests a similar key, or the table that the key belongs to.
    pub fn unknown_key_advice(self, name: &str, known: &BTreeMap<&'a str, &'a Value>) -> String {
        let owner = known.iter().find(|(_, schema)| {
            let has = |schema: &&'a Value| {
                schema
                    .get("properties")
                    .is_some_and(|keys| keys.get(name).is_some())
            };
            self.alternatives(schema).iter().any(has)
        });
        match owner {
            Some((owner, _)) => {
                format!("{} belongs in the table {}", quoted(name), quoted(owner))
            }
            None => advice(name, known.keys().copied()),
        }
    }

    /// How to add a key: with an example, or with what it means.
    pub fn adding(self, name: &str, schema: &'a Value) -> Option<String> {
        if let Some(example) = self
            .alternatives(schema)
            .into_iter()
            .chain([schema])
            .find_map(example)
        {
            return Some(format!("such as `{name} = {example}`"));
        }
        let meaning = schema.get("description")?.as_str()?;
        let first = meaning.split("\n\n").next()?.replace('\n', " ");
        let message = first.split(". ").next()?;
        Some(format!(
            "{}: {}",
            quoted(name),
            message.trim_end_matches('.')
        ))
    }

    /// Whether a value is a secret.
    pub fn is_secret(self, schema: &'a Value) -> bool {
        self.alternatives(schema)
            .iter()
            .any(|schema| schema.get("writeOnly").is_some())
    }

    /// What a value may be, without references and without "nothing".
    pub fn alternatives(self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolved(schema);
        let choices = schema
            .get("anyOf")
            .or_else(|| schema.get("oneOf"))
            .and_then(Value::as_array);
        match choices {
            Some(choices) => choices
                .iter()
                .flat_map(|choice| self.alternatives(choice))
                .filter(|choice| choice.get("type").and_then(Value::as_str) != Some("null"))
                .collect(),
            None => vec![schema],
        }
    }

    fn resolved(self, schema: &'a Value) -> &'a Value {
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|name| self.0.pointer(name.strip_prefix('#')?));
        target.unwrap_or(schema)
    }
}

/// The keys of a table that have a name of their own.
pub fn properties(schema: &Value) -> BTreeMap<&str, &Value> {
    let keys = schema.get("properties").and_then(Value::as_object);
    keys.into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
        .collect()
}

/// The values of an enumeration, if it is nothing else.
pub fn words<'s>(alternatives: &[&'s Value]) -> Option<Vec<&'s str>> {
    let mut words = Vec::new();
    for schema in alternatives {
        match (
            schema.get("const"),
            schema.get("enum").and_then(Value::as_array),
        ) {
            (Some(word), _) => words.push(word.as_str()?),
            (None, Some(choices)) => words.extend(choices.iter().filter_map(Value::as_str)),
            (None, None) => return None,
        }
    }
    Some(words)
}

/// The schema of keys that have no name of their own, and the pattern of their names.
pub fn others(schema: &Value) -> Option<(Option<&str>, &Value)> {
    let patterns = schema
        .get("patternProperties")
        .and_then(Value::as_object)
        .and_then(|patterns| patterns.iter().next());
    match (patterns, schema.get("additionalProperties")) {
        (Some((pattern, schema)), _) => Some((Some(pattern), schema)),
        (None, Some(Value::Bool(false))) => None,
        (None, Some(schema)) => Some((None, schema)),
        (None, None) => None,
    }
}

/// The names of its types, without "nothing".
pub fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect(),
        _ => Vec::new(),
    }
}

/// A type's name in a message.
pub fn in_words(name: &str) -> &'static str {
    match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        _ => "a table",
    }
}

/// The first example of a schema, as TOML writes it.
pub fn example(schema: &Value) -> Option<String> {
    schema
        .get("examples")?
        .as_array()?
        .first()
        .map(Value::to_string)
}
