//! Erases what was found in one database, in the transaction of the caller.
//!
//! Bytes stay behind in freed space and in the log: `clean.rs` and `copies.rs` remove those.

use rusqlite::{Connection, Transaction, params};

use super::messages::{self, MIN_TEXT};
use crate::model::row::{Cells, Kind};
use crate::model::{SourceName, StreamName, Table};
use crate::store::error::StoreError;
use crate::store::known_pages;
use crate::store::person::{FoundPeople, FoundRows, FoundTable, PersonRecords, exists};
use crate::store::sql_cells::read_cells;
use crate::store::suppression::{ErasureCount, SuppressedKind};
use crate::store::table::quote;

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedRows {
    /// By place.
    pub counts: Vec<ErasureCount>,
    /// The tables whose rows changed.
    pub tables: Vec<(SourceName, StreamName)>,
    /// Those whose rows or old versions did.
    pub with_versions: Vec<(SourceName, StreamName)>,
}

impl ErasedRows {
    fn add(&mut self, place: &str, erased: usize, cut: usize) {
        if erased + cut > 0 {
            self.counts.push(ErasureCount {
                place: place.to_owned(),
                erased: erased as u64,
                cut: cut as u64,
            });
        }
    }

    /// Rows that were erased, in all places.
    pub fn rows(&self) -> u64 {
        self.counts.iter().map(|count| count.erased).sum()
    }
}

/// Erases what was found. `named`: further texts that identify the people, such as the keys that an admin typed.
pub fn apply(
    transaction: &Transaction<'_>,
    found: &FoundPeople,
    tables: &[Table],
    named: &[String],
) -> Result<ErasedRows, StoreError> {
    let what = StoreError::sql("erase a person");
    let mut erased = ErasedRows::default();
    let mut texts: Vec<String> = named.to_vec();
    let messages = messages::all_texts(transaction).map_err(&what)?;
    let mut candidates = Vec::new();
    for one in &found.tables {
        let texts = texts_of(transaction, one).map_err(&what)?.into_iter();
        candidates.extend(texts.filter(|(_, _, text)| messages.contains(text.as_str())));
    }
    for one in &found.tables {
        let name = one.table.name();
        rows(transaction, &one.table, &name, &one.live, true).map_err(&what)?;
        let history = format!("{name}_history");
        rows(transaction, &one.table, &history, &one.history, false).map_err(&what)?;
        for (place, rows) in [(&name, &one.live), (&history, &one.history)] {
            erased.add(place, rows.erased.len(), rows.cut.len());
        }
        let is_changed = |rows: &FoundRows| !rows.erased.is_empty() || !rows.cut.is_empty();
        let changed = (one.table.source.clone(), one.table.stream.clone());
        if is_changed(&one.live) || is_changed(&one.history) {
            erased.with_versions.push(changed.clone());
        }
        if is_changed(&one.live) {
            erased.tables.push(changed);
        }
    }
    for (table, column, text) in candidates {
        if !is_of_others(transaction, table, &column, &text).map_err(&what)? {
            texts.push(text);
        }
    }
    texts.retain(|text| text.len() >= MIN_TEXT);
    texts.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    texts.dedup();
    for (set, left) in &found.matches {
        transaction
            .execute(
                "DELETE FROM rollbook_matches WHERE match_set = ?1 AND left_key = ?2",
                params![set, left],
            )
            .map_err(&what)?;
    }
    erased.add("rollbook_matches", found.matches.len(), 0);
    known_pages::forget(transaction).map_err(&what)?;
    let records = PersonRecords::find(transaction, found, tables).map_err(&what)?;
    records.delete(transaction).map_err(&what)?;
    for (place, rows) in records.counts() {
        erased.add(place, rows, 0);
    }
    for (place, (deleted, cut)) in
        messages::scrub(transaction, &texts, &found.list).map_err(&what)?
    {
        erased.add(place, deleted, cut);
    }
    Ok(erased)
}

/// Deletes and changes rows of one table.
fn rows(
    connection: &Connection,
    table: &Table,
    name: &str,
    rows: &FoundRows,
    has_fingerprint: bool,
) -> rusqlite::Result<()> {
    let name = quote(name);
    let mut delete = connection.prepare(&format!("DELETE FROM {name} WHERE rowid = ?1"))?;
    for (row, _) in &rows.erased {
        delete.execute([row])?;
    }
    let cut = |sql: &str, row: i64, column: usize, text: &Option<String>| {
        let column = quote(&table.columns[column].name);
        let sql = sql.replace("{column}", &column);
        connection.prepare_cached(&sql)?.execute(params![row, text])
    };
    let set = format!("UPDATE {name} SET {{column}} = ?2 WHERE rowid = ?1");
    let read = format!("SELECT {} FROM {name} WHERE rowid = ?1", table.all_names());
    let renew = format!("UPDATE {name} SET _fingerprint = ?2 WHERE rowid = ?1");
    let mut bytes = Vec::new();
    for (row, cuts) in &rows.cut {
        for (column, text) in cuts {
            cut(&set, *row, *column, text)?;
        }
        if has_fingerprint {
            bytes.clear();
            connection
                .prepare_cached(&read)?
                .query_row([row], |found| {
                    read_cells(found, 0, table.columns.len(), &mut bytes)
                })?;
            let fingerprint = Cells::of(&bytes).fingerprint();
            connection
                .prepare_cached(&renew)?
                .execute(params![row, fingerprint])?;
        }
    }
    Ok(())
}

/// Texts of erased rows that may identify the people, with their table and column: all values of a person's row, the key
/// of a row about one.
fn texts_of<'a>(
    connection: &Connection,
    found: &'a FoundTable,
) -> rusqlite::Result<Vec<(&'a Table, String, String)>> {
    let table = &found.table;
    let mut texts = Vec::new();
    let name = table.name();
    for (name, rows) in [
        (name.clone(), &found.live),
        (format!("{name}_history"), &found.history),
    ] {
        if rows.erased.is_empty() {
            continue;
        }
        let sql = format!(
            "SELECT {} FROM {} WHERE rowid = ?1",
            table.all_names(),
            quote(&name)
        );
        let mut read = connection.prepare(&sql)?;
        for (row, kind) in &rows.erased {
            let mut bytes = Vec::new();
            read.query_row([row], |row| {
                read_cells(row, 0, table.columns.len(), &mut bytes)
            })?;
            for (index, cell) in Cells::of(&bytes).enumerate() {
                let column = &table.columns[index];
                let is_meant = match kind {
                    SuppressedKind::Row => matches!(column.kind, Kind::Text | Kind::Integer),
                    SuppressedKind::About | SuppressedKind::Alias => table.key.contains(&index),
                };
                if let (true, Some(text)) = (is_meant, cell.plain())
                    && text.len() >= MIN_TEXT
                {
                    texts.push((table, column.name.clone(), text));
                }
            }
        }
    }
    texts.sort_by(|one, other| (&one.1, &one.2).cmp(&(&other.1, &other.2)));
    texts.dedup_by(|one, other| one.1 == other.1 && one.2 == other.2);
    Ok(texts)
}

/// Whether a row of another person has the same text in that column: then it identifies no one.
fn is_of_others(
    connection: &Connection,
    table: &Table,
    column: &str,
    text: &str,
) -> rusqlite::Result<bool> {
    for name in [table.name(), format!("{}_history", table.name())] {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE CAST({} AS TEXT) = ?1)",
            quote(&name),
            quote(column)
        );
        if exists(connection, &name)?
            && connection
                .prepare_cached(&sql)?
                .query_row([text], |row| row.get(0))?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
