//! Who is who, as the file says it, checked against the streams that jobs read.

use std::collections::BTreeMap;

use super::setup::{JobSetup, SourceSetup};
use super::tables;
use crate::config::People;
use crate::config::people::{
    AmbiguousConfig, Columns, FormConfig, RuleConfig, SideConfig, StreamOfSource,
};
use crate::model::nearest::{advice, listed};
use crate::model::people::{Ambiguous, Form, KeyPair, MatchSet, Rule, Side};
use crate::model::row::Kind;
use crate::model::{JobName, Problem, Problems, SourceName};
use crate::store::Table;

/// The match sets of a file. A set of a stream that no job reads is left out with a note.
pub fn sets(
    people: &People,
    sources: &BTreeMap<SourceName, SourceSetup>,
    jobs: &BTreeMap<JobName, JobSetup>,
    problems: &mut Problems,
) -> Vec<MatchSet> {
    let tables: Vec<Table> = tables::of_jobs(jobs);
    let mut checks = Checks {
        people,
        sources,
        tables: &tables,
        problems,
    };
    people
        .config
        .r#match
        .iter()
        .filter_map(|(name, set)| {
            let name = name.as_str();
            let left = checks.side(name, "left", &set.left);
            let right = checks.side(name, "right", &set.right);
            let (left, right) = left.zip(right)?;
            for (number, rule) in set.rule.iter().enumerate() {
                checks.rule((name, number), rule, (left.table, right.table));
            }
            Some(MatchSet {
                name: name.to_owned(),
                left: left.side,
                right: right.side,
                rules: set.rule.iter().map(rule).collect(),
            })
        })
        .collect()
}

struct Checks<'a> {
    people: &'a People,
    sources: &'a BTreeMap<SourceName, SourceSetup>,
    tables: &'a [Table],
    problems: &'a mut Problems,
}

/// A side with the table it looks at.
struct Checked<'a> {
    side: Side,
    table: &'a Table,
}

impl<'a> Checks<'a> {
    /// One side, unless its stream cannot be looked at.
    fn side(&mut self, set: &str, name: &str, written: &SideConfig) -> Option<Checked<'a>> {
        let table = self.table(&["match", set, name, "stream"], &written.stream)?;
        let mut conditions = Vec::new();
        for (column, values) in &written.r#where {
            let path = ["match", set, name, "where", column.as_str()];
            if let Some(kind) = self.column(&path, table, column.as_str()) {
                let values = self.values(&path, kind, values.texts());
                conditions.push((column.to_string(), values));
            }
        }
        let side = Side {
            table: table.name(),
            key: table
                .key
                .iter()
                .map(|place| table.columns[*place].name.clone())
                .collect(),
            conditions,
        };
        Some(Checked { side, table })
    }

    /// The table of a stream that a job reads.
    fn table(&mut self, path: &[&str], wanted: &StreamOfSource) -> Option<&'a Table> {
        let Some(source) = self.sources.get(&wanted.source) else {
            let known = self.sources.keys().map(SourceName::as_str);
            let help = advice(wanted.source.as_str(), known);
            self.error(
                path,
                format!("there is no source `{}`", wanted.source),
                help,
            );
            return None;
        };
        if !source.streams.contains_key(wanted.stream.as_str()) {
            let known: Vec<&str> = source.streams.keys().map(String::as_str).collect();
            let message = format!(
                "{} has no stream `{}`",
                source.description.title, wanted.stream
            );
            self.error(path, message, advice(wanted.stream.as_str(), known));
            return None;
        }
        let table = self.tables.iter().find(|table| {
            table.source == wanted.source.as_str() && table.stream == wanted.stream.as_str()
        });
        if table.is_none() {
            let note = Problem::note(
                self.people.place(path),
                format!("no job reads `{wanted}`, so nobody is matched with it"),
            );
            let help = format!("add `{}` to the streams of a job", wanted.stream);
            self.problems.push(note.help(help));
        }
        table
    }

    /// The kind of a column that the table has.
    fn column(&mut self, path: &[&str], table: &Table, name: &str) -> Option<Kind> {
        let found = table.columns.iter().find(|column| column.name == name);
        if found.is_none() {
            let known: Vec<&str> = table.columns.iter().map(|one| one.name.as_str()).collect();
            let message = format!("the table {} has no column `{name}`", table.name());
            self.error(path, message, advice(name, known));
        }
        found.map(|column| column.kind)
    }

    /// The values of a condition as the table holds them.
    fn values(&mut self, path: &[&str], kind: Kind, written: &[String]) -> Vec<String> {
        if written.is_empty() {
            let help = "name a value, or leave the condition out".to_owned();
            self.error(path, "no row can have one of no values".to_owned(), help);
        }
        if kind != Kind::Boolean {
            return written.to_vec();
        }
        let mut values = Vec::new();
        for text in written {
            match text.as_str() {
                "true" | "1" => values.push("1".to_owned()),
                "false" | "0" => values.push("0".to_owned()),
                _ => {
                    let help = listed(["true", "false"]);
                    self.error(path, "this column is true or false".to_owned(), help);
                }
            }
        }
        values
    }

    /// Has each side the columns that a rule names?
    fn rule(&mut self, (set, number): (&str, usize), rule: &RuleConfig, tables: (&Table, &Table)) {
        let number = number.to_string();
        for (place, same) in rule.same.iter().enumerate() {
            let place = place.to_string();
            let sides = [
                ("left", &same.left, tables.0),
                ("right", &same.right, tables.1),
            ];
            for (side, columns, table) in sides {
                for (item, name) in columns.names().iter().enumerate() {
                    let item = item.to_string();
                    let path = ["match", set, "rule", &number, "same", &place, side, &item];
                    let depth = match columns {
                        Columns::One(_) => path.len() - 1,
                        Columns::Many(_) => path.len(),
                    };
                    self.column(&path[..depth], table, name.as_str());
                }
            }
        }
    }

    fn error(&mut self, path: &[&str], message: String, help: String) {
        let place = self.people.place(path);
        self.problems
            .push(Problem::error(place, message).help(help));
    }
}

fn rule(written: &RuleConfig) -> Rule {
    let names = |columns: &Columns| columns.names().iter().map(ToString::to_string).collect();
    Rule {
        name: written.name.clone(),
        keys: written
            .same
            .iter()
            .map(|same| KeyPair {
                left: names(&same.left),
                right: names(&same.right),
                form: match same.r#as {
                    FormConfig::Exact => Form::Exact,
                    FormConfig::Email => Form::Email,
                    FormConfig::Name => Form::Name,
                },
            })
            .collect(),
        ambiguous: match written.ambiguous {
            AmbiguousConfig::Conflict => Ambiguous::Conflict,
            AmbiguousConfig::Next => Ambiguous::Next,
        },
    }
}
