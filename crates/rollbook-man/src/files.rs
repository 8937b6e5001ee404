//! Man pages of section 5: `rollbook.toml` and jobs, generated from the schemas that check them.

use std::io;

use clap_mangen::roff::{Roff, bold, roman};
use serde_json::Value;

use super::{marked, see_also, whole_names};
use rollbook_core::document::schema::{Schema, in_words, others, properties, types, words};
use rollbook_engine::setup::files::{job_schema, rollbook_schema};

/// A kind of file that has a page.
struct FilePage {
    page: &'static str,
    about: &'static str,
    description: &'static str,
    schema: Value,
    others: &'static [&'static str],
}

/// Each page's file and text.
pub fn pages() -> io::Result<Vec<(String, String)>> {
    kinds().iter().map(FilePage::page).collect()
}

fn kinds() -> [FilePage; 2] {
    [
        FilePage {
            page: "rollbook.toml",
            about: "main configuration of Rollbook",
            description: "The file is TOML and has no secrets, only references to them, such as \
                          `{ credential = \"roster_password\" }`. Unknown keys are errors; `rollbook check` shows all \
                          problems. The settings of a source depend on its connector: `rollbook init` writes them \
                          with a description.",
            schema: rollbook_schema(),
            others: &["rollbook(1)", "rollbook-init(1)", "rollbook-job(5)"],
        },
        FilePage {
            page: "rollbook-job",
            about: "a job of Rollbook: what it reads, and when",
            description: "A job is a TOML file in `/etc/rollbook/jobs`; its name is the file's: `rosters.toml` is the job \
                          `rosters`. `rollbook streams` lists the streams of each source, and `rollbook jobs` the next \
                          ticks of each job.",
            schema: job_schema(),
            others: &["rollbook(1)", "rollbook-init(1)", "rollbook.toml(5)"],
        },
    ]
}

impl FilePage {
    fn page(&self) -> io::Result<(String, String)> {
        let mut roff = Roff::default();
        let source = concat!("rollbook ", env!("CARGO_PKG_VERSION"));
        roff.control("TH", [self.page, "5", "", source, "Rollbook"]);
        whole_names(&mut roff);
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{} - {}", self.page, self.about))]);
        roff.control("SH", ["DESCRIPTION"]);
        roff.text(marked(self.description));
        roff.control("SH", ["KEYS"]);
        table(&mut roff, Schema(&self.schema), "", &self.schema);
        roff.control("SH", ["FILES"]);
        roff.text(marked(
            "Complete examples are in `/usr/share/doc/rollbook/examples`.",
        ));
        see_also(&mut roff, self.others);
        let mut text = Vec::new();
        roff.to_writer(&mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok((format!("{}.5", self.page), text))
    }
}

/// The keys of a table, then its subtables under their full names.
fn table(roff: &mut Roff, schema: Schema, path: &str, node: &Value) {
    let mut below = Vec::new();
    for (name, value) in properties(node) {
        match table_in(schema, value) {
            Some(Subtable::One(inner)) => below.push((joined(path, name), "[", "]", inner, value)),
            Some(Subtable::Several(inner)) => {
                below.push((joined(path, name), "[[", "]]", inner, value));
            }
            None => key(roff, schema, name, value),
        }
    }
    // Tables that the admin names: sources, streams.
    if let Some((_, value)) = others(node)
        && let Some(Subtable::One(inner)) = table_in(schema, value)
    {
        below.push((joined(path, "NAME"), "[", "]", inner, value));
    }
    for (path, open, close, inner, value) in below {
        let has_keys = properties(inner)
            .values()
            .any(|value| table_in(schema, value).is_none());
        if has_keys {
            roff.control("SS", [format!("{open}{path}{close}").as_str()]);
            let text = [value, inner].into_iter().find_map(description);
            roff.text(marked(text.unwrap_or_default()));
        }
        table(roff, schema, &path, inner);
    }
}

fn joined(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// A key with a table or an array of tables.
enum Subtable<'a> {
    One(&'a Value),
    Several(&'a Value),
}

fn table_in<'a>(schema: Schema<'a>, value: &'a Value) -> Option<Subtable<'a>> {
    if schema.is_secret(value) {
        return None;
    }
    let [only] = schema.alternatives(value)[..] else {
        return None;
    };
    let has_tables = |node: &'a Value| {
        let named = others(node).and_then(|(_, value)| table_in(schema, value));
        !properties(node).is_empty() || named.is_some()
    };
    if has_tables(only) {
        return Some(Subtable::One(only));
    }
    match schema.alternatives(only.get("items")?)[..] {
        [item] if has_tables(item) => Some(Subtable::Several(item)),
        _ => None,
    }
}

/// One key: name, type, description.
fn key(roff: &mut Roff, schema: Schema, name: &str, value: &Value) {
    roff.control("TP", []);
    roff.text([bold(name), roman(format!(" ({})", type_of(schema, value)))]);
    roff.text(marked(description(value).unwrap_or_default()));
}

/// The type of a value, in a few words.
fn type_of(schema: Schema, value: &Value) -> String {
    if schema.is_secret(value) {
        return "reference to a secret".to_owned();
    }
    let alternatives = schema.alternatives(value);
    if let Some(words) = words(&alternatives) {
        return words.join(", ");
    }
    let mut names: Vec<&str> = alternatives.iter().flat_map(|one| types(one)).collect();
    names.dedup();
    let names: Vec<&str> = names.into_iter().map(in_words).collect();
    names.join(" or ").replace('`', "")
}

fn description(value: &Value) -> Option<&str> {
    value.get("description").and_then(Value::as_str)
}
