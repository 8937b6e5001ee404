//! The manual's section 5: `rollbook.toml` and a job, written from the same schemas that check them.

use std::io;

use clap_mangen::roff::{Roff, bold, roman};
use serde_json::Value;

use super::man::{marked, see_also};
use crate::config::{job_schema, rollbook_schema};
use crate::model::schema::{Schema, in_words, others, properties, types, words};

/// A kind of file that has a page.
struct Kind {
    page: &'static str,
    about: &'static str,
    description: &'static str,
    schema: Value,
    others: &'static [&'static str],
}

/// Each page's file and text.
pub fn pages() -> io::Result<Vec<(String, String)>> {
    kinds().iter().map(Kind::page).collect()
}

fn kinds() -> [Kind; 2] {
    [
        Kind {
            page: "rollbook.toml",
            about: "where Rollbook's mirror is, and which accounts it reads",
            description: "The file is TOML. No secret stands in it: where one is needed, the file says where it is, such as \
                          `{ credential = \"roster_password\" }`. An unknown key is refused; `rollbook check` says all that \
                          is wrong. Which settings a source has, its vendor's description says: `rollbook init` writes \
                          them with their meaning.",
            schema: rollbook_schema(),
            others: &["rollbook(1)", "rollbook-init(1)", "rollbook-job(5)"],
        },
        Kind {
            page: "rollbook-job",
            about: "what a job of Rollbook reads, and when",
            description: "A job is a TOML file in `/etc/rollbook/jobs`, and is named like it: `rosters.toml` is the job \
                          `rosters`. `rollbook streams` lists what a source offers, and `rollbook jobs` the next times at \
                          which each job runs.",
            schema: job_schema(),
            others: &["rollbook(1)", "rollbook-init(1)", "rollbook.toml(5)"],
        },
    ]
}

impl Kind {
    fn page(&self) -> io::Result<(String, String)> {
        let mut roff = Roff::default();
        let source = concat!("rollbook ", env!("CARGO_PKG_VERSION"));
        roff.control("TH", [self.page, "5", "", source, "Rollbook"]);
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

/// The keys of a table, then the tables in it, each under the name that it has in the file.
fn table(roff: &mut Roff, schema: Schema, path: &str, node: &Value) {
    let mut below = Vec::new();
    for (name, value) in properties(node) {
        match table_in(schema, value) {
            Some(Inner::One(inner)) => below.push((joined(path, name), "[", "]", inner, value)),
            Some(Inner::Several(inner)) => {
                below.push((joined(path, name), "[[", "]]", inner, value));
            }
            None => key(roff, schema, name, value),
        }
    }
    // What has no name of its own is named by the admin: a source, a stream.
    if let Some((_, value)) = others(node)
        && let Some(Inner::One(inner)) = table_in(schema, value)
    {
        below.push((joined(path, "NAME"), "[", "]", inner, value));
    }
    for (path, open, close, inner, value) in below {
        let has_keys = properties(inner)
            .values()
            .any(|value| table_in(schema, value).is_none());
        if has_keys {
            roff.control("SS", [format!("{open}{path}{close}").as_str()]);
            let said = [value, inner].into_iter().find_map(description);
            roff.text(marked(said.unwrap_or_default()));
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

/// What a key holds when that is no plain value.
enum Inner<'a> {
    One(&'a Value),
    Several(&'a Value),
}

fn table_in<'a>(schema: Schema<'a>, value: &'a Value) -> Option<Inner<'a>> {
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
        return Some(Inner::One(only));
    }
    match schema.alternatives(only.get("items")?)[..] {
        [item] if has_tables(item) => Some(Inner::Several(item)),
        _ => None,
    }
}

/// One key: its name, what it holds, what it means.
fn key(roff: &mut Roff, schema: Schema, name: &str, value: &Value) {
    roff.control("TP", []);
    roff.text([bold(name), roman(format!(" ({})", holds(schema, value)))]);
    roff.text(marked(description(value).unwrap_or_default()));
}

/// What a value may be, in a few words.
fn holds(schema: Schema, value: &Value) -> String {
    if schema.is_secret(value) {
        return "where a secret is".to_owned();
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
