//! Giving a source another name, with everything that the mirror holds of it, in one transaction.
//!
//! Tables, history, views and indexes are renamed, and the source in every own table that has one: a new own table with
//! a column `source` needs no line here. Views with labels are made by the next start. The surprise: the connector's
//! tables are checked inside the transaction, because a table with another key would stop every later start.

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use super::error::StoreError;
use super::queries::{self, Reader};
use super::schema::own_tables;
use super::suppression::SUPPRESSED;
use super::table::quote;
use super::{create, lookups, published, tables, views};
use crate::model::{SourceName, StreamName, Table};

/// What databases have under the old name is not renamed: it is removed there, and published under the new one.
const PUBLISHED: [&str; 2] = ["rollbook_published", "rollbook_published_streams"];

/// What a source has in the mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceData {
    /// Its tables.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
    /// Old versions of rows.
    pub history_rows: u64,
}

impl SourceData {
    /// Whether there is nothing that another reading does not bring.
    pub fn has_no_rows(&self) -> bool {
        self.rows == 0 && self.history_rows == 0
    }
}

/// What a source has in the mirror.
pub fn data_of(reader: &Reader, source: &SourceName) -> Result<SourceData, StoreError> {
    let mut data = SourceData::default();
    for stream in streams_of(reader, source)? {
        let (rows, history_rows) = queries::sizes(reader, source, &stream)?.unwrap_or_default();
        data.tables += 1;
        data.rows += rows;
        data.history_rows += history_rows;
    }
    Ok(data)
}

/// The sources that have a table.
pub fn sources(connection: &Connection) -> Result<Vec<SourceName>, StoreError> {
    let what = StoreError::sql("list the sources of the mirror");
    let mut statement = connection
        .prepare("SELECT DISTINCT source FROM rollbook_tables ORDER BY source")
        .map_err(&what)?;
    statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The streams of a source that have a table.
pub fn streams_of(
    connection: &Connection,
    source: &SourceName,
) -> Result<Vec<StreamName>, StoreError> {
    let what = StoreError::sql("list the tables of a source");
    let mut statement = connection
        .prepare("SELECT stream FROM rollbook_tables WHERE source = ?1 ORDER BY stream")
        .map_err(&what)?;
    statement
        .query_map([source], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// Renames a source. What the new name has is deleted first; the caller has checked that it may be. `wanted`: the tables
/// of the new name by the configuration.
///
/// # Errors
/// If the tables do not fit the new name's connector; then nothing is changed.
pub fn rename_source(
    connection: &mut Connection,
    old: &SourceName,
    new: &SourceName,
    wanted: &[Table],
) -> Result<(), StoreError> {
    let what = StoreError::sql("rename a source");
    let transaction = connection.transaction().map_err(&what)?;
    lookups::drop_views(&transaction).map_err(&what)?; // they read several tables
    for stream in streams_of(&transaction, new)? {
        tables::drop_stream(&transaction, new, &stream).map_err(&what)?;
    }
    for stream in streams_of(&transaction, old)? {
        if let Some(table) = queries::table(&transaction, old, &stream)? {
            rename_table(&transaction, table, new).map_err(&what)?;
        }
    }
    rename_records(&transaction, old, new)?;
    let kept = streams_of(&transaction, new)?;
    for table in wanted.iter().filter(|table| kept.contains(&table.stream)) {
        tables::check_key(&transaction, table)?;
    }
    transaction.commit().map_err(what)
}

fn rename_table(
    transaction: &Transaction<'_>,
    mut table: Table,
    new: &SourceName,
) -> rusqlite::Result<()> {
    let (live, history) = (table.quoted(), table.history_quoted());
    views::drop_of(transaction, &table.name())?;
    for index in create::index_names(&table) {
        transaction.execute_batch(&format!("DROP INDEX IF EXISTS {index}"))?;
    }
    table.source = new.clone();
    transaction.execute_batch(&format!(
        "ALTER TABLE {live} RENAME TO {};\nALTER TABLE {history} RENAME TO {};",
        table.quoted(),
        table.history_quoted()
    ))?;
    create::index(transaction, &table)?;
    views::create_all(transaction, &table)
}

/// Renames the source in Rollbook's own tables. What they hold of the new name is deleted, except the records of its runs and
/// whom no source may return.
fn rename_records(
    transaction: &Transaction<'_>,
    old: &SourceName,
    new: &SourceName,
) -> Result<(), StoreError> {
    let what = StoreError::sql("rename a source");
    for name in own_tables()? {
        if PUBLISHED.contains(&name.as_str()) {
            continue;
        }
        let has_source: bool = transaction
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = 'source')",
                [&name],
                |row| row.get(0),
            )
            .map_err(&what)?;
        if !has_source {
            continue;
        }
        let table = quote(&name);
        if !matches!(
            name.as_str(),
            "rollbook_runs" | "rollbook_rejects" | SUPPRESSED
        ) {
            let delete = format!("DELETE FROM {table} WHERE source = ?1");
            transaction.execute(&delete, [new]).map_err(&what)?;
        }
        let update = format!("UPDATE OR REPLACE {table} SET source = ?2 WHERE source = ?1");
        transaction.execute(&update, [old, new]).map_err(&what)?;
    }
    if old != new {
        published::note_rename(transaction, old, new)?;
    }
    let subject = |source: &SourceName| format!("source {source}");
    let prefix = |source: &SourceName| format!("{source}_");
    let statements = [
        // A column refers to a table of its own source.
        (
            "UPDATE rollbook_columns SET refers_to = ?2 || substr(refers_to, length(?1) + 1) \
             WHERE source || '_' = ?2 AND substr(refers_to, 1, length(?1)) = ?1",
            prefix(old),
            prefix(new),
        ),
        (
            "DELETE FROM rollbook_pauses WHERE kind = 'source' AND name = ?2 AND ?1 <> ?2",
            old.to_string(),
            new.to_string(),
        ),
        (
            "UPDATE rollbook_pauses SET name = ?2 WHERE kind = 'source' AND name = ?1",
            old.to_string(),
            new.to_string(),
        ),
        (
            "DELETE FROM rollbook_alerts WHERE job = ?2 AND ?1 <> ?2",
            subject(old),
            subject(new),
        ),
        (
            "UPDATE rollbook_alerts SET job = ?2 WHERE job = ?1",
            subject(old),
            subject(new),
        ),
        (
            "UPDATE rollbook_outbox SET job = ?2 WHERE job = ?1",
            subject(old),
            subject(new),
        ),
    ];
    for (sql, old, new) in statements {
        transaction.execute(sql, params![old, new]).map_err(&what)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
