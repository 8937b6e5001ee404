//! Making a stream's tables follow its connector.
//!
//! A column that the connector gains is added; one that it loses is dropped, also from the history. Fingerprints are
//! recomputed if the columns changed, so that a new column by itself does not turn every row into a changed one.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::create::{create, index, renew_fingerprints};
use super::error::StoreError;
#[cfg(any(test, feature = "testing"))]
use super::lookups::{self, Lookups};
use super::published;
use super::suppression;
use super::table::{quote, storage};
use super::{relayout, views};
use crate::model::{Masking, SourceName, StreamName, Table, TableColumn};

/// What happened to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitted {
    /// No change was needed.
    Same,
    /// It was made, or gained or lost columns: the next reading is a full one.
    Changed,
}

/// Creates or alters the tables and views of these streams, and what is derived from their codes, in one transaction;
/// for tests, without concurrent runs (`fitting.rs` checks which tables a run uses).
#[cfg(any(test, feature = "testing"))]
pub fn fit(
    connection: &mut Connection,
    tables: &[Table],
    lookups: &Lookups,
) -> Result<Vec<Fitted>, StoreError> {
    let what = StoreError::sql("prepare the tables");
    let transaction = connection.transaction().map_err(&what)?;
    let mut stale = Vec::new();
    for table in tables {
        if stored_definition(&transaction, table).map_err(&what)? != Some(table.definition()) {
            stale.push(table.name());
        }
    }
    if !stale.is_empty() {
        lookups::drop_views(&transaction).map_err(&what)?; // they look at several tables
    }
    let fitted = tables
        .iter()
        .map(|table| match stale.contains(&table.name()) {
            true => fit_one(&transaction, table),
            false => Ok(Fitted::Same),
        })
        .collect::<Result<Vec<_>, _>>()?;
    lookups::fit(&transaction, tables, lookups, &stale)?;
    transaction.commit().map_err(&what)?;
    Ok(fitted)
}

/// The columns that a connector no longer lists, by table: what the next start would erase.
pub fn columns_to_drop(connection: &Connection, table: &Table) -> Result<Vec<String>, StoreError> {
    let have = columns_of(connection, &table.name()).map_err(StoreError::sql("inspect a table"))?;
    Ok(have
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| is_lost(table, name))
        .collect())
}

/// The definition that a table was made with; none when it was never made.
pub(super) fn stored_definition(
    connection: &Connection,
    table: &Table,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT definition FROM rollbook_tables WHERE source = ?1 AND stream = ?2")?
        .query_row(params![table.source, table.stream], |row| row.get(0))
        .optional()
}

/// Fits a table with an outdated definition.
pub(super) fn fit_one(transaction: &Transaction<'_>, table: &Table) -> Result<Fitted, StoreError> {
    let what = StoreError::sql("prepare a table");
    views::drop_of(transaction, &table.name()).map_err(&what)?;
    let mut have = columns_of(transaction, &table.name()).map_err(&what)?;
    if let Some(refusal) = refused_masking(transaction, table)? {
        return Err(refusal);
    }
    let masked = maskings(transaction, table).map_err(&what)?;
    if !have.is_empty() && has_other_keys(table, &masked) {
        clear(transaction, table).map_err(&what)?;
        have.clear();
    }
    let changed = if have.is_empty() {
        create(transaction, table).map_err(&what)?;
        true
    } else {
        check_key(transaction, table)?;
        let was_series = relayout::is_series(transaction, "main", &table.name()).map_err(&what)?;
        let changed = alter(transaction, table, &have, &masked).map_err(&what)?;
        if changed && !was_series {
            renew_fingerprints(transaction, table).map_err(&what)?;
        }
        if was_series != table.series {
            relayout::relayout(transaction, table)?;
        }
        changed
    };
    if changed {
        // Values that left the tables without a run leave published ones too.
        published::note_changed_rows(transaction, &[(table.source.clone(), table.stream.clone())])?;
    }
    index(transaction, table).map_err(&what)?;
    views::create_all(transaction, table).map_err(&what)?;
    describe(transaction, table).map_err(&what)?;
    transaction
        .execute(
            "INSERT INTO rollbook_tables (source, stream, definition, person) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (source, stream) DO UPDATE SET definition = excluded.definition, person = excluded.person",
            params![
                table.source,
                table.stream,
                table.definition(),
                table.person.to_json()
            ],
        )
        .map_err(&what)?;
    Ok(if changed {
        Fitted::Changed
    } else {
        Fitted::Same
    })
}

/// Adds new columns and drops lost ones; returns whether there were any.
fn alter(
    transaction: &Transaction<'_>,
    table: &Table,
    have: &[(String, String)],
    masked: &BTreeMap<String, Option<Masking>>,
) -> rusqlite::Result<bool> {
    let both = [table.quoted(), table.history_quoted()];
    let is_same = |column: &TableColumn, kind: &str| {
        storage(column.kind) == kind && is_masked_alike(column, masked)
    };
    let mut changed = false;
    for (name, kind) in have {
        let wanted = table.columns.iter().find(|column| column.name == *name);
        let keeps = wanted.is_some_and(|column| is_same(column, kind)) || name.starts_with('_');
        if !keeps {
            changed = true;
            for one in &both {
                transaction
                    .execute_batch(&format!("ALTER TABLE {one} DROP COLUMN {}", quote(name)))?;
            }
        }
    }
    for column in &table.columns {
        let kept = have
            .iter()
            .any(|(name, kind)| *name == column.name && is_same(column, kind));
        if !kept {
            changed = true;
            for one in &both {
                let add = format!(
                    "ALTER TABLE {one} ADD COLUMN {} {}",
                    quote(&column.name),
                    storage(column.kind)
                );
                transaction.execute_batch(&add)?;
            }
        }
    }
    Ok(changed)
}

/// How the values of each column that the table has are masked.
fn maskings(
    connection: &Connection,
    table: &Table,
) -> rusqlite::Result<BTreeMap<String, Option<Masking>>> {
    let mut statement = connection.prepare(
        "SELECT \"column\", masking FROM rollbook_columns WHERE source = ?1 AND stream = ?2",
    )?;
    let rows = statement.query_map(params![table.source, table.stream], |row| {
        let masking: Option<String> = row.get(1)?;
        let masking = masking.and_then(|word| Masking::parse(&word));
        Ok((row.get(0)?, masking))
    })?;
    rows.collect()
}

/// Why a stream cannot be masked as is wanted: erased people are known by a column's values as they were stored, so with
/// other values they would return.
pub fn refused_masking(
    connection: &Connection,
    table: &Table,
) -> Result<Option<StoreError>, StoreError> {
    let masked = maskings(connection, table).map_err(StoreError::sql("inspect a table"))?;
    for column in &table.columns {
        if !is_masked_alike(column, &masked)
            && suppression::knows_by(connection, table, &column.name)?
        {
            let (table, column) = (table.name(), &column.name);
            return Ok(Some(StoreError::Refused {
                problem: format!(
                    "`pseudonymise` and `truncate` of {table}.{column} cannot be changed: erased people are known by what is \
                     stored in it, and would return; take the change back, or lift their erasures (`rollbook erase --list`, \
                     `--undo`) and erase them again"
                ),
            }));
        }
    }
    Ok(None)
}

/// Whether what the column holds was masked as is wanted; one that is not there yet is.
fn is_masked_alike(column: &TableColumn, masked: &BTreeMap<String, Option<Masking>>) -> bool {
    masked
        .get(&column.name)
        .is_none_or(|masking| *masking == column.masking)
}

/// Whether the rows' keys were masked otherwise: then no row can be found again.
fn has_other_keys(table: &Table, masked: &BTreeMap<String, Option<Masking>>) -> bool {
    let mut key = table.key.iter().map(|index| &table.columns[*index]);
    key.any(|column| !is_masked_alike(column, masked))
}

/// Deletes the rows of a table, their old versions, and every copy of their keys.
fn clear(transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<()> {
    drop_stream(transaction, &table.source, &table.stream)?;
    relayout::forget_runs(transaction, table)?;
    for keys in [
        "rollbook_unconfirmed",
        "rollbook_row_problems",
        "rollbook_known_pages",
    ] {
        let sql = format!("DELETE FROM {keys} WHERE source = ?1 AND stream = ?2");
        transaction.execute(&sql, params![table.source, table.stream])?;
    }
    transaction.execute(
        "DELETE FROM rollbook_held_rows WHERE stream = ?2 \
         AND run IN (SELECT run FROM rollbook_held WHERE source = ?1 AND stream = ?2)",
        params![table.source, table.stream],
    )?;
    Ok(())
}

/// Drops the tables and views of a stream, as far as there are any.
pub(super) fn drop_stream(
    connection: &Connection,
    source: &SourceName,
    stream: &StreamName,
) -> rusqlite::Result<()> {
    let live = format!("{source}_{stream}");
    views::drop_of(connection, &live)?;
    for name in [quote(&live), quote(&format!("{live}_history"))] {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS {name}"))?;
    }
    Ok(())
}

pub(super) fn check_key(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")
        .map_err(StoreError::sql("inspect a table"))?;
    let key: Vec<String> = statement
        .query_map([table.name()], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(StoreError::sql("inspect a table"))?;
    let wanted: Vec<&str> = table
        .key
        .iter()
        .map(|index| table.columns[*index].name.as_str())
        .collect();
    if key == wanted {
        return Ok(());
    }
    Err(StoreError::KeyChanged {
        table: table.name(),
        old: key.join(", "),
        new: wanted.join(", "),
    })
}

fn is_lost(table: &Table, name: &str) -> bool {
    !name.starts_with('_') && !table.columns.iter().any(|column| column.name == name)
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Fills `rollbook_columns`.
fn describe(transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM rollbook_columns WHERE source = ?1 AND stream = ?2",
        params![table.source, table.stream],
    )?;
    let mut insert = transaction.prepare(
        "INSERT INTO rollbook_columns (source, stream, position, \"column\", type, path, meaning, combo, combo_by, refers_to, masking) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for (number, column) in table.columns.iter().enumerate() {
        insert.execute(params![
            table.source,
            table.stream,
            number + 1,
            column.name,
            column.kind.as_str(),
            column.from,
            column.help,
            column.combo.as_ref().map(|combo| &combo.list),
            column.combo.as_ref().map(|combo| combo.by.as_str()),
            column.refers_to,
            column.masking.map(Masking::as_str)
        ])?;
    }
    Ok(())
}
