//! Everything that one mirror holds of a person, with its values: for the answer to that person.
//!
//! Rows of others appear only as far as they refer to the person: their keys and the names of columns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::find::{
    FoundPeople, FoundTable, PersonKey, find, key_of_text, list_of, tables_of, text_of_key,
};
use crate::model::row::Cells;
use crate::model::{By, MatchName, Reference, Table};
use crate::store::error::StoreError;
use crate::store::lookups::{ComboTable, entries_of};
use crate::store::queries::{self, Reader};
use crate::store::sql_cells::read_cells;
use crate::store::table::quote;

/// What is kept of a person.
#[derive(Debug)]
pub struct PersonReport {
    /// The rows that are the person: those that were asked for, and those that are matched with them.
    pub people: Vec<PersonKey>,
    /// By table; only tables with something.
    pub tables: Vec<PersonTable>,
    /// The matches of the person's rows.
    pub matches: Vec<PersonMatch>,
}

/// What one table and its history hold.
#[derive(Debug)]
pub struct PersonTable {
    /// The table.
    pub table: Table,
    /// The rows that are the person or about the person.
    pub rows: Vec<PersonRow>,
    /// Rows of others that refer to the person.
    pub references: Vec<RowReference>,
}

/// A row with all its versions.
#[derive(Debug)]
pub struct PersonRow {
    /// The values of the key.
    pub key: Vec<String>,
    /// Newest first; the first is the current row unless it has ended.
    pub versions: Vec<RowVersion>,
    /// The run since which complete readings miss the current row.
    pub missed_since_run: Option<i64>,
}

/// One version of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowVersion {
    /// When it was received first.
    pub since: String,
    /// When it ended; nothing for the current row.
    pub until: Option<String>,
    /// `changed` or `removed`.
    pub ended: Option<String>,
    /// A value for each column.
    pub values: Vec<Value>,
    /// What codes mean, by column, where the mirror has their combo list.
    pub labels: BTreeMap<usize, String>,
}

/// A row of another that refers to the person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowReference {
    /// The values of its key.
    pub key: Vec<String>,
    /// The columns that refer to the person.
    pub columns: Vec<String>,
    /// Whether it is an old version.
    pub ended: bool,
}

/// A match of one of the person's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonMatch {
    /// The match set.
    pub set: MatchName,
    /// The rule that found it.
    pub rule: String,
    /// Since when.
    pub since: String,
    /// Both rows.
    pub sides: [PersonKey; 2],
}

/// Reads everything of a person. Rows that are matched with the person's, of other sources, are the person's too.
/// `combos` says where the combo lists of sources are.
///
/// # Errors
/// When the mirror cannot be read, or has no such table.
pub fn report(
    mirror: &Reader,
    people: &[PersonKey],
    combos: &[ComboTable],
) -> Result<PersonReport, StoreError> {
    let what = StoreError::sql("read what is kept of a person");
    let tables = tables_of(mirror, &[])?;
    let (people, matches) = matched(mirror, &tables, people.to_vec())?;
    let list = list_of(&tables, &people).map_err(|problem| StoreError::File {
        path: mirror.path().unwrap_or_default().into(),
        problem,
    })?;
    let found = find(mirror, &list, &tables)?;
    let mut labels = Labels {
        mirror,
        combos,
        lists: BTreeMap::new(),
    };
    let mut report = PersonReport {
        people,
        tables: Vec::new(),
        matches,
    };
    for one in in_order(found, &report.people) {
        let mut table = PersonTable {
            rows: rows(mirror, &one).map_err(&what)?,
            references: references(mirror, &one).map_err(&what)?,
            table: one.table,
        };
        for row in &mut table.rows {
            labels.add(&table.table, &mut row.versions)?;
            let missed = queries::missed_readings(mirror, &table.table, &row.key)?;
            row.missed_since_run = missed.map(|(_, run)| run);
        }
        report.tables.push(table);
    }
    Ok(report)
}

/// The people with the rows that are matched with theirs, and these matches.
fn matched(
    mirror: &Reader,
    tables: &[Table],
    mut people: Vec<PersonKey>,
) -> Result<(Vec<PersonKey>, Vec<PersonMatch>), StoreError> {
    let sets = queries::match_sets(mirror)?;
    let table = |name: &str| tables.iter().find(|table| table.name() == name);
    let mut matches: Vec<PersonMatch> = Vec::new();
    let mut next = 0;
    while let Some(person) = people.get(next).cloned() {
        next += 1;
        let Some(own) = table(&person.table) else {
            continue;
        };
        for set in &sets {
            let (Some(left), Some(right)) = (table(&set.left_table), table(&set.right_table))
            else {
                continue;
            };
            for line in queries::matches_of(mirror, &set.name, &text_of_key(own, &person.key))? {
                let side = |table: &Table, text: &str| PersonKey {
                    table: table.name(),
                    key: key_of_text(table, text),
                };
                let one = PersonMatch {
                    set: set.name.clone(),
                    sides: [side(left, &line.left), side(right, &line.right)],
                    rule: line.rule,
                    since: line.since,
                };
                // Rows of both tables may have the same key.
                if one.sides.contains(&person) && !matches.contains(&one) {
                    let new = one.sides.iter().find(|side| !people.contains(side));
                    people.extend(new.cloned());
                    matches.push(one);
                }
            }
        }
    }
    Ok((people, matches))
}

/// Tables with rows that are the person first, in the order of the people.
fn in_order(found: FoundPeople, people: &[PersonKey]) -> Vec<FoundTable> {
    let place = |one: &FoundTable| {
        let name = one.table.name();
        let mut people = people.iter();
        (people.position(|person| person.table == name)).map_or((1, 0), |place| (0, place))
    };
    let mut tables = found.tables;
    tables.sort_by_key(place);
    tables
}

/// The rows of a person in one table, by key.
fn rows(mirror: &Reader, found: &FoundTable) -> rusqlite::Result<Vec<PersonRow>> {
    let table = &found.table;
    let mut by_key: BTreeMap<Vec<String>, Vec<RowVersion>> = BTreeMap::new();
    let (live, history) = (table.name(), format!("{}_history", table.name()));
    for (name, found, ended) in [
        (live, &found.live, "NULL, NULL"),
        (history, &found.history, "_until, _ended"),
    ] {
        let sql = format!(
            "SELECT _since, {ended}, {} FROM {} WHERE rowid = ?1",
            table.all_names(),
            quote(&name)
        );
        for (rowid, _) in &found.erased {
            let mut statement = mirror.prepare_cached(&sql)?;
            let mut bytes = Vec::new();
            let (since, until, ended) = statement.query_row([rowid], |row| {
                read_cells(row, 3, table.columns.len(), &mut bytes)?;
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            let cells = Cells::of(&bytes);
            let values = table.columns.iter().zip(cells);
            let version = RowVersion {
                since,
                until,
                ended,
                values: values
                    .map(|(column, cell)| cell.json(column.kind))
                    .collect(),
                labels: BTreeMap::new(),
            };
            by_key.entry(key(table, cells)).or_default().push(version);
        }
    }
    let row = |(key, mut versions): (Vec<String>, Vec<RowVersion>)| {
        let age = |version: &RowVersion| {
            (
                version.until.is_none(),
                version.until.clone(),
                version.since.clone(),
            )
        };
        versions.sort_by_key(|version| std::cmp::Reverse(age(version)));
        PersonRow {
            key,
            versions,
            missed_since_run: None,
        }
    };
    Ok(by_key.into_iter().map(row).collect())
}

fn references(mirror: &Reader, found: &FoundTable) -> rusqlite::Result<Vec<RowReference>> {
    let table = &found.table;
    let mut all = BTreeSet::new();
    let (live, history) = (table.name(), format!("{}_history", table.name()));
    for (name, found, ended) in [(live, &found.live, false), (history, &found.history, true)] {
        let sql = format!(
            "SELECT {} FROM {} WHERE rowid = ?1",
            table.all_names(),
            quote(&name)
        );
        for (rowid, cuts) in &found.cut {
            let mut bytes = Vec::new();
            mirror.prepare_cached(&sql)?.query_row([rowid], |row| {
                read_cells(row, 0, table.columns.len(), &mut bytes)
            })?;
            let columns = cuts
                .iter()
                .map(|(column, _)| table.columns[*column].name.clone());
            all.insert(RowReference {
                key: key(table, Cells::of(&bytes)),
                columns: columns.collect(),
                ended,
            });
        }
    }
    Ok(all.into_iter().collect())
}

fn key(table: &Table, cells: Cells<'_>) -> Vec<String> {
    let value = |index: &usize| cells.at(*index).plain().unwrap_or_default();
    table.key.iter().map(value).collect()
}

/// What codes mean: each combo list is read once.
struct Labels<'a> {
    mirror: &'a Reader,
    combos: &'a [ComboTable],
    lists: BTreeMap<(String, String, By), BTreeMap<String, String>>,
}

impl Labels<'_> {
    fn add(&mut self, table: &Table, versions: &mut [RowVersion]) -> Result<(), StoreError> {
        let Some(combos) = self.combos.iter().find(|one| one.source == table.source) else {
            return Ok(());
        };
        for (index, column) in table.columns.iter().enumerate() {
            let Some(reference) = &column.combo else {
                continue;
            };
            for version in &mut *versions {
                let code = match &version.values[index] {
                    Value::Null => continue,
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                if let Some(label) = self.list(combos, reference)?.get(&code) {
                    version.labels.insert(index, label.clone());
                }
            }
        }
        Ok(())
    }

    /// The labels of a list by what a column holds.
    fn list(
        &mut self,
        combos: &ComboTable,
        reference: &Reference,
    ) -> Result<&BTreeMap<String, String>, StoreError> {
        let name = (combos.name(), reference.list.clone(), reference.by);
        if !self.lists.contains_key(&name) {
            let entries = entries_of(self.mirror, combos, &reference.list)?;
            // Those in use come first, and count.
            let labels = entries.into_iter().rev().filter_map(|entry| {
                let label = entry.label.clone()?;
                Some((entry.name(reference.by)?, label))
            });
            self.lists.insert(name.clone(), labels.collect());
        }
        Ok(&self.lists[&name])
    }
}
