//! Compares a tree with the JSON Schema of its type and reports every problem.
//!
//! Serde stops at the first mistake and makes no suggestions; the schema is generated from the same types, so both
//! agree. It supports what `schemars` writes for our types, not all of JSON Schema. `writeOnly` marks a secret; one in
//! plain text is refused and redacted in every excerpt.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file_text::Location;
use super::node::{MAX_PROBLEMS, Node, NodeKind, TableEntry};
use super::problem::{Problem, ProblemKind, Problems};
use super::schema::{Schema, example, in_words, others, properties, types, words};
use super::suggest::{advice, listed, quoted, suggest};
use super::text_value::{Check, ValueError};

/// Whether a tree is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every required key must be there.
    Whole,
    /// Something else supplies what is missing.
    Part,
}

/// Everything in `root` that does not fit `schema`.
pub fn walk(root: &Node, schema: &Value, checks: &[Check], extent: Extent) -> Problems {
    let mut walk = Walk {
        schema: Schema(schema),
        checks,
        extent,
        problems: Problems::new(),
    };
    let subject = CheckedNode {
        name: "this file",
        location: Location::whole(root.file()),
        secret: false,
        subject: Subject::Value,
    };
    walk.value(root, schema, &subject);
    walk.problems
}

struct Walk<'a> {
    schema: Schema<'a>,
    checks: &'a [Check],
    extent: Extent,
    problems: Problems,
}

/// The key that a problem is about, its location, and whether values below it may be secrets.
#[derive(Clone)]
struct CheckedNode<'a> {
    name: &'a str,
    location: Location,
    secret: bool,
    subject: Subject,
}

/// Whether a problem is about a key's value, or about one value of its list.
#[derive(Clone, Copy)]
enum Subject {
    Value,
    ListItem,
}

impl std::fmt::Display for CheckedNode<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.subject {
            Subject::Value => write!(f, "{}", quoted(self.name)),
            Subject::ListItem => write!(f, "an item of {}", quoted(self.name)),
        }
    }
}

impl<'a> Walk<'a> {
    fn value(&mut self, node: &Node, schema: &'a Value, subject: &CheckedNode<'_>) {
        if matches!(node.kind(), NodeKind::Unreadable) {
            return;
        }
        let alternatives = self.schema.alternatives(schema);
        // A key may take a word or something else, such as a list: a text must be one of the words then.
        let mut texts = alternatives.clone();
        texts.retain(|schema| !matches!(types(schema)[..], [kind] if kind != "string"));
        let known = words(&texts).filter(|words| !words.is_empty());
        if let (Some(words), Some(text)) = (known, node.text()) {
            if !words.contains(&text) {
                let problem = Problem::error(
                    node.location(),
                    format!(
                        "invalid value {} for {}",
                        quoted(text),
                        quoted(subject.name)
                    ),
                );
                self.problems.push(problem.help(advice(text, words)));
            }
            return;
        }
        let Some(fitting) = alternatives
            .iter()
            .copied()
            .find(|schema| fits(schema, node))
        else {
            self.wrong_type(node, &alternatives, subject);
            return;
        };
        match node.kind() {
            NodeKind::Text(text) => self.text(node, text, fitting, subject),
            NodeKind::Integer(number) => self.range(node, *number as f64, fitting, subject),
            NodeKind::Real(number) => self.range(node, *number, fitting, subject),
            NodeKind::List(values) => self.list(node, values, fitting, subject),
            NodeKind::Table(entries) => self.table(node, entries, fitting, subject),
            NodeKind::Boolean(_) | NodeKind::Datetime | NodeKind::Unreadable => {}
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &'a Value, subject: &CheckedNode<'_>) {
        let error = match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) => self.error(pattern, text),
            None if text.is_empty() && schema.get("minLength").is_some() => {
                Some(ValueError::new(format!("{subject} is empty")))
            }
            None => None,
        };
        if let Some(error) = error {
            if subject.secret {
                node.file().hide(node.span());
            }
            self.problems
                .push(Problem::error(node.location(), error.message).maybe_help(error.help));
        }
    }

    fn error(&self, pattern: &str, text: &str) -> Option<ValueError> {
        let check = self.checks.iter().find(|check| check.pattern == pattern)?;
        (check.check)(text).err()
    }

    fn range(&mut self, node: &Node, number: f64, schema: &'a Value, subject: &CheckedNode<'_>) {
        let format = schema
            .get("format")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (lowest, highest) = match format {
            "uint8" => (0.0, f64::from(u8::MAX)),
            "uint16" => (0.0, f64::from(u16::MAX)),
            "uint32" | "uint" => (0.0, f64::from(u32::MAX)),
            "uint64" => (0.0, i64::MAX as f64),
            "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
            _ => (f64::MIN, f64::MAX),
        };
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let lowest = bound("minimum").map_or(lowest, |bound| bound.max(lowest));
        let highest = bound("maximum").map_or(highest, |bound| bound.min(highest));
        let above = bound("exclusiveMinimum").is_none_or(|bound| number > bound);
        // Not a number is not in the range either.
        if (lowest..=highest).contains(&number) && above {
            return;
        }
        let limit = match bound("exclusiveMinimum") {
            Some(bound) if !above => format!("more than {bound}"),
            _ if number < lowest => format!("at least {lowest}"),
            _ if highest < f64::MAX => format!("at most {highest}"),
            _ => "a finite number".to_owned(),
        };
        self.problems.push(Problem::error(
            node.location(),
            format!("{subject} must be {limit}"),
        ));
    }

    fn list(&mut self, node: &Node, values: &[Node], schema: &'a Value, subject: &CheckedNode<'_>) {
        if values.is_empty() && schema.get("minItems").is_some() {
            self.problems.push(Problem::error(
                node.location(),
                format!("{subject} is empty"),
            ));
        }
        if let Some(items) = schema.get("items") {
            for value in values {
                self.value(
                    value,
                    items,
                    &CheckedNode {
                        location: value.location(),
                        subject: Subject::ListItem,
                        ..subject.clone()
                    },
                );
            }
        }
    }

    fn table(
        &mut self,
        node: &Node,
        entries: &[TableEntry],
        schema: &'a Value,
        subject: &CheckedNode<'_>,
    ) {
        let known = properties(schema);
        let mut meant = Vec::new();
        for entry in entries {
            if self.problems.iter().len() >= MAX_PROBLEMS {
                return;
            }
            let location = Location::within(entry.value.file(), entry.key.clone());
            let inner = CheckedNode {
                name: &entry.name,
                location,
                secret: subject.secret,
                subject: Subject::Value,
            };
            match (known.get(entry.name.as_str()), others(schema)) {
                (Some(schema), _) if self.schema.is_secret(schema) => {
                    self.secret(entry, schema, inner)
                }
                (Some(schema), _) => self.value(&entry.value, schema, &inner),
                (None, Some((pattern, schema))) => {
                    if let Some(error) =
                        pattern.and_then(|pattern| self.error(pattern, &entry.name))
                    {
                        let problem = Problem::error(inner.location.clone(), error.message);
                        self.problems.push(problem.maybe_help(error.help));
                    }
                    self.value(&entry.value, schema, &inner);
                }
                (None, None) => {
                    meant.extend(suggest(&entry.name, known.keys().copied()));
                    // What is misspelled in a table that has a place for secrets may be one.
                    if subject.secret || known.values().any(|schema| self.schema.is_secret(schema))
                    {
                        entry.value.file().hide(entry.value.span());
                    }
                    let problem = Problem::error(
                        inner.location,
                        format!("unknown key {}", quoted(&entry.name)),
                    );
                    self.problems
                        .push(problem.help(self.schema.unknown_key_advice(&entry.name, &known)));
                }
            }
        }
        let limit = |key: &str| schema.get(key).and_then(Value::as_u64);
        let found = entries.len() as u64;
        if limit("minProperties").is_some_and(|least| found < least)
            || limit("maxProperties").is_some_and(|most| found > most)
        {
            let problem = Problem::error(
                subject.location.clone(),
                format!("{subject} must have exactly one key"),
            );
            self.problems
                .push(problem.help(format!("one of {}", listed(known.keys().copied()))));
        }
        if self.extent == Extent::Whole {
            self.missing(node, schema, &known, &meant, subject);
        }
    }

    /// Required keys that are not there. One that an unknown key probably means (`meant`) is reported already.
    fn missing(
        &mut self,
        node: &Node,
        schema: &'a Value,
        known: &BTreeMap<&str, &'a Value>,
        meant: &[&str],
        subject: &CheckedNode<'_>,
    ) {
        let required = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for name in required.filter(|name| node.at(&[name]).is_none() && !meant.contains(name)) {
            let message = format!("the key {} is missing", quoted(name));
            let problem = Problem::error(subject.location.clone(), message)
                .kind(ProblemKind::MissingKey(name.to_owned()));
            self.problems.push(
                problem.maybe_help(
                    known
                        .get(name)
                        .and_then(|schema| self.schema.adding(name, schema)),
                ),
            );
        }
    }

    fn secret(&mut self, entry: &TableEntry, schema: &'a Value, subject: CheckedNode<'_>) {
        if matches!(entry.value.kind(), NodeKind::Table(_)) {
            return self.value(
                &entry.value,
                schema,
                &CheckedNode {
                    secret: true,
                    ..subject
                },
            );
        }
        entry.value.file().hide(entry.value.span());
        let problem = Problem::error(
            entry.value.location(),
            format!(
                "the secret {} is in this file in plain text",
                quoted(&entry.name)
            ),
        );
        self.problems.push(problem.help(format!(
            "write where it comes from: `{0} = {{ credential = \"NAME\" }}`, `{{ file = \"PATH\" }}` or `{{ env = \"NAME\" }}`; \
             if others could read this file, change the secret at the vendor",
            entry.name
        )));
    }

    fn wrong_type(&mut self, node: &Node, alternatives: &[&'a Value], subject: &CheckedNode<'_>) {
        if subject.secret {
            node.file().hide(node.span());
        }
        let wanted: Vec<&str> = alternatives
            .iter()
            .flat_map(|schema| types(schema))
            .collect();
        let mut names: Vec<&str> = wanted.iter().map(|wanted| in_words(wanted)).collect();
        names.dedup();
        let location = if matches!(node.kind(), NodeKind::Table(_)) {
            subject.location.clone()
        } else {
            node.location()
        };
        let message = format!(
            "{subject} must be {}, not {}",
            names.join(" or "),
            kind_in_words(node.kind())
        );
        let example = alternatives.iter().find_map(|schema| example(schema));
        let help = match (wanted.first().copied(), example) {
            _ if let Some(words) = words(alternatives) => Some(format!("one of {}", listed(words))),
            (_, Some(example)) => Some(format!("such as `{} = {example}`", subject.name)),
            (Some("string"), None) => Some("put it in quotes".to_owned()),
            (Some("integer"), None) => {
                Some("write a whole number without quotes, such as `5`".to_owned())
            }
            (Some("number"), None) => {
                Some("write a number without quotes, such as `2.5`".to_owned())
            }
            (Some("boolean"), None) => Some("write it without quotes".to_owned()),
            (Some("array"), None) => Some("write a list, such as `[\"one\", \"two\"]`".to_owned()),
            _ => None,
        };
        self.problems
            .push(Problem::error(location, message).maybe_help(help));
    }
}

fn fits(schema: &Value, node: &Node) -> bool {
    let name = match node.kind() {
        NodeKind::Text(_) => "string",
        NodeKind::Integer(_) => "integer",
        NodeKind::Real(_) => "number",
        NodeKind::Boolean(_) => "boolean",
        NodeKind::List(_) => "array",
        NodeKind::Table(_) => "object",
        NodeKind::Datetime | NodeKind::Unreadable => return false,
    };
    types(schema)
        .iter()
        .any(|wanted| *wanted == name || (*wanted == "number" && name == "integer"))
}

fn kind_in_words(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Text(_) => "a text",
        NodeKind::Integer(_) => "a whole number",
        NodeKind::Real(number) if number.is_infinite() => "a number of that size",
        NodeKind::Real(_) => "a number with a point",
        NodeKind::Boolean(_) => "`true` or `false`",
        NodeKind::Datetime => "a date or time without quotes",
        NodeKind::List(_) => "a list",
        NodeKind::Table(_) => "a table",
        NodeKind::Unreadable => "nothing",
    }
}
