//! Makes a stream's tables and indexes, and recomputes fingerprints.

use rusqlite::{Transaction, params};

use super::sql_cells::read_cells;
use super::table::{quote, storage};
use crate::model::Table;
use crate::model::row::Cells;

/// Makes the table and that of its old versions.
pub(super) fn create(transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<()> {
    create_live(transaction, table)?;
    transaction.execute_batch(&format!(
        "CREATE TABLE {} (\n{},\n  _since TEXT NOT NULL,\n  _run INTEGER NOT NULL,\n  _until TEXT NOT NULL,\n  _ended TEXT NOT NULL,\n  _ended_run INTEGER NOT NULL\n) STRICT;",
        table.history_quoted(),
        columns_sql(table),
    ))
}

/// Makes the table.
pub(super) fn create_live(transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<()> {
    let (own, layout) = match table.series {
        true => ("_run INTEGER NOT NULL", "STRICT, WITHOUT ROWID"),
        false => (
            "_since TEXT NOT NULL,\n  _run INTEGER NOT NULL,\n  _fingerprint INTEGER NOT NULL",
            "STRICT",
        ),
    };
    transaction.execute_batch(&format!(
        "CREATE TABLE {} (\n{},\n  {own},\n  PRIMARY KEY ({})\n) {layout};",
        table.quoted(),
        columns_sql(table),
        table.names_of(&table.key),
    ))
}

fn columns_sql(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let must = if table.key.contains(&index) {
                " NOT NULL"
            } else {
                ""
            };
            format!("  {} {}{must}", quote(&column.name), storage(column.kind))
        })
        .collect();
    columns.join(",\n")
}

/// A reading without change reads keys and fingerprints only; with both in an index, it reads a tenth of the table. Points
/// lie in the order of their key.
pub(super) fn index(transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<()> {
    let [walk, history_key] = index_names(table);
    let key = table.names_of(&table.key);
    if !table.series {
        let live = table.quoted();
        transaction.execute_batch(&format!(
            "CREATE INDEX IF NOT EXISTS {walk} ON {live} ({key}, _fingerprint)"
        ))?;
    }
    let history = table.history_quoted();
    transaction.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS {history_key} ON {history} ({key})"
    ))
}

/// The indexes of a stream's table and of its history, quoted.
pub(super) fn index_names(table: &Table) -> [String; 2] {
    let history_key = quote(&format!("{}_history_key", table.name()));
    [table.walk_index(), history_key]
}

/// Recomputes the fingerprints of all rows.
pub(super) fn renew_fingerprints(
    transaction: &Transaction<'_>,
    table: &Table,
) -> rusqlite::Result<()> {
    let mut read = transaction.prepare(&format!(
        "SELECT rowid, {} FROM {}",
        table.all_names(),
        table.quoted()
    ))?;
    let mut write = transaction.prepare(&format!(
        "UPDATE {} SET _fingerprint = ?2 WHERE rowid = ?1",
        table.quoted()
    ))?;
    let mut rows = read.query([])?;
    let mut bytes = Vec::new();
    while let Some(row) = rows.next()? {
        bytes.clear();
        read_cells(row, 1, table.columns.len(), &mut bytes)?;
        write.execute(params![
            row.get::<_, i64>(0)?,
            Cells::of(&bytes).fingerprint()
        ])?;
    }
    Ok(())
}
