//! `people.toml` checked against the streams that jobs read.

use std::collections::BTreeSet;

use super::checks::Checks as AllChecks;
use super::files::People;
use super::files::people::{
    AmbiguousConfig, ColumnNames, FormConfig, PeopleSet, RuleConfig, SideConfig, StreamOfSource,
};
use super::jobs::{Jobs, read_stream};
use super::sources::Sources;
use rollbook_core::document::Problem;
use rollbook_core::document::suggest::{advice, listed};
use rollbook_core::model::people::{Ambiguous, Form, KeyPair, MatchSet, Rule, Side};
use rollbook_core::model::row::Kind;
use rollbook_core::model::{Masking, Table};

/// The match sets of the file. A set of a stream that no job reads is left out with a note.
pub(super) fn sets(
    people: &People,
    checks: &mut AllChecks<'_>,
    sources: &Sources,
    jobs: &Jobs<'_>,
) -> Vec<MatchSet> {
    let mut checks = PeopleChecks {
        people,
        sources,
        jobs,
        all: checks,
    };
    people.sets().filter_map(|set| checks.set(set)).collect()
}

struct PeopleChecks<'a, 'c, 'f> {
    people: &'a People,
    sources: &'a Sources,
    jobs: &'a Jobs<'f>,
    all: &'a mut AllChecks<'c>,
}

/// A side with its table.
struct Checked {
    side: Side,
    table: Table,
}

impl PeopleChecks<'_, '_, '_> {
    /// One set, unless a stream of it is not known.
    fn set(&mut self, set: PeopleSet<'_>) -> Option<MatchSet> {
        let left = set.left.and_then(|side| self.side(set.name, "left", &side));
        let right = set
            .right
            .and_then(|side| self.side(set.name, "right", &side));
        for (number, rule) in set.rules.iter().enumerate() {
            if let Some(rule) = rule {
                let tables = (
                    left.as_ref().map(|side| &side.table),
                    right.as_ref().map(|side| &side.table),
                );
                self.rule((set.name, number), rule, tables);
            }
        }
        let (left, right) = left.zip(right)?;
        Some(MatchSet {
            name: set.name.parse().ok()?,
            left: left.side,
            right: right.side,
            rules: set.rules.iter().flatten().map(rule).collect(),
        })
    }

    /// One side, unless its stream is not known.
    fn side(&mut self, set: &str, name: &str, written: &SideConfig) -> Option<Checked> {
        let table = self.table(&["match", set, name, "stream"], &written.stream)?;
        let mut conditions = Vec::new();
        for (column, values) in &written.r#where {
            let path = ["match", set, name, "where", column.as_str()];
            if let Some((kind, masking)) = self.column(&path, &table, column.as_str()) {
                self.unmasked(&path, column.as_str(), masking);
                let values = self.values(&path, kind, values.texts());
                conditions.push((column.to_string(), values));
            }
        }
        let side = Side {
            table: table.name(),
            key: table
                .key
                .iter()
                .map(|column| table.columns[*column].name.clone())
                .collect(),
            conditions,
        };
        Some(Checked { side, table })
    }

    /// The table of a stream that a job reads. While it is not known which streams jobs read, that of any stream.
    fn table(&mut self, path: &[&str], wanted: &StreamOfSource) -> Option<Table> {
        let (name, stream) = (wanted.source.as_str(), wanted.stream.as_str());
        let Some(source) = self.sources.get(name) else {
            if !self.all.files.hides_sources {
                let help = advice(name, self.sources.keys().map(String::as_str));
                self.error(path, format!("there is no source `{name}`"), help);
            }
            return None;
        };
        if let Some((message, help)) = source.unknown_stream(stream) {
            self.error(path, message, help);
            return None;
        }
        let read = read_stream(self.jobs, name, stream);
        if read.is_none() && self.all.knows_all_streams(self.jobs) {
            let note = Problem::note(
                self.people.location(path),
                format!("no job reads `{wanted}`, so no people are matched with it"),
            );
            let help = format!("add `{stream}` to the streams of a job");
            self.all.problems.push(note.help(help));
            return None;
        }
        let spec = read.or_else(|| source.stream(stream))?;
        Some(spec.table(&wanted.source, spec.history))
    }

    /// Kind and masking of a column that the table has.
    fn column(
        &mut self,
        path: &[&str],
        table: &Table,
        name: &str,
    ) -> Option<(Kind, Option<Masking>)> {
        let found = table.columns.iter().find(|column| column.name == name);
        if found.is_none() {
            let known: Vec<&str> = table.columns.iter().map(|one| one.name.as_str()).collect();
            let message = format!("the table {} has no column `{name}`", table.name());
            self.error(path, message, advice(name, known));
        }
        found.map(|column| (column.kind, column.masking))
    }

    /// Whether the values of the column are the vendor's.
    fn unmasked(&mut self, path: &[&str], name: &str, masking: Option<Masking>) {
        if let Some(masking) = masking {
            let message = format!("`{name}` is {}", masking.describe());
            let help = "name a column that is mirrored as it is".to_owned();
            self.error(path, message, help);
        }
    }

    /// The values of a condition as the table holds them.
    fn values(&mut self, path: &[&str], kind: Kind, written: &[String]) -> Vec<String> {
        if written.is_empty() {
            let help = "add a value, or leave the condition out".to_owned();
            self.error(path, "this condition has no value".to_owned(), help);
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

    /// The columns that a rule names, on the sides of which the table is known.
    fn rule(
        &mut self,
        (set, number): (&str, usize),
        rule: &RuleConfig,
        tables: (Option<&Table>, Option<&Table>),
    ) {
        let number = number.to_string();
        for (pair, same) in rule.same.iter().enumerate() {
            let pair = pair.to_string();
            let sides = [
                ("left", &same.left, tables.0),
                ("right", &same.right, tables.1),
            ];
            let mut masked = BTreeSet::new();
            for (side, columns, table) in sides {
                let Some(table) = table else { continue };
                for (item, name) in columns.names().iter().enumerate() {
                    let item = item.to_string();
                    let path = ["match", set, "rule", &number, "same", &pair, side, &item];
                    let depth = match columns {
                        ColumnNames::One(_) => path.len() - 1,
                        ColumnNames::Many(_) => path.len(),
                    };
                    let found = self.column(&path[..depth], table, name.as_str());
                    // Equal pseudonyms are equal values; any other form is of the values themselves.
                    match found {
                        Some((_, Some(Masking::Pseudonym))) if same.r#as == FormConfig::Exact => {
                            masked.insert(side);
                        }
                        Some((_, masking)) => self.unmasked(&path[..depth], name.as_str(), masking),
                        None => {}
                    }
                }
            }
            if masked.len() == 1 && tables.0.is_some() && tables.1.is_some() {
                let path = ["match", set, "rule", &number, "same", &pair];
                let message = "one side is pseudonymised and the other is not".to_owned();
                let help = "pseudonymise both columns, or neither".to_owned();
                self.error(&path, message, help);
            }
        }
    }

    fn error(&mut self, path: &[&str], message: String, help: String) {
        let location = self.people.location(path);
        self.all
            .problems
            .push(Problem::error(location, message).help(help));
    }
}

fn rule(written: &RuleConfig) -> Rule {
    let names = |columns: &ColumnNames| columns.names().iter().map(ToString::to_string).collect();
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
