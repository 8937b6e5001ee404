//! Which rows of a database are of people on a list, and which refer to them; only reads.
//!
//! Rows about a person lead to further rows (an enrolment of a course to enrolments of its units), so the search is
//! repeated until it finds nothing new. The rules are those of the mirror, also for a copy that was made before the
//! connector declared them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::model::row::{Cell, Cells, Kind};
use crate::model::{MatchName, PersonRows, Table};
use crate::store::error::StoreError;
use crate::store::queries::{mirrored, table};
use crate::store::sql_cells::read_cells;
use crate::store::suppression::{
    Cuts, Fate, HashTarget, RowFilter, Suppressed, SuppressedKind, Suppression, SuppressionKey,
};
use crate::store::table::quote;

/// A row that an admin names: the table, and the text of each key column.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PersonKey {
    /// The table, such as `north_users`.
    pub table: String,
    /// The values of the key's columns.
    pub key: Vec<String>,
}

/// What was found of suppressed people.
#[derive(Debug, Default)]
pub struct FoundPeople {
    /// By table; only tables with something.
    pub tables: Vec<FoundTable>,
    /// The list with what was found besides: keys of rows about the people.
    pub list: Suppression,
    /// The entries that were added to it.
    pub added: Vec<(Suppressed, SuppressedKind)>,
    /// Matches, by set and left key.
    pub matches: Vec<(MatchName, String)>,
}

/// What was found in one stream's table and its history, by row number.
#[derive(Debug)]
pub struct FoundTable {
    /// The table.
    pub table: Table,
    /// Its current rows.
    pub live: FoundRows,
    /// Its ended versions.
    pub history: FoundRows,
}

/// Rows of one table.
#[derive(Debug, Default, PartialEq)]
pub struct FoundRows {
    /// To be erased, and the kind of entry that decides.
    pub erased: Vec<(i64, SuppressedKind)>,
    /// To be changed.
    pub cut: Vec<(i64, Cuts)>,
}

impl FoundRows {
    fn is_empty(&self) -> bool {
        self.erased.is_empty() && self.cut.is_empty()
    }
}

/// The entries of rows that an admin names; the error names a table that is not there, or the columns of its key.
pub fn entries_of(
    list: &Suppression,
    tables: &[Table],
    people: &[PersonKey],
) -> Result<Vec<(Suppressed, SuppressedKind)>, String> {
    let mut entries = Vec::new();
    for person in people {
        let table = tables.iter().find(|table| table.name() == person.table);
        let Some(table) = table else {
            return Err(format!("the mirror has no table {}", person.table));
        };
        let target = HashTarget::key_of(table);
        if person.key.len() != table.key.len() {
            return Err(format!(
                "the key of {} is ({}): enter each of its values",
                person.table, target.columns
            ));
        }
        if let Some(hash) = list.hash(&target, &person.key) {
            entries.push((Suppressed { target, hash }, SuppressedKind::Row));
        }
    }
    Ok(entries)
}

/// A list with rows that an admin names, by hashes of this moment only.
///
/// # Errors
/// As [`entries_of`].
pub fn list_of(tables: &[Table], people: &[PersonKey]) -> Result<Suppression, String> {
    let mut list = Suppression::new(vec![SuppressionKey::new(b"now")]);
    for (entry, kind) in entries_of(&list, tables, people)? {
        list.insert(entry, kind);
    }
    Ok(list)
}

/// The streams' tables of a database, with the rules that `rules` has for them.
pub fn tables_of(connection: &Connection, rules: &[Table]) -> Result<Vec<Table>, StoreError> {
    let mut tables = Vec::new();
    for (source, stream) in mirrored(connection)? {
        let Some(mut own) = table(connection, &source, &stream)? else {
            continue;
        };
        let same = |one: &&Table| one.source == source && one.stream == stream;
        if let Some(rules) = rules.iter().find(same) {
            if rules.person != PersonRows::None {
                own.person = rules.person.clone();
            }
            for column in &mut own.columns {
                let known = rules.columns.iter().find(|one| one.name == column.name);
                if let Some(refers_to) = known.and_then(|known| known.refers_to.clone()) {
                    column.refers_to = Some(refers_to);
                }
            }
        }
        tables.push(own);
    }
    Ok(tables)
}

/// Finds what a list suppresses.
pub fn find(
    connection: &Connection,
    list: &Suppression,
    tables: &[Table],
) -> Result<FoundPeople, StoreError> {
    let what = StoreError::sql("find the rows of a person");
    let referenced = referenced(tables);
    let mut found = FoundPeople {
        list: list.clone(),
        ..FoundPeople::default()
    };
    loop {
        found.tables.clear();
        let list = Arc::new(found.list.clone());
        let mut new = Vec::new();
        for table in tables {
            let filter = RowFilter::new(&list, table);
            if filter.is_empty() {
                continue;
            }
            let mut search = TableSearch {
                connection,
                table,
                filter: &filter,
                referenced: referenced.get(&table.name()),
                new: &mut new,
                list: &list,
            };
            let one = FoundTable {
                live: search.rows(&table.name()).map_err(&what)?,
                history: search
                    .rows(&format!("{}_history", table.name()))
                    .map_err(&what)?,
                table: table.clone(),
            };
            if !one.live.is_empty() || !one.history.is_empty() {
                found.tables.push(one);
            }
        }
        let before = found.added.len();
        for (entry, kind) in new {
            if found.list.insert(entry.clone(), kind) {
                found.added.push((entry, kind));
            }
        }
        if found.added.len() == before {
            break;
        }
    }
    found.matches = matches(connection, &found.list, tables).map_err(&what)?;
    Ok(found)
}

/// The columns of each table that columns of others refer to.
fn referenced(tables: &[Table]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |text: &str| {
        if let Some((table, column)) = text.rsplit_once('.') {
            let columns = all.entry(table.to_owned()).or_default();
            columns.insert(column.to_owned());
        }
    };
    for table in tables {
        let columns = table.columns.iter();
        columns
            .filter_map(|column| column.refers_to.as_deref())
            .for_each(&mut note);
        if let PersonRows::About(columns) = &table.person {
            columns.iter().for_each(|about| note(&about.refers_to));
        }
    }
    all
}

struct TableSearch<'a> {
    connection: &'a Connection,
    table: &'a Table,
    filter: &'a RowFilter,
    /// The columns that other tables refer to.
    referenced: Option<&'a BTreeSet<String>>,
    new: &'a mut Vec<(Suppressed, SuppressedKind)>,
    list: &'a Suppression,
}

impl TableSearch<'_> {
    fn rows(&mut self, name: &str) -> rusqlite::Result<FoundRows> {
        let mut found = FoundRows::default();
        if !exists(self.connection, name)? {
            return Ok(found);
        }
        let sql = format!(
            "SELECT rowid, {} FROM {}",
            self.table.all_names(),
            quote(name)
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut bytes = Vec::new();
        while let Some(row) = rows.next()? {
            bytes.clear();
            read_cells(row, 1, self.table.columns.len(), &mut bytes)?;
            let cells = Cells::of(&bytes);
            match self.filter.fate(cells) {
                Fate::Keep => {}
                Fate::Suppress(kind) => {
                    self.note(cells, kind);
                    found.erased.push((row.get(0)?, kind));
                }
                Fate::Cut(cuts) => found.cut.push((row.get(0)?, cuts)),
            }
        }
        Ok(found)
    }

    /// Adds what other rows call an erased row by.
    fn note(&mut self, row: Cells<'_>, kind: SuppressedKind) {
        let kind = match kind {
            SuppressedKind::Row => SuppressedKind::Alias,
            other => other,
        };
        let key: Option<Vec<String>> = (self.table.key.iter())
            .map(|index| row.at(*index).plain())
            .collect();
        if let Some(key) = key {
            self.add(HashTarget::key_of(self.table), &key, kind);
        }
        for name in self.referenced.into_iter().flatten() {
            let column = self.table.columns.iter().position(|one| one.name == *name);
            if let Some(value) = column.and_then(|column| row.at(column).plain()) {
                let target = HashTarget {
                    columns: name.clone(),
                    ..HashTarget::key_of(self.table)
                };
                self.add(target, &[value], kind);
            }
        }
    }

    fn add(&mut self, target: HashTarget, values: &[String], kind: SuppressedKind) {
        if self.list.kind(&target, values) >= Some(kind) {
            return;
        }
        if let Some(hash) = self.list.hash(&target, values) {
            self.new.push((Suppressed { target, hash }, kind));
        }
    }
}

/// Whether there is a table of this name.
pub(in crate::store) fn exists(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)",
        [table],
        |row| row.get(0),
    )
}

/// The matches of suppressed rows, on either side.
fn matches(
    connection: &Connection,
    list: &Suppression,
    tables: &[Table],
) -> rusqlite::Result<Vec<(MatchName, String)>> {
    if !exists(connection, "rollbook_match_sets")? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(
        "SELECT match_set, left_key, right_key, left_table, right_table \
         FROM rollbook_matches JOIN rollbook_match_sets USING (match_set)",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let is_erased = |key: usize, table: usize| -> rusqlite::Result<bool> {
            let name: String = row.get(table)?;
            let key: String = row.get(key)?;
            let table = tables.iter().find(|table| table.name() == name);
            Ok(table.is_some_and(|table| {
                let key = key_of_text(table, &key);
                list.kind(&HashTarget::key_of(table), &key).is_some()
            }))
        };
        if is_erased(1, 3)? || is_erased(2, 4)? {
            found.push((row.get(0)?, row.get(1)?));
        }
    }
    Ok(found)
}

/// The values of a key that a text in `rollbook_matches` stands for.
pub fn key_of_text(table: &Table, text: &str) -> Vec<String> {
    if table.key.len() == 1 {
        return vec![text.to_owned()];
    }
    let parsed: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let plain = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    parsed.into_iter().map(plain).collect()
}

/// The text for which [`key_of_text`] gives these values.
pub(super) fn text_of_key(table: &Table, key: &[String]) -> String {
    let [_, _, ..] = key else {
        return key.concat();
    };
    let value = |(index, text): (&usize, &String)| match table.columns[*index].kind {
        Kind::Integer | Kind::Boolean => text
            .parse::<i64>()
            .map_or(json!(text), |number| json!(number)),
        _ => json!(text),
    };
    let values: Vec<Value> = table.key.iter().zip(key).map(value).collect();
    json!(values).to_string()
}

/// The values of a key that is stored as cells.
pub(super) fn key_of_cells(bytes: &[u8]) -> Vec<String> {
    Cells::of(bytes)
        .map(|cell: Cell<'_>| cell.plain().unwrap_or_default())
        .collect()
}
